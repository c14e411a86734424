"""Questions to the operator whose answers are values: ``!ask``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from capdoit.errors import ValueUnavailable
from capdoit.sources import FilledText, Source
from capdoit.text import make_printable


@dataclass(frozen=True)
class Question(Source):
    """An answer of the operator: ``!ask``. NAME=VALUE on the command line answers, or the operator on a terminal.

    Attributes:
        variable: the variable that answers.
        text: the question.
        default: the answer to take if the operator types none; None for no default.
    """

    variable: str
    text: str
    default: str | Source | None = None

    @property
    def name(self) -> str:
        """The variable, as it is typed."""
        return f"{self.variable}="

    @property
    def tag(self) -> str:
        """The value as deploy.yml has it."""
        return f"!ask {make_printable(self.text)}"

    @property
    def noun(self) -> str:
        """The value in messages."""
        return f"the value of {self.name}"

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:  # noqa: ARG002
        """Return the answer if there is one already."""
        if self.variable in _ANSWERS:
            _HEEDED.add(self.variable)
        return _ANSWERS.get(self.variable)

    def find_default(self) -> str:
        """Return the default; empty if there is none, or if it cannot be had."""
        try:
            return self.default.read() if isinstance(self.default, Source) else self.default or ""
        except ValueUnavailable:
            return ""

    def read(self) -> str:
        """Return the answer; errors as in `Source.read`."""
        found = self.find()
        if found is None:
            _MISSING[self.variable] = None
            why = "none was given" if self.variable in _UNANSWERED else "there is no terminal to ask on"
            raise ValueUnavailable(f"needs an answer, and {why}: add {self.variable}=VALUE")
        return found


_ANSWERS: dict[str, str] = {}  # of this run, by variable
_HEEDED: set[str] = set()  # the variables whose answers were used
_UNANSWERED: set[str] = set()  # the variables of questions at which the operator ended the input
_MISSING: dict[str, None] = {}  # the variables of questions whose answers were needed, in that order


def give_answers(answers: Mapping[str, str]) -> None:
    """Answer questions, by their variables. The first answer to a question stays."""
    for variable, answer in answers.items():
        _ANSWERS.setdefault(variable, answer)


def note_missing_answer(variable: str) -> None:
    """Remember that the operator was asked and gave no answer."""
    _UNANSWERED.add(variable)


def list_missing_answers() -> list[str]:
    """Return the variables of questions whose answers were needed and not given."""
    return [variable for variable in _MISSING if variable not in _ANSWERS]


def list_heeded_answers() -> frozenset[str]:
    """Return the variables whose answers were used."""
    return frozenset(_HEEDED)


def find_questions(source: Source) -> list[Question]:
    """Return the questions without an answer on which a value depends."""
    parts = [part for part in source.parts if isinstance(part, Source)] if isinstance(source, FilledText) else [source]
    return [part for part in parts if isinstance(part, Question) and part.find() is None]
