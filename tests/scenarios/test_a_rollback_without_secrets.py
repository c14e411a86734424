"""A rollback from a machine where a secret of default_env is not set, at three in the morning."""

from __future__ import annotations

from textwrap import dedent

import pytest

from capdoit.testing import DODO, Project
from tests.support import further

SET = {"TOKEN": "s3cr3t-value"}
HOOK = """
@cap.after("published"{arguments})
def restart(host):
    host.run('echo "token: ${{TOKEN:-none}}"')
"""
RECIPE = """
from dataclasses import dataclass
from capdoit import Recipe

database = Recipe("database")

@database.probe()
def applied(host):
    return host.capture("echo 001")

@database.guard()
def refuse(host, now, recorded):
    return ()
"""


@pytest.fixture
def project(project: Project) -> Project:
    """Return a project with the secret TOKEN and two releases."""
    write_secret(project)
    for _ in range(2):
        project.doit("deploy:production", env=SET, check=True)
    return project


def write_secret(project: Project) -> None:
    file = project.path / "deploy.yml"
    # JSON, which the fixture writes, has no tags
    file.write_text("{default_env: {TOKEN: !env TOKEN}," + file.read_text().strip()[1:])


@pytest.mark.parametrize("task", ["rollback:production", *further("drill:production")])
def test_a_rollback_without_hooks_needs_no_secret(project: Project, task: str) -> None:
    before = project.current("web1")
    project.doit(task, check=True)
    assert (project.current("web1") == before) == task.startswith("drill")


def test_a_rollback_whose_hooks_would_lack_it_is_refused_and_names_them(project: Project) -> None:
    live = project.current("web1")
    project.dodo(DODO + dedent(HOOK).format(arguments=""))
    said = project.doit("rollback:production").failed().out
    assert "TOKEN needs the environment variable TOKEN, which is not set, for restart; provide it, or leave" in said
    assert project.current("web1") == live
    project.doit("rollback:production", "skip=restart", check=True)
    assert project.current("web1") != live


@pytest.mark.extended("detail")
@pytest.mark.parametrize("arguments", [", flows=('deploy',)", ", roles='db'"])
def test_hooks_that_are_not_called_need_no_secret(project: Project, arguments: str) -> None:
    project.hosts["db1"] = {
        "transport": "local",
        "deploy_to": "hosts/db1",
        "roles": ["db"],
        "default_env": {"TOKEN": "x"},
    }
    project.hosts["db1"]["no_release"] = True
    project.config()
    write_secret(project)
    project.dodo(DODO + dedent(HOOK).format(arguments=arguments))
    said = project.doit("rollback:production", check=True).out
    assert ("db1  | token: x" in said) == ("roles" in arguments)


@pytest.mark.extended("detail")
def test_a_drill_needs_the_secrets_of_its_own_hooks_only(project: Project) -> None:
    project.dodo(DODO + dedent(HOOK).format(arguments=""))
    project.doit("drill:production", check=True)
    project.dodo(DODO + dedent(HOOK).format(arguments=", drill=True"))
    assert "which is not set, for restart" in project.doit("drill:production").failed().out
    assert "token: ***" in project.doit("drill:production", env=SET, check=True).out


@pytest.mark.extended("detail")
def test_a_guard_needs_it_unless_the_operator_keeps_the_migrations(project: Project) -> None:
    project.write_module("recipes/database.py", RECIPE)
    project.config(recipes={"database": {}})
    write_secret(project)
    said = project.doit("rollback:production").failed().out
    assert "which is not set, for database.applied, database.refuse; provide it" in said
    project.doit("rollback:production", "migrations=keep", check=True)


@pytest.mark.extended("detail")
def test_a_plan_that_was_made_with_the_secret_is_applied_without_it(project: Project) -> None:
    live = project.current("web1")
    project.doit("rollback:production", "plan=p", env=SET, check=True)
    project.doit("rollback:production", "apply=p", check=True)
    assert project.current("web1") != live


@pytest.mark.extended("detail")
def test_a_deploy_still_needs_it(project: Project) -> None:
    live = project.current("web1")
    for task in ("deploy:production", "check:production"):
        assert "needs the environment variable TOKEN, which is not set" in project.doit(task).failed().out
    assert project.releases("web1")[-1] == live
