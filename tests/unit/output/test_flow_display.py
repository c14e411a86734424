"""The state of a flow, folded from its events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capdoit import events
from capdoit.events import Event
from capdoit.output.flow_display import Ending, FlowDisplay, FlowDisplays, Upload, WorkState
from capdoit.state.decision import Decision

STARTED = events.FlowStarted(
    "production", ("web1", "web2"), "ann", "deploy", "main", "", tasks=("starting", "updating"), run="r"
)


def show(*happened: Event) -> FlowDisplay:
    """Return the state after these events, one in each second from 0."""
    displays = FlowDisplays()
    *_, last = [displays.fold(event, float(second)) for second, event in enumerate(happened)]
    return last


def with_run(event: Event, run: str = "r") -> Event:
    return replace(event, run=run)


def in_step(*happened: Event) -> FlowDisplay:
    """Return the state after these events in a step that began in second 1."""
    return show(STARTED, *map(with_run, (events.StepStarted("updating", is_hook=False), *happened)))


def test_the_task_at_work_has_the_name_of_its_flow_and_step() -> None:
    assert show(STARTED).task_name == "deploy:production"
    assert in_step().task_name == "deploy:production:updating"
    assert in_step().number("updating") == "2 of 2"


def test_a_host_has_the_sum_of_the_parts_of_its_work() -> None:
    display = in_step(events.WorkStarted("web1"), events.WorkFinished("web1", 0.5), events.WorkStarted("web1"))
    assert display.working == ["web1"]
    assert display.work["web1"].seconds(6) == 2.5  # 0.5 s, and from second 4 to second 6


@pytest.mark.parametrize(
    ("finished", "state"),
    [
        (events.WorkFinished("web1", 1), WorkState.DONE),
        (events.WorkFinished("web1", 1, "disk full"), WorkState.FAILED),
        (events.WorkFinished("web1", 1, "stopped", is_cancelled=True), WorkState.STOPPED),
    ],
)
def test_a_host_is_done_failed_or_stopped(finished: events.WorkFinished, state: WorkState) -> None:
    assert in_step(events.WorkStarted("web1"), finished).work["web1"].state is state


def test_a_host_shows_its_last_line_with_its_colors() -> None:
    output = events.HostOutput("web1", "out", "a\n\033[31mb\033[0m")
    assert in_step(events.WorkStarted("web1"), output).work["web1"].last_line == "\033[31mb\033[0m"


def test_a_step_that_failed_keeps_the_names_of_the_hosts_that_failed() -> None:
    failed = (events.WorkFinished("web1", 1, "disk full"), events.StepFailed("updating", "", "disk full"))
    display = in_step(events.WorkStarted("web1"), events.WorkStarted("web2"), *failed)
    assert (display.step, display.has_failed) == (None, True)
    assert (display.steps[-1].ending, display.steps[-1].failed) == (Ending.FAILED, ["web1"])
    assert display.working == []


def test_a_hook_is_busy_only_while_a_host_has_a_request() -> None:
    """A hook that works on the controller may use the terminal."""
    hook = (events.StepStarted("restart", is_hook=True), events.WorkStarted("web1"))
    sent = events.RequestSent("web1", "true", "run", "", "true")
    answered = events.RequestAnswered("web1", "true", 0, 0.1)
    lost = events.RequestFailed("web1", "true", "lost", 0.1)

    assert not show(STARTED, *map(with_run, hook)).is_busy
    assert show(STARTED, *map(with_run, (*hook, sent))).is_busy
    assert not show(STARTED, *map(with_run, (*hook, sent, answered))).is_busy
    assert not show(STARTED, *map(with_run, (*hook, sent, sent, lost))).is_busy
    assert in_step().is_busy, "a step of capdoit has the terminal for itself"


def test_two_flows_at_the_same_time_have_states_of_their_own() -> None:
    displays = FlowDisplays()
    displays.fold(STARTED, 0)
    other = events.FlowStarted("staging", ("web1",), "ann", "deploy", "main", "", run="s")
    assert displays.fold(other, 1).name == "deploy:staging"
    assert displays.fold(with_run(events.StepStarted("updating", is_hook=False)), 2).name == "deploy:production"
    assert [one.name for one in displays.working()] == ["deploy:production"]


def test_a_decision_is_new_once_for_each_release_and_revision() -> None:
    chosen = Decision("20160614133327")
    assert show(STARTED, with_run(events.Decided(chosen))).is_decision_new
    again = with_run(events.Decided(Decision("20160614133327", reverts={"rails": ("1",)})))
    assert not show(STARTED, with_run(events.Decided(chosen)), again).is_decision_new


def test_an_upload_has_the_rate_of_its_last_seconds() -> None:
    upload = Upload(1000)
    for second, sent in enumerate((0, 400, 400, 400, 400, 400, 400, 450, 500)):
        upload.add(sent, second)
    assert upload.share == 0.5
    assert upload.rate(8) == pytest.approx(20)  # 100 bytes since second 3
    assert upload.seconds_left(8) == pytest.approx(25)


def test_an_upload_that_just_began_or_stalls_has_no_time_left() -> None:
    upload = Upload(1000)
    upload.add(0, 0)
    assert upload.seconds_left(0) is None
    upload.add(0, 1)
    assert upload.seconds_left(1) is None
    assert Upload(0).is_complete
