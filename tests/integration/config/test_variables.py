"""Variables of the command line and the environment, in a project."""

from __future__ import annotations

import pytest

from capdoit.testing import DODO, Project
from tests.support import MakeProject, further


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("rollback:production", "rollback_relase=20200101000000"), "rollback_relase= is not a variable of capdoit"),
        (("deploy:production", "hosts=web9"), "no host web9 in stage production; there are web1, web2"),
        (("deploy:production", "hosts=web1,wbe2"), "no host wbe2"),
        (("deploy:production", "roles=dbb"), "no role dbb in stage production"),
        *further(
            (("deploy", "stage=prodution"), "no stage prodution"),
            (("deploy:prodution",), "deploy:prodution"),
            (("deploy:production", "hosts=web1", "roles=db"), "no host of production has both"),
            (("rollback:production", "hosts="), "hosts="),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_invalid_command_line_is_refused_before_any_host_is_touched(
    make_project: MakeProject, args: tuple[str, ...], complaint: str
) -> None:
    project = make_project(linked_files_exist=False)
    project.hosts["web2"]["roles"] = ["db"]
    project.config()
    done = project.doit(*args)
    assert done.code != 0
    assert complaint in done.out
    assert "Traceback" not in done.out
    assert not (project.path / "hosts").exists()


def test_an_unknown_host_in_the_environment_is_refused(make_project: MakeProject) -> None:
    project = make_project(linked_files_exist=False)
    done = project.doit("deploy:production", env={"HOSTS": "web9"})
    assert done.code != 0
    assert "no host web9" in done.out
    assert not (project.path / "hosts").exists()


def test_selecting_only_no_release_hosts_is_refused(make_project: MakeProject) -> None:
    project = make_project(linked_files_exist=False)
    project.hosts["web2"]["no_release"] = True
    project.config()
    done = project.doit("deploy:production", "hosts=web2")
    assert done.code != 0
    assert "no_release" in done.out
    assert not (project.path / "hosts").exists()


def two_stages(project: Project, **settings: str) -> None:
    hosts = {host: dict(said) for host, said in project.hosts.items()}
    stages = {"staging": {"hosts": {"web1": hosts["web1"]}}, "production": {"hosts": {"web2": hosts["web2"]}}}
    project.config(stages=stages, **settings)


@pytest.mark.parametrize("name", ["deploy", *further("rollback", "deploy:rollback", "deploy:check")])
def test_a_task_name_without_stage_is_refused_when_there_are_several_stages(project: Project, name: str) -> None:
    two_stages(project)
    project.dodo(DODO)
    done = project.doit(name).failed()
    assert "which stage?" in done.out
    assert "staging, production" in done.out
    assert "Traceback" not in done.out
    assert project.releases("web1") == project.releases("web2") == []


def test_the_variable_stage_chooses_the_stage(project: Project) -> None:
    two_stages(project)
    project.doit("deploy", "stage=production", check=True)
    assert project.current("web1") is None
    assert project.current("web2")


@pytest.mark.parametrize("task", ["deploy", *further("rollback", "check", "drill", "deploy:rollback")])
def test_without_a_default_stage_a_short_name_says_how_to_choose_one(project: Project, task: str) -> None:
    two_stages(project)
    done = project.doit(task).failed(1)
    assert "which stage? Add stage=NAME, one of staging, production" in done.out


def test_the_default_stage_is_used_when_none_is_given(project: Project) -> None:
    two_stages(project, default_stage="staging")
    project.doit("deploy", check=True)
    assert project.current("web1")
    assert project.current("web2") is None
