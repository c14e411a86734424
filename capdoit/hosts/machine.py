"""The machines of plumbum: the processes of sessions on this one, and the machine of a host for hooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from capdoit.errors import Unreachable
from capdoit.hosts.pipes import Process
from capdoit.hosts.ssh_command import ssh_options

if TYPE_CHECKING:
    from capdoit.config.stages import HostConfig


def start_process(host: str, command: Sequence[str]) -> Process:
    """Start a program of this machine as the leader of a process group, with pipes as its three streams.

    Args:
        host: name of the host that the program connects to, for the error.
        command: the program and its arguments.

    Raises:
        Unreachable: the program is not installed.
    """
    from plumbum import CommandNotFound, local

    program, *arguments = command
    try:
        found = local[program][arguments]
    except CommandNotFound:
        raise Unreachable(host, f"cannot connect: {program} is not installed on this machine") from None
    return cast(Process, found.popen(new_session=True, bufsize=0))


def make_machine(config: HostConfig) -> Any:
    """Return the plumbum machine of a host: a new ``SshMachine``, with a separate connection, or ``local``."""
    from plumbum import SshMachine, local

    if config.transport == "local":
        return local
    options = ssh_options(config)
    return SshMachine(config.hostname, config.user, config.port, ssh_opts=options, scp_opts=options)
