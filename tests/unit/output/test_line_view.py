"""The view for pipes and CI, with the events of two flows at the same time."""

from __future__ import annotations

import pytest

from capdoit import events
from capdoit.event_bus import EventBus
from capdoit.output.view import FlowView
from capdoit.output.view_choice import Verbosity, ViewRequest

RUNS = ("a", "b")


class Flows:
    """Two flows with one name of a host, whose events a view shows."""

    def __init__(self, verbosity: Verbosity) -> None:
        self._bus = EventBus()
        self._bus.subscribe(FlowView(self._bus, ViewRequest(verbosity, is_parallel=True)))
        for run in RUNS:
            self.emit(run, events.FlowStarted(run, ("web1",), "ann", "deploy", "main", "", run=run))

    def emit(self, run: str, *happened: events.Event) -> None:
        for event in happened:
            self._bus.for_flow(lambda _: None, run).emit(event)

    def begin(self, run: str) -> None:
        self.emit(run, events.StepStarted("updating", is_hook=True), events.WorkStarted("web1"))

    def fail(self, run: str) -> None:
        self.emit(run, events.WorkFinished("web1", 1.0, "exit status 1"), events.StepFailed("updating", "", "exit 1"))

    def finish(self, run: str) -> None:
        self.emit(run, events.WorkFinished("web1", 1.0), events.StepFinished("updating", True, 1.0))


def test_a_step_that_fails_shows_the_output_of_its_own_flow(capsys: pytest.CaptureFixture[str]) -> None:
    flows = Flows(Verbosity.STEPS)
    flows.begin("a")
    flows.emit("a", events.HostOutput("web1", "err", "the error of a"))
    flows.begin("b")
    flows.emit("b", events.HostOutput("web1", "out", "a line of b"))
    flows.fail("a")
    said = capsys.readouterr().out
    assert "deploy:a:updating  web1 | the error of a\n" in said
    assert "a line of b" not in said
    flows.fail("b")
    assert "deploy:b:updating  web1 | a line of b\n" in capsys.readouterr().out


def test_what_a_hook_prints_is_held_until_the_last_step_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    flows = Flows(Verbosity.RESULT)
    flows.begin("a")
    print("printed by the hook of a")
    flows.begin("b")
    flows.finish("b")
    print("printed later")
    assert capsys.readouterr().out == ""
    flows.fail("a")
    assert capsys.readouterr().out == "printed by the hook of a\nprinted later\n"


def test_what_a_hook_prints_is_dropped_if_its_step_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    flows = Flows(Verbosity.RESULT)
    flows.begin("a")
    print("printed by the hook of a")
    flows.finish("a")
    flows.begin("a")
    flows.fail("a")
    print("printed between tasks")
    assert capsys.readouterr().out == "printed between tasks\n"
