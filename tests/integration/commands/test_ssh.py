"""`doit cap ssh`: real terminals on real ssh servers and on this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from capdoit.shell_scripts import render
from capdoit.testing import Project, SshdFleet
from capdoit.testing.processes import find_processes_with_home
from tests.support import deploy, find_sleeping, further, unique_seconds, wait_for
from tests.typist import Typist

VALUE = "s3cr3t'value"
FOLDER = re.compile(r"capdoit-[0-9a-f]{32}")


def open_ssh(project: Project, env: dict[str, str], *words: str) -> Typist:
    """Type `doit cap ssh` on a terminal. The shell of local hosts is dash, which reads no start-up file."""
    env = {"SHELL": "/bin/sh", "PS1": "$ ", **env}
    return Typist([sys.executable, "-m", "doit", "cap", "ssh", *words], project.path, env, (30, 100))


def set_environment(project: Project) -> None:
    """Give the stage a variable and a secret."""
    text = json.dumps(project.settings)
    settings = '{default_env: {GREETING: "hello you", PATH: "/opt/shop/bin:$PATH", TOKEN: !env TOKEN},'
    (project.path / "deploy.yml").write_text(settings + text[1:])


def find_in_arguments(text: str) -> list[str]:
    """Return the command lines of processes that contain a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended
            continue
        found += [line] if text in line else []
    return found


@pytest.mark.ssh
def test_the_terminal_is_in_current_with_the_environment_of_the_stage(
    ssh_project: Project, sshds: SshdFleet, env: dict[str, str]
) -> None:
    release = deploy(ssh_project)
    set_environment(ssh_project)
    with open_ssh(ssh_project, {**env, "TOKEN": VALUE}, "production", "web2") as typist:
        typist.wait_for(f"web2: release {release}")
        typist.type("echo is $PWD, $GREETING, ${#TOKEN}, ${PATH%%:*}; stty size\n")
        typist.wait_for(f"is {ssh_project.deploy_to('web2')}/current, hello you, {len(VALUE)}, /opt/shop/bin")
        typist.wait_for("\n30 100\n")
        assert find_in_arguments(VALUE) == []
        wait_for(60, lambda: not [name for name in os.listdir("/tmp") if FOLDER.fullmatch(name)])
        typist.type("exit 7\n")
        assert typist.wait_for_end() == 7
    wait_for(60, lambda: not find_processes_with_home([sshds.hosts["web2"].home]))
    log = (ssh_project.path / "log/capdoit.log").read_text()
    assert re.search("ssh.*web2", log)
    assert not re.search("s3cr3t|value", log.partition("cap ssh")[2] or log)


def test_without_a_name_the_primary_host_is_chosen(project: Project, env: dict[str, str]) -> None:
    project.hosts["web2"]["primary"] = True
    project.config()
    with open_ssh(project, env) as typist:
        typist.wait_for("web2: nothing is live in")
        typist.type("exit\n")
        assert typist.wait_for_end() == 0


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    ("words", "host"),
    [(["web2"], "web2"), (["--hosts", "web2"], "web2"), (["production", "--roles", "db"], "db1"), ([], "web1")],
)
def test_the_host_is_named_or_selected(project: Project, env: dict[str, str], words: list[str], host: str) -> None:
    db = {"transport": "local", "deploy_to": "hosts/db1", "roles": ["db"]}
    project.config(stages={"production": {"hosts": {**project.hosts, "db1": db}}})
    with open_ssh(project, env, *words) as typist:
        typist.wait_for(f"{host}: nothing is live in")


@pytest.mark.extended("detail")
def test_ctrl_c_reaches_the_program_on_the_terminal_and_not_doit(project: Project, env: dict[str, str]) -> None:
    deploy(project)
    with open_ssh(project, env) as typist:
        typist.wait_for("web1: release")
        seconds = unique_seconds(project)
        typist.type(f"sleep {seconds}\n")
        wait_for(60, lambda: find_sleeping(seconds))
        typist.type("\x03")
        typist.type("echo st''ill here; exit 3\n")
        typist.wait_for("still here")
        assert typist.wait_for_end() == 3
    assert "interrupted" not in typist.text


def test_the_first_part_of_the_name_of_a_host_is_answered_with_the_name(project: Project) -> None:
    hosts = {f"{name}.shop.test": settings for name, settings in project.hosts.items()}
    project.config(stages={"production": {"hosts": hosts}})
    out = project.doit("cap", "ssh", "web2").failed(3).out
    assert "no stage and no host is named web2; did you mean web2.shop.test?" in out


MISTAKES = [
    (["nowhere"], "no stage and no host is named nowhere; stages: production, staging; hosts: web1, web2"),
    (["prodution"], "no stage and no host is named prodution; did you mean production?"),
    *further(
        (["wbe2"], "no stage and no host is named wbe2; did you mean web2?"),
        (["production", "wbe2"], "did you mean web2?"),
        (["web1", "production"], "no stage web1"),
        (["production", "web1", "web2"], "expected at most a stage and a host"),
        (["web1", "hosts=web2"], "which host, web1 or hosts=web2?"),
        (["production", "stage=staging"], "which stage, production or stage=staging?"),
    ),
]


@pytest.mark.parametrize(("words", "answer"), MISTAKES)
def test_a_mistyped_stage_or_host_is_refused(
    project: Project, env: dict[str, str], words: list[str], answer: str
) -> None:
    project.config(stages={name: {"hosts": project.hosts} for name in ("production", "staging")})
    with open_ssh(project, env, *words) as typist:
        assert typist.wait_for_end() == 3
    assert answer in typist.text.replace("\n", "")


@pytest.mark.extended("detail")
def test_without_a_terminal_exec_is_suggested(project: Project) -> None:
    said = project.doit("cap", "ssh").failed(3).out
    assert "ssh needs a terminal; for a command: doit cap exec --hosts web1 -- COMMAND" in said


@pytest.mark.extended("detail")
def test_a_host_that_cannot_be_reached_is_named_with_the_reason(project: Project, env: dict[str, str]) -> None:
    far = {"hostname": "127.0.0.1", "port": 1, "deploy_to": "/srv/shop"}
    project.config(stages={"production": {"hosts": {"far": far}}})
    with open_ssh(project, env) as typist:
        assert typist.wait_for_end() == 3
    assert "far: cannot connect: " in typist.text
    assert "Traceback" not in typist.text


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_terminal_that_goes_away_leaves_no_process(
    ssh_project: Project, sshds: SshdFleet, env: dict[str, str]
) -> None:
    deploy(ssh_project)
    with open_ssh(ssh_project, env) as typist:
        typist.wait_for("web1: release")
        typist.type("sleep 1000\n")
        typist.hang_up()
    wait_for(60, lambda: not find_processes_with_home([sshds.hosts["web1"].home]))


@pytest.mark.extended("variant")
@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "ash"]], ids=" ".join)
def test_an_offered_script_that_nobody_reads_leaves_nothing(tmp_path: Path, shell: list[str]) -> None:
    folder = tmp_path / "offer"
    offer = render("", "hosts/terminal_offer", {"folder": str(folder), "terminal_script": VALUE}).frame()
    with subprocess.Popen([*shell, "-c", offer], start_new_session=True, stdout=subprocess.DEVNULL) as process:
        assert process.wait(60) == 0
        assert folder.stat().st_mode & 0o777 == 0o700
        os.killpg(process.pid, signal.SIGTERM)
        wait_for(60, lambda: not folder.exists())


@pytest.mark.extended("variant")
@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "ash"]], ids=" ".join)
def test_an_offer_that_is_withdrawn_leaves_nothing(tmp_path: Path, shell: list[str]) -> None:
    folder = tmp_path / "offer"
    offer = render("", "hosts/terminal_offer", {"folder": str(folder), "terminal_script": VALUE}).frame()
    pid = subprocess.run([*shell, "-c", offer], check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    withdraw = render("", "hosts/terminal_withdraw", {"offer": pid}).frame()
    for _ in range(2):  # the second one finds nothing
        subprocess.run([*shell, "-c", withdraw], check=True, timeout=60)
    wait_for(60, lambda: not folder.exists())
    wait_for(60, lambda: find_in_arguments(str(folder)) == [])
