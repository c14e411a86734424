"""`doit cap status` of real hosts."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import datetime, timezone
from typing import Any

import pytest

from capdoit.testing import Completed, Project
from tests.support import MakeProject, deploy, further, write_command_hook
from tests.terminal import Terminal

LOCK = (
    '{"flow": "deploy", "by": "ann", "origin": "laptop", "at": "2026-11-25T18:00:00Z", '
    '"message": "prices", "run": "1"}\n'
)


def look(project: Project, *words: str, code: int = 0) -> Any:
    return json.loads(project.doit("cap", *words, "--json").failed(code).out)


def lines(completed: Completed) -> list[list[str]]:
    return [line.split() for line in completed.out.splitlines()]


def set_live(project: Project, host: str, release: str) -> None:
    tree = project.deploy_to(host)
    (tree / "current").unlink()
    os.symlink(tree / "releases" / release, tree / "current")


def unreachable(project: Project, name: str) -> None:
    """Add a host at whose address nothing listens."""
    nowhere = {"hostname": "127.0.0.1", "port": 1, "ssh_options": ["ConnectTimeout=3"], "deploy_to": "/srv/shop"}
    project.config(stages={"production": {"hosts": {**project.hosts, name: nowhere}}})


def test_before_the_first_deploy_status_reports_that_nothing_is_live(project: Project) -> None:
    said = look(project, "status")
    assert [(host["live"], host["rollback"], host["lock"]) for host in said["hosts"]] == [(None, None, None)] * 2
    assert said["agree"] is True
    assert "no older releases" in said["refused"]


def test_status_shows_the_live_release_and_the_rollback_target(project: Project) -> None:
    revision = project.repo.git("rev-parse", "HEAD")
    first, second = deploy(project), deploy(project)
    rows = lines(project.doit("cap", "status", check=True))
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    assert [[*row[:3], *row[4:]] for row in rows[1:3]] == [
        [host, second, today, "tester", revision[:12], "main"] for host in ("web1", "web2")
    ]
    said = project.doit("cap", "status", check=True).out
    assert f"A rollback goes to {first} (main, live less than a minute, until {today} " in said
    assert "possible on 2 of 2 hosts" in said
    assert re.search(r"^Free: [0-9.]+ GiB \([0-9]+%\), [0-9]+% of inodes on web1, web2$", said, re.MULTILINE)
    assert look(project, "status")["rollback"] == first


@pytest.mark.parametrize("number", [9, *further(8)])
def test_many_equal_hosts_share_a_row_on_a_screen_and_none_in_json(make_project: MakeProject, number: int) -> None:
    project = make_project(number)
    deploy(project)
    set_live(project, "web4", "20200101000000")
    rows = [re.split(" {2,}", row.strip())[:2] for row in project.doit("cap", "status").failed(3).out.splitlines()]
    live = look(project, "status", code=3)["hosts"]
    assert len(live) == number
    if number == 9:
        assert rows[1:3] == [["web1, web2 and 6 more", live[0]["live"]], ["web4", "broken"]]
    else:
        assert [host for host, _ in rows[1:9]] == [host["host"] for host in live]


def test_the_reason_of_a_failure_is_wrapped_between_words(project: Project, env: dict[str, str]) -> None:
    command = "echo " + "word-with-sixty-letters-" * 2 + " and more words of a very long command; exit 3"
    write_command_hook(project, "after('updated')", command)
    project.doit("deploy:production").failed()
    said = project.doit("cap", "status").out
    (sentence,) = (line for line in said.splitlines() if line.startswith("The last deploy failed"))
    assert "exit status 3" in sentence
    with Terminal(project, env, "cap", "status") as terminal:
        shown = terminal.look_for("Free:")
    assert set(sentence.split()) <= set(shown.split())


@pytest.mark.extended("detail")
def test_status_exits_3_and_names_the_host_that_lacks_a_release(project: Project) -> None:
    first, _ = deploy(project), deploy(project)
    shutil.rmtree(project.deploy_to("web2") / "releases" / first)
    said = project.doit("cap", "status").failed(3).out
    assert f"The hosts differ: {first} is not on web2." in said
    assert look(project, "status", code=3)["differences"] == [f"{first} is not on web2"]


@pytest.mark.extended("detail")
def test_a_rollback_goes_to_the_target_that_status_showed(project: Project) -> None:
    deploy(project)
    deploy(project)
    said = look(project, "status")["rollback"]
    project.doit("rollback:production", check=True)
    assert [project.current(host) for host in project.hosts] == [said, said]


def test_status_exits_3_when_hosts_have_different_live_releases(project: Project) -> None:
    first, second = deploy(project), deploy(project)
    set_live(project, "web2", first)
    said = project.doit("cap", "status").failed(3).out
    assert f"The hosts differ: {second} is live on web1; {first} is live on web2." in said
    assert [host["live"] for host in look(project, "status", code=3)["hosts"]] == [second, first]


def test_status_exits_3_and_shows_the_other_hosts_when_one_is_unreachable(project: Project) -> None:
    live = deploy(project)
    unreachable(project, "far")
    said = lines(project.doit("cap", "status").failed(3))
    assert ["web1", live] in [row[:2] for row in said]
    assert ["far:", "cannot", "connect:"] in [row[:3] for row in said]


@pytest.mark.parametrize(
    "words",
    [
        ["cap", "status"],
        ["cap", "releases"],
        *further(
            ["cap", "history"],
            ["cap", "pending"],
            ["cap", "verify"],
            ["cap", "doctor"],
            ["cap", "exec", "uptime"],
            ["cap", "recipes", "--diff"],
            ["deploy", "dry_run=yes"],
            ["rollback", "dry_run=yes"],
            ["drill:production"],
            ["check"],
        ),
    ],
    ids=" ".join,
)
def test_commands_exit_1_with_one_line_per_host_when_none_is_reachable(project: Project, words: list[str]) -> None:
    far = {"hostname": "127.0.0.1", "port": 1, "ssh_options": ["ConnectTimeout=3"]}
    hosts = {name: {**far, "deploy_to": f"/srv/{name}"} for name in ("far1", "far2")}
    project.config(stages={"production": {"hosts": hosts}})
    out = project.doit(*words).failed(1).out
    assert re.findall(r"^ *(far[12](?:, far2)?): cannot connect", out, re.MULTILINE) in (
        ["far1", "far2"],
        ["far1, far2"],
    ), out


def test_status_names_the_holder_of_the_lock(project: Project) -> None:
    deploy(project)
    (project.deploy_to("web1") / ".capdoit/lock").write_text(LOCK)
    said = project.doit("cap", "status", check=True).out
    assert "web1: locked by deploy by ann from laptop since 2026-11-25 18:00 UTC (prices)" in said
    assert "web2: locked" not in said


@pytest.mark.extended("detail")
def test_status_asks_only_the_selected_hosts(project: Project) -> None:
    assert [host["host"] for host in look(project, "status", "hosts=web2")["hosts"]] == ["web2"]


@pytest.mark.extended("detail")
def test_status_changes_nothing(make_project: MakeProject) -> None:
    project = make_project(1, linked_files_exist=False)
    look(project, "status")
    assert not project.deploy_to("web1").exists()


@pytest.mark.extended("detail")
def test_status_takes_the_stage_as_word_or_variable(project: Project) -> None:
    stages = {name: {"hosts": project.hosts} for name in ("a", "b")}
    project.config(stages=stages)
    assert look(project, "status", "a")["stage"] == "a"
    assert look(project, "status", "stage=b")["stage"] == "b"
    assert "which stage" in project.doit("cap", "status").failed(3).out


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_status_works_over_ssh(make_project: MakeProject) -> None:
    project = make_project(2, ssh=True)
    live = deploy(project)
    assert [host["live"] for host in look(project, "status")["hosts"]] == [live, live]


def test_status_reports_a_last_flow_that_failed(project: Project) -> None:
    live = deploy(project)
    write_command_hook(project, "after('updated')", "exit 4", name="boom")
    project.doit("deploy:production").failed(1)
    said = project.doit("cap", "status", check=True).out
    assert re.search(
        r"^The last deploy failed \(in boom: web1, web2: exit 4: .*\); \d{14} is not live\.$", said, re.MULTILINE
    ), said
    assert look(project, "status")["hosts"][0]["live"] == live
