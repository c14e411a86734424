"""What tests are made of: projects of this project's own; capdoit.testing has the rest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import GitRepo, Project, SshdFleet, clean_env
from tests.support import MakeProject


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of the user's own is seen: a new HOME, git's configuration in it."""
    return clean_env(tmp_path / "home")


@pytest.fixture
def git_repo(tmp_path: Path, env: dict[str, str]) -> GitRepo:
    """A git repository with one commit on main."""
    repo = GitRepo(tmp_path / "repo", env)
    repo.commit({"app.txt": "first\n"})
    return repo


# Of the flows themselves everything is tried, but for cases of one test; of what surrounds them, a share.
WHOLE = {
    *("test_deploy", "test_rollback", "test_failure", "test_hazards", "test_lock", "test_session"),
    *("test_publishing", "test_interruption", "test_git", "test_archive", "test_finishing", "test_updating"),
    *("test_capistrano_scenarios", "test_faults", "test_random"),
}
HAVE_HOSTS = {"env", "stage", "ssh_stage", "sshds", "opened", "shell"}
SHARE, SHARE_OF_RECIPES = 4, 9  # one of so many


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the ordinary suite leaves out, for all takes too long; it is marked ``more``.

    Of a test with many cases, each with hosts of its own, it runs a share, and so it does of the tests of a module
    that is not WHOLE.
    """
    seen: Counter[tuple[Path, str]] = Counter()
    for item in items:
        if not isinstance(item, pytest.Function) or not HAVE_HOSTS & {*item.fixturenames}:
            continue
        test = (item.path, item.originalname if item.path.stem in WHOLE else "")
        share = SHARE_OF_RECIPES if item.path.parent.name == "recipes" else SHARE
        if seen[test] % share and not any(map(item.get_closest_marker, ("full", "real"))):
            item.add_marker(pytest.mark.more)
        seen[test] += 1


@pytest.fixture
def make_project(tmp_path: Path, git_repo: GitRepo, env: dict[str, str], request: pytest.FixtureRequest) -> MakeProject:
    """Makes a project with so many hosts, local ones or sshd's, with the linked files in place or not."""

    def make(hosts: int = 2, *, ssh: bool = False, linked_files_exist: bool = True, **settings: Any) -> Project:
        names = [f"web{n}" for n in range(1, hosts + 1)]
        if ssh:
            fleet: SshdFleet = request.getfixturevalue("sshds")
            settings = {"ssh_config": str(fleet.ssh_config), **settings}
            trees = {name: str(fleet.hosts[name].root / tmp_path.name) for name in names}
            described = {name: {"roles": ["app", "web"], "deploy_to": trees[name]} for name in names}
        else:
            local = {"transport": "local", "roles": ["app", "web"]}
            described = {name: {**local, "deploy_to": f"hosts/{name}"} for name in names}
        project = Project(tmp_path / "project", git_repo, env, described, settings)
        if linked_files_exist:
            project.link_files()
        return project

    return make


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """A project with two local hosts."""
    return make_project()


@pytest.fixture
def ssh_project(make_project: MakeProject) -> Project:
    """A project with three hosts that ssh leads to."""
    return make_project(3, ssh=True)
