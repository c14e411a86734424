"""Drills that hosts remember."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from capdoit.records.facts import Facts
from capdoit.records.fleet_state import describe_last_drill, find_overdue_drills
from capdoit.records.journal import DrillVerdict

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


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
