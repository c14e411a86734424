"""The list of what a conversion did not carry over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from capdoit.capistrano.project import Place


@dataclass(frozen=True)
class Omission:
    """Something of the Capistrano project that the written files do not have.

    Attributes:
        what: its name: `set :rbenv_path`, `task app:warm`.
        why: the reason, and what to do.
        place: the line of the project; None if no line is known.
    """

    what: str
    why: str
    place: Place | None = None

    def __str__(self) -> str:
        return _join_lines(f"{f'{self.place}: ' if self.place else ''}{self.what}: {self.why}")


def _join_lines(text: str) -> str:
    """Return a text as one line: it becomes a comment, and Ruby's messages may have an excerpt on further lines."""
    return " ".join(text.split())


def join_reasons(*reasons: str) -> str:
    """Return reasons as one sentence, without the empty ones."""
    return "; ".join(reason for reason in reasons if reason)


def merge_omissions(omissions: Iterable[Omission]) -> list[Omission]:
    """Return each omission once, those of lines in the order of the files."""
    unique = [*dict.fromkeys(omissions)]
    return sorted(unique, key=lambda one: one.place or Place("~", 0))
