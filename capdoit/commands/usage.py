"""The usage texts of `doit cap` and of its subcommands, made from their descriptions."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from capdoit.commands.subcommand import HELP, Flag, Option, Subcommand, spellings
from capdoit.text import join_names

WIDTH = 79  # characters
INDENT = "  "
OVERVIEW_END = """\
STAGE is the default stage unless you name one. --stage, --hosts and --roles
select hosts, and --json prints JSON, wherever that means something.
All about one of them: doit cap status --help"""


def make_synopsis(commands: Iterable[Subcommand]) -> str:
    """Return the names of the commands in one line."""
    return " | ".join(command.name for command in commands)


def describe_commands(commands: Sequence[Subcommand]) -> str:
    """Return the usage text of `doit cap`, which fits a screen of 80 columns and 24 lines: a line for each command."""
    width = max(len(command.name) for command in commands)
    lines = [f"{INDENT}{command.name.ljust(width)}  {command.help}" for command in commands]
    return "\n".join(["doit cap SUBCOMMAND [STAGE] [OPTION…]", *lines, "", OVERVIEW_END])


def describe_command(command: Subcommand) -> str:
    """Return the usage text of one subcommand: what it does, its options, variables, examples and exit statuses."""
    first = f"{command.help[0].upper()}{command.help[1:]}. {command.description}".rstrip()
    blocks = [[f"doit cap {spell_usage(command)}"], textwrap.wrap(first, WIDTH), ["Options:", *_options(command)]]
    if command.variables:
        names = join_names(f"{name}=" for name in command.variables)
        blocks.append([f"These can also be typed as variables: {names}"])
    if command.examples:
        blocks.append(["Examples:", *(f"{INDENT}doit cap {example}" for example in command.examples)])
    blocks.append(["Exit status:", *_exit_statuses(command)])
    return "\n\n".join("\n".join(lines) for lines in blocks)


def spell_usage(command: Subcommand) -> str:
    """Return a command as an operator types it: ``status [STAGE] [OPTION…]``."""
    return " ".join([command.name, *command.words, "[OPTION…]"])


def _options(command: Subcommand) -> Iterator[str]:
    rows = [(_spell(option), option.help) for option in (*command.all_options, HELP)]
    return _columns(rows)


def _spell(option: Option) -> str:
    value = "" if isinstance(option, Flag) else f" {option.metavar}"
    return f"{', '.join(spellings(option))}{value}"


def _exit_statuses(command: Subcommand) -> Iterator[str]:
    return _columns([("0", "all is well"), *((str(number), when) for number, when in command.exit_statuses)])


def _columns(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Return lines with two columns; the second one is wrapped."""
    width = max(len(first) for first, _ in rows)
    for first, second in rows:
        start = f"{INDENT}{first.ljust(width)}  "
        yield from textwrap.wrap(second, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
