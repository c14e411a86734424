"""The host as an interactive task sees it: its commands have the operator's terminal."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from capdoit.errors import Cancelled, HostError, TimedOut
from capdoit.hosts.deadline import Deadline, find_passed
from capdoit.hosts.host import Host
from capdoit.hosts.host_requests import command_name, terminal_script
from capdoit.hosts.terminal import run_on_terminal

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from capdoit.hosts.host_requests import Command, CommandOptions

SSH_FAILED = 255  # exit status of ssh itself


class TerminalHost(Host):
    """A host whose commands run on the operator's terminal.

    Args:
        host: the host as other functions get it.
    """

    def __init__(self, host: Host) -> None:
        super().__init__(host._connection, host._env, host._known)

    def run(self, command: Command, **options: Unpack[CommandOptions]) -> None:
        """Run a command on the terminal; arguments and errors as in `Host.run`."""
        connection = self._connection
        name = command_name(connection, command, options)
        with ExitStack() as stack:
            if timeout := options.get("timeout"):
                limit = Deadline.after(timeout, f"took longer than {timeout:g} s")
                stack.enter_context(connection.more_deadlines(limit))
            status = run_on_terminal(connection, terminal_script(connection, command, self._with_own_env(options)))
            if connection.stop:
                raise Cancelled(self.name, "stopped")
            if passed := find_passed(connection.deadlines, time.monotonic()):
                raise TimedOut(self.name, f"{name}: {passed.message} and was stopped")
        if status:
            lost = " (the connection failed, or the command ended so)" if status == SSH_FAILED else ""
            raise HostError(self.name, f"{name}: exit status {status}{lost}", name, status)
