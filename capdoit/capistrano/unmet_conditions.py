"""Settings and servers whose condition is false today: Capistrano does not know them; the text of the files does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from capdoit.capistrano.project import Block, Place, SourceFiles, UnmetLine
from capdoit.capistrano.ruby_origins import OriginReader
from capdoit.capistrano.ruby_statements import read_statement

DECLARATION = re.compile(r"\s*(?:(?:set|set_if_empty|append|remove|ask)[ (]+:(\w+)|(server|role)\b(?=[ (]+[:\"']))")
SET = re.compile(r"\s*set\b")


class Declared(NamedTuple):
    """The lines that Capistrano has run.

    Attributes:
        places: the lines that set each setting by its name, and those of servers by "server" and "role".
        tasks: the bodies of tasks, which run later.
    """

    places: Mapping[str, Sequence[Place]]
    tasks: Sequence[Block]


def find_unmet_lines(
    sources: SourceFiles, origins: OriginReader, files: Sequence[str], declared: Declared
) -> Iterator[UnmetLine]:
    """Yield the lines that a condition leaves out today, and perhaps not tomorrow.

    Args:
        sources: the files of the project.
        origins: knows the conditions of a line.
        files: the files that were loaded, in that order.
        declared: the lines that were run.
    """
    for file in files:
        for number, line in enumerate(sources.lines(file), 1):
            if found := DECLARATION.match(line):
                name, place = found[1] or found[2], Place(file, number)
                later = [one for one in declared.places.get(name, ()) if _is_later(one, place, files)]
                is_open = not (_was_run(sources, place, declared.places.get(name, ())) or _is_in_task(place, declared))
                if is_open and origins.may_change(place) and not _is_replaced(sources, origins, name, later):
                    yield UnmetLine(f"set :{name}" if found[1] else name, found[1] or "", place)


def _was_run(sources: SourceFiles, place: Place, run: Sequence[Place]) -> bool:
    end = place.line + read_statement(sources, place).count("\n")
    return any(one.file == place.file and place.line <= one.line < end for one in run)


def _is_in_task(place: Place, declared: Declared) -> bool:
    return any(block.file == place.file and block.first <= place.line <= block.last for block in declared.tasks)


def _is_later(one: Place, other: Place, files: Sequence[str]) -> bool:
    return one.file in files and (files.index(one.file), one.line) > (files.index(other.file), other.line)


def _is_replaced(sources: SourceFiles, origins: OriginReader, name: str, later: Sequence[Place]) -> bool:
    """Return whether a later line sets the value in any case."""
    lines = ((place, sources.line(place)) for place in later)
    return any(
        SET.match(line) and f"fetch(:{name}" not in line and not origins.may_change(place) for place, line in lines
    )
