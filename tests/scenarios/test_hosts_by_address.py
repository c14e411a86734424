"""Hosts that people write as addresses, in deploy.yml and on the command line, on real ssh servers."""

from __future__ import annotations

import getpass
import json
import re
import sys
from pathlib import Path

import pytest

from capdoit.testing import Project, SshdFleet
from capdoit.text import join_names
from tests.support import unwrap
from tests.typist import Typist

pytestmark = pytest.mark.ssh


@pytest.fixture
def addresses(ssh_project: Project, sshds: SshdFleet, tmp_path: Path) -> list[str]:
    """Return the addresses of two hosts of the project, which differ only in their ports."""
    config = tmp_path / "ssh_config"
    options = [line for line in sshds.ssh_config.read_text().splitlines() if not re.match(" *(Host|Port|User) ", line)]
    config.write_text("\n".join(["Host 127.0.0.1", *options, ""]))
    servers = [*sshds.hosts.values()][:2]
    found = [f"{getpass.getuser()}@127.0.0.1:{server.port}" for server in servers]
    trees = [host["deploy_to"] for host in ssh_project.hosts.values()]
    hosts = {address: {"deploy_to": tree} for address, tree in zip(found, trees, strict=False)}
    ssh_project.config(stages={"production": {"hosts": hosts}}, ssh_config=str(config))
    return found


def test_hosts_that_differ_only_in_their_ports_are_deployed_to_by_name_and_by_address(
    ssh_project: Project, addresses: list[str]
) -> None:
    first, second = (address.partition("@")[2] for address in addresses)
    ssh_project.doit("deploy:production", check=True)
    status = ssh_project.doit("cap", "status", "--json", check=True).out
    assert [f'"{name}"' in status for name in (first, second)] == [True, True]
    json.loads(status)
    for name in (addresses[1], second):
        said = ssh_project.doit("cap", "exec", f"hosts={name}", "--", "echo", "here", check=True).out
        assert f"{second}" in said
        assert first not in said
    said = unwrap(ssh_project.doit("check:production", "hosts=127.0.0.1").failed().out)
    assert f"no host 127.0.0.1 in stage production; there are {join_names(sorted((first, second)))}" in said
    said = unwrap(ssh_project.doit("check:production", f"hosts=nobody@{first}").failed().out)
    assert f"no host nobody@{first} in stage production" in said


def test_an_address_names_the_host_of_a_terminal(
    ssh_project: Project, addresses: list[str], env: dict[str, str]
) -> None:
    ssh_project.doit("deploy:production", check=True)
    command = [sys.executable, "-m", "doit", "cap", "ssh", addresses[1]]
    with Typist(command, ssh_project.path, {"PS1": "$ ", **env}, (30, 100)) as typist:
        typist.type("echo port ${SSH_CONNECTION##* }\n")
        typist.wait_for(f"port {addresses[1].rpartition(':')[2]}\n")
        typist.type("exit\n")
        assert typist.wait_for_end() == 0
