"""The periods in which a release was live, from made-up facts."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from capdoit.records.facts import Facts
from capdoit.records.journal import Entry
from capdoit.records.live_periods import LivePeriod, describe_length, find_live_period

A, B = "20160614133321", "20160614133322"


def live(release: str, day: int, flow: str = "deploy", by: str = "ann", run: str = "") -> Entry:
    branch = f"v{day}" if flow == "deploy" else ""
    at = f"2016-06-{day:02}T10:00:00Z"
    return Entry(event="live", flow=flow, release=release, at=at, by=by, branch=branch, run=run or str(day))


def test_a_live_period_ends_with_the_next_publish() -> None:
    facts = Facts("web1", entries=(live(A, 1), live(B, 4)))
    assert find_live_period(facts, A) == LivePeriod("2016-06-01T10:00:00Z", "2016-06-04T10:00:00Z", "ann", "v1")
    assert find_live_period(facts, B) == LivePeriod("2016-06-04T10:00:00Z", "", "ann", "v4")


def test_the_last_live_period_counts_with_the_branch_of_the_deploy() -> None:
    facts = Facts("web1", entries=(live(A, 1), live(B, 4), live(A, 5, "rollback", "bob")))
    assert find_live_period(facts, A) == LivePeriod("2016-06-05T10:00:00Z", "", "bob", "v1")


def test_an_undone_publish_is_not_a_live_period() -> None:
    undone = Entry(event="back", flow="deploy", release=B, run="r")
    facts = Facts("web1", entries=(live(A, 1), live(B, 4, run="r"), undone))
    assert find_live_period(facts, A).until == ""
    assert find_live_period(facts, B) == LivePeriod()


def test_a_publish_that_was_undone_and_done_again_is_a_live_period() -> None:
    undone = Entry(event="back", flow="deploy", release=B, run="r")
    facts = Facts("web1", entries=(live(A, 1), live(B, 4, run="r"), undone, live(B, 4, run="r")))
    assert find_live_period(facts, B) == LivePeriod("2016-06-04T10:00:00Z", "", "ann", "v4")


def test_a_capistrano_release_has_its_user_from_the_log() -> None:
    facts = Facts("web1", log=(f"Branch main (at {'a' * 40}) deployed as release {A} by eve",))
    assert find_live_period(facts, A).by.strip() == "eve"


@pytest.mark.parametrize(
    ("until", "said"),
    [("2016-06-04T11:00:00Z", "3 days"), ("2016-06-01T11:30:00Z", "1 hour"), ("2016-06-01T10:02:00Z", "2 minutes"),
     ("2016-06-01T10:00:09Z", "less than a minute"), ("yesterday", ""), ("2015-01-01T00:00:00Z", "")],
)  # fmt: skip
def test_a_live_period_is_shown_in_its_largest_unit(until: str, said: str) -> None:
    assert describe_length(LivePeriod("2016-06-01T10:00:00Z", until), datetime(2020, 1, 1, tzinfo=timezone.utc)) == said


def test_a_release_made_live_by_hand_has_no_known_start() -> None:
    facts = Facts("web1", current=A, entries=(live(A, 1), live(B, 4)), log=(f"bob rolled back to release {A}",))
    assert find_live_period(facts, A) == LivePeriod(by="bob")
