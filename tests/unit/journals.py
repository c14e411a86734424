"""Made-up journals of hosts."""

from __future__ import annotations

from typing import Any

from capdoit.records.facts import Facts
from capdoit.records.journal import Entry

R = [f"2016061413332{n}" for n in range(8)]


def entries(run: str, number: int, *events: str, flow: str = "deploy", **more: Any) -> tuple[Entry, ...]:
    """Return the entries of a flow to a release, written in the minute of its number."""
    at = f"2016-06-14T13:{number:02}:00Z"
    said = {"flow": flow, "release": R[number], "run": run, "by": "ann", "origin": "desk", "at": at, **more}
    return tuple(Entry(event=event, **said) for event in events)


DONE = ("building", "ready", "live", "finished")


def deployed(number: int, run: str = "", **more: Any) -> tuple[Entry, ...]:
    return entries(run or f"run{number}", number, *DONE, **more)


def host(name: str, *told: Entry, **facts: Any) -> Facts:
    return Facts(name, entries=told, **facts)
