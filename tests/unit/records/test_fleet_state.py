"""The sentences about a fleet: differences, unfinished releases, and drills that hosts remember."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from capdoit.records.facts import Facts
from capdoit.records.fleet_state import (
    describe_last_drill,
    find_differences,
    find_overdue_drills,
    find_unfinished_work,
)
from capdoit.records.journal import DrillVerdict, Entry

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


FIRST, SECOND = "20160614133321", "20160614133322"
LEFT = f"{SECOND} was left half-made on web1"


def made(release: str, *events: str) -> tuple[Entry, ...]:
    return tuple(Entry(event=event, flow="deploy", release=release, run=f"run of {release}") for event in events)


def holding(host: str, *events: str) -> Facts:
    """Return a host with a live release, and another one with these events."""
    entries = (*made(FIRST, "ready", "live", "finished"), *made(SECOND, *events))
    return Facts(host, current=FIRST, releases=dict.fromkeys((FIRST, SECOND), "1f3e"), entries=entries)


def test_a_release_of_a_deploy_that_died_is_said_once_and_is_no_difference() -> None:
    hosts = [
        holding("web1", "building", "ready", "live", "back"),
        holding("web2", "building", "ready"),
        holding("web3", "building"),
        replace(holding("web4"), releases={FIRST: "1f3e"}),
    ]
    assert find_differences(hosts) == []
    assert find_unfinished_work(hosts) == [
        f"{SECOND} was left complete on web1, web2 and half-made on web3; the next deploy that finishes removes it"
    ]


def test_a_host_on_which_a_finished_release_is_half_made_differs() -> None:
    hosts = [holding("web1", "ready", "live"), holding("web2", "building"), replace(holding("web3"), releases={})]
    assert find_differences(hosts) == [
        f"{SECOND} is half-made on web2",
        f"{FIRST}, {SECOND} is not on web3",
    ]


@pytest.mark.parametrize(
    ("is_held", "said"),
    [
        (True, []),
        (
            None,
            [f"{LEFT}; unless its deploy is at work, the next deploy that finishes removes it"],
        ),
        (False, [f"{LEFT}; the next deploy that finishes removes it"]),
    ],
)
def test_a_release_of_a_deploy_that_may_be_at_work_is_not_left_for_sure(is_held: bool | None, said: list[str]) -> None:
    lock = Entry(run=f"run of {SECOND}")
    assert find_unfinished_work([replace(holding("web1", "building"), lock=lock, lock_is_held=is_held)]) == said
    other = replace(holding("web1", "building"), lock=Entry(run="other"), lock_is_held=is_held)
    assert len(find_unfinished_work([other])) == 1


def test_a_capistrano_release_without_revision_was_not_left_by_a_deploy() -> None:
    log = tuple(f"Branch main (at 1f3e) deployed as release {release} by ann" for release in (FIRST, SECOND))
    assert find_unfinished_work([Facts("web1", current=SECOND, releases={FIRST: "", SECOND: "1f3e"}, log=log)]) == []


def remembered(host: str, age: timedelta = timedelta(0), verdict: str = "works") -> Facts:
    return Facts(
        host,
        drill_verdict=DrillVerdict(f"{NOW - age:%Y-%m-%dT%H:%M:%SZ}", "jane", verdict, "20260101000000", "1.5", "w"),
    )


def test_a_drill_is_overdue_when_old_failed_or_never_run() -> None:
    hosts = [
        remembered("web1", timedelta(hours=24)),
        remembered("web2", timedelta(hours=25)),
        remembered("web3", verdict="fails"),
        Facts("web4"),
        remembered("web5", timedelta(hours=-5)),
    ]
    assert find_overdue_drills(hosts, 86400, NOW) == [
        "web2: the last drill is 1 day old",
        "web3: the last drill failed: 2026-06-01 00:00 by jane: a rollback to 20260101000000 fails: w",
        "web4: a rollback was never drilled here",
    ]


def test_hosts_with_different_last_drills_are_distinguished() -> None:
    same = [remembered("web1"), remembered("web2")]
    assert describe_last_drill(same) == "2026-06-01 00:00 by jane: a rollback to 20260101000000 works, in 1.5 s"
    assert describe_last_drill([*same, Facts("web3")]).startswith("web1, web2: 2026-06-01")
    assert describe_last_drill([*same, Facts("web3")]).endswith("; web3: none")


A_DRILL = {"at": "2026-01-01T00:00:00Z", "by": "", "verdict": "works", "release": "", "seconds": "", "why": ""}


@pytest.mark.parametrize(
    "line",
    [
        *("", "[]", "{}", "x", "[" * 5000),
        json.dumps({**A_DRILL, "at": "now"}),
        json.dumps({**A_DRILL, "verdict": "fine"}),
    ],
)
def test_a_line_that_is_not_a_drill_is_ignored(line: str) -> None:
    assert DrillVerdict.parse(json.dumps(A_DRILL))
    assert DrillVerdict.parse(line) is None


def test_a_remembered_drill_is_printable() -> None:
    said = DrillVerdict.parse(DrillVerdict("2026-01-01T00:00:00Z", "a\x1b[2J", "fails", "x\x07", "1", "y\r").to_line())
    assert said
    assert str(said).isprintable()
