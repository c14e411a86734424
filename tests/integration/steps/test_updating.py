"""The step `updating`: linked files and directories."""

from __future__ import annotations

import os
import re
from pathlib import Path

from capdoit.testing import GitRepo, Project
from tests.support import MakeProject, deploy


def live(project: Project, host: str) -> Path:
    return project.deploy_to(host) / "current"


def test_missing_linked_files_of_all_hosts_are_in_one_report(make_project: MakeProject) -> None:
    files = ["config/database.yml", "config/master.key"]
    project = make_project(3, linked_files_exist=False, linked_files=files)
    (project.shared("web2") / "config").mkdir(parents=True)
    (project.shared("web2") / "config/master.key").write_text("x")
    done = project.doit("deploy:production").failed()
    missed = re.findall(r"(\w+): linked file (\S+) does not exist", done.out)
    assert missed == [
        ("web1", "config/database.yml"), ("web1", "config/master.key"), ("web2", "config/database.yml"),
        ("web3", "config/database.yml"), ("web3", "config/master.key"),
    ]  # fmt: skip
    for host in project.hosts:
        assert project.releases(host) == []
        assert project.current(host) is None
        assert not (project.deploy_to(host) / "repo").exists()


def test_files_of_the_repository_at_linked_paths_are_replaced(project: Project, git_repo: GitRepo) -> None:
    git_repo.commit({"config/database.yml": "from git", "log/.keep": "", "tmp/pids": "a file"})
    deploy(project)
    for linked in ("config/database.yml", "log", "tmp/pids"):
        assert os.readlink(live(project, "web1") / linked) == f"{project.shared('web1')}/{linked}"
    assert list((project.shared("web1") / "log").iterdir()) == []


def test_a_linked_path_through_a_symlink_of_the_repository_is_refused(
    project: Project, git_repo: GitRepo, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    (outside / "pids").mkdir(parents=True)
    (outside / "pids/kept").write_text("x")
    (git_repo.path / "tmp").symlink_to(outside)
    git_repo.commit({})
    done = project.doit("deploy:production").failed()
    assert "is outside of the release" in done.out
    assert (outside / "pids/kept").exists()
    assert project.releases("web1") == []
