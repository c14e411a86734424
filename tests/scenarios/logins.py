"""Helpers for ssh servers that drop logins: several names of one server, and strangers that keep it busy."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from capdoit.testing import GitRepo, Project, SshdFleet
from tests.support import wait_for

ALIAS = """
Host {name}
    HostName 127.0.0.1
    Port {port}
    HostKeyAlias {name}
    {option}
    Include {directory}/common
"""
COMMON = """\
IdentityFile {keys}/user
IdentitiesOnly yes
UserKnownHostsFile {directory}/known_aliases
GlobalKnownHostsFile /dev/null
KexAlgorithms curve25519-sha256
"""


def add_aliases(fleet: SshdFleet, names: Mapping[str, str]) -> None:
    """Add names of one sshd, the last of the fleet, to its ssh_config: each with an option of ssh."""
    directory, host = fleet.ssh_config.parent, [*fleet.hosts.values()][-1]
    (directory / "common").write_text(COMMON.format(keys=directory / "keys", directory=directory))
    key = (directory / f"keys/{host.name}.pub").read_text()
    (directory / "known_aliases").write_text("".join(f"{name} {key}" for name in names))
    aliases = (
        ALIAS.format(name=name, port=host.port, option=option, directory=directory) for name, option in names.items()
    )
    fleet.ssh_config.write_text(fleet.ssh_config.read_text() + "".join(aliases))


def make_project_on(
    fleet: SshdFleet, path: Path, repo: GitRepo, env: Mapping[str, str], names: Mapping[str, str], **settings: Any
) -> Project:
    """Return a project whose hosts are names of one sshd, each with another deploy_to."""
    add_aliases(fleet, names)
    root = [*fleet.hosts.values()][-1].root
    hosts: dict[str, dict[str, Any]] = {name: {"roles": ["app"], "deploy_to": str(root / name)} for name in names}
    links: dict[str, Any] = {"linked_files": [], "linked_dirs": []}
    return Project(path, repo, env, hosts, {"ssh_config": str(fleet.ssh_config), **links, **settings})


def dropped(fleet: SshdFleet, name: str) -> int:
    """Return the number of connections that the sshd of a host dropped because of MaxStartups."""
    return fleet.hosts[name].log.read_text(errors="replace").count("drop connection")


@contextmanager
def busy(fleet: SshdFleet, name: str) -> Iterator[ExitStack]:
    """Open connections to the sshd of a host until it drops one; they end with the block, or with the stack."""
    with ExitStack() as connections:
        before = dropped(fleet, name)
        while dropped(fleet, name) == before:
            connections.enter_context(socket.create_connection(("127.0.0.1", fleet.hosts[name].port)))
            time.sleep(0.05)
        yield connections


def wait_until_dropped(fleet: SshdFleet, name: str, count: int) -> None:
    """Wait until the sshd of a host has dropped some more connections."""
    until = dropped(fleet, name) + count
    wait_for(60, lambda: dropped(fleet, name) >= until)
