"""Hosts that get no code (``no_release``) and on which hooks run: a flow reaches them before it changes anything."""

from __future__ import annotations

import re
from typing import Any

import pytest

from capdoit.testing import Project
from tests.support import further, printed_warnings, unwrap, write_command_hook, write_hooks

UNREACHABLE: dict[str, Any] = {"hostname": "127.0.0.1", "port": 1, "roles": ["db"], "no_release": True}
ON_DB = "after('published', roles='db', primary=True)"


@pytest.fixture
def with_db(project: Project) -> Project:
    """Return a project whose host db1 gets no code, and cannot be reached."""
    project.hosts["db1"] = {**UNREACHABLE, "deploy_to": str(project.path / "hosts/db1")}
    project.config()
    return project


def revive(project: Project) -> None:
    """Make db1 reachable."""
    project.hosts["db1"] = {"transport": "local", "deploy_to": "hosts/db1", "roles": ["db"], "no_release": True}
    project.config()


@pytest.mark.parametrize("task", ["deploy:production", "deploy:production dry_run=yes"])
def test_an_unreachable_host_of_a_hook_stops_a_deploy_before_anything_is_touched(with_db: Project, task: str) -> None:
    write_command_hook(with_db, ON_DB, "true", name="tell_db")
    said = unwrap(with_db.doit(*task.split()).failed().out)
    assert "db1: cannot connect: " in said
    assert "starting failed" in said
    assert "tell_db (dodo.py:3) must run there; to go on without: skip=tell_db" in said
    assert "leaves the fleet mixed" not in said
    assert with_db.releases("web1") == []


@pytest.mark.parametrize(
    ("hook", "variables"),
    [
        (ON_DB, ["skip=tell_db"]),
        ("after('published', roles='app')", []),
        *further((ON_DB.replace(")", ", flows='rollback')"), [])),
    ],
)
def test_a_host_that_no_hook_of_the_flow_uses_is_not_contacted(
    with_db: Project, hook: str, variables: list[str]
) -> None:
    write_command_hook(with_db, hook, "true", name="tell_db")
    with_db.doit("deploy:production", *variables, check=True)


def test_a_deploy_goes_on_without_an_unreachable_host_but_never_without_one_of_a_hook(with_db: Project) -> None:
    with_db.config(max_failures=1)
    write_command_hook(with_db, ON_DB, "true", name="tell_db")
    said = with_db.doit("deploy:production").failed().out
    assert "db1: cannot connect: " in said
    assert with_db.releases("web1") == []


def test_a_rollback_warns_of_the_host_and_goes_on_until_the_hook(with_db: Project) -> None:
    old, _ = (with_db.doit("deploy:production", check=True) and with_db.current("web1") for _ in range(2))
    write_command_hook(with_db, ON_DB, "true", name="tell_db")
    said = with_db.doit("rollback:production").failed().out
    assert [one for one in printed_warnings(said) if "db1: cannot connect: " in one and "skip=tell_db" in one]
    assert with_db.current("web1") == old
    revive(with_db)
    with_db.doit("deploy:production", check=True)


@pytest.mark.parametrize(
    ("call", "path"),
    [
        ("host.run('true', cwd=release.path)", "releases/[0-9]{14}"),
        ("host.write('text', f'{release.path}/app.txt')", "releases/[0-9]{14}/app.txt"),
        *further(("host.upload('dodo.py', f'{release.path}/x')", "releases/[0-9]{14}/x")),
        *further(("host.capture(['pwd'], cwd=release.path + '/bin')", "releases/[0-9]{14}/bin")),
    ],
)
def test_a_hook_that_uses_the_release_is_told_that_the_host_has_none(with_db: Project, call: str, path: str) -> None:
    revive(with_db)
    write_hooks(with_db, f"@cap.before('publishing', roles='db')\ndef migrate(host, release):\n    {call}\n")
    said = unwrap(with_db.doit("deploy:production").failed().out)
    assert re.search(f"db1: has no_release in deploy.yml, so it has no {path}; ", said)
    assert not list(with_db.deploy_to("db1").glob("releases/*"))
