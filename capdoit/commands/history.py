"""`doit cap history`: what happened, newest first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from capdoit.commands.inspection import survey
from capdoit.commands.request import SHORT, Asked, errors, exit_status, say_unreached
from capdoit.config.stages import Stage
from capdoit.errors import Outcome, answers
from capdoit.records.facts import Facts
from capdoit.records.history import Happening, happenings
from capdoit.text import fitted, grouped, listed
from capdoit.units import minute, stopwatch

NEWEST = 20
# In the order in which a narrow terminal loses the last ones.
HEAD = ("when (UTC)", "event", "result", "release", "who", "took", "revision", "from", "where")
NEEDED = 4


def history(asked: Asked) -> int:
    """A line for each flow, and below it what does not fit into one."""
    stage = asked.stage()
    outcomes = survey(stage, asked.variables, asked.console)
    found = happenings(answers(outcomes))
    shown = found[: asked.number or NEWEST]
    if asked.json:
        asked.say_json(_json(stage, outcomes, shown))
    else:
        if any(outcomes):
            asked.console.say_table(_text(shown, [o.host for o in outcomes if o], asked.console.width))
        if len(found) > len(shown):
            asked.console.say(f"and {len(found) - len(shown)} before that; -n {len(found)} shows all")
        say_unreached(asked.console, outcomes)
    return exit_status(outcomes, agree=True)


def _text(shown: Sequence[Happening], hosts: Sequence[str], width: int) -> str:
    if not shown:
        return "No host remembers anything."
    head, *rows = fitted(HEAD, map(_row, shown), width, NEEDED).split("\n")
    notes = [_notes(one, hosts) for one in shown]
    below = [[line for note in of_row for line in _wrapped(note, width)] for of_row in notes]
    return "\n".join([head, *(line for row, lines in zip(rows, below, strict=True) for line in (row, *lines))])


def _row(one: Happening) -> tuple[str, ...]:
    done = one.event in (one.flow, "unlock")
    took = "" if one.seconds is None else stopwatch(one.seconds)
    result, left = (_common(values.values()) for values in (one.results, one.left))
    what = one.event if done else f"{one.event} {one.flow}"
    when = minute(one.at) or "not known"
    return (when, what, result, one.release, one.by, took, one.revision[:SHORT], left, one.origin)


def _notes(one: Happening, hosts: Sequence[str]) -> Iterable[str]:
    """What a reader has to know beside the row."""
    if one.ending:
        yield one.ending
    if len(set(one.results.values())) > 1:
        yield "; ".join(f"{result} on {where}" for result, where in grouped(one.results.items()).items())
    elif lacking := [host for host in hosts if host not in one.results]:
        few = len(lacking) < len(one.results)
        yield f"not on {listed(lacking)}" if few else f"only on {listed(one.results)}"
    if one.why:
        yield f"why: {one.why}"


def _common(values: Iterable[str]) -> str:
    """What all hosts say."""
    found = set(values)
    return "differs" if len(found) > 1 else "".join(found)


def _wrapped(note: str, width: int) -> list[str]:
    return textwrap.wrap(note, width, initial_indent="      ", subsequent_indent="      ")


def _json(stage: Stage, outcomes: Sequence[Outcome[Facts]], shown: Sequence[Happening]) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "history": [vars(one) for one in shown],
        "errors": errors(outcomes),
    }
