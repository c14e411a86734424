"""The lines about the progress of a flow, made from its events."""

from __future__ import annotations

import pytest

from capdoit import events
from capdoit.events import Event
from capdoit.output.flow_display import FlowDisplays
from capdoit.output.progress_lines import render_progress

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


def rendered(began: Event, finished: Event, shows_hosts: bool) -> list[str]:
    displays = FlowDisplays()
    displays.fold(began, 0)
    display = displays.fold(finished, 1)
    return [text for text, _ in render_progress(finished, display, shows_hosts)]
