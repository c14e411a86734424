"""The record of a flow, folded from its events, that its report page is made from."""

from __future__ import annotations

import pytest

from capdoit import events
from capdoit.errors import CapdoitError, Interrupted
from capdoit.events import Event
from capdoit.output.command_line import CommandLine
from capdoit.output.failure_report import FailureReport, RollbackReport
from capdoit.output.run_record import LEAST_AT_END, MOST_AT_START, OUTSIDE, KeptOutput, OutputKind, RunRecord, Verdict
from capdoit.records.facts import Facts

STARTED = events.FlowStarted("deploy", "production", ("web1", "web2"), "1f", "ann", "main", "")
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
    record = record_of(UPDATING, *work, events.WorkFinished("web1", 0.2), events.WorkFinished("web2", 0.3))
    assert record.slowest("updating") == "web2"
    assert record_of(UPDATING, work[0], events.WorkFinished("web1", 0.2)).slowest("updating") == ""


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


def test_of_a_long_output_the_beginning_and_the_end_are_kept() -> None:
    output = KeptOutput()
    lines = [f"line {number:06}" for number in range(100_000)]
    for start in range(0, len(lines), 100):
        output.add(OutputKind.OUTPUT, *lines[start : start + 100])
    kept = [line.text for line in (*output.first, *output.last)]
    assert kept == [*lines[: len(output.first)], *lines[-len(output.last) :]]
    assert len(kept) + output.left_out == len(lines)
    assert MOST_AT_START <= sum(len(line.text) + 1 for line in output.first) < MOST_AT_START + 12
    assert LEAST_AT_END <= sum(len(line.text) + 1 for line in output.last) < LEAST_AT_END + 2 * 100 * 12


def test_a_short_output_is_kept_completely() -> None:
    output = KeptOutput()
    for text in ("a" * MOST_AT_START, "b", "c" * (LEAST_AT_END - 3)):
        output.add(OutputKind.OUTPUT, text)
    assert [line.text[0] for line in (*output.first, *output.last)] == ["a", "b", "c"]
    assert output.left_out == 0
