"""Commands on the controller whose output is a value: ``!cmd COMMAND``, and ``!current``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from capdoit.errors import ValueUnavailable
from capdoit.process_tree import signal_tree
from capdoit.sources import Source
from capdoit.text import make_printable, shorten

DEFAULT_TIMEOUT_SECONDS = 60
LONGEST_SHOWN_COMMAND = 60  # characters in a message


@dataclass(frozen=True)
class ControllerCommand(Source):
    """The output of a command on the controller: ``!cmd COMMAND``. It is a secret.

    Attributes:
        command: the command, for sh.
        directory: the directory in which it runs, that of deploy.yml.
        timeout_seconds: time limit.
        is_secret: whether the output is masked everywhere.
    """

    command: str
    directory: str
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    is_secret: bool = True

    @property
    def name(self) -> str:
        """The command in one line, shortened."""
        return shorten(make_printable(self.command), LONGEST_SHOWN_COMMAND)

    @property
    def tag(self) -> str:
        """The value as deploy.yml has it."""
        return f"!cmd {make_printable(self.command)}"

    @property
    def noun(self) -> str:
        """The value in messages."""
        return f"the output of `{self.name}`"

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:  # noqa: ARG002
        """Return the output if the command has run; None if it has not, or has failed."""
        return _OUTCOMES[self].text if self in _OUTCOMES else None

    def read(self) -> str:
        """Run the command if it has not run yet, and return its output without line breaks at the end.

        Raises:
            ValueUnavailable: it failed, took too long, or printed nothing.
        """
        with _ONE_COMMAND:
            if self not in _OUTCOMES:
                _OUTCOMES[self] = self._run()
            outcome = _OUTCOMES[self]
        if outcome.text is None:
            raise ValueUnavailable(f"needs {self.noun}, which {outcome.reason}")
        return outcome.text

    @property
    def status(self) -> int:
        """The exit status if the command has run; 0 if it has not."""
        return _OUTCOMES[self].status if self in _OUTCOMES else 0

    def _run(self) -> CommandOutcome:
        import subprocess  # only where it is needed: `doit list` runs nothing

        # On a terminal the command stays in doit's group of processes, so that it can ask for a password there.
        has_own_group = sys.stdin is None or not sys.stdin.isatty()
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        shell = ["sh", "-c", self.command]
        try:
            with subprocess.Popen(shell, cwd=self.directory, start_new_session=has_own_group, **pipes) as process:
                try:
                    out, err = process.communicate(timeout=self.timeout_seconds)
                except BaseException:
                    _kill(process.pid, has_own_group)
                    raise
        except subprocess.TimeoutExpired:
            return CommandOutcome(None, f"took longer than {self.timeout_seconds} s")
        except OSError as error:
            return CommandOutcome(None, f"cannot be started: {error.strerror}")
        return _judge(process.returncode, out, err)


@dataclass(frozen=True)
class CurrentBranch(Source):
    """The branch that is checked out on the controller: ``!current``.

    Attributes:
        directory: a directory of the repository.
    """

    directory: str
    name = "the current branch"
    tag = "!current"
    noun = "the current branch"

    @property
    def _command(self) -> ControllerCommand:
        return ControllerCommand("git symbolic-ref --quiet --short HEAD", self.directory, is_secret=False)

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Return the branch if git was asked already."""
        return self._command.find(environment)

    def find_secrets(self) -> list[str]:
        """Return nothing: the name of a branch is not a secret."""
        return []

    def read(self) -> str:
        """Return the branch; errors as in `Source.read`."""
        command = self._command
        try:
            return command.read()
        except ValueUnavailable as error:
            reason = "HEAD is detached" if command.status == 1 else str(error).partition(", which ")[2]
            place = f"the branch that is checked out in {self.directory}"
            raise ValueUnavailable(f"needs {place}: {reason}; name a branch: branch=NAME") from None


@dataclass(frozen=True)
class CommandOutcome:
    """The outcome of a command on the controller.

    Attributes:
        text: its output; None if it cannot be used.
        reason: why it cannot be used.
        status: its exit status.
    """

    text: str | None
    reason: str = ""
    status: int = 0


_OUTCOMES: dict[ControllerCommand, CommandOutcome] = {}  # of this run
_ONE_COMMAND = threading.Lock()


def list_secret_outputs() -> list[str]:
    """Return the outputs of all commands of this run: they are masked everywhere."""
    outcomes = [*_OUTCOMES.items()]
    return [outcome.text for command, outcome in outcomes if outcome.text and command.is_secret]


def _judge(status: int, out: bytes, err: bytes) -> CommandOutcome:
    """Return the outcome of a command that has ended by itself."""
    if status:
        *_, last = err.decode("utf-8", "replace").strip().split("\n")
        reason = f"failed with exit status {status}{': ' if last else ''}{make_printable(last)}"
        return CommandOutcome(None, reason, status)
    try:
        text = out.decode("utf-8").rstrip("\n")
    except UnicodeDecodeError:
        return CommandOutcome(None, "is not UTF-8")
    if "\0" in text:
        return CommandOutcome(None, "has a NUL byte")
    return CommandOutcome(text) if text.strip() else CommandOutcome(None, "is empty")


def _kill(process: int, has_own_group: bool) -> None:
    if has_own_group:
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
    else:
        signal_tree(process, signal.SIGKILL)
