"""A terminal on a host: the operator's own terminal, connected to a program there.

The program's script has secrets, and the command of ssh is an argument that all users see. So the terminal reads the
script from a named pipe, which the session of the connection offers.
"""

from __future__ import annotations

import secrets
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from capdoit.errors import HostError, Unreachable
from capdoit.hosts.deadline import find_passed
from capdoit.hosts.request import Request
from capdoit.hosts.ssh_command import ssh_arguments
from capdoit.process_tree import signal_tree
from capdoit.script import words
from capdoit.shell_scripts import render

if TYPE_CHECKING:
    from capdoit.config.stages import HostConfig
    from capdoit.hosts.connection import Connection
    from capdoit.script import Script

POLL_SECONDS = 0.1
STDIN = 0  # the file descriptor that the program on the terminal gets


def run_on_terminal(connection: Connection, script: Script) -> int:
    """Run a script on a host with this terminal, and return its exit status; only the main thread can.

    It ends early when the work of the connection is stopped, or its time is over.

    Raises:
        Unreachable: ssh is not installed.
        HostError: the host cannot be reached, or it has no named pipes.
    """
    with _offered(connection, script) as line:
        before = signal.signal(signal.SIGINT, _leave_to_child)
        try:
            with _kept_modes():
                return _run(connection, line)
        finally:
            signal.signal(signal.SIGINT, before)


def terminal_command(config: HostConfig, line: str) -> list[str]:
    """Return the command that connects this terminal to a host.

    Args:
        config: settings of the host.
        line: the command line there. The user's login shell reads it, which may be any shell.
    """
    return ["sh", "-c", line] if config.transport != "ssh" else ["ssh", "-t", *ssh_arguments(config), line]


def _run(connection: Connection, line: str) -> int:
    try:
        with subprocess.Popen(terminal_command(connection.config, line)) as process:
            while process.poll() is None:
                if connection.stop or find_passed(connection.deadlines, time.monotonic()):
                    signal_tree(process.pid, signal.SIGHUP)  # as a terminal that goes away does
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_SECONDS)
            status = process.returncode
            return status if status >= 0 else 128 - status  # as a shell reports a program that a signal ended
    except FileNotFoundError:
        raise Unreachable(connection.name, "cannot connect: ssh is not installed on this machine") from None


@contextmanager
def _kept_modes() -> Iterator[None]:
    """Give the terminal its modes back: a program that is stopped leaves those of its line editor."""
    try:
        modes = termios.tcgetattr(STDIN)
    except termios.error:  # there is no terminal
        yield
        return
    try:
        yield
    finally:
        # The program may have left doit in the background, where SIGTTOU would stop it.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
        with suppress(termios.error):  # the terminal has gone
            termios.tcsetattr(STDIN, termios.TCSADRAIN, modes)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@contextmanager
def _offered(connection: Connection, script: Script) -> Iterator[str]:
    """Let a named pipe on the host have a script, and return the command line that reads and runs it."""
    folder = f"/tmp/capdoit-{secrets.token_hex(16)}"  # noqa: S108 - nobody can guess the name, and it must not exist
    values = {"folder": folder, "terminal_script": script.frame()}
    offer = connection.checked(Request(render("open a terminal", "hosts/terminal_offer", values), capture=True)).text
    try:
        yield f"exec {_make_become_command(connection.config)}sh -c {words([_make_reading_line(folder)])}"
    finally:
        with suppress(HostError):  # a session that ends takes its offer back
            if connection.is_alive:
                withdraw = render("close the terminal", "hosts/terminal_withdraw", {"offer": offer.strip()})
                connection.ask([Request(withdraw)])


def _make_reading_line(folder: str) -> str:
    return f'eval "$(cat {folder}/script)"'


def _make_become_command(config: HostConfig) -> str:
    """Return the words before a command that must run as another user; sudo asks for a password on the terminal."""
    return f"sudo -H -u {config.become} -- " if config.become else ""


def _leave_to_child(_: int, __: FrameType | None) -> None:
    """Ignore Ctrl-C here. Unlike SIG_IGN, a handler is not inherited by the program on the terminal."""
