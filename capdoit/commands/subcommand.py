"""The description of a subcommand of `doit cap`. Usage text, checks and completion are made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
        short: the letter after ``-``; empty if there is none.
    """

    name: str
    help: str
    short: str = ""


@dataclass(frozen=True)
class ValueOption(Generic[T]):
    """An option with a value.

    Attributes:
        name: the name after ``--``.
        help: one line.
        parse: makes the value from its text, or raises `ConfigError`.
        short: the letter after ``-``; empty if there is none.
    """

    name: str
    help: str
    parse: Callable[[str], T]
    short: str = ""

    @property
    def metavar(self) -> str:
        """The word for the value in usage texts."""
        return "N" if self.short else self.name.upper()


Option = Flag | ValueOption[Any]
ExitStatus = tuple[int, str]  # a number, and when a command exits with it: "some hosts did not answer"
HELP = Flag("help", "print this text", short="h")
JSON = Flag("json", "print the answer as JSON")
# The variables of subcommands, which can also be typed as options: `--hosts web1` is `hosts=web1`.
VARIABLE_OPTIONS = {
    option.name: option
    for option in (
        ValueOption("stage", "the stage", str),
        ValueOption("hosts", "only these hosts, with commas between them", str),
        ValueOption("roles", "only hosts with one of these roles", str),
        ValueOption("branch", "the branch, tag or commit to deploy", str),
        ValueOption("verify", "full reads the contents of files, quick does not", str),
        ValueOption("message", "the reason, which the journal on each host keeps", str),
    )
}


@dataclass(frozen=True)
class Subcommand:
    """A subcommand of `doit cap`. Each module of a subcommand exports one as ``COMMAND``.

    Attributes:
        name: the word after ``doit cap``.
        help: one line that starts with a verb.
        run: carries the command out and returns its exit status.
        words: the positional words as the usage text shows them: ``[STAGE]``.
        options: the options that the command takes, without those that are variables.
        variables: the variables (NAME=VALUE or --NAME VALUE) that the command uses; it refuses all others.
        description: what else an operator has to know.
        examples: command lines, without ``doit cap``.
        exit_statuses: the exit statuses other than 0.
    """

    name: str
    help: str
    run: Callable[[CommandRequest], int]
    words: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    variables: tuple[str, ...] = ()
    description: str = ""
    examples: tuple[str, ...] = ()
    exit_statuses: tuple[ExitStatus, ...] = ()

    @property
    def all_options(self) -> tuple[Option, ...]:
        """All options that can be typed: those of variables first."""
        return (*(VARIABLE_OPTIONS[name] for name in self.variables), *self.options)

    @property
    def runs_command(self) -> bool:
        """True if one of the positional words is a command for hosts, which may look like anything."""
        return "COMMAND" in self.words


def spellings(option: Option) -> Iterator[str]:
    """Return the ways to type an option: ``-n``, ``--number``."""
    if option.short:
        yield f"-{option.short}"
    yield f"--{option.name}"
