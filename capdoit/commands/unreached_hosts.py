"""The hosts that did not answer a command, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capdoit.errors import Outcome
from capdoit.output.console import Console, Tone
from capdoit.text import get_first_line


def print_unreached_hosts(console: Console, outcomes: Iterable[Outcome[Any]]) -> None:
    """Print a line for each host that did not answer: the error, and the last line that the host printed."""
    for outcome in outcomes:
        if outcome.error:
            last_line = getattr(outcome.error, "lines", ())[-1:]
            console.write(f"  {': '.join([get_first_line(outcome.error), *last_line])}", Tone.BAD)


def errors_by_host(outcomes: Iterable[Outcome[Any]]) -> dict[str, str]:
    """Return the errors of the hosts that did not answer, by host."""
    return {outcome.host: str(outcome.error) for outcome in outcomes if outcome.error}
