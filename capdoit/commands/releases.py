"""`doit cap releases`: which host has which release, and in which state."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capdoit.commands.inspection import look
from capdoit.commands.request import SHORT, Asked, errors, exit_status, live, say_unreached, way_back
from capdoit.config.stages import Stage
from capdoit.errors import HostError, Outcome, answers
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.operations.survey import ask_facts
from capdoit.output.console import Tone
from capdoit.records import fleet_state as standing
from capdoit.records.facts import Facts
from capdoit.records.live_periods import life
from capdoit.state.run import Run
from capdoit.text import fitted, listed, table
from capdoit.units import minute, size

SIZES_SECONDS = 60
SIZE = re.compile(r"([0-9]{1,15})\t([0-9]{14})")
Sizes = Mapping[str, Mapping[str, int]]


def releases(asked: Asked) -> int:
    """A line for each release, with its state on each host."""
    stage = asked.stage()
    outcomes, sizes = _asked_of_hosts(stage, asked)
    facts = answers(outcomes)
    target, refused = way_back(facts, stage)
    if asked.json:
        asked.say_json(_releases_json(stage, outcomes, target, sizes))
    else:
        if facts:
            asked.console.say_table(_matrix(facts, target, sizes, asked.console.width))
        if refused:
            asked.console.say(f"A rollback is refused: {refused}", Tone.DOUBTFUL)
        say_unreached(asked.console, outcomes)
    return exit_status(outcomes, len({live(one) for one in facts}) <= 1)


def _matrix(facts: Sequence[Facts], target: str | None, sizes: Sizes, width: int) -> str:
    """The table of releases and hosts; where it is too wide, hosts that hold the same share a column."""
    names = _releases(facts)
    if not names:
        return "No host has a release."
    columns = {one.host: [one.state(name) for name in names] for one in facts}
    wide = table(("release", *columns, ""), _rows(names, columns, target))
    if max(map(len, wide.splitlines())) > width - SHORT - 2:
        columns = _shared(columns)
    about = [_about(facts, name, sizes) for name in names]
    rows = [[*row, *more] for row, more in zip(_rows(names, columns, target), about, strict=True)]
    text = fitted(("release", *columns, "", "revision", "size", "branch", "who", "when (UTC)"), rows, width, 3)
    unseen = [head for head in columns if f"  {head} " not in f"{text.splitlines()[0]} "]
    cut = [f"  Too many to show: {listed(unseen)}; hosts= chooses, --json has all"] if unseen else []
    return "\n".join([text, *cut, *_legend(columns, facts), *standing.set_aside(facts)])


def _rows(names: Sequence[str], columns: Mapping[str, Sequence[str]], target: str | None) -> list[list[str]]:
    return [
        [name, *cells, "<- rollback" if name == target else ""]
        for name, *cells in zip(names, *columns.values(), strict=True)
    ]


def _about(facts: Sequence[Facts], release: str, sizes: Sizes) -> list[str]:
    """What is known of a release beside where it is."""
    lives = [life(one, release) for one in facts]
    its = next((one for one in lives if one.since), lives[0])
    return [_revision(facts, release), _size(release, sizes), its.branch, its.by, minute(its.since)]


def _size(release: str, sizes: Sizes) -> str:
    largest = max((its.get(release, 0) for its in sizes.values()), default=0)
    return size(largest) if largest else ""


def _shared(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """The states of hosts that have the same ones, under a head for all of them."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for host, states in columns.items():
        groups.setdefault(tuple(states), []).append(host)
    return {h[0] if len(h) == 1 else f"{h[0]} +{len(h) - 1}": list(states) for states, h in groups.items()}


def _legend(columns: Mapping[str, Sequence[str]], facts: Sequence[Facts]) -> list[str]:
    """Which hosts are meant by a head that stands for several."""
    hosts = {one.host: [one.state(name) for name in _releases(facts)] for one in facts}
    return [
        f"  {head}: {listed(host for host, its in hosts.items() if its == list(states))}"
        for head, states in columns.items()
        if head not in hosts
    ]


def _releases(facts: Iterable[Facts]) -> list[str]:
    """All that any host holds, newest first."""
    live = {one.current for one in facts if one.current}
    held = (name for one in facts for name in (*one.releases, *one.archives, *one.set_aside))
    return sorted({*live, *held}, reverse=True)


def _revision(facts: Sequence[Facts], release: str) -> str:
    revisions = {one.releases[release] for one in facts if one.releases.get(release)}
    return "differs" if len(revisions) > 1 else "".join(revisions)[:SHORT]


def _asked_of_hosts(stage: Stage, asked: Asked) -> tuple[list[Outcome[Facts]], Sizes]:
    """The facts of each host, and how many KiB each of its releases takes; a host that cannot say has no sizes."""
    sizes: dict[str, dict[str, int]] = {}

    def ask(run: Run, host: Connection) -> Facts:
        facts = ask_facts(run, host)
        with contextlib.suppress(HostError):
            sizes[host.name] = _sizes(host)
        return facts

    return look(stage, asked.variables, asked.console, ask), sizes


def _sizes(host: Connection) -> dict[str, int]:
    script = host.script("sizes", "commands/releases_sizes", {})
    answer = host.ask([Request(script, capture=True, timeout=SIZES_SECONDS)])[0]
    found = map(SIZE.fullmatch, answer.text.splitlines())
    return {match[2]: int(match[1]) for match in found if match}


def _releases_json(
    stage: Stage, outcomes: Sequence[Outcome[Facts]], target: str | None, sizes: Sizes
) -> dict[str, Any]:
    facts = answers(outcomes)
    return {
        "stage": stage.name,
        "rollback": target,
        "releases": [
            {
                "release": name,
                "states": {one.host: one.state(name) for one in facts},
                "kib": {host: its[name] for host, its in sizes.items() if name in its},
                "lives": {one.host: vars(life(one, name)) for one in facts},
                "revisions": {one.host: one.releases[name] for one in facts if one.releases.get(name)},
            }
            for name in _releases(facts)
        ],
        "errors": errors(outcomes),
    }
