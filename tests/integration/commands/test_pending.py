"""`doit cap pending` on real hosts and repositories."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import Completed, GitRepo, Project
from capdoit.units import parse_timestamp
from tests.scenarios.test_values_from_commands import write_settings
from tests.support import MakeProject, choose_ordinary, deploy, snapshot_hosts

NOWHERE = {"hostname": "127.0.0.1", "port": 1, "ssh_options": ["ConnectTimeout=3"], "deploy_to": "/srv/shop"}


def add_host(project: Project, name: str, said: dict[str, Any]) -> None:
    project.config(stages={"production": {"hosts": {**project.hosts, name: said}}})


def said_by(completed: Completed) -> list[str]:
    return completed.out.splitlines()


def rows(completed: Completed) -> list[list[str]]:
    return [line.split() for line in completed.out.splitlines()]


def pending(project: Project, *words: str) -> list[dict[str, Any]]:
    said = json.loads(project.doit("cap", "pending", "--json", *words, check=True).out)
    found: list[dict[str, Any]] = said["live"]
    return found


def subjects(commits: list[dict[str, str]]) -> list[str]:
    return [commit["subject"] for commit in commits]


def only_hosts_reach(project: Project) -> Project:
    """Let the repository be reachable by the git of hosts, but not from the controller."""
    env = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{project.repo.path}.insteadOf",
        "GIT_CONFIG_VALUE_0": "/no/such/repository",
    }
    project.config(repo_url="/no/such/repository", default_env=env)
    return project


def clone_into(project: Project, *options: str) -> None:
    """Make the directory of the project a clone of the repository."""
    apart = project.path.with_name("clone")
    source = f"file://{project.repo.path}"
    git = ["git", "clone", "--quiet", "--no-checkout", *options, source, str(apart)]
    subprocess.run(git, check=True)
    (apart / ".git").rename(project.path / ".git")


def test_pending_lists_the_commits_that_a_deploy_would_bring(project: Project) -> None:
    project.doit("deploy:production", check=True)
    live = project.repo.git("rev-parse", "HEAD")
    second, third = project.repo.commit({"b.txt": "2"}), project.repo.commit({"c.txt": "3"})
    said = project.doit("cap", "pending", check=True)
    assert said.out.splitlines()[0] == "main is 2 commits ahead of what is live on web1, web2:"
    assert [(row[0], row[2:]) for row in rows(said)[1:]] == [
        (third[:12], ["Tester", "change", "c.txt"]),
        (second[:12], ["Tester", "change", "b.txt"]),
    ]
    (found,) = pending(project)
    assert (found["hosts"], found["revision"], found["goes"]) == (["web1", "web2"], live, [])
    assert [commit["revision"] for commit in found["comes"]] == [third, second]
    assert all(parse_timestamp(commit["at"]) for commit in found["comes"])


@pytest.mark.extended("detail")
def test_pending_covers_each_live_revision(project: Project) -> None:
    project.doit("deploy:production", check=True)
    project.repo.commit({"b.txt": "2"})
    project.doit("deploy:production", "hosts=web2", check=True)
    project.repo.commit({"c.txt": "3"})
    found = pending(project)
    assert [(one["hosts"], subjects(one["comes"])) for one in found] == [
        (["web1"], ["change c.txt", "change b.txt"]),
        (["web2"], ["change c.txt"]),
    ]


SERVERS = {
    "that sends commits without files": ({"uploadpack.allowFilter": "true"}, {}),
    "that gives only what it advertises": (
        {},
        {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.version", "GIT_CONFIG_VALUE_0": "0"},
    ),
}


@pytest.mark.parametrize("server", choose_ordinary(SERVERS, "that sends commits without files"))
def test_pending_reads_commits_from_the_server(project: Project, server: str) -> None:
    config, said_to_git = SERVERS[server]
    for name, value in config.items():
        project.repo.git("config", name, value)
    project.repo.commit({"a.txt": "1"})
    project.doit("deploy:production", check=True)
    project.repo.commit({"b.txt": "2"})
    said = project.doit("cap", "pending", env=said_to_git, check=True).out
    assert said.startswith("main is 1 commit ahead of")
    assert said.endswith("change b.txt\n")


def test_pending_reports_a_branch_that_is_behind_or_diverged(project: Project) -> None:
    project.repo.git("branch", "old")
    project.repo.commit({"b.txt": "2"})
    project.doit("deploy:production", check=True)
    said = said_by(project.doit("cap", "pending", "branch=old", check=True))
    assert said[0] == "old is 1 commit behind what is live on web1, web2; a deploy would take away (-):"
    assert said[1].split()[0] == "-"
    project.repo.git("checkout", "--quiet", "old")
    project.repo.commit({"c.txt": "3"})
    (found,) = pending(project, "branch=old")
    assert (subjects(found["comes"]), subjects(found["goes"])) == (["change c.txt"], ["change b.txt"])
    assert "have diverged" in project.doit("cap", "pending", "branch=old", check=True).out


@pytest.mark.extended("detail")
def test_pending_needs_no_repository_when_the_branch_is_live(project: Project) -> None:
    project.doit("deploy:production", check=True)
    said = said_by(only_hosts_reach(project).doit("cap", "pending", check=True))
    assert said == [
        f"Nothing is pending: main is {project.repo.git('rev-parse', 'HEAD')[:12]}, what is live on web1, web2."
    ]


def test_pending_uses_the_clone_of_the_project_without_fetching_into_it(project: Project) -> None:
    project.doit("deploy:production", check=True)
    project.repo.commit({"b.txt": "2"})
    clone_into(project)
    before = sorted((project.path / ".git").rglob("*"))
    (found,) = pending(only_hosts_reach(project))
    assert subjects(found["comes"]) == ["change b.txt"]
    assert sorted((project.path / ".git").rglob("*")) == before


@pytest.mark.extended("detail")
@pytest.mark.parametrize("options", [None, ["--depth=1"]], ids=["no clone", "a shallow clone"])
def test_pending_reports_that_neither_clone_nor_repository_is_available(
    project: Project, options: list[str] | None
) -> None:
    project.doit("deploy:production", check=True)
    project.repo.commit({"b.txt": "2"})
    if options:
        clone_into(project, *options)
    said = only_hosts_reach(project).doit("cap", "pending").failed(3).out
    assert "the commits are not known" in said
    assert "cannot fetch from /no/such/repository" in said


@pytest.mark.extended("detail")
def test_pending_leaves_no_files_and_changes_nothing_on_hosts(project: Project, tmp_path: Path) -> None:
    project.doit("deploy:production", check=True)
    project.repo.commit({"b.txt": "2"})
    before, temporary = snapshot_hosts(project), tmp_path / "tmp"
    temporary.mkdir()
    for command in ("pending", "history"):
        project.doit("cap", command, env={"TMPDIR": str(temporary)}, check=True)
    assert snapshot_hosts(project) == before
    assert os.listdir(temporary) == []


@pytest.mark.extended("detail")
def test_pending_reports_a_live_commit_that_the_repository_lacks(project: Project) -> None:
    project.doit("deploy:production", check=True)
    gone = project.repo.git("rev-parse", "HEAD")
    project.repo.git("commit", "--quiet", "--amend", "-m", "rewritten")
    project.repo.git("reflog", "expire", "--expire=now", "--all")
    project.repo.git("gc", "--quiet", "--prune=now")
    said = project.doit("cap", "pending", check=True).out
    assert f"{gone[:12]}, what is live on web1, web2, is not a commit that the repository has" in said
    assert pending(project)[0]["comes"] is None


def test_pending_reports_that_nothing_is_live(project: Project) -> None:
    said = project.doit("cap", "pending", check=True).out
    assert said == "Nothing is live on web1, web2, or it has no revision: a deploy would bring all of main.\n"


@pytest.mark.extended("detail")
def test_pending_needs_the_git_transfer_and_an_existing_branch(project: Project) -> None:
    project.doit("deploy:production", check=True)
    assert "no branch, tag or commit 'nope'" in project.doit("cap", "pending", "branch=nope").failed(3).out
    project.config(transfer="archive", archive="dist/shop.tar.gz", repo_url=None, branch=None)
    assert "pending needs transfer: git" in project.doit("cap", "pending").failed(3).out


@pytest.mark.extended("detail")
def test_pending_works_with_an_unreachable_host(project: Project) -> None:
    project.doit("deploy:production", check=True)
    add_host(project, "far", NOWHERE)
    assert "Nothing is pending" in project.doit("cap", "pending").failed(3).out
    line, hint = project.doit("cap", "pending", "hosts=far").failed(1).out.splitlines()
    assert line.startswith("  far: cannot connect: ")
    assert hint.startswith("  Hint: ")


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_mirror_over_ssh_is_only_read(make_project: MakeProject, git_repo: GitRepo) -> None:
    project = make_project(2, ssh=True)
    project.doit("deploy:production", check=True)
    git_repo.commit({"b.txt": "2"})
    before = snapshot_hosts(project)
    (found,) = pending(project)
    assert subjects(found["comes"]) == ["change b.txt"]
    assert snapshot_hosts(project) == before


@pytest.mark.extended("detail")
def test_control_characters_of_a_subject_make_no_rows_and_reach_no_terminal(project: Project) -> None:
    project.doit("deploy:production", check=True)
    subject = "".join(map(chr, [*range(1, 9), *range(11, 32), 127, 0x85, 0x2028, 0x202E]))
    project.repo.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "-m", f"a{subject}b")
    clone_into(project)
    said = project.doit("cap", "pending", check=True).out
    assert said.count("\n") == 2
    assert said.removesuffix("\n").split("\n")[1].isprintable()
    assert "a\\x01\\x02" in said
    (found,) = pending(project)
    (commit,) = found["comes"]
    assert commit["subject"].startswith("a\\x01\\x02")
    assert "\\r" in commit["subject"]
    assert commit["subject"].endswith("b")


def test_pending_names_a_branch_that_a_command_prints(project: Project) -> None:
    deploy(project)
    project.repo.commit({"app.txt": "2\n"})
    write_settings(project, "branch: !cmd 'echo main', ", branch=None)
    assert "main is 1 commit ahead of" in project.doit("cap", "pending", check=True).out
    assert json.loads(project.doit("cap", "pending", "--json", check=True).out)["branch"] == "main"
