"""The lines about the progress of a flow, made from its events."""

from __future__ import annotations

import pytest

from capdoit import events
from capdoit.events import Event
from capdoit.output.flow_display import FlowDisplays
from capdoit.output.progress_lines import render_progress, render_short_progress

STEP, HOOK = events.StepStarted("updating", is_hook=False), events.StepStarted("build", is_hook=True)


@pytest.mark.parametrize(
    ("began", "finished", "lines"),
    [
        (STEP, events.WorkFinished("web1", 0.2), []),
        (STEP, events.WorkFinished("web1", 1.2), ["✔ web1 1.2s"]),
        (HOOK, events.WorkFinished("web1", 0.2), ["✔ web1 0.2s"]),
        (STEP, events.WorkFinished("web1", 0.2, "disk full"), ["✘ web1 0.2s"]),
    ],
)
def test_a_host_has_a_line_if_it_says_more_than_the_end_of_the_step(
    began: Event, finished: Event, lines: list[str]
) -> None:
    assert rendered(began, finished, shows_hosts=True) == lines


def test_without_lines_of_hosts_only_a_failure_is_told() -> None:
    assert rendered(HOOK, events.WorkFinished("web1", 5), shows_hosts=False) == []
    assert rendered(HOOK, events.WorkFinished("web1", 5, "disk full"), shows_hosts=False) == ["✘ web1 5.0s"]


def test_after_a_failure_the_report_tells_of_hosts_that_cannot_be_asked() -> None:
    failed = events.StepFailed("starting", "", "web1: down")
    assert rendered(STEP, failed, events.WorkFinished("web1", 0.1, "down"), shows_hosts=True) == []


def rendered(*happened: Event, shows_hosts: bool) -> list[str]:
    displays = FlowDisplays()
    *_, display = [displays.fold(event, second) for second, event in enumerate(happened)]
    return [text for text, _ in render_progress(happened[-1], display, shows_hosts)]


STARTED = events.FlowStarted(
    "production", ("web1", "web2"), "ann", "deploy", "main", "the sale", tasks=("starting", "updating")
)


def on_terminal(*happened: Event) -> list[str]:
    """Return the lines of the last event on a terminal."""
    displays = FlowDisplays()
    *_, display = [displays.fold(event, second) for second, event in enumerate(happened)]
    return [text for text, _ in render_short_progress(happened[-1], display)]


def test_a_terminal_has_a_line_for_the_flow_and_for_each_step() -> None:
    assert on_terminal(STARTED) == ["deploy:production  main to web1, web2, by ann: the sale"]
    assert on_terminal(STARTED, STEP, events.StepFinished("updating", is_hook=False, seconds=75)) == [
        "✔ updating   1m15s"
    ]
    failed = (events.WorkFinished("web2", 1, "disk full"), events.StepFailed("updating", "", "disk full"))
    assert on_terminal(STARTED, STEP, *failed) == ["✘ updating  failed after 2.0s on web2"]
    stopped = events.StepFailed("updating", "interrupted by SIGINT")
    assert on_terminal(STARTED, STEP, stopped) == ["✘ updating  interrupted after 1.0s"]
    assert on_terminal(STARTED, events.StepSkipped("build"), events.StepFinished("build", True, 0)) == []


def test_of_many_hosts_the_title_names_the_first_ones() -> None:
    names = tuple(f"web{number}" for number in range(40))
    first = ", ".join(names[:10])
    assert on_terminal(events.DrillStarted("production", names, "ann")) == [
        f"drill:production  on {first} and 30 more, by ann"
    ]


def test_a_drill_tells_of_its_phases_and_not_of_the_steps_of_its_rollback() -> None:
    rehearsed = events.FlowStarted("production", ("web1",), "ann", "rollback", "main", "", is_drill=True)
    done = events.StepFinished("updating", is_hook=False, seconds=1)
    assert on_terminal(rehearsed) == on_terminal(rehearsed, STEP, done) == []
    assert on_terminal(rehearsed, STEP, events.StepFailed("updating", "", "disk full")) != []
