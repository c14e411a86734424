"""The git transfer: hosts fetch from the repository into a mirror of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capdoit.testing import GitRepo, Project
from tests.support import MakeProject, deploy, further


def live(project: Project, host: str) -> Path:
    return project.deploy_to(host) / "current"


def log(project: Project, host: str) -> str:
    return (project.deploy_to(host) / "revisions.log").read_text()


@pytest.mark.extended("detail")
def test_environment_variables_of_a_calling_git_are_ignored(
    project: Project, env: dict[str, str], tmp_path: Path
) -> None:
    own = GitRepo(tmp_path / "own", env)
    own.commit({"app.txt": "not pushed\n"})
    own.git("remote", "add", "origin", "elsewhere")
    project.doit("deploy:production", env={"GIT_DIR": str(own.path / ".git")}, check=True)
    assert (live(project, "web1") / "app.txt").read_text() == "first\n"
    assert own.git("remote", "get-url", "origin") == "elsewhere"


def test_repo_tree_deploys_only_that_directory(project: Project, git_repo: GitRepo) -> None:
    git_repo.commit({"services/shop/bin/run": "#!/bin/sh\n", "services/shop/a": "a\n", "services/other/b": "b\n"})
    project.config(repo_tree="services/shop", linked_files=None, linked_dirs=None)
    deploy(project)
    names = {path.relative_to(f"{live(project, 'web1')}/").as_posix() for path in live(project, "web1").rglob("*")}
    assert names == {"REVISION", "REVISION_TIME", "a", "bin", "bin/run"}


@pytest.mark.parametrize("tree", ["app.txt", *further("s*")])
def test_a_repo_tree_that_is_not_a_directory_fails_and_leaves_nothing(
    project: Project, git_repo: GitRepo, tree: str
) -> None:
    git_repo.commit({"services/app.txt": "shop\n"})
    project.config(repo_tree=tree)
    assert f"{tree} is not a directory of " in project.doit("deploy:production").failed().out
    assert project.releases("web1") == project.releases("web2") == []


@pytest.mark.extended("detail")
def test_a_repo_tree_that_the_commit_lacks_fails_and_leaves_nothing(project: Project) -> None:
    project.config(repo_tree="services/shop")
    done = project.doit("deploy:production").failed()
    assert "services/shop" in done.out
    assert project.releases("web1") == project.releases("web2") == []


def test_files_with_export_ignore_are_not_deployed(project: Project, git_repo: GitRepo) -> None:
    git_repo.commit({".gitattributes": "secret.txt export-ignore\n", "secret.txt": "x"})
    deploy(project)
    assert not (live(project, "web1") / "secret.txt").exists()
    assert (live(project, "web1") / "app.txt").exists()


def test_modes_and_symlinks_of_the_repository_are_deployed(project: Project, git_repo: GitRepo) -> None:
    git_repo.commit({"bin/run": "#!/bin/sh\n"})
    (git_repo.path / "bin/run").chmod(0o755)
    (git_repo.path / "run").symlink_to("bin/run")
    git_repo.commit({})
    deploy(project)
    assert os.access(live(project, "web1") / "bin/run", os.X_OK)
    assert os.readlink(live(project, "web1") / "run") == "bin/run"


def test_branch_may_be_a_branch_a_tag_or_a_commit(make_project: MakeProject, git_repo: GitRepo) -> None:
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


@pytest.mark.parametrize("branch", ["nowhere", *further("0123abc", "main~1", "--help", "-q")])
def test_an_unknown_branch_is_refused_and_leaves_nothing(project: Project, branch: str) -> None:
    done = project.doit("deploy:production", f"branch={branch}").failed()
    assert f"no branch, tag or commit '{branch}'" in done.out
    assert "Traceback" not in done.out
    assert project.releases("web1") == project.releases("web2") == []


@pytest.mark.extended("detail")
def test_the_mirror_follows_a_forced_push_and_a_branch_that_became_a_folder(
    project: Project, git_repo: GitRepo
) -> None:
    git_repo.git("branch", "topic")
    deploy(project)
    git_repo.git("branch", "-D", "topic")
    git_repo.git("branch", "topic/one")
    git_repo.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "again")
    deploy(project)
    assert (live(project, "web1") / "REVISION").read_text() == git_repo.git("rev-parse", "HEAD") + "\n"
    deploy(project, "branch=topic/one")


@pytest.mark.extended("detail")
def test_a_changed_repo_url_is_used(project: Project, git_repo: GitRepo) -> None:
    deploy(project)
    moved = git_repo.path.with_name("moved")
    git_repo.path = git_repo.path.rename(moved)
    git_repo.commit({"app.txt": "moved\n"})
    project.config(repo_url=str(moved))
    deploy(project)
    assert (live(project, "web1") / "app.txt").read_text() == "moved\n"
