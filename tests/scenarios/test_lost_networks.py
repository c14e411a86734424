"""Networks that are lost during a flow, with connections of its own and with the user's shared connections."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.network import SHORT_WAITS, SSH_WAITS, Network, SharedConnection
from tests.support import deploy, wait_for, write_hooks

pytestmark = [pytest.mark.ssh, pytest.mark.extended("variant")]
HOSTS = ("web1", "web2", "web3")


@pytest.fixture
def shared_project(ssh_project: Project, network: Network) -> Iterator[Project]:
    """Return a project whose operator shares connections without keep-alive."""
    with tempfile.TemporaryDirectory(prefix="cm") as sockets:
        options = [f"ControlPath={sockets}/%n", *SSH_WAITS]
        ssh_project.config(ssh_config=str(network.ssh_config), ssh_options=options)
        shared = [SharedConnection(network.ssh_config, host, Path(sockets)) for host in HOSTS]
        yield ssh_project
        for connection in shared:
            connection.close()


def hang_in_updated(project: Project) -> Path:
    """Let deploys hang in a hook on web2, and return the file that exists from then on."""
    mark = project.path / "hangs"
    write_hooks(
        project,
        f"""
        @cap.after('updated')
        def wait(host):
            if host.name == 'web2':
                host.run("touch '{mark}'; sleep 300")
        """,
    )
    dodo = project.path / "dodo.py"
    dodo.write_text(dodo.read_text() + SHORT_WAITS)
    return mark


def deploy_until_lost(project: Project, lose: Callable[[str], None]) -> str:
    """Deploy, lose web2 while its hook hangs, and return what doit prints."""
    hangs = hang_in_updated(project)
    with project.start("deploy:production") as flow:
        wait_for(60, hangs.exists)
        lose("web2")
        out, _ = flow.communicate(timeout=30)
    assert flow.returncode == 1
    assert "the connection was lost: nothing was heard from the host for 4 s" in out
    return out


def test_a_flow_over_a_shared_connection_ends_when_the_network_is_lost(
    shared_project: Project, network: Network
) -> None:
    project, first = shared_project, deploy(shared_project)
    deploy_until_lost(project, network.lose)
    assert {project.current(host) for host in HOSTS} == {first}


@pytest.mark.parametrize("seconds", [0.0, 3.0], ids=["at once", "when the host is silent"])
def test_ctrl_c_ends_a_flow_whose_shared_connection_has_lost_the_network(
    shared_project: Project, network: Network, seconds: float
) -> None:
    project, first = shared_project, deploy(shared_project)
    hangs = hang_in_updated(project)
    with project.start("deploy:production") as flow:
        wait_for(60, hangs.exists)
        network.lose("web2")
        time.sleep(seconds)
        flow.send_signal(signal.SIGINT)
        out, _ = flow.communicate(timeout=20)
    assert flow.returncode == 1
    assert "Ctrl-C" in out
    assert {project.current(host) for host in HOSTS} == {first}


def test_a_host_is_cleaned_up_past_a_dead_shared_connection(shared_project: Project, network: Network) -> None:
    project, first = shared_project, deploy(shared_project)
    out = deploy_until_lost(project, network.forget)
    assert "What is live was not changed." in out
    for host in HOSTS:
        assert project.releases(host) == [first], out
