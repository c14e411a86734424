"""deploy_to: ~/shop, as on servers where an application has a user of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from capdoit.testing import Project, SshdFleet
from tests.support import MakeProject, further, reported_state, write_hooks


class Homes:
    """A project whose two ssh hosts are deployed to a directory in the home directory of the login."""

    def __init__(self, project: Project, sshds: SshdFleet, name: str, prefix: str) -> None:
        self.project = project
        self.trees = {host: sshds.hosts[host].home / name for host in project.hosts}
        for host, described in project.hosts.items():
            described["deploy_to"] = f"{prefix}{name}"
            (self.trees[host] / "shared/config").mkdir(parents=True)
            (self.trees[host] / "shared/config/database.yml").touch()
        project.config()

    def deploy(self) -> str:
        """Deploy, and return the release that is then live on every host."""
        self.project.doit("deploy:production", check=True)
        return self.live()

    def live(self) -> str:
        """Return the release that is live on every host by an absolute symlink."""
        (release,) = {os.readlink(tree / "current").removeprefix(f"{tree}/releases/") for tree in self.trees.values()}
        return release


@pytest.fixture(params=["~/", *further("")], ids=["home", "relative"])
def homes(make_project: MakeProject, sshds: SshdFleet, tmp_path: Path, request: pytest.FixtureRequest) -> Homes:
    """Return a project with a deploy_to in home directories."""
    return Homes(make_project(2, ssh=True, linked_files_exist=False), sshds, tmp_path.name, request.param)


def test_a_deploy_and_a_rollback_work_below_the_home_directory_of_the_login(homes: Homes) -> None:
    homes.project.doit("check:production", check=True)
    first, second = homes.deploy(), homes.deploy()
    for tree in homes.trees.values():
        assert os.readlink(tree / "current/log") == f"{tree}/shared/log"
        assert not (tree.parent / "~").exists()
    homes.project.doit("rollback:production", check=True)
    assert homes.live() == first
    assert all((tree / f"rolled-back-release-{second}.tar.gz").is_file() for tree in homes.trees.values())
    homes.project.doit("rollback:production", f"rollback_release={second}", check=True)
    assert homes.live() == second


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    "command",
    [
        ["cap", "status"],
        *further(
            ["cap", "releases"], ["cap", "history"], ["cap", "verify"], ["cap", "pending"], ["cap", "exec", "true"],
            ["cap", "doctor"], ["cap", "recipes", "--diff", "production"],
        ),
    ],
    ids=" ".join,
)  # fmt: skip
def test_commands_that_look_around_find_the_tree(homes: Homes, command: list[str]) -> None:
    live = homes.deploy()
    homes.deploy()
    said = homes.project.doit(*command, check=True).out
    assert live in said or command[1] not in ("status", "releases", "history")
    if command[1] == "doctor":
        assert "no problems" in said
        assert "does not exist" not in said


@pytest.mark.extended("detail")
def test_dry_runs_drills_plans_and_unlock_work(homes: Homes) -> None:
    first, second = homes.deploy(), homes.deploy()
    homes.project.doit("drill:production", check=True)
    homes.project.doit("rollback:production", "dry_run=yes", check=True)
    assert homes.live() == second
    homes.project.doit("rollback:production", "plan=p", check=True)
    homes.project.doit("rollback:production", "apply=p", check=True)
    assert homes.live() == first
    homes.project.doit("cap", "unlock", check=True)
    assert all((tree / ".capdoit/lock").exists() for tree in homes.trees.values())


def test_hooks_get_absolute_paths_also_before_any_question_was_asked(homes: Homes) -> None:
    write_hooks(
        homes.project,
        """
        @cap.before('starting')
        def early(host):
            print(f'early {host.name} {host.deploy_to}')

        @cap.after('updated')
        def look(host, release):
            print(f'late {host.name} {release.path} {release.shared}')
        """,
    )
    said = homes.project.doit("deploy:production", check=True).out
    live = homes.live()
    for host, tree in homes.trees.items():
        assert f"early {host} {tree}\n" in said
        assert f"late {host} {tree}/releases/{live} {tree}/shared\n" in said


@pytest.mark.extended("detail")
def test_a_home_in_default_env_moves_nothing(homes: Homes) -> None:
    homes.project.config(default_env={"HOME": "/nowhere"})
    live = homes.deploy()
    assert homes.deploy() > live
    homes.project.doit("rollback:production", check=True)
    assert homes.live() == live


@pytest.mark.extended("detail")
def test_what_is_missing_is_named_by_its_absolute_path(homes: Homes) -> None:
    for tree in homes.trees.values():
        (tree / "shared/config/database.yml").unlink()
    said = homes.project.doit("check:production").failed().out
    for host, tree in homes.trees.items():
        assert f"{host}: linked file config/database.yml does not exist in {tree}/shared" in said


@pytest.mark.extended("detail")
def test_a_failed_deploy_leaves_nothing_and_says_what_is_live(homes: Homes) -> None:
    live = homes.deploy()
    write_hooks(
        homes.project,
        """
        @cap.after('updated', primary=True)
        def fail(host):
            host.run('exit 3')
        """,
    )
    said = homes.project.doit("deploy:production").failed().out
    assert all(reported_state(said, host).startswith(live) for host in homes.trees)
    for tree in homes.trees.values():
        assert os.listdir(tree / "releases") == [live]
        assert (tree / ".capdoit/lock").read_text().strip() == ""


@pytest.mark.extended("detail")
def test_a_drill_keeps_hooks_out_of_the_real_tree_however_the_environment_names_it(homes: Homes) -> None:
    homes.deploy()
    homes.deploy()
    for host, tree in homes.trees.items():
        env = {"ONE": f"{tree}/shared", "TWO": f"$HOME/{tree.name}/shared", "THREE": f"x:${{HOME}}/{tree.name}:y"}
        homes.project.hosts[host]["default_env"] = env
    homes.project.config()
    write_hooks(
        homes.project,
        """
        @cap.after('published', drill=True, flows=('rollback',))
        def look(host):
            host.run('echo "$ONE $TWO $THREE"')
        """,
    )
    said = homes.project.doit("drill:production", check=True).out
    for host, tree in homes.trees.items():
        shadow = f"{tree}/.capdoit/drill"
        assert f"{host} | {shadow}/shared {shadow}/shared x:{shadow}:y\n" in said


@pytest.mark.extended("detail")
def test_on_a_local_host_the_home_is_that_of_the_controllers_user(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(1, linked_files_exist=False, linked_files=[])
    project.hosts["web1"]["deploy_to"] = "~/shop"
    project.config()
    project.doit("deploy:production", check=True)
    tree = tmp_path / "home/shop"
    assert os.readlink(tree / "current").startswith(f"{tree}/releases/")
    assert json.loads(project.doit("cap", "status", "--json", check=True).out)["hosts"][0]["live"]


@pytest.mark.extended("detail")
def test_a_host_without_home_changes_nothing(make_project: MakeProject, tmp_path: Path) -> None:
    """No ssh server leaves out HOME, but a login shell may lose it."""
    project = make_project(1, ssh=True, linked_files_exist=False, linked_files=[])
    project.hosts["web1"]["deploy_to"] = f"~/{tmp_path.name}"
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "ssh").write_text('#!/bin/sh\nfor last; do :; done\nexec env -u HOME sh -c "$last"\n')
    (tools / "ssh").chmod(0o755)
    project.config()
    said = project.doit("deploy:production", env={"PATH": f"{tools}:{os.environ['PATH']}"}).failed().out
    assert "HOME-is-not-set" in said, said
    assert not Path(f"/{tmp_path.name}").exists()
