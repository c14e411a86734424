"""The record of a flow, folded from its events, that its report page is made from."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from capdoit import events
from capdoit.errors import CapdoitError, Interrupted
from capdoit.events import Event
from capdoit.output.command_line import CommandLine
from capdoit.output.failure_report import FailureReport, RollbackReport
from capdoit.output.run_record import (
    MOST_OF_FLOW,
    MOST_OF_HOST,
    OUTSIDE,
    KeptOutput,
    OutputKind,
    OutputLine,
    RunRecord,
    Verdict,
)
from capdoit.records.facts import Facts

STARTED = events.FlowStarted("production", ("web1", "web2"), "ann", "deploy", "main", "", run="1f")
UPDATING = events.StepStarted("updating", is_hook=False)


def record_of(*happened: Event) -> RunRecord:
    """Return the record after these events; one happens each second, from second 1."""
    record = RunRecord.begin(STARTED, 0.0)
    for second, event in enumerate(happened, 1):
        record.apply(event, float(second))
    return record


def report(error: BaseException, rollback: RollbackReport | None = None) -> FailureReport:
    return FailureReport("deploy:production", error, (), CommandLine("deploy", "production"), rollback=rollback)


def test_the_work_of_a_host_has_a_span_for_each_part() -> None:
    record = record_of(
        UPDATING,
        events.WorkStarted("web1"),
        events.WorkFinished("web1", 1.0),
        events.WorkStarted("web1"),
        events.WorkFinished("web1", 0.5, "disk full"),
    )
    track = record.tracks["updating"]["web1"]
    assert [(span.began, span.seconds) for span in track.spans] == [(2.0, 1.0), (4.0, 0.5)]
    assert (track.seconds, track.reason, track.has_failed) == (1.5, "disk full", True)


def test_a_host_that_was_stopped_has_not_failed() -> None:
    stopped = events.WorkFinished("web1", 1.0, "stopped", is_cancelled=True)
    track = record_of(UPDATING, events.WorkStarted("web1"), stopped).tracks["updating"]["web1"]
    assert (track.reason, track.has_failed) == ("stopped", False)


def test_the_slowest_host_is_the_one_that_others_waited_for() -> None:
    work = [events.WorkStarted("web1"), events.WorkStarted("web2")]
    ends = [events.WorkFinished("web1", 0.2), events.WorkFinished("web2", 0.3)]
    for last in (events.StepFinished("updating", False, 1.0), events.StepFailed("updating", "", "disk full")):
        assert record_of(UPDATING, *work, *ends, last).slowest == {"updating": "web2"}
        assert record_of(UPDATING, work[0], ends[0], last).slowest == {}


def test_commands_stand_before_their_output_and_results_after_it() -> None:
    record = record_of(
        UPDATING,
        events.RequestSent("web1", "npm ci", "run", "", ""),
        events.HostOutput("web1", "err", ("added 3 packages",)),
        events.RequestAnswered("web1", "npm ci", 1, 2.0),
        events.RequestFailed("web1", "npm ci", "web1: cannot connect", 2.0),
    )
    assert record.tracks["updating"]["web1"].output.first == [
        (OutputKind.COMMAND, "npm ci"),
        (OutputKind.OUTPUT, "added 3 packages"),
        (OutputKind.RESULT, "exit status 1 after 2.00 s"),
        (OutputKind.RESULT, "web1: cannot connect"),
    ]


def test_work_after_the_last_step_is_kept_apart() -> None:
    record = record_of(UPDATING, events.StepFailed("updating", "", "disk full"), events.WorkStarted("web1"))
    assert [*record.tracks] == [OUTSIDE]


def test_what_was_live_before_is_what_the_first_survey_found() -> None:
    facts = [Facts("web1", current="20160101000000", releases={"20160101000000": "abc"}), Facts("web1")]
    record = record_of(*map(events.HostSurveyed, facts))
    live = record.live_before["web1"]
    assert (live.release, live.revision) == ("20160101000000", "abc")


@pytest.mark.parametrize(
    ("last", "verdict"),
    [
        (events.FlowFinished("deploy:production", (), 0, 1.0), Verdict.DONE),
        (events.FlowFailed(report(CapdoitError("disk full"))), Verdict.FAILED),
        (events.FlowFailed(report(Interrupted("SIGINT"))), Verdict.INTERRUPTED),
        (events.FlowFailed(report(CapdoitError("disk full"), RollbackReport("2", {"web1": "1"}))), Verdict.UNDONE),
        (events.FlowStopped(report(Interrupted("as requested"))), Verdict.STOPPED),
        (UPDATING, Verdict.RUNNING),
    ],
)
def test_the_last_event_decides_the_verdict(last: Event, verdict: Verdict) -> None:
    assert record_of(last).verdict is verdict


def size_of(lines: Sequence[OutputLine]) -> int:
    return sum(len(line.text) + 1 for line in lines)


@pytest.mark.parametrize("lines_at_once", [1, 7, 700])
def test_of_output_in_large_pieces_no_more_is_kept(lines_at_once: int) -> None:
    output = KeptOutput(4000)
    for _ in range(0, 7000, lines_at_once):
        output.add(OutputKind.OUTPUT, *["x" * 99] * lines_at_once)
    assert (size_of(output.first), size_of(output.last)) == (1000, 3000)
    assert len(output.first) + output.left_out + len(output.last) == 7000 // lines_at_once * lines_at_once


def test_a_line_that_is_longer_than_what_is_kept_leaves_out_all_before_it() -> None:
    output = KeptOutput(100)
    output.add(OutputKind.OUTPUT, "a" * 50, *"bcd", "e" * 500)
    assert [line.text[0] for line in (*output.first, *output.last)] == ["a", "e"]


def test_the_output_of_a_loud_flow_on_many_hosts_stays_below_a_limit() -> None:
    hosts, tasks = tuple(f"web{n}" for n in range(200)), tuple(f"task{n}" for n in range(20))
    started = events.FlowStarted("production", hosts, "ann", "deploy", "main", "", tasks=tasks, run="1f")
    record = RunRecord.begin(started, 0.0)
    assert len(hosts) * len(tasks) * record.most_of_host <= MOST_OF_FLOW
    record.apply(events.StepStarted("task0", is_hook=True), 1.0)
    for host in hosts:
        record.apply(events.HostOutput(host, "out", ("x" * 99,) * 655), 1.0)
    kept = [track.output for track in record.tracks["task0"].values()]
    assert sum(size_of(one.first) + size_of(one.last) for one in kept) < MOST_OF_FLOW / len(tasks) * 1.1


def test_of_a_long_output_the_beginning_and_the_end_are_kept() -> None:
    output = KeptOutput()
    lines = [f"line {number:06}" for number in range(100_000)]
    for start in range(0, len(lines), 100):
        output.add(OutputKind.OUTPUT, *lines[start : start + 100])
    kept = [line.text for line in (*output.first, *output.last)]
    assert kept == [*lines[: len(output.first)], *lines[-len(output.last) :]]
    assert len(kept) + output.left_out == len(lines)
    first, last = size_of(output.first), size_of(output.last)
    assert MOST_OF_HOST - 12 < first + last < MOST_OF_HOST + 2 * 12
    assert 2 * first < last < 4 * first


def test_a_short_output_is_kept_completely() -> None:
    output = KeptOutput()
    for text in ("a" * (MOST_OF_HOST // 4), "b", "c" * (MOST_OF_HOST * 3 // 4 - 3)):
        output.add(OutputKind.OUTPUT, text)
    assert [line.text[0] for line in (*output.first, *output.last)] == ["a", "b", "c"]
    assert output.left_out == 0
