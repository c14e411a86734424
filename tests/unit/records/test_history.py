"""The history of the fleet from the journals and logs of hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capdoit.records.facts import Facts
from capdoit.records.history import FlowRecord, build_history, find_subject
from capdoit.records.journal import Entry
from capdoit.records.lineage import format_log_line
from tests.unit.journals import R, deployed, entries, host


def told(*facts: Facts) -> list[tuple[str, str]]:
    return [(one.event, one.release) for one in build_history(facts)]


def logged(number: int, flow: str = "deploy", by: str = "bob") -> str:
    return format_log_line(flow, R[number], "1f3e", "main", by)


# -- a flow


def test_a_flow_is_listed_once_for_all_hosts_with_all_its_facts() -> None:
    live = deployed(2, left=R[1], revision="1f3e", message="a fix", seconds="4.2")
    (found,) = build_history([host("web1", *live), host("web2", *live)])
    assert found == FlowRecord(
        run="run2",
        at="2016-06-14T13:02:00Z",
        by="ann",
        origin="desk",
        flow="deploy",
        event="deploy",
        seconds=4.2,
        release=R[2],
        releases={"web1": R[2], "web2": R[2]},
        revision="1f3e",
        left={"web1": R[1], "web2": R[1]},
        why="a fix",
        ending="",
        reason="",
        results={"web1": "live", "web2": "live"},
    )


def test_a_flow_has_the_time_of_its_last_entry_and_the_duration_of_its_slowest_host() -> None:
    first, second = deployed(2, seconds="4.0"), deployed(2, seconds="5.5")
    late = replace(second[-1], at="2016-06-14T13:02:07Z")
    (found,) = build_history([host("web1", *first), host("web2", *second[:-1], late)])
    assert (found.at, found.seconds) == ("2016-06-14T13:02:07Z", 5.5)


@pytest.mark.parametrize("seconds", ["", "soon", "1e9", "-1", "9" * 400, "nan"])
def test_a_missing_or_invalid_duration_is_unknown(seconds: str) -> None:
    (found,) = build_history([host("web1", *deployed(2, seconds=seconds))])
    assert found.seconds is None


def test_an_invalid_time_is_unknown() -> None:
    (found,) = build_history([host("web1", *deployed(2, at="yesterday"))])
    assert found.at == ""


FAILED = {"step": "updating"}
SIGNAL = {"step": "updating", "interrupted": "interrupted by SIGTERM"}
ENDINGS = [
    (("building", "failed"), FAILED, ("failed", "in updating", "not live")),
    (("failed",), {}, ("failed", "", "not live")),  # by an old journal
    (("building", "failed"), SIGNAL, ("interrupted", "interrupted by SIGTERM, in updating", "not live")),
    (("failed",), {**SIGNAL, "interrupted": "SIGINT in updating"}, ("interrupted", "SIGINT in updating", "not live")),
    (("ready", "live", "failed"), {"step": "warm"}, ("failed", "in warm", "live")),
    (("ready", "live", "back", "failed"), {"step": "publishing"}, ("failed", "in publishing", "undone")),
    (("building", "ready"), {}, ("interrupted", "died", "not live")),
    (("ready", "live"), {}, ("interrupted", "died", "live")),
    (("live", "finished"), {"warnings": "the disk is full"}, ("deploy", "", "live, with warnings")),
]


@pytest.mark.parametrize(("events", "more", "expected"), ENDINGS, ids=["-".join(e) for e, _, _ in ENDINGS])
def test_the_ending_of_a_flow_follows_from_its_entries(
    events: tuple[str, ...], more: dict[str, str], expected: tuple[str, str, str]
) -> None:
    (found,) = build_history([host("web1", *entries("run2", 2, *events, **more))])
    assert (found.event, found.ending, found.results["web1"]) == expected


@pytest.mark.parametrize(
    ("held", "event", "ending"),
    [
        (True, "deploy", "is at work"),
        (None, "deploy", "is at work, or died"),
        (False, "interrupted", "died"),
    ],
)
def test_an_unfinished_flow_is_running_while_it_holds_a_lock(held: bool | None, event: str, ending: str) -> None:
    begun, lock = entries("run2", 2, "building"), Entry(run="run2")
    hosts = [host("web1", *begun, lock=lock, lock_is_held=held), host("web2", *begun)]
    for fleet in (hosts, [*hosts, host("web3", *begun, lock=lock, lock_is_held=False)]):
        (found,) = build_history(fleet)
        assert (found.event, found.ending) == (event, ending)


def test_a_rollback_is_listed_as_rollback() -> None:
    back = entries("run3", 1, "live", "finished", flow="rollback", left=R[2])
    assert told(host("web1", *deployed(1), *deployed(2), *back))[0] == ("rollback", R[1])


@pytest.mark.parametrize(
    ("held", "event", "ending"), [(False, "interrupted", "died"), (None, "deploy", "is at work, or died")]
)
def test_an_unfinished_flow_is_not_called_dead_where_the_lock_cannot_be_read(
    held: bool | None, event: str, ending: str
) -> None:
    (flow,) = build_history([host("web1", *entries("run2", 2, "building"), lock_is_held=held)])
    assert (flow.event, flow.ending) == (event, ending)


def test_an_unlock_is_listed_but_not_as_a_flow() -> None:
    (found,) = build_history([host("web1", Entry(event="unlocked", run="a", by="ann"))])
    assert (found.event, found.flow, found.by, found.results) == ("unlock", "", "ann", {"web1": "freed"})


# -- the fleet


def test_hosts_with_a_different_result_are_named() -> None:
    failed = entries("run2", 2, "live", "back", "failed", step="publishing")
    (found,) = build_history([host("web1", *failed), host("web2", *failed[2:])])
    assert found.event == "failed"
    assert found.results == {"web1": "undone", "web2": "not live"}


def test_a_host_that_the_flow_continued_without_is_named() -> None:
    (found,) = build_history([host("web1", *deployed(2, missing="web2 web3"))])
    assert found.results == {"web1": "live", "web2": "left out", "web3": "left out"}


def test_flows_of_different_hosts_are_ordered_by_time() -> None:
    facts = [host("web1", *deployed(1), *deployed(3)), host("web2", *deployed(2), *deployed(4))]
    assert [release for _, release in told(*facts)] == [R[4], R[3], R[2], R[1]]


def test_the_journal_order_holds_when_a_controller_clock_was_slow() -> None:
    late = deployed(3, at="1999-01-01T00:00:00Z")
    assert [release for _, release in told(host("web1", *deployed(2), *late))] == [R[3], R[2]]


# -- the revisions log


def test_capistrano_flows_are_placed_by_revisions_log() -> None:
    log = (
        logged(0),
        logged(1, by="Bob Lee"),
        format_log_line("deploy", R[2], "1f3e", "main", "ann"),
        logged(1, "rollback"),
    )
    found = build_history([host("web1", *deployed(2), log=log)])
    assert [(one.event, one.release, one.by) for one in found] == [
        ("rollback", R[1], "bob"),
        ("deploy", R[2], "ann"),
        ("deploy", R[1], "Bob-Lee"),
        ("deploy", R[0], "bob"),
    ]
    assert [one.at for one in found] == ["", "2016-06-14T13:02:00Z", "2016-06-14T13:33:21Z", "2016-06-14T13:33:20Z"]
    assert (found[2].revision, found[2].run, found[2].results) == ("1f3e", "", {"web1": "live"})


def test_a_line_in_several_logs_is_listed_once() -> None:
    log = (logged(0), logged(1), logged(0, "rollback"), logged(1, "rollback"), logged(0, "rollback"))
    found = build_history([host("web1", log=log), host("web2", log=log[3:])])
    both, first = {"web1": "live", "web2": "live"}, {"web1": "live"}
    assert [(one.event, one.release, one.results) for one in found] == [
        ("rollback", R[0], both),
        ("rollback", R[1], both),
        ("rollback", R[0], first),
        ("deploy", R[1], first),
        ("deploy", R[0], first),
    ]


def test_a_failed_flow_keeps_its_place_between_publishes() -> None:
    journal = [*deployed(1), *entries("x", 2, "building", "failed"), *deployed(3)]
    log = (logged(1, by="ann"), logged(3, by="ann"), logged(4))
    assert told(host("web1", *journal, log=log)) == [
        ("deploy", R[4]),
        ("deploy", R[3]),
        ("failed", R[2]),
        ("deploy", R[1]),
    ]


TEXT = st.sampled_from(["", "a", "2016-06-14T13:02:00Z", *R[:2]])
ENTRY = st.builds(
    Entry,
    event=st.sampled_from(["building", "live", "back", "failed", "finished", "unlocked", "noted"]),
    flow=st.sampled_from(["deploy", "rollback", ""]),
    release=TEXT,
    run=st.sampled_from(["", "a", "b", f"deploy {R[0]} 0"]),
    at=TEXT,
    missing=TEXT,
)
LOG = st.sampled_from([logged(0), logged(1), logged(0, "rollback"), "lunch"])


@given(st.lists(ENTRY, max_size=12), st.lists(ENTRY, max_size=12), st.lists(LOG, max_size=6))
@example([Entry(event="live", flow="deploy", release=R[1], run=f"deploy {R[0]} 0")], [], [logged(1), logged(0)])
def test_random_journals_list_each_flow_once(one: list[Entry], two: list[Entry], log: list[str]) -> None:
    found = [h.run for h in build_history([host("web1", *one, log=tuple(log)), host("web2", *two)]) if h.run]
    assert sorted(found) == sorted({entry.run for entry in [*one, *two] if entry.run and entry.event != "noted"})


def test_the_subject_of_a_revision_is_that_of_its_last_publish() -> None:
    live = Entry("live", "deploy", R[1], "1f3e", subject="Fix the login")
    facts = [host("web1"), host("web2", replace(live, subject="Fix it"), live, Entry("live", "deploy", R[2], "2a4b"))]
    assert find_subject(facts, "1f3e") == "Fix the login"
    assert find_subject(facts, "2a4b") == find_subject(facts, "3c5d") == ""
