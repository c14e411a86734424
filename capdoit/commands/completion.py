"""The words that a shell can complete behind `doit cap`, made from the descriptions of the commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from capdoit.commands.command_call import spellings
from capdoit.commands.subcommand import Flag, Option, Subcommand


@dataclass(frozen=True)
class Completions:
    """The words that may follow one subcommand.

    Attributes:
        words: the positional words as the usage text shows them: ``[STAGE]``.
        options: as they are typed; one that takes a value ends with ``=``, or is a short option.
        variables: as they are typed; each ends with ``=``.
    """

    words: tuple[str, ...]
    options: tuple[str, ...]
    variables: tuple[str, ...]


def list_completions(commands: Iterable[Subcommand]) -> dict[str, Completions]:
    """Return the completions of each command, by the name of the command."""
    return {
        command.name: Completions(
            words=command.words,
            options=tuple(word for option in command.all_options for word in _list_spellings(option)),
            variables=tuple(f"{name}=" for name in command.variables),
        )
        for command in commands
    }


def _list_spellings(option: Option) -> Iterator[str]:
    end = "" if isinstance(option, Flag) else "="
    return (f"{word}{end}" if word.startswith("--") else word for word in spellings(option))
