"""The flows since an earlier look at the hosts."""

from __future__ import annotations

from datetime import datetime, timezone

from capdoit.records.facts import Facts
from capdoit.records.flows_since import describe_flows_since, find_last_entries
from capdoit.records.journal import Entry

NOW = datetime(2026, 11, 28, 15, 0, tzinfo=timezone.utc)
FIRST, SECOND = "20261128140000", "20261128145700"


def entries(run: str, release: str, flow: str = "deploy", *events: str, **values: str) -> tuple[Entry, ...]:
    at = values.pop("at", "2026-11-28T14:57:00Z")
    names = events or ("live", "finished")
    return tuple(Entry(event=one, flow=flow, release=release, run=run, by="otto", at=at, **values) for one in names)


def facts(host: str, *journal: Entry, log: tuple[str, ...] = ()) -> Facts:
    current = next((entry.release for entry in reversed(journal) if entry.event == "live"), None)
    return Facts(host, current=current, entries=journal, log=log)


BEFORE = entries("1a", FIRST)


def since(*now: Facts) -> list[str]:
    before = find_last_entries([facts(one.host, *BEFORE) for one in now])
    return describe_flows_since(before, {FIRST}, now, NOW)


def test_nothing_new_has_no_sentence() -> None:
    assert since(facts("web1", *BEFORE)) == []


def test_a_deploy_has_its_release_its_age_its_operator_and_the_reason() -> None:
    new = entries("2b", SECOND, message="a fix")
    both = [facts(host, *BEFORE, *new) for host in ("web1", "web2")]
    assert since(*both) == [f"{SECOND} was deployed 3 minutes ago by otto (a fix)"]


def test_a_deploy_of_some_hosts_names_them() -> None:
    new = entries("2b", SECOND)
    assert since(facts("web1", *BEFORE), facts("web2", *BEFORE, *new)) == [
        f"{SECOND} was deployed on web2 3 minutes ago by otto"
    ]


def test_flows_are_named_newest_first_whatever_their_end() -> None:
    failed = entries("2b", SECOND, "deploy", "building", "failed", step="updating", reason="no space")
    back = entries("3c", FIRST, "rollback", at="2026-11-28T14:59:00Z")
    assert since(facts("web1", *BEFORE, *failed, *back)) == [
        f"{FIRST} was rolled back to 1 minute ago by otto",
        f"a deploy of {SECOND} failed 3 minutes ago by otto",
    ]


def test_a_deploy_by_capistrano_is_known_by_its_release() -> None:
    log = (f"Branch main (at abc) deployed as release {SECOND} by ann",)
    assert since(facts("web1", *BEFORE, log=log)) == [f"{SECOND} was deployed 3 minutes ago by ann"]


def test_a_clock_that_is_ahead_gives_no_age() -> None:
    new = entries("2b", SECOND, at="2026-11-28T16:00:00Z")
    assert since(facts("web1", *BEFORE, *new)) == [f"{SECOND} was deployed by otto"]


def test_a_flow_that_was_at_work_then_is_named_when_it_is_done() -> None:
    at_work = facts("web1", *BEFORE, *entries("2b", SECOND, "deploy", "building"))
    done = facts("web1", *at_work.entries, *entries("2b", SECOND))
    assert describe_flows_since(find_last_entries([at_work]), {FIRST}, [done], NOW) == [
        f"{SECOND} was deployed 3 minutes ago by otto"
    ]


def test_an_old_journal_that_was_cut_does_not_flood_the_screen() -> None:
    new = [one for n in range(9) for one in entries(f"9{n}", f"2026112814570{n}")]
    found = describe_flows_since({"web1": "gone"}, (), [facts("web1", *new)], NOW)
    assert len(found) == 6
    assert found[-1] == "and 4 more flows before that"
