"""Hosts that have flipped and hear no confirmation: they go back by themselves, and doubt ends with the session."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import Any

import pytest

from capdoit.testing import DODO, Project
from capdoit.testing.invariants import find_violations
from tests.network import SHORT_WAITS, SSH_WAITS, Network
from tests.support import MakeProject, deploy, further, hold_up_flip, is_free, let_flip, wait_for

pytestmark = [pytest.mark.ssh, pytest.mark.extended("variant")]
HOSTS = ("web1", "web2", "web3")
# A host that is lost after it has answered and before it hears the confirmation.
LOSES_WEB2 = """
import importlib, os, signal
from capdoit.hosts.connection import Connection
revoke = Connection.revoke_loss_script

def lose(connection, restore=None):
    if connection.name == "web2" and restore and not os.path.exists("lost"):
        open("lost", "w").close()
        os.kill({relay}, signal.{how})
        process = connection._session._pipes._process
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    revoke(connection, restore)

Connection.revoke_loss_script = lose
"""


@pytest.fixture
def project(make_project: MakeProject, network: Network) -> Project:
    project = make_project(3, ssh=True, ssh_config=str(network.ssh_config), ssh_options=SSH_WAITS)
    project.dodo(DODO + SHORT_WAITS)
    return project


def live(project: Project, hosts: tuple[str, ...] = HOSTS) -> set[str | None]:
    return {project.current(host) for host in hosts}


def journal(project: Project, host: str) -> list[dict[str, Any]]:
    text = (project.deploy_to(host) / ".capdoit/journal").read_text()
    return [json.loads(line) for line in text.splitlines()]


def start_half_of_a_publish(project: Project, *command: str, before: str | None) -> subprocess.Popen[str]:
    """Start a flow, and wait until web1 and web3 have flipped and web2 has not."""
    held_up = hold_up_flip(project, "web2")
    flow = project.start(*command)
    wait_for(60, lambda: held_up.exists() and before not in live(project, ("web1", "web3")))
    return flow


@pytest.mark.parametrize("flow", ["deploy", "rollback", "first deploy"])
def test_hosts_go_back_when_the_controller_is_killed_in_the_middle_of_a_publish(project: Project, flow: str) -> None:
    releases = [] if flow == "first deploy" else [deploy(project), deploy(project)]
    before = releases[-1] if releases else None
    command = "rollback:production" if flow == "rollback" else "deploy:production"
    with start_half_of_a_publish(project, command, before=before) as process:
        process.kill()
        process.communicate()
    wait_for(10, lambda: all(is_free(project, host) for host in HOSTS))
    let_flip(project, "web2")

    assert live(project) == {before}
    for host in ("web1", "web3"):
        assert journal(project, host)[-1]["event"] == "back"
        assert journal(project, host)[-1]["unconfirmed"] == "yes"
    assert all(entry["event"] != "back" for entry in journal(project, "web2"))
    assert not [line for line in find_violations(project, may_be_empty=True) if "still running" in line]
    assert "was interrupted (died)" in project.doit("cap", "status").out
    history = json.loads(project.doit("cap", "--json", "history").ok().out)["history"][0]
    others = {} if flow == "rollback" else {"web2": "not live"}  # its journal has no line of this rollback yet
    assert history["results"] == {**dict.fromkeys(("web1", "web3"), "undone (connection lost)"), **others}
    after = deploy(project)
    assert live(project) == {after}
    if releases:
        project.doit("rollback:production").ok()
        assert live(project) == {before}


def test_hosts_go_back_when_the_controller_loses_the_network_in_the_middle_of_a_publish(
    project: Project, network: Network
) -> None:
    first = deploy(project)
    with start_half_of_a_publish(project, "deploy:production", before=first) as process:
        for host in HOSTS:
            network.lose(host)
        out, _ = process.communicate(timeout=60)
        wait_for(20, lambda: live(project) == {first})
    let_flip(project, "web2")
    assert "It is not known what is live on web1, web2, web3." in out
    assert "goes back by itself within half a minute" in out
    for host in HOSTS:
        network.repair(host)
    assert live(project) == {first}
    assert live(project) == {first} != {deploy(project)} == live(project)


@pytest.mark.parametrize("signal_", [signal.SIGINT, *further(signal.SIGTERM)])
def test_ctrl_c_in_the_middle_of_a_publish_leaves_all_hosts_as_they_were(
    project: Project, signal_: signal.Signals
) -> None:
    first = deploy(project)
    with start_half_of_a_publish(project, "deploy:production", before=first) as process:
        process.send_signal(signal_)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "What is live was not changed." in out
    assert live(project) == {first}


def test_a_release_stays_live_when_the_controller_is_killed_after_the_publish(project: Project) -> None:
    first, mark = deploy(project), project.path / "published"
    project.dodo(f"""{DODO}{SHORT_WAITS}
@cap.after('published', once=True)
def slow(hosts):
    open({str(mark)!r}, 'w').close()
    hosts[0].run('sleep 60')
""")
    with project.start("deploy:production") as process:
        wait_for(60, mark.exists)
        process.kill()
        process.communicate()
    wait_for(10, lambda: all(is_free(project, host) for host in HOSTS))
    assert first not in live(project)
    assert len(live(project)) == 1


def test_a_change_by_hand_after_the_flip_stays_when_the_session_is_lost(project: Project) -> None:
    first, second = deploy(project), deploy(project)
    with start_half_of_a_publish(project, "deploy:production", before=second) as process:
        current = project.deploy_to("web1") / "current"
        os.symlink(project.deploy_to("web1") / "releases" / first, current.with_name("by-hand"))
        os.replace(current.with_name("by-hand"), current)
        process.kill()
        process.communicate()
    wait_for(10, lambda: all(is_free(project, host) for host in HOSTS))
    assert [project.current(host) for host in HOSTS] == [first, second, second]
    assert journal(project, "web1")[-1]["event"] != "back"


def test_a_host_that_is_lost_before_it_hears_the_confirmation_is_flipped_again(
    project: Project, network: Network
) -> None:
    first = deploy(project)
    relay = network.relay_pid("web1")  # SIGCONT changes nothing
    project.dodo(DODO + SHORT_WAITS + LOSES_WEB2.format(relay=relay, how="SIGCONT"))
    done = project.doit("deploy:production").ok()
    (second,) = live(project)
    assert second != first
    why = "its connection was lost before the publish was confirmed, so it had gone back"
    assert f"warning: web2: {why}; {second} is live again" in done.out
    events = [entry["event"] for entry in journal(project, "web2")]
    assert events[events.index("back") - 2 :] == ["live", "noted", "back", "live", "noted", "finished"]
    status = json.loads(project.doit("cap", "--json", "status").ok().out)
    assert status["rollback"] == first
    project.dodo(DODO)
    project.doit("rollback:production").ok()
    assert live(project) == {first}


def test_a_flow_fails_when_a_host_cannot_be_asked_whether_it_heard_the_confirmation(
    project: Project, network: Network
) -> None:
    first = deploy(project)
    project.dodo(DODO + SHORT_WAITS + LOSES_WEB2.format(relay=network.relay_pid("web2"), how="SIGSTOP"))
    out = project.doit("deploy:production").failed().out
    network.repair("web2")
    second = project.current("web1")
    assert live(project, ("web1", "web3")) == {second} != {first}
    assert f"{second} is live on the other hosts." in out
    assert "It is not known what is live on web2." in out
    wait_for(10, lambda: project.current("web2") == first)
    status = project.doit("cap", "status").failed(3).out
    assert f"The hosts differ: {second} is live on web1, web3; {first} is live on web2" in status
    project.dodo(DODO)
    third = deploy(project)
    assert live(project) == {third}
