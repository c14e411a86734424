"""Hosts that flip and whose answer the controller does not hear."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.network import Network
from tests.support import MakeProject, deploy, replace_programs, wait_for

pytestmark = [pytest.mark.ssh, pytest.mark.extended("variant")]
HOSTS = ("web1", "web2", "web3")
PROGRAMS = os.environ["PATH"]
# The flip on a host: the file `flipped` exists behind it, and its script does not go on.
FLIPS_AND_WAITS = '/bin/mv "$@"\ncase $* in *next/current*) : >{mark}; exec sleep 60 ;; esac'
# The flip on a host whose whole session then stops.
FLIPS_AND_FREEZES = """\
/bin/mv "$@"
case $* in
    *next/current*)
        pids=$(ps -o pid= -s $(ps -o sid= -p $$))
        echo $pids >{mark}.new
        /bin/mv {mark}.new {mark}
        setsid sh -c "kill -STOP $(echo $pids)" 2>/dev/null
        ;;
esac
"""


@pytest.fixture
def project(make_project: MakeProject, network: Network) -> Project:
    return make_project(3, ssh=True, ssh_config=str(network.ssh_config), ssh_options=["ConnectTimeout=2"])


def replace_mv(project: Project, host: str, script: str) -> Path:
    """Replace mv on a host, and return the file that exists once the host has flipped."""
    mark = project.path / f"flipped-{host}"
    replace_programs(project, host, mv=script.format(mark=mark))
    return mark


def restore_mv(project: Project, host: str) -> None:
    (project.path / f"tools-{host}/mv").unlink()


def live(project: Project) -> set[str | None]:
    return {project.current(host) for host in HOSTS}


def test_a_host_that_refuses_connections_for_a_while_after_its_flip_is_flipped_back(
    project: Project, network: Network
) -> None:
    first = deploy(project)
    flipped = replace_mv(project, "web2", FLIPS_AND_WAITS)
    with project.start("deploy:production") as flow:
        wait_for(60, flipped.exists)
        restore_mv(project, "web2")
        network.reset("web2")
        time.sleep(3)
        network.repair("web2")
        out, _ = flow.communicate(timeout=60)
    assert flow.returncode == 1
    assert "What is live was not changed." in out
    assert live(project) == {first}, out


def test_a_host_whose_session_freezes_after_its_flip_is_flipped_back(project: Project) -> None:
    first = deploy(project)
    frozen = replace_mv(project, "web2", FLIPS_AND_FREEZES)
    with project.start("deploy:production") as flow:
        wait_for(60, frozen.exists)
        restore_mv(project, "web2")
        out, _ = flow.communicate(timeout=60)
    for pid in map(int, frozen.read_text().split()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert flow.returncode == 1
    assert "What is live was not changed." in out
    assert live(project) == {first}, out
    lock = project.deploy_to("web2") / ".capdoit/lock"
    assert subprocess.run(["flock", "-n", lock, "true"], check=False).returncode == 0
    assert lock.read_text().strip() == ""
