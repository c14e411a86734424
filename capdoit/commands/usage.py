"""The usage text of `doit cap`, made from the descriptions of the commands."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from capdoit.commands.subcommand import SELECTION, Flag, Option, Subcommand
from capdoit.text import group_names, join_names

WIDTH = 64  # characters; doit indents the text by 4 and wraps it at 70
INDENT = "  "
SELECTING = "STAGE is the default stage unless you name one. hosts= and roles= select some of its hosts."


def make_synopsis(commands: Iterable[Subcommand]) -> str:
    """Return the names of the commands, as the first line of the usage text shows them."""
    return " | ".join(command.name for command in commands)


def describe_commands(commands: Iterable[Subcommand]) -> str:
    """Return a paragraph for each command, then what holds for several of them."""
    commands = list(commands)
    paragraphs = ["\n".join(_describe(command)) for command in commands]
    return "\n\n".join([*paragraphs, SELECTING, "\n".join(_exit_statuses(commands))])


def spell_usage(command: Subcommand) -> str:
    """Return a command as an operator types it: ``status [STAGE] [--json]``."""
    options = [f"[{_spell(option)}]" for option in command.options]
    variables = [f"[{name}=…]" for name in command.variables if name not in SELECTION]
    return " ".join([command.name, *command.words, *options, *variables])


def _describe(command: Subcommand) -> Iterator[str]:
    yield spell_usage(command)
    text = f"{command.help[0].upper()}{command.help[1:]}. {command.description}"
    yield from textwrap.wrap(text, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)


def _spell(option: Option) -> str:
    if isinstance(option, Flag):
        return f"--{option.name}"
    return f"-{option.short} N" if option.short else f"--{option.name} {option.name.upper()}"


def _exit_statuses(commands: Iterable[Subcommand]) -> Iterator[str]:
    """Return a line for each set of exit statuses, with the names of the commands."""
    yield "Exit status: 0, and"
    texts = ((command.name, _join(command)) for command in commands if command.exit_statuses)
    for text, names in group_names(texts).items():
        line = f"{names}: {text}"
        yield from textwrap.wrap(line, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT * 2)


def _join(command: Subcommand) -> str:
    return join_names(f"{number} if {when}" for number, when in command.exit_statuses)
