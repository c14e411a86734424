"""The task `check:STAGE`."""

from __future__ import annotations

import getpass

import pytest

from capdoit.testing import Project
from capdoit.testing.processes import wait_until
from tests.support import MakeProject, make_path_without, write_command_hook, write_hooks


@pytest.fixture
def untouched(make_project: MakeProject) -> Project:
    """Return a project whose hosts have no files, not even the linked files."""
    return make_project(linked_files_exist=False)


def test_check_reports_what_a_deploy_lacks_and_creates_directories(untouched: Project) -> None:
    done = untouched.doit("check:production").failed()
    for host in untouched.hosts:
        assert f"{host}: linked file config/database.yml does not exist in {untouched.shared(host)}" in done.out
        assert (untouched.shared(host) / "tmp/pids").is_dir()
        assert untouched.current(host) is None
    untouched.link_files()
    assert "2 hosts are ready" in untouched.doit("deploy:check", check=True).out


def test_check_reports_missing_programs(project: Project) -> None:
    path = make_path_without(project.path / "tools", "awk", "flock")
    done = project.doit("check:production", env={"PATH": path}).failed()
    assert "web1, web2: awk is not installed\n" in done.out
    assert "web1, web2: has no flock (package util-linux, or busybox), which the lock needs\n" in done.out


@pytest.mark.extended("detail")
def test_check_reports_that_deploy_to_cannot_be_created_and_no_consequences(project: Project) -> None:
    (project.path / "file").touch()
    project.hosts["web2"]["deploy_to"] = "file/shop"
    project.config()
    said = project.doit("check:production").failed().out.partition("a deploy would fail:\n")[2]
    problem, *others = said.strip().splitlines()
    assert problem == f"web2: {project.path}/file/shop could not be created by {getpass.getuser()}"
    assert [line.startswith("Log: ") for line in others] == [True]


def test_check_names_the_holder_of_a_lock(project: Project) -> None:
    mark = project.path / "at-work"
    slow = f"touch {mark}; while [ -e {mark} ]; do sleep 0.05; done"
    write_hooks(
        project,
        f"""
        @cap.after('updated', once=True)
        def slow(hosts):
            hosts[0].run('{slow}')
        """,
    )
    with project.start("deploy:production") as flow:
        assert wait_until(60, mark.exists)
        said = project.doit("check:production", check=True).out
        mark.unlink()
        flow.communicate(timeout=60)
    assert "warning: web1, web2: locked by deploy by tester from " in said


@pytest.mark.extended("detail")
def test_a_variable_unknown_to_capdoit_is_reported_as_the_projects_own(project: Project) -> None:
    said = project.doit("deploy:production", "tag=v1", check=True).out
    assert "tag= means nothing to capdoit; it is for hooks and tasks of the project" in said


def test_check_reports_a_missing_branch_once(project: Project) -> None:
    done = project.doit("check:production", "branch=mian").failed()
    assert done.out.count("has no branch, tag or commit 'mian'; choose another with branch=, or in deploy.yml") == 1
    assert "2 hosts are ready" in project.doit("check:production", check=True).out


@pytest.mark.extended("detail")
def test_check_reports_an_unreachable_repository(project: Project) -> None:
    project.config(repo_url=str(project.path / "nowhere"))
    done = project.doit("check:production").failed()
    assert "git ls-remote" in done.out
    assert "Traceback" not in done.out


@pytest.mark.extended("detail")
def test_check_connects_to_no_release_hosts_that_hooks_need(make_project: MakeProject) -> None:
    project = make_project(1)
    project.hosts["db1"] = {"hostname": "127.0.0.1", "port": 1, "deploy_to": "/x", "roles": ["db"], "no_release": True}
    project.config()
    project.doit("check:production", check=True)
    write_command_hook(project, "before('publishing', roles='db')", "true")
    assert "db1: cannot connect: " in project.doit("check:production").failed().out
