"""Deploys: what lies on the hosts afterwards, byte for byte."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import DODO, GitRepo, Project
from tests.support import MakeProject, deploy, tools_in_front

FAIL_WHEN_ASKED = (
    DODO
    + """
import os

@cap.after("updated")
def perhaps(host):
    if os.environ.get("FAIL") in (host.name, "all"):
        host.run("exit 3")
"""
)
BUILD = (
    DODO
    + """
from pathlib import Path

def task_build():
    def build():
        import tarfile
        assert not any(Path(f"hosts/{host}/.capdoit").exists() for host in ("web1", "web2")), "a host was touched"
        Path("dist").mkdir(exist_ok=True)
        with tarfile.open("dist/shop.tar.gz", "w:gz") as tar:
            tar.add("src", ".")
    return {"actions": [build], "file_dep": ["src/app.txt"], "targets": ["dist/shop.tar.gz"]}
"""
)


def live(project: Project, host: str) -> Path:
    return project.deploy_to(host) / "current"


def journal(project: Project, host: str) -> list[dict[str, Any]]:
    lines = (project.deploy_to(host) / ".capdoit/journal").read_text().splitlines()
    return [json.loads(line) for line in lines]


def log(project: Project, host: str) -> str:
    return (project.deploy_to(host) / "revisions.log").read_text()


def archive_of(project: Project, files: dict[str, str]) -> str:
    """Make dist/shop.tar.gz; returns its sha256."""
    (project.path / "dist").mkdir()
    for name, text in files.items():
        (project.path / name).write_text(text)
    file = project.path / "dist/shop.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        for name in files:
            tar.add(project.path / name, name)
    return hashlib.sha256(file.read_bytes()).hexdigest()


# -- git


@pytest.mark.ssh
def test_three_ssh_hosts_get_the_same_release_of_the_same_commit(ssh_project: Project, git_repo: GitRepo):
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


def test_the_journal_has_the_steps_of_one_flow_and_the_lock_is_given_back(project: Project):
    release = deploy(project)
    runs = set()
    for host in project.hosts:
        entries = journal(project, host)
        assert [entry["event"] for entry in entries] == ["building", "ready", "live", "noted", "finished"]
        assert {entry["release"] for entry in entries} == {release}
        assert {entry["by"] for entry in entries if entry["event"] != "noted"} == {"tester"}
        runs |= {entry["run"] for entry in entries}
        own = {path.name for path in (project.deploy_to(host) / ".capdoit").iterdir()}
        assert own <= {"journal", "lock", "manifests", "next"}
        assert (project.deploy_to(host) / ".capdoit/lock").read_text() == ""
    assert len(runs) == 1


def test_a_git_that_has_begun_it_all_does_not_say_which_repository_is_meant(
    project: Project, env: dict[str, str], tmp_path: Path
):
    own = GitRepo(tmp_path / "own", env)
    own.commit({"app.txt": "not pushed\n"})
    own.git("remote", "add", "origin", "elsewhere")
    project.doit("deploy:production", env={"GIT_DIR": str(own.path / ".git")}, check=True)
    assert (live(project, "web1") / "app.txt").read_text() == "first\n"
    assert own.git("remote", "get-url", "origin") == "elsewhere"


def test_only_the_repo_tree_is_deployed_without_its_prefix(project: Project, git_repo: GitRepo):
    git_repo.commit({"services/shop/bin/run": "#!/bin/sh\n", "services/shop/a": "a\n", "services/other/b": "b\n"})
    project.config(repo_tree="services/shop", linked_files=None, linked_dirs=None)
    deploy(project)
    names = {path.relative_to(f"{live(project, 'web1')}/").as_posix() for path in live(project, "web1").rglob("*")}
    assert names == {"REVISION", "REVISION_TIME", "a", "bin", "bin/run"}


@pytest.mark.parametrize("tree", ["app.txt", "s*"])
def test_a_repo_tree_that_is_no_directory_fails_and_leaves_nothing(project: Project, git_repo: GitRepo, tree: str):
    git_repo.commit({"services/app.txt": "shop\n"})
    project.config(repo_tree=tree)
    assert f"{tree} is no directory of " in project.doit("deploy:production").failed().out
    assert project.releases("web1") == project.releases("web2") == []


def test_a_repo_tree_that_the_commit_lacks_fails_and_leaves_nothing(project: Project):
    project.config(repo_tree="services/shop")
    done = project.doit("deploy:production").failed()
    assert "services/shop" in done.out
    assert project.releases("web1") == project.releases("web2") == []


def test_what_is_export_ignored_is_not_deployed(project: Project, git_repo: GitRepo):
    git_repo.commit({".gitattributes": "secret.txt export-ignore\n", "secret.txt": "x"})
    deploy(project)
    assert not (live(project, "web1") / "secret.txt").exists()
    assert (live(project, "web1") / "app.txt").exists()


def test_modes_and_links_of_the_repository_arrive(project: Project, git_repo: GitRepo):
    git_repo.commit({"bin/run": "#!/bin/sh\n"})
    (git_repo.path / "bin/run").chmod(0o755)
    (git_repo.path / "run").symlink_to("bin/run")
    git_repo.commit({})
    deploy(project)
    assert os.access(live(project, "web1") / "bin/run", os.X_OK)
    assert os.readlink(live(project, "web1") / "run") == "bin/run"


def test_branch_names_a_branch_a_tag_or_a_commit(make_project: MakeProject, git_repo: GitRepo):
    project = make_project(1)
    sha = git_repo.git("rev-parse", "HEAD")
    git_repo.git("branch", "old/branch")
    git_repo.git("tag", "v1")
    git_repo.git("tag", "-a", "-m", "x", "a1")
    git_repo.commit({"app.txt": "second\n"})
    for said in ("old/branch", "v1", "a1", sha, sha[:9]):
        release = deploy(project, f"branch={said}")
        assert (live(project, "web1") / "REVISION").read_text() == f"{sha}\n"
        expected = f"Branch {said} (at {sha}) deployed as release {release} by tester"
        assert log(project, "web1").splitlines()[-1] == expected


@pytest.mark.parametrize("branch", ["nowhere", "0123abc", "main~1", "--help", "-q"])
def test_a_branch_that_is_none_is_refused_and_leaves_nothing(project: Project, branch: str):
    done = project.doit("deploy:production", f"branch={branch}").failed()
    assert f"no branch, tag or commit '{branch}'" in done.out
    assert "Traceback" not in done.out
    assert project.releases("web1") == project.releases("web2") == []


def test_the_mirror_follows_a_forced_push_and_a_branch_that_became_a_folder(project: Project, git_repo: GitRepo):
    git_repo.git("branch", "topic")
    deploy(project)
    git_repo.git("branch", "-D", "topic")
    git_repo.git("branch", "topic/one")
    git_repo.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "again")
    deploy(project)
    assert (live(project, "web1") / "REVISION").read_text() == git_repo.git("rev-parse", "HEAD") + "\n"
    deploy(project, "branch=topic/one")


def test_a_repository_that_moved_is_followed(project: Project, git_repo: GitRepo):
    deploy(project)
    moved = git_repo.path.with_name("moved")
    git_repo.path = git_repo.path.rename(moved)
    git_repo.commit({"app.txt": "moved\n"})
    project.config(repo_url=str(moved))
    deploy(project)
    assert (live(project, "web1") / "app.txt").read_text() == "moved\n"


# -- archive


def test_an_archive_is_built_by_its_task_before_any_host_is_touched(make_project: MakeProject):
    project = make_project(repo_url=None, branch=None, archive="dist/shop.tar.gz", linked_files_exist=True)
    (project.path / "src").mkdir()
    (project.path / "src/app.txt").write_text("built\n")
    project.dodo(BUILD)
    release = deploy(project)
    digest = hashlib.sha256((project.path / "dist/shop.tar.gz").read_bytes()).hexdigest()
    for host in project.hosts:
        assert (live(project, host) / "app.txt").read_text() == "built\n"
        assert (live(project, host) / "REVISION").read_text() == f"{digest}\n"
        assert log(project, host) == f"Branch dist/shop.tar.gz (at {digest}) deployed as release {release} by tester\n"
        assert not (project.deploy_to(host) / ".capdoit/incoming").exists()


def test_a_build_that_fails_leaves_the_hosts_untouched(make_project: MakeProject):
    project = make_project(linked_files_exist=False, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    project.dodo(DODO + "def task_build():\n    return {'actions': ['exit 9'], 'targets': ['dist/shop.tar.gz']}\n")
    project.doit("deploy:production").failed()
    assert not (project.path / "hosts").exists()


def test_an_archive_that_nobody_builds_is_missed_before_any_host_is_touched(make_project: MakeProject):
    project = make_project(linked_files_exist=False, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    done = project.doit("deploy:production")
    assert done.code != 0
    assert "dist/shop.tar.gz" in done.out
    assert "Traceback" not in done.out
    assert not (project.path / "hosts").exists()


@pytest.mark.ssh
def test_an_archive_travels_over_ssh(make_project: MakeProject):
    project = make_project(2, ssh=True, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    digest = archive_of(project, {"app.txt": "x" * 300_000})
    deploy(project)
    for host in project.hosts:
        assert (live(project, host) / "app.txt").read_text() == "x" * 300_000
        assert (live(project, host) / "REVISION").read_text() == f"{digest}\n"


def test_an_archive_that_arrives_corrupted_is_refused_on_all_hosts(make_project: MakeProject):
    project = make_project(repo_url=None, branch=None, archive="dist/shop.tar.gz")
    digest = archive_of(project, {"app.txt": "one"})
    tools_in_front(project, "web2", cat='[ $# -gt 0 ] && exec /bin/cat "$@"; head -c 20; /bin/cat >/dev/null')
    done = project.doit("deploy:production").failed()
    assert f"but {digest} was sent" in done.out
    assert "web2: " in done.out
    assert project.current("web1") is project.current("web2") is None
    assert project.releases("web1") == project.releases("web2") == []
    assert not list((project.path / "hosts").glob("*/.capdoit/incoming"))


def test_an_archive_that_is_no_archive_fails_and_leaves_nothing(make_project: MakeProject):
    project = make_project(repo_url=None, branch=None, archive="shop.tar.gz")
    (project.path / "shop.tar.gz").write_text("no archive")
    project.doit("deploy:production").failed()
    assert project.releases("web1") == project.releases("web2") == []
    assert not list((project.path / "hosts").glob("*/.capdoit/incoming"))


# -- releases that stay and go


def test_keep_releases_keeps_the_newest(project: Project):
    project.config(keep_releases=2)
    releases = [deploy(project) for _ in range(4)]
    assert releases == sorted(set(releases))
    assert project.releases("web1") == project.releases("web2") == releases[-2:]


def test_keep_releases_of_one_spares_the_release_that_a_rollback_goes_to(project: Project):
    project.config(keep_releases=1)
    _, second, third = [deploy(project) for _ in range(3)]
    assert project.releases("web1") == [second, third]
    project.doit("rollback:production", check=True)
    assert project.current("web1") == project.current("web2") == second


def test_failed_releases_are_removed_and_never_counted(project: Project):
    project.dodo(FAIL_WHEN_ASKED)
    project.config(keep_releases=2)
    first = deploy(project)
    for where in ("web1", "web2", "all"):
        project.doit("deploy:production", env={"FAIL": where}).failed()
        assert project.releases("web1") == project.releases("web2") == [first]
    second = deploy(project)
    assert project.releases("web1") == project.releases("web2") == [first, second]
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


def test_releases_without_a_revision_are_not_counted_and_go(project: Project):
    project.config(keep_releases=2)
    first = deploy(project)
    half_made = project.deploy_to("web2") / "releases/20200101000000"
    half_made.mkdir()
    second = deploy(project)
    assert project.releases("web2") == [first, second]


def test_what_is_no_release_stays(project: Project):
    project.config(keep_releases=1)
    deploy(project)
    for name in ("new", "2020", "20201399999999"):
        (project.deploy_to("web1") / "releases" / name).mkdir()
    deploy(project)
    deploy(project)
    assert {"new", "2020", "20201399999999"} < set(project.releases("web1"))


def test_a_release_is_later_than_all_that_any_host_has(project: Project):
    (project.deploy_to("web2") / "releases/29991231235958").mkdir(parents=True)
    assert deploy(project) == "29991231235959"


def test_directories_of_releases_have_the_times_of_their_names_order(project: Project):
    releases = [deploy(project) for _ in range(3)]
    places = [project.deploy_to("web1") / "releases" / release for release in releases]
    assert sorted(places, key=lambda place: place.stat().st_mtime) == places
    assert len({place.stat().st_mtime for place in places}) == 3


# -- linked files and directories


def test_linked_files_missing_on_several_hosts_are_all_in_one_report(make_project: MakeProject):
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


def test_what_the_repository_has_where_linked_paths_go_is_replaced(project: Project, git_repo: GitRepo):
    git_repo.commit({"config/database.yml": "from git", "log/.keep": "", "tmp/pids": "a file"})
    deploy(project)
    for linked in ("config/database.yml", "log", "tmp/pids"):
        assert os.readlink(live(project, "web1") / linked) == f"{project.shared('web1')}/{linked}"
    assert list((project.shared("web1") / "log").iterdir()) == []


def test_a_linked_path_through_a_link_of_the_repository_is_refused(project: Project, git_repo: GitRepo, tmp_path: Path):
    outside = tmp_path / "outside"
    (outside / "pids").mkdir(parents=True)
    (outside / "pids/kept").write_text("x")
    (git_repo.path / "tmp").symlink_to(outside)
    git_repo.commit({})
    done = project.doit("deploy:production").failed()
    assert "leads out of the release" in done.out
    assert (outside / "pids/kept").exists()
    assert project.releases("web1") == []


# -- which hosts


def test_check_looks_whether_hosts_without_code_can_be_reached_where_hooks_need_them(make_project: MakeProject):
    project = make_project(1)
    project.hosts["db1"] = {"hostname": "127.0.0.1", "port": 1, "deploy_to": "/x", "roles": ["db"], "no_release": True}
    project.config()
    project.doit("check:production", check=True)
    project.dodo(DODO + "@cap.before('publishing', roles='db')\ndef migrate(host):\n    host.run('true')\n")
    assert "db1: cannot connect: " in project.doit("check:production").failed().out


def test_a_host_with_no_release_gets_no_code(make_project: MakeProject):
    project = make_project(3)
    project.hosts["web3"]["no_release"] = True
    project.config()
    project.doit("deploy:production", check=True)
    assert project.current("web1") == project.current("web2") is not None
    assert [path.name for path in project.deploy_to("web3").iterdir()] == ["shared"]  # made by the test itself


def test_only_the_selected_hosts_are_deployed_to(make_project: MakeProject):
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


def test_a_current_that_is_no_link_is_refused_on_the_host_that_has_it(project: Project):
    (project.deploy_to("web2") / "current").mkdir()
    done = project.doit("deploy:production").failed()
    assert f"web2: {project.deploy_to('web2')}/current is no link" in done.out
    assert project.releases("web1") == []


def test_a_releases_that_is_a_link_is_refused(project: Project, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (project.deploy_to("web2") / "releases").symlink_to(tmp_path / "elsewhere")
    done = project.doit("deploy:production").failed()
    assert "is a link" in done.out
    assert project.releases("web1") == []
    assert list((tmp_path / "elsewhere").iterdir()) == []
