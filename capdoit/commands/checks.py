"""Checks of what an operator typed, made from the descriptions of the commands."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from capdoit.commands.catalog import COMMANDS, commands_by_option
from capdoit.commands.subcommand import Subcommand
from capdoit.errors import ConfigError
from capdoit.text import join_names


def refuse_unknown_options(command: Subcommand, given: Collection[str]) -> None:
    """Refuse an option that only other commands take.

    Args:
        command: the command that was called.
        given: the names of the options on the command line.

    Raises:
        ConfigError: names the option and the commands that take it.
    """
    for option, names in commands_by_option(COMMANDS).items():
        if option.name in given and not command.takes(option):
            raise ConfigError(f"cap {command.name} has no --{option.name}; only these have it: {join_names(names)}")


def refuse_unused_variables(command: Subcommand, given: Iterable[str]) -> None:
    """Refuse a variable that the command does not use: ``dry_run=yes`` must never be ignored.

    Args:
        command: the command that was called.
        given: the names of the variables on the command line.

    Raises:
        ConfigError: names the variable.
    """
    for name in sorted({*given} - {*command.variables}):
        raise ConfigError(f"cap {command.name} does not use {name}=; nothing was done")
