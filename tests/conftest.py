"""Fixtures of all tests: projects with hosts. The plugin in capdoit.testing has more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from capdoit.testing import Completed, GitRepo, Project, SshdFleet, clean_env
from tests.editor_schema import find_editor_mistakes
from tests.network import Network
from tests.support import MakeProject, WriteScript


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Return an environment without the user's own settings: it has a new HOME with a configuration of git."""
    return clean_env(tmp_path / "home")


@pytest.fixture
def git_repo(tmp_path: Path, env: dict[str, str]) -> GitRepo:
    """Return a git repository with one commit on main."""
    repo = GitRepo(tmp_path / "repo", env)
    repo.commit({"app.txt": "first\n"})
    return repo


# A slow machine is no failure. The parent is hypothesis' own profile, which in CI makes the examples the same.
settings.register_profile("without a deadline", settings(), deadline=None)
settings.load_profile("without a deadline")

# The mark of the tests in each folder. Tests in the same folder as this file have the mark repository.
MARKS = {
    "unit": "unit",
    "integration": "integration",
    "scenarios": "scenario",
    "faults": "fault",
    "recipes": "recipe",
}
# Why a test is not in the ordinary set: the argument of the mark `extended`.
REASONS = {
    "variant": "another value, shell, program or moment of a situation that an ordinary test covers",
    "detail": "a detail of a command or flow whose promises ordinary tests cover",
    "recipe": "a detail of a bundled recipe, whose deploy, rollback and main failure are ordinary",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder, and check that each extended test gives a reason."""
    for item in items:
        folders = item.path.relative_to(Path(__file__).parent).parts[:-1]
        item.add_marker(MARKS[folders[0]] if folders else "repository")
        for mark in item.iter_markers("extended"):
            if len(mark.args) != 1 or mark.args[0] not in REASONS:
                raise pytest.UsageError(f"{item.nodeid}: extended needs one of the reasons {', '.join(REASONS)}")


@pytest.fixture(autouse=True)
def editors_accept_deploy_yml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that each deploy.yml that doit accepts in a test is one in which editors mark nothing."""
    run = Project.doit

    def run_and_validate(project: Project, *args: Any, **keywords: Any) -> Completed:
        completed = run(project, *args, **keywords)
        file, has_recipes = project.path / "deploy.yml", (project.path / "recipes").exists()
        if completed.code in (0, 1) and file.exists():  # with mistakes in deploy.yml, the code is 3
            assert find_editor_mistakes(file.read_text(), recipes_are_bundled=not has_recipes) == []
        return completed

    monkeypatch.setattr(Project, "doit", run_and_validate)


@pytest.fixture
def make_project(tmp_path: Path, git_repo: GitRepo, env: dict[str, str], request: pytest.FixtureRequest) -> MakeProject:
    """Return a function that makes a project with N local or ssh hosts."""

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
    """Return a project with two local hosts."""
    return make_project()


@pytest.fixture
def ssh_project(make_project: MakeProject) -> Project:
    """Return a project with three ssh hosts."""
    return make_project(3, ssh=True)


@pytest.fixture
def network(sshds: SshdFleet, tmp_path: Path) -> Iterator[Network]:
    """Yield a network before the sshd's of the fixture `sshds`."""
    network = Network(sshds, tmp_path)
    yield network
    network.close()


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.fixture
def body(tmp_path: Path) -> WriteScript:
    """Return a function that writes the file of a script, with the values that it is given, and returns its name."""

    def body(text: str, *given: str) -> str:
        name = tmp_path / f"{len([*tmp_path.iterdir()])}"
        header = f"# Given: {' '.join(given)}\n" if given else ""
        name.with_suffix(".sh").write_text(header + text)
        return str(name)

    return body
