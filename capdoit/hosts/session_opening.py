"""The opening of a session: the terms of the next one, and the process that it talks to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit.errors import Unreachable
from capdoit.hosts.machine import start_process
from capdoit.hosts.session import LOOP, Session
from capdoit.hosts.ssh_command import ssh_arguments
from capdoit.script import words
from capdoit.shell_scripts import script_text

if TYPE_CHECKING:
    from capdoit.config.stages import HostConfig
    from capdoit.hosts.stream import Redact

BECOME = script_text("hosts/become")
# A host that has greeted before greets again within this time, or twice the time that it took.
REOPENING_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class SessionTerms:
    """The terms of a host's next session, as the sessions before it were lost.

    Attributes:
        may_share: use a shared connection (ControlMaster). False after a silent session: the shared connection may be
            dead, too.
        greeting_timeout_seconds: seconds that the host gets to greet; None for a host that has never greeted.
    """

    may_share: bool = True
    greeting_timeout_seconds: float | None = None

    def after(self, was_silent: bool, greeting_seconds: float) -> SessionTerms:
        """Return the terms after a session was lost.

        Args:
            was_silent: the host became silent, or did not greet.
            greeting_seconds: the time that the host took to greet; 0 if it did not.
        """
        known = self.greeting_timeout_seconds
        timeout = max(REOPENING_TIMEOUT_SECONDS, 2 * greeting_seconds, known or 0.0) if greeting_seconds else known
        return SessionTerms(self.may_share and not was_silent, timeout)


def open_session(config: HostConfig, terms: SessionTerms, on_greeting: Callable[[], None], redact: Redact) -> Session:
    """Return a new session with a host; arguments as in `Session`.

    Raises:
        Unreachable: ssh is not installed on this machine, or the password for sudo has a line break.
    """
    preface = _password_lines(config)
    process = start_process(config.name, session_command(config, terms.may_share))
    return Session(config.name, process, on_greeting, redact, terms.greeting_timeout_seconds, preface)


def _password_lines(config: HostConfig) -> str:
    """Return the lines that ``become.sh`` expects on stdin.

    Raises:
        Unreachable: the password has a line break.
    """
    if not (config.become and config.become_password):
        return ""
    password = config.become_password.reveal()
    if "\n" in password:
        raise Unreachable(config.name, "cannot connect: become_password has a line break")
    return f"{password}\n" * 2


def session_command(config: HostConfig, may_share: bool) -> list[str]:
    """Return the command of a session: a shell that runs the loop, or the ssh client that starts one.

    Args:
        config: settings of the host.
        may_share: use a shared connection (ControlMaster) if the user's settings have one.
    """
    loop = f"umask {config.umask}\n{LOOP}" if config.umask else LOOP
    becoming = ["sh", "-c", BECOME, "sh", config.become, loop, "password" if config.become_password else ""]
    shell = becoming if config.become else ["sh", "-c", loop]
    if config.transport != "ssh":
        return shell
    # The user's login shell reads this line. Every shell knows exec and single quotes.
    return ["ssh", "-T", *ssh_arguments(config, may_share), f"exec {words(shell)}"]
