"""The hosts that did not answer a command, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capdoit.errors import HostError, Outcome, Problem, merge_problems
from capdoit.output.console import Console, Tone
from capdoit.text import get_first_line


def print_unreached_hosts(console: Console, outcomes: Iterable[Outcome[Any]]) -> None:
    """Print a line for each reason why hosts did not answer: the error, and the last line that they printed."""
    for problem in merge_problems(_describe(outcome.host, outcome.error) for outcome in outcomes if outcome.error):
        console.write(f"  {problem}", Tone.BAD)


def errors_by_host(outcomes: Iterable[Outcome[Any]]) -> dict[str, str]:
    """Return the errors of the hosts that did not answer, by host."""
    return {outcome.host: str(outcome.error) for outcome in outcomes if outcome.error}


def _describe(host: str, error: BaseException) -> Problem:
    if isinstance(error, HostError):
        return Problem(": ".join([error.reason, *error.lines[-1:]]), host)
    return Problem(get_first_line(error), host)
