"""Deploys: the files on the hosts afterwards."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import GitRepo, Project
from tests.support import MakeProject, deploy


def journal(project: Project, host: str) -> list[dict[str, Any]]:
    lines = (project.deploy_to(host) / ".capdoit/journal").read_text().splitlines()
    return [json.loads(line) for line in lines]


def log(project: Project, host: str) -> str:
    return (project.deploy_to(host) / "revisions.log").read_text()


# -- git


@pytest.mark.ssh
def test_three_ssh_hosts_get_the_same_release_of_the_same_commit(ssh_project: Project, git_repo: GitRepo) -> None:
    sha = git_repo.git("rev-parse", "HEAD")
    done = ssh_project.doit("deploy:production", check=True)
    release = ssh_project.current("web1")
    assert re.fullmatch(r"20\d{12}", str(release))
    assert f"{release} ({sha[:12]}, main) is live on web1, web2, web3" in done.out
    for host in ("web1", "web2", "web3"):
        tree = ssh_project.deploy_to(host)
        assert ssh_project.releases(host) == [release]
        assert {path.name for path in tree.iterdir()} == {
            ".capdoit", "current", "releases", "repo", "revisions.log", "shared",
        }  # fmt: skip
        assert os.readlink(tree / "current") == f"{tree}/releases/{release}"
        assert (tree / "current/app.txt").read_text() == "first\n"
        assert (tree / "current/REVISION").read_text() == f"{sha}\n"
        assert (tree / "current/REVISION_TIME").read_text() == git_repo.git("log", "-1", "--format=%ct") + "\n"
        for linked in ("config/database.yml", "log", "tmp/pids"):
            assert os.readlink(tree / "current" / linked) == f"{tree}/shared/{linked}"
        assert (tree / "current/config/database.yml").read_text() == f"config/database.yml of {host}\n"
        assert log(ssh_project, host) == f"Branch main (at {sha}) deployed as release {release} by tester\n"


def test_the_journal_records_the_flow_and_the_lock_is_released(project: Project) -> None:
    release = deploy(project)
    runs = set()
    for host in project.hosts:
        entries = journal(project, host)
        assert [entry["event"] for entry in entries] == ["building", "ready", "live", "noted", "finished"]
        assert {entry["release"] for entry in entries} == {release}
        assert {entry["by"] for entry in entries if entry["event"] != "noted"} == {"tester"}
        runs |= {entry["run"] for entry in entries}
        own = {path.name for path in (project.deploy_to(host) / ".capdoit").iterdir()}
        assert own <= {"journal", "lock", "manifests", "next", "reserve"}
        assert (project.deploy_to(host) / ".capdoit/lock").read_text().strip() == ""
    assert len(runs) == 1


# -- releases that stay and go


def test_a_release_name_is_later_than_those_on_every_host(project: Project) -> None:
    (project.deploy_to("web2") / "releases/29991231235958").mkdir(parents=True)
    assert deploy(project) == "29991231235959"


@pytest.mark.extended("detail")
def test_release_directories_have_modification_times_in_name_order(project: Project) -> None:
    releases = [deploy(project) for _ in range(3)]
    places = [project.deploy_to("web1") / "releases" / release for release in releases]
    assert sorted(places, key=lambda place: place.stat().st_mtime) == places
    assert len({place.stat().st_mtime for place in places}) == 3


# -- which hosts


def test_a_no_release_host_gets_no_code(make_project: MakeProject) -> None:
    project = make_project(3)
    project.hosts["web3"]["no_release"] = True
    project.config()
    project.doit("deploy:production", check=True)
    assert project.current("web1") == project.current("web2") is not None
    assert [path.name for path in project.deploy_to("web3").iterdir()] == ["shared"]  # made by the test itself


def test_only_the_selected_hosts_are_deployed_to(make_project: MakeProject) -> None:
    project = make_project(3)
    project.hosts["web3"]["roles"] = ["db"]
    project.config()
    project.doit("deploy:production", "hosts=web1,web3", check=True)
    assert project.current("web1") == project.current("web3")
    assert project.current("web1")
    assert project.current("web2") is None
    project.doit("deploy:production", env={"ROLES": "db"}, check=True)
    assert project.current("web3") != project.current("web1")


# -- trees that cannot be used


def test_a_current_that_is_not_a_symlink_is_refused_and_its_host_named(project: Project) -> None:
    (project.deploy_to("web2") / "current").mkdir()
    done = project.doit("deploy:production").failed()
    assert f"web2: {project.deploy_to('web2')}/current is not a symlink" in done.out
    assert project.releases("web1") == []


def test_a_releases_directory_that_is_a_symlink_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project.deploy_to("web2") / "releases").symlink_to(tmp_path / "elsewhere")
    done = project.doit("deploy:production").failed()
    assert "is a symlink" in done.out
    assert project.releases("web1") == []
    assert list((tmp_path / "elsewhere").iterdir()) == []
