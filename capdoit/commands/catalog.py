"""The list of the subcommands of `doit cap`. A new subcommand is a new module and one more name here."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from capdoit.commands.subcommand import Option, Subcommand
from capdoit.errors import ConfigError
from capdoit.text import join_names, suggest_name

MODULES = (
    "install",
    "stages",
    "status",
    "releases",
    "verify",
    "history",
    "pending",
    "exec",
    "doctor",
    "recipes",
    "unlock",
)
COMMANDS: tuple[Subcommand, ...] = tuple(import_module(f"{__package__}.{module}").COMMAND for module in MODULES)


def find_command(name: str) -> Subcommand:
    """Return a command by its name.

    Raises:
        ConfigError: no command has that name.
    """
    commands = {command.name: command for command in COMMANDS}
    if name not in commands:
        raise ConfigError(f"cap has no {name}{suggest_name(name, commands)} (there are {join_names(commands)})")
    return commands[name]


def commands_by_option(commands: Iterable[Subcommand]) -> dict[Option, list[str]]:
    """Return all options of some commands, each with the names of the commands that take it."""
    names: dict[Option, list[str]] = {}
    for command in commands:
        for option in command.options:
            names.setdefault(option, []).append(command.name)
    return names
