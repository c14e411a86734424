"""Sources of values that deploy.yml does not contain itself: an environment variable, the output of a command.

A source gives its value when something uses it, and once per run: commands are not run twice.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from capdoit.errors import ValueUnavailable
from capdoit.text import join_names, make_printable, shorten

DEFAULT_TIMEOUT_SECONDS = 60
LONGEST_SHOWN_COMMAND = 60  # characters in a message


class PendingValue(Exception):
    """A value is needed that is not known yet.

    Args:
        source: its source.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source.tag)
        self.source = source


class Source(ABC):
    """The source of one value.

    Attributes:
        is_secret: whether the value is a secret wherever it is used.
        is_elsewhere: whether the value, or a part of it, is not in deploy.yml.
    """

    is_secret: bool = False
    is_elsewhere: bool = True

    @property
    @abstractmethod
    def name(self) -> str:
        """The variable or command, for people."""

    @property
    @abstractmethod
    def tag(self) -> str:
        """The value as deploy.yml has it, such as ``!env NAME``."""

    @property
    @abstractmethod
    def noun(self) -> str:
        """The value in messages, without the value itself."""

    @abstractmethod
    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Return the value if it is known already; None if it is not, and nothing is done to know it.

        Args:
            environment: environment variables of the controller.
        """

    def find_secret(self) -> str:
        """Return what is masked if the value is a secret; empty if the value is not known."""
        return self.find() or ""

    @abstractmethod
    def read(self) -> str:
        """Return the value.

        Raises:
            ValueUnavailable: there is none; the text follows the name of what needs it.
        """


@dataclass(frozen=True)
class EnvironmentVariable(Source):
    """An environment variable of the controller: ``!env NAME``.

    Attributes:
        variable: name of the variable.
        default: the value if the variable is not set; None if there is none.
    """

    variable: str
    default: str | None = None

    @property
    def name(self) -> str:
        """The name of the variable."""
        return self.variable

    @property
    def tag(self) -> str:
        """The value as deploy.yml has it."""
        return f"!env {self.name}"

    @property
    def noun(self) -> str:
        """The value in messages."""
        return f"the value of {self.name}"

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Return the value; None if the variable is not set and has no default."""
        return environment.get(self.variable, self.default)

    def find_secret(self) -> str:
        """Return the value of the variable; its default is no secret."""
        return os.environ.get(self.variable, "")

    def read(self) -> str:
        """Return the value; errors as in `Source.read`."""
        found = self.find()
        if found is None:
            raise ValueUnavailable(f"needs the environment variable {self.name}, which is not set")
        return found


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
class Question(Source):
    """An answer of the operator: ``!ask``. NAME=VALUE on the command line answers, or the operator on a terminal.

    Attributes:
        variable: the variable that answers.
        text: the question.
        default: the answer to take if the operator types none; None for no default.
    """

    variable: str
    text: str
    default: str | Source | None = None

    @property
    def name(self) -> str:
        """The variable, as it is typed."""
        return f"{self.variable}="

    @property
    def tag(self) -> str:
        """The value as deploy.yml has it."""
        return f"!ask {make_printable(self.text)}"

    @property
    def noun(self) -> str:
        """The value in messages."""
        return f"the value of {self.name}"

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:  # noqa: ARG002
        """Return the answer if there is one already."""
        if self.variable in _ANSWERS:
            _HEEDED.add(self.variable)
        return _ANSWERS.get(self.variable)

    def find_default(self) -> str:
        """Return the default; empty if there is none, or if it cannot be had."""
        try:
            return self.default.read() if isinstance(self.default, Source) else self.default or ""
        except ValueUnavailable:
            return ""

    def read(self) -> str:
        """Return the answer; errors as in `Source.read`."""
        found = self.find()
        if found is None:
            raise ValueUnavailable(f"needs an answer, and there is no terminal to ask on: add {self.variable}=VALUE")
        return found


_ANSWERS: dict[str, str] = {}  # of this run, by variable
_HEEDED: set[str] = set()  # the variables whose answers were used


def give_answers(answers: Mapping[str, str]) -> None:
    """Answer questions, by their variables. An answer that was given first stays."""
    for variable, answer in answers.items():
        _ANSWERS.setdefault(variable, answer)


def list_heeded_answers() -> frozenset[str]:
    """Return the variables whose answers were used."""
    return frozenset(_HEEDED)


def find_questions(source: Source) -> list[Question]:
    """Return the questions without an answer on which a value depends."""
    parts = [part for part in source.parts if isinstance(part, Source)] if isinstance(source, FilledText) else [source]
    return [part for part in parts if isinstance(part, Question) and part.find() is None]


@dataclass(frozen=True)
class FilledText(Source):
    """A text of deploy.yml with values in place of its references, such as ``%{stage}``.

    Attributes:
        text: the text as deploy.yml has it.
        parts: the parts of the text, and the sources of the parts that are not in deploy.yml.
    """

    text: str
    parts: tuple[str | Source, ...]

    @property
    def _sources(self) -> list[Source]:
        return [part for part in self.parts if isinstance(part, Source)]

    @property
    def is_secret(self) -> bool:  # type: ignore[override]
        """True if a part is a secret."""
        return any(source.is_secret for source in self._sources)

    @property
    def is_elsewhere(self) -> bool:  # type: ignore[override]
        """True if a part is not in deploy.yml."""
        return bool(self._sources)

    @property
    def name(self) -> str:
        """The names of the variables and commands."""
        return join_names(source.name for source in self._sources)

    @property
    def tag(self) -> str:
        """The value as deploy.yml has it."""
        return make_printable(self.text)

    @property
    def noun(self) -> str:
        """The value in messages."""
        return f"the value of {self.tag}"

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Return the text; None if one of its parts is not known."""
        found = [part.find(environment) if isinstance(part, Source) else part for part in self.parts]
        return None if None in found else "".join(map(str, found))

    def read(self) -> str:
        """Return the text; errors as in `Source.read`."""
        return "".join(part.read() if isinstance(part, Source) else part for part in self.parts)


@dataclass(frozen=True)
class ValueOfHosts(Source):
    """A value of ``vars`` that only hosts have, where a setting of the stage refers to it.

    Attributes:
        reference: the reference, such as ``vars.rack``.
    """

    reference: str

    @property
    def name(self) -> str:
        """The reference."""
        return self.reference

    @property
    def tag(self) -> str:
        """The value as deploy.yml has it."""
        return f"%{{{self.name}}}"

    @property
    def noun(self) -> str:
        """The value in messages."""
        return f"the value of {self.tag}"

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:  # noqa: ARG002
        """Return None: there is none for a stage."""
        return None

    def read(self) -> str:
        """Raise ValueUnavailable."""
        raise ValueUnavailable(f"needs {self.tag}, which only hosts have")


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
    with suppress(ProcessLookupError):
        (os.killpg if has_own_group else os.kill)(process, signal.SIGKILL)
