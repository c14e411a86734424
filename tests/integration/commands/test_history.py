"""`doit cap history` on real hosts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import Completed, Project
from capdoit.testing.processes import wait_until
from tests.support import WITHOUT_ROOT_RIGHTS, deploy, write_command_hook
from tests.terminal import Terminal

NOWHERE = {"hostname": "127.0.0.1", "port": 1, "ssh_options": ["ConnectTimeout=3"], "deploy_to": "/srv/shop"}


def add_host(project: Project, name: str, said: dict[str, Any]) -> None:
    project.config(stages={"production": {"hosts": {**project.hosts, name: said}}})


def rows(completed: Completed) -> list[list[str]]:
    return [line.split() for line in completed.out.splitlines()]


def history(project: Project, *words: str) -> list[dict[str, Any]]:
    said = json.loads(project.doit("cap", "history", "--json", *words, check=True).out)
    found: list[dict[str, Any]] = said["history"]
    return found


def test_history_lists_deploys_rollbacks_failures_and_unlocks(project: Project) -> None:
    project.doit("deploy:production", check=True)
    first = project.current("web1")
    revision = project.repo.commit({"app.txt": "second\n"})
    project.doit("deploy:production", "message=the 2nd", check=True)
    second = project.current("web1")
    write_command_hook(project, "after('updated')", "exit 3", name="breaks")
    project.doit("deploy:production").failed(1)
    project.doit("rollback:production", check=True)
    (project.deploy_to("web2") / ".capdoit/lock").write_text('{"flow": "deploy", "run": "1"}\n')
    project.doit("cap", "unlock", check=True)

    found = history(project)
    assert [(one["event"], one["flow"], one["results"]) for one in found] == [
        ("unlock", None, {"web2": "freed"}),
        ("rollback", "rollback", {"web1": "live", "web2": "live"}),
        ("failed", "deploy", {"web1": "not live", "web2": "not live"}),
        ("deploy", "deploy", {"web1": "live", "web2": "live"}),
        ("deploy", "deploy", {"web1": "live", "web2": "live"}),
    ]
    _, rollback, failed, deploy, _ = found
    assert (rollback["release"], rollback["left"]["web1"]) == (first, second)
    assert failed["ending"] == "in breaks"
    assert (deploy["revision"], deploy["why"], deploy["by"]) == (revision, "the 2nd", "tester")
    assert all(0 < one["seconds"] < 60 for one in found[1:])


def test_history_tells_why_a_flow_failed_without_secrets(project: Project) -> None:
    (project.path / "deploy.yml").write_text(
        json.dumps({**project.settings, "default_env": {"TOKEN": "@TOKEN@"}}).replace('"@TOKEN@"', "!env TOKEN")
    )
    write_command_hook(
        project, "after('updated')", "echo rake aborted!; echo no database for $TOKEN; exit 3", "migrate"
    )
    secret = {"TOKEN": "hunter22"}
    project.doit("deploy:production", env=secret).failed()

    (failed,) = history(project)
    assert failed["ending"] == "in migrate"
    assert failed["reason"].startswith("web1, web2: echo rake aborted!")
    assert failed["reason"].endswith(": exit status 3: no database for ***")
    said = project.doit("cap", "history", check=True).out
    assert "in migrate: web1, web2: echo rake aborted!" in said
    assert "no database for ***" in " ".join(said.split())
    journals = [(project.deploy_to(host) / ".capdoit/journal").read_text() for host in project.hosts]
    assert not any("hunter22" in text for text in (said, *journals))


def test_history_distinguishes_interrupted_from_failed_flows(project: Project) -> None:
    project.doit("deploy:production", check=True)
    write_command_hook(project, "after('updated')", "touch begun; sleep 1000", name="waits")
    process = project.start("deploy:production")
    assert wait_until(60, (project.path / "begun").exists)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    newest = history(project)[0]
    assert (newest["event"], newest["results"]) == ("interrupted", {"web1": "not live", "web2": "not live"})
    assert newest["ending"] == "interrupted by SIGTERM in waits"


@pytest.mark.extended("detail")
def test_an_unreadable_directory_is_not_reported_as_empty(project: Project, tmp_path: Path) -> None:
    project.doit("deploy:production", check=True)
    sh = tmp_path / "bin/sh"  # root's, too, cannot enter what is closed to it
    sh.parent.mkdir()
    sh.write_text(f'#!/bin/sh\nexec {" ".join(WITHOUT_ROOT_RIGHTS)} /bin/sh "$@"\n')
    sh.chmod(0o755)
    project.deploy_to("web2").chmod(0)
    try:
        status = project.doit("cap", "status", env={"PATH": f"{sh.parent}:{os.environ['PATH']}"}).failed(3).out
    finally:
        project.deploy_to("web2").chmod(0o755)
    assert re.search(rf"web2: survey: exit status 1: {project.deploy_to('web2')} cannot be entered by", status)
    assert "is live on web1" not in status


@pytest.mark.extended("detail")
def test_status_reports_missing_files_and_differing_revisions_of_a_release(project: Project) -> None:
    release = deploy(project)
    tree = project.deploy_to("web2") / "releases" / release
    (tree / "REVISION").write_text("f" * 40 + "\n")
    revision = project.repo.git("rev-parse", "HEAD")[:12]
    status = project.doit("cap", "status").failed(3).out
    assert f"The hosts differ: {release} is {revision} on web1; ffffffffffff on web2." in status
    shutil.rmtree(tree)
    assert f"web2: current is broken: the files of {release} are gone" in project.doit("cap", "status").failed(3).out


def test_status_tells_why_a_rollback_would_be_refused(project: Project) -> None:
    deploy(project)
    deploy(project)
    (project.deploy_to("web2") / "current").unlink()
    (project.deploy_to("web2") / "current").mkdir()
    assert "A rollback is refused: web2: " in project.doit("cap", "status").failed(3).out


@pytest.mark.extended("detail")
def test_read_only_commands_and_unlock_need_no_secret(project: Project) -> None:
    project.doit("deploy:production", check=True)
    text = (project.path / "deploy.yml").read_text().replace('"branch"', '"default_env": {KEY: !env KEY}, "branch"')
    (project.path / "deploy.yml").write_text(text)
    for command in ("status", "history", "releases", "verify", "unlock"):
        project.doit("cap", command, check=True)
    assert "needs the environment variable KEY" in project.doit("deploy:production").failed().out


@pytest.mark.extended("detail")
def test_history_shows_the_newest_flows_whole_in_a_pipe_and_wrapped_on_a_terminal(
    project: Project, env: dict[str, str]
) -> None:
    story = "a long story " * 9
    for _ in range(3):
        project.doit("deploy:production", f"message={story}", check=True)
    said = project.doit("cap", "history", "-n", "2", check=True)
    assert f"      why: {story.rstrip()}\n" in said.out
    assert said.out.splitlines()[0].split()[-2:] == ["from", "where"]
    assert [row[2] for row in rows(said) if row[0].startswith("2")] == ["deploy", "deploy"]
    with Terminal(project, env, "cap", "history", "-n", "2") as terminal:
        shown = terminal.look_for("and 1 before that").splitlines()
    assert {word for line in shown if line.startswith("      ") for word in line.split()} == {"why:", *story.split()}
    assert said.out.splitlines()[-1] == "and 1 before that; -n 3 shows all"
    assert len(history(project, "-n3")) == 3


def test_history_includes_flows_of_capistrano(project: Project) -> None:
    project.deploy_to("web1").mkdir(parents=True, exist_ok=True)
    (project.deploy_to("web1") / "revisions.log").write_text(
        "Branch main (at 1f3e) deployed as release 20160614133327 by bob\nbob rolled back to release 20160614133327\n"
    )
    assert rows(project.doit("cap", "history", check=True))[1:] == [
        ["not", "known", "rollback", "live", "20160614133327", "bob"],
        ["only", "on", "web1"],
        ["2016-06-14", "13:33", "deploy", "live", "20160614133327", "bob", "1f3e"],
        ["only", "on", "web1"],
    ]


@pytest.mark.extended("detail")
def test_history_works_before_the_first_deploy_and_without_reachable_hosts(project: Project) -> None:
    assert "The journals of all hosts are empty." in project.doit("cap", "history", check=True).out
    add_host(project, "far", NOWHERE)
    line, hint = project.doit("cap", "history", "hosts=far").failed(1).out.splitlines()
    assert line.startswith("  far: cannot connect: ")
    assert hint.startswith("  Hint: ")
    project.doit("cap", "history").failed(3)


@pytest.mark.extended("detail")
def test_a_very_long_journal_line_is_cut_alike_on_all_hosts(project: Project) -> None:
    out = project.doit("cap", "exec", "head -c 200000 /dev/zero | tr '\\0' a; echo; echo end", check=True).out

    assert out.splitlines() == ["web1, web2: exit status 0", f"    {'a' * 8192}…", "    end"]
