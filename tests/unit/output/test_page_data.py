"""The data of a flow, folded from its events, that its report page is made from."""

from __future__ import annotations

import pytest

from capdoit import events
from capdoit.errors import CapdoitError, Interrupted
from capdoit.events import Event
from capdoit.output.command_line import CommandLine
from capdoit.output.failure_report import FailureReport, RollbackReport
from capdoit.output.kept_output import OutputKind
from capdoit.output.page_data import MOST_OF_FLOW, OUTSIDE, PageData, Verdict
from capdoit.records.facts import Facts

STARTED = events.FlowStarted("production", ("web1", "web2"), "ann", "deploy", "main", "", run="1f")
UPDATING = events.StepStarted("updating", is_hook=False)


def data_of(*happened: Event) -> PageData:
    """Return the data after these events; one happens each second, from second 1."""
    data = PageData.begin(STARTED, 0.0)
    for second, event in enumerate(happened, 1):
        data.apply(event, float(second))
    return data


def report(error: BaseException, rollback: RollbackReport | None = None) -> FailureReport:
    return FailureReport("deploy:production", error, (), CommandLine("deploy", "production"), rollback=rollback)


def test_the_work_of_a_host_has_a_span_for_each_part() -> None:
    data = data_of(
        UPDATING,
        events.WorkStarted("web1"),
        events.WorkFinished("web1", 1.0),
        events.WorkStarted("web1"),
        events.WorkFinished("web1", 0.5, "disk full"),
    )
    track = data.tracks["updating"]["web1"]
    assert [(span.began, span.seconds) for span in track.spans] == [(2.0, 1.0), (4.0, 0.5)]
    assert (track.seconds, track.reason, track.has_failed) == (1.5, "disk full", True)


def test_a_host_that_was_stopped_has_not_failed() -> None:
    stopped = events.WorkFinished("web1", 1.0, "stopped", is_cancelled=True)
    track = data_of(UPDATING, events.WorkStarted("web1"), stopped).tracks["updating"]["web1"]
    assert (track.reason, track.has_failed) == ("stopped", False)


def test_the_slowest_host_is_the_one_that_others_waited_for() -> None:
    work = [events.WorkStarted("web1"), events.WorkStarted("web2")]
    ends = [events.WorkFinished("web1", 0.2), events.WorkFinished("web2", 0.3)]
    for last in (events.StepFinished("updating", False, 1.0), events.StepFailed("updating", "", "disk full")):
        assert data_of(UPDATING, *work, *ends, last).slowest == {"updating": "web2"}
        assert data_of(UPDATING, work[0], ends[0], last).slowest == {}


def test_the_slowest_host_is_the_last_one_to_end_and_not_the_one_that_worked_most() -> None:
    work = [
        *(events.WorkStarted("web1"), events.WorkFinished("web1", 0.9), events.WorkStarted("web2")),
        *(events.WorkFinished("web2", 0.1), events.StepFinished("updating", False, 5.0)),
    ]
    assert data_of(UPDATING, *work).slowest == {"updating": "web2"}


def test_commands_stand_before_their_output_and_results_after_it() -> None:
    data = data_of(
        UPDATING,
        events.RequestSent("web1", "npm ci", "run", "", ""),
        events.HostOutput("web1", "err", "added 3 packages"),
        events.RequestAnswered("web1", "npm ci", 1, 2.0),
        events.RequestFailed("web1", "npm ci", "web1: cannot connect", 2.0),
    )
    assert data.tracks["updating"]["web1"].output.first == [
        (OutputKind.COMMAND, "npm ci"),
        (OutputKind.OUTPUT, "added 3 packages"),
        (OutputKind.RESULT, "exit status 1 after 2.00 s"),
        (OutputKind.RESULT, "web1: cannot connect"),
    ]


def test_work_after_the_last_step_is_kept_apart() -> None:
    data = data_of(UPDATING, events.StepFailed("updating", "", "disk full"), events.WorkStarted("web1"))
    assert [*data.tracks] == [OUTSIDE]


def test_what_was_live_before_is_what_the_first_survey_found() -> None:
    facts = [Facts("web1", current="20160101000000", releases={"20160101000000": "abc"}), Facts("web1")]
    data = data_of(*map(events.HostSurveyed, facts))
    live = data.live_before["web1"]
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
    assert data_of(last).verdict is verdict


def test_the_output_of_a_loud_flow_on_many_hosts_stays_below_a_limit() -> None:
    hosts, tasks = tuple(f"web{n}" for n in range(200)), tuple(f"task{n}" for n in range(20))
    started = events.FlowStarted("production", hosts, "ann", "deploy", "main", "", tasks=tasks, run="1f")
    data = PageData.begin(started, 0.0)
    assert len(hosts) * len(tasks) * data.most_of_host <= MOST_OF_FLOW
    data.apply(events.StepStarted("task0", is_hook=True), 1.0)
    for host in hosts:
        data.apply(events.HostOutput(host, "out", "\n".join(["x" * 99] * 655)), 1.0)
    kept = [track.output for track in data.tracks["task0"].values()]
    sizes = [block.size for output in kept for block in (*output.first, *output.last)]
    assert sum(sizes) < MOST_OF_FLOW / len(tasks) * 1.1
