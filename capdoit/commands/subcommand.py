"""The description of a subcommand of `doit cap`. Usage text, checks and completion are made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from capdoit.commands.command_request import CommandRequest

T = TypeVar("T")
SELECTION = ("stage", "hosts", "roles")  # the variables that select a stage and its hosts


@dataclass(frozen=True)
class Flag:
    """An option without a value.

    Attributes:
        name: the name after ``--``.
        help: one line.
    """

    name: str
    help: str


@dataclass(frozen=True)
class ValueOption(Generic[T]):
    """An option with a value.

    Attributes:
        name: the name after ``--``.
        help: one line.
        parse: makes the value from its text, or raises `ConfigError`.
        short: the letter after ``-``; empty if there is none.
        is_variable: whether ``--NAME VALUE`` is another way to write the variable ``NAME=VALUE``.
    """

    name: str
    help: str
    parse: Callable[[str], T]
    short: str = ""
    is_variable: bool = False


Option = Flag | ValueOption[Any]
ExitStatus = tuple[int, str]  # a number, and when a command exits with it: "some hosts did not answer"
JSON = Flag("json", "print the answer as JSON")


@dataclass(frozen=True)
class Subcommand:
    """A subcommand of `doit cap`. Each module of a subcommand exports one as ``COMMAND``.

    Attributes:
        name: the word after ``doit cap``.
        help: one line that starts with a verb.
        run: carries the command out and returns its exit status.
        words: the positional words as the usage text shows them: ``[STAGE]``.
        options: the options that the command takes.
        variables: the variables (NAME=VALUE) that the command uses; it refuses all others.
        description: what else an operator has to know.
        exit_statuses: the exit statuses other than 0.
    """

    name: str
    help: str
    run: Callable[[CommandRequest], int]
    words: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    variables: tuple[str, ...] = ()
    description: str = ""
    exit_statuses: tuple[ExitStatus, ...] = ()

    def takes(self, option: Option) -> bool:
        """Check whether the command takes an option."""
        return option in self.options
