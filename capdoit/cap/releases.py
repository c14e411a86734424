"""`doit cap releases`: which host has which release, and in which state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from capdoit.cap.asked import SHORT, Asked, exit_status, facts_of, live, rollback, say_unreached, what
from capdoit.check import survey
from capdoit.config import Stage
from capdoit.errors import Outcome
from capdoit.survey import Facts
from capdoit.text import listed, table

WIDTH = 80


def releases(asked: Asked) -> int:
    """A line for each release, with its state on each host."""
    stage = asked.stage()
    outcomes = survey(stage, asked.variables, asked.console)
    facts = facts_of(outcomes)
    target, refused = rollback(facts, stage.name)
    if asked.json:
        asked.say_json(_releases_json(stage, outcomes, target))
    else:
        if facts:
            asked.console.say(_matrix(facts, target))
        if refused:
            asked.console.say(f"A rollback is refused: {what(refused)}")
        say_unreached(asked.console, outcomes)
    return exit_status(outcomes, len({live(one) for one in facts}) <= 1)


def _matrix(facts: Sequence[Facts], target: str | None) -> str:
    """The table of releases and hosts; where it is too wide, hosts that hold the same share a column."""
    names = _releases(facts)
    if not names:
        return "No host has a release."
    columns = {one.host: [one.state(name) for name in names] for one in facts}
    wide = _columns(facts, names, columns, target)
    if max(map(len, wide.splitlines())) <= WIDTH:
        return wide
    shared = _shared(columns)
    legend = [f"  {head}: {listed(hosts)}" for head, hosts in shared.items() if len(hosts) > 1]
    narrow = _columns(facts, names, {head: columns[hosts[0]] for head, hosts in shared.items()}, target)
    return "\n".join([narrow, *legend])


def _columns(facts: Sequence[Facts], names: list[str], columns: dict[str, list[str]], target: str | None) -> str:
    rows = [
        (name, _revision(facts, name), *cells, "<- rollback" if name == target else "")
        for name, *cells in zip(names, *columns.values(), strict=True)
    ]
    return table(("release", "revision", *columns, ""), rows)


def _shared(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """The hosts with the same states, under a head for all of them."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for host, states in columns.items():
        groups.setdefault(tuple(states), []).append(host)
    return {h[0] if len(h) == 1 else f"{h[0]} +{len(h) - 1}": h for h in groups.values()}


def _releases(facts: Iterable[Facts]) -> list[str]:
    """All that any host holds, newest first."""
    live = {one.current for one in facts if one.current}
    return sorted({*live, *(name for one in facts for name in (*one.releases, *one.archives))}, reverse=True)


def _revision(facts: Sequence[Facts], release: str) -> str:
    revisions = {one.releases[release] for one in facts if one.releases.get(release)}
    return "differs" if len(revisions) > 1 else "".join(revisions)[:SHORT]


def _releases_json(stage: Stage, outcomes: Sequence[Outcome], target: str | None) -> dict[str, Any]:
    facts = facts_of(outcomes)
    return {
        "stage": stage.name,
        "rollback": target,
        "releases": [
            {
                "release": name,
                "states": {one.host: one.state(name) for one in facts},
                "revisions": {one.host: one.releases[name] for one in facts if one.releases.get(name)},
            }
            for name in _releases(facts)
        ],
        "errors": {outcome.host: str(outcome.error) for outcome in outcomes if outcome.error},
    }
