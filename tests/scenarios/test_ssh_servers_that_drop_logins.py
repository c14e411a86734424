"""An ssh server drops connections when too many are not authenticated yet (MaxStartups, 10:30:100 by default).

Many hosts behind one jump host reach that number, and so do many directories of one server, and so do strangers that
try passwords. Here each sshd drops every connection from the eleventh on, so nothing depends on chance.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capdoit.testing import DODO, GitRepo, Project, SshdFleet
from tests.scenarios.logins import busy, dropped, make_project_on, wait_until_dropped
from tests.support import write_hooks

pytestmark = pytest.mark.ssh
MakeOn = Callable[..., Project]
# A short time in which dropped logins are tried again.
IMPATIENT = DODO + "\nimport capdoit.hosts.connection\ncapdoit.hosts.connection.RETRY_SECONDS = 1.0\n"
ENDS_SECONDS = 15.0  # retries would take longer


@pytest.fixture
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    """Yield a jump host, web1, and a host, web2; each drops the eleventh login."""
    with SshdFleet(tmp_path_factory.mktemp("fleet"), 2, max_startups="10:100:10").running() as fleet:
        yield fleet


@pytest.fixture
def make_on(fleet: SshdFleet, tmp_path: Path, git_repo: GitRepo, env: dict[str, str]) -> MakeOn:
    """Return a function that makes a project with N names of web2 as hosts, each with an option of ssh."""

    def make(count: int, option: str = "", **settings: object) -> Project:
        names = {f"app{n}": option for n in range(1, count + 1)}
        return make_project_on(fleet, tmp_path / "project", git_repo, env, names, **settings)

    return make


@pytest.mark.extended("detail")
def test_a_deploy_to_24_directories_of_one_server_makes_few_logins_at_a_time(make_on: MakeOn, fleet: SshdFleet) -> None:
    project = make_on(24)
    project.doit("deploy:production", check=True, timeout=240)
    assert len({project.current(host) for host in project.hosts} - {None}) == 1
    assert dropped(fleet, "web2") == 0


@pytest.mark.extended("variant")
@pytest.mark.parametrize(
    "route", ["ProxyJump web1", "ProxyJump web2,web1", "ProxyCommand ssh -F {config} -W [%h]:%p web1"]
)
def test_24_hosts_behind_one_jump_host_make_few_logins_at_a_time(make_on: MakeOn, fleet: SshdFleet, route: str) -> None:
    project = make_on(24, route.format(config=fleet.ssh_config))
    project.doit("cap", "exec", "true", "production", check=True, timeout=240)
    assert dropped(fleet, "web1") == dropped(fleet, "web2") == 0


def test_a_login_that_was_dropped_is_tried_again_with_a_message(make_on: MakeOn, fleet: SshdFleet) -> None:
    project = make_on(2)
    with busy(fleet, "web2") as strangers, project.start("deploy:production") as process:
        wait_until_dropped(fleet, "web2", 4)
        strangers.close()
        out, _ = process.communicate()
    assert process.returncode == 0, out
    for host in project.hosts:
        assert len(re.findall(rf"{host}: cannot connect: .*, before authentication; trying again", out)) == 1, out
        assert project.current(host)


@pytest.mark.extended("detail")
@pytest.mark.parametrize("command", ["status", "doctor", "history"])
def test_the_json_of_a_command_is_complete_while_logins_are_tried_again(
    make_on: MakeOn, fleet: SshdFleet, command: str, env: dict[str, str]
) -> None:
    project = make_on(1)
    words = [sys.executable, "-m", "doit", "cap", command, "production", "--json"]
    pipe = subprocess.PIPE
    with busy(fleet, "web2") as strangers:
        process = subprocess.Popen(words, cwd=project.path, env=env, stdout=pipe, stderr=pipe, text=True)
        wait_until_dropped(fleet, "web2", 2)
        strangers.close()
        out, errors = process.communicate()
    assert "before authentication; trying again" in errors
    assert isinstance(json.loads(out), dict)


@pytest.mark.extended("detail")
def test_hosts_that_drop_logins_are_not_left_out_as_unreachable(make_on: MakeOn, fleet: SshdFleet) -> None:
    project = make_on(1, max_failures=1)
    add_host(project, fleet, "web1")
    project.dodo(IMPATIENT)
    with busy(fleet, "web2"):
        done = project.doit("deploy:production").failed()
    assert "going on without" not in done.out
    assert re.search(r"app1: cannot connect: .* MaxStartups", done.out), done.out
    assert "Hint: The ssh server accepts connections and drops them. Too many log in at once (MaxStartups" in done.out
    assert project.current("web1") is project.current("app1") is None
    project.doit("deploy:production", check=True)


@pytest.mark.extended("detail")
def test_ctrl_c_ends_a_flow_whose_logins_are_dropped_at_once(make_on: MakeOn, fleet: SshdFleet) -> None:
    project = make_on(12)
    with busy(fleet, "web2"), project.start("deploy:production") as process:
        wait_until_dropped(fleet, "web2", 12)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, _ = process.communicate(timeout=60)
        assert time.monotonic() - began < ENDS_SECONDS, out
    assert process.returncode != 0
    assert "Traceback" not in out


@pytest.mark.extended("detail")
def test_a_timeout_of_the_flow_ends_the_wait_for_a_login(make_on: MakeOn, fleet: SshdFleet) -> None:
    project = make_on(2, timeout=2)
    with busy(fleet, "web2"):
        began = time.monotonic()
        done = project.doit("deploy:production").failed()
        assert time.monotonic() - began < ENDS_SECONDS, done.out
    assert "the flow took longer than its timeout, 2 s" in done.out


@pytest.mark.extended("detail")
def test_a_file_is_complete_when_its_first_login_was_dropped(make_on: MakeOn, fleet: SshdFleet, tmp_path: Path) -> None:
    """The upload is the first request of a host that gets no release."""
    project = make_on(1)
    project.hosts["app1"]["no_release"] = True
    add_host(project, fleet, "web1")
    content = bytes(range(256)) * 4000
    (tmp_path / "file").write_bytes(content)
    write_hooks(
        project,
        f"""
        @cap.before('starting', roles='app')
        def upload(host):
            host.upload({str(tmp_path / "file")!r}, {str(tmp_path / "copy")!r})
        """,
    )
    with busy(fleet, "web2") as strangers, project.start("deploy:production") as process:
        wait_until_dropped(fleet, "web2", 2)
        strangers.close()
        out, _ = process.communicate()
    assert process.returncode == 0, out
    assert (tmp_path / "copy").read_bytes() == content


@pytest.mark.extended("detail")
def test_few_hosts_need_no_question_about_their_routes(make_on: MakeOn, tmp_path: Path) -> None:
    project = make_on(8)
    calls = record_ssh(tmp_path)
    path = f"{calls.parent}:{os.environ['PATH']}"
    project.doit("cap", "exec", "true", "production", env={"PATH": path}, check=True)
    assert calls.read_text().split() == ["login"] * 8


# -- a quiet ssh


@pytest.mark.extended("detail")
def test_a_quiet_ssh_configuration_does_not_hide_why_a_login_failed(make_on: MakeOn, fleet: SshdFleet) -> None:
    project = make_on(1, "LogLevel QUIET")
    fleet.stop("web2")
    out = project.doit("deploy:production").failed().out
    assert "app1: cannot connect: ssh: connect to host 127.0.0.1 port" in out
    assert "Connection refused" in out


@pytest.mark.extended("detail")
def test_a_login_that_fails_without_a_message_says_what_hides_it(make_on: MakeOn, fleet: SshdFleet) -> None:
    project = make_on(1, ssh_options=["LogLevel=QUIET"])
    fleet.stop("web2")
    out = project.doit("deploy:production").failed().out
    assert "app1: cannot connect: ssh gave no reason (exit status 255); LogLevel=QUIET hides it" in out


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    ("stopped", "reason"), [("web1", "ssh: connect to host 127.0.0.1"), ("web2", "channel 0: open failed: connect")]
)
def test_a_host_behind_a_jump_host_is_unreachable_for_the_reason_that_the_jump_host_gave(
    make_on: MakeOn, fleet: SshdFleet, stopped: str, reason: str
) -> None:
    project = make_on(1, "ProxyJump web1")
    fleet.stop(stopped)
    out = project.doit("cap", "exec", "true", "production").failed().out
    assert f"app1: cannot connect: {reason}" in out
    assert "before authentication" not in out


def add_host(project: Project, fleet: SshdFleet, name: str) -> None:
    """Add the host of another sshd to a project."""
    project.hosts[name] = {"roles": ["web"], "deploy_to": str(fleet.hosts[name].root / "app")}
    project.config()


def record_ssh(directory: Path) -> Path:
    """Make an ssh that writes down each call, ``login`` or ``question``, in the file that is returned."""
    folder = directory / "recorded"
    folder.mkdir()
    calls, ssh = folder / "calls", shutil.which("ssh")
    ask = f'case "$*" in *" -G "* | "-G "*) echo question ;; *) echo login ;; esac >>{calls}'
    (folder / "ssh").write_text(f'#!/bin/sh\n{ask}\nexec {ssh} "$@"\n')
    (folder / "ssh").chmod(0o755)
    return calls
