"""A terminal on a host: the operator's own terminal, connected to a program there."""

from __future__ import annotations

import signal
import subprocess
from types import FrameType
from typing import TYPE_CHECKING

from capdoit.errors import Unreachable
from capdoit.hosts.ssh_command import ssh_arguments

if TYPE_CHECKING:
    from capdoit.config.stages import HostConfig


def terminal_command(config: HostConfig, line: str) -> list[str]:
    """Return the command that connects this terminal to a host.

    Args:
        config: settings of the host.
        line: the command line there. The user's login shell reads it, which may be any shell.
    """
    return ["sh", "-c", line] if config.transport != "ssh" else ["ssh", "-t", *ssh_arguments(config), line]


def run_on_terminal(config: HostConfig, line: str) -> int:
    """Run a command line on a host with this terminal, and return its exit status; arguments as in `terminal_command`.

    Raises:
        Unreachable: ssh is not installed.
    """
    before = signal.signal(signal.SIGINT, _leave_to_child)
    try:
        status = subprocess.run(terminal_command(config, line), check=False).returncode
        return status if status >= 0 else 128 - status  # as a shell reports a program that a signal ended
    except FileNotFoundError:
        raise Unreachable(config.name, "cannot connect: ssh is not installed on this machine") from None
    finally:
        signal.signal(signal.SIGINT, before)


def _leave_to_child(_: int, __: FrameType | None) -> None:
    """Ignore Ctrl-C here. Unlike SIG_IGN, a handler is not inherited by the program on the terminal."""
