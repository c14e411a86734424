"""The list of the subcommands of `doit cap`. A new subcommand is a new module and one more name in `task_names`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from capdoit.commands.subcommand import Option, Subcommand
from capdoit.task_names import SUBCOMMANDS

COMMANDS: tuple[Subcommand, ...] = tuple(import_module(f"{__package__}.{module}").COMMAND for module in SUBCOMMANDS)


def commands_by_option(commands: Iterable[Subcommand]) -> dict[Option, list[str]]:
    """Return all options of some commands, each with the names of the commands that take it."""
    names: dict[Option, list[str]] = {}
    for command in commands:
        for option in command.all_options:
            names.setdefault(option, []).append(command.name)
    return names
