"""The lines about the progress of a flow: its title, its release, the end of steps, and of hosts in a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from capdoit import events
from capdoit.events import Event
from capdoit.output.console import BAD_MARK, GOOD_MARK, Line, Tone
from capdoit.output.flow_display import FlowDisplay
from capdoit.output.summary import describe_code
from capdoit.text import join_names, name_first
from capdoit.units import format_seconds

MOST_HOSTS = 10  # that a title names
NOTABLE_SECONDS = 1.0  # of a host in a step


def render_progress(event: Event, display: FlowDisplay, shows_hosts: bool) -> Iterator[Line]:
    """Return the lines of an event that tells of progress; none for any other event.

    Args:
        event: the event.
        display: the state of the flow after the event.
        shows_hosts: whether hosts that are done with a part of a step have a line: with any part of a hook, and with
            a part of a step that took long. The others would say no more than the end of the step.
    """
    if isinstance(event, events.WorkFinished) and not _has_line(event, display, shows_hosts):
        return iter(())
    if _is_of_drill(event, display) or _is_told_later(event, display):
        return iter(())
    render = PROGRESS.get(type(event))
    return render(event, display) if render else iter(())


def render_short_progress(event: Event, display: FlowDisplay) -> Iterator[Line]:
    """Return the lines of the start of a flow and of the end of its steps, with their names, for a terminal.

    Args:
        event: the event.
        display: the state of the flow after the event.
    """
    if _is_of_drill(event, display) or _is_told_later(event, display):
        return
    if isinstance(event, (events.FlowStarted, events.DrillStarted, events.TaskStarted)):
        for text, tone in PROGRESS[type(event)](event, display):
            yield f"{display.name}  {text}", tone
    elif isinstance(event, events.StepFinished) and event.name not in display.skipped:
        width = max(map(len, display.started.tasks if display.started else ()), default=0)
        yield f"{GOOD_MARK} {event.name.ljust(width)}  {format_seconds(event.seconds):>6}", Tone.GOOD
    elif isinstance(event, events.StepFailed) and display.steps:
        on = f" on {join_names(failed)}" if (failed := display.steps[-1].failed) else ""
        yield f"{BAD_MARK} {display.steps[-1].name}  {_describe_failure(event, display)}{on}", Tone.BAD


def _is_of_drill(event: Event, display: FlowDisplay) -> bool:
    """Return True for an event of the rollback in a drill that the drill itself tells of."""
    is_rehearsed = display.started is not None and display.started.is_drill
    return is_rehearsed and isinstance(event, (events.FlowStarted, events.StepFinished))


def _is_told_later(event: Event, display: FlowDisplay) -> bool:
    """Return True for the end of the only step of a task on demand."""
    return display.on_demand is not None and isinstance(event, events.StepFinished)


def _has_line(event: events.WorkFinished, display: FlowDisplay, shows_hosts: bool) -> bool:
    """Return True for work that says more than the end of its step, or than the report of a failure."""
    if event.reason:
        return not display.has_failed
    return shows_hosts and _is_notable(event, display)


def _is_notable(event: events.WorkFinished, display: FlowDisplay) -> bool:
    is_of_hook = display.step is not None and display.step.is_hook
    return is_of_hook or event.seconds >= NOTABLE_SECONDS


def _flow_started(event: events.FlowStarted, _: FlowDisplay) -> Iterator[Line]:
    hosts = name_first(event.hosts, MOST_HOSTS)
    what = f"{event.branch} to {hosts}" if event.flow == "deploy" else f"on {hosts}"
    yield f"{what}, by {event.operator}{f': {event.message}' if event.message else ''}", Tone.HEAD


def _started(event: events.DrillStarted | events.TaskStarted, _: FlowDisplay) -> Iterator[Line]:
    yield f"on {name_first(event.hosts, MOST_HOSTS)}, by {event.operator}", Tone.HEAD


def _decided(event: events.Decided, display: FlowDisplay) -> Iterator[Line]:
    if display.is_decision_new and event.decision.release:
        yield f"release {event.decision.release}: {describe_code(display)}".removesuffix(": "), None


def _hook_paused(event: events.HookPaused, _: FlowDisplay) -> Iterator[Line]:
    yield f"waiting {event.seconds:g} s, then {name_first(event.next_hosts, MOST_HOSTS)}", None


def _step_finished(event: events.StepFinished, display: FlowDisplay) -> Iterator[Line]:
    if event.name not in display.skipped:
        number = display.number(event.name)
        yield f"{GOOD_MARK} {format_seconds(event.seconds)}{f' ({number})' if number else ''}", Tone.GOOD


def _step_failed(event: events.StepFailed, display: FlowDisplay) -> Iterator[Line]:
    yield f"{BAD_MARK} {_describe_failure(event, display)}", Tone.BAD


def _describe_failure(event: events.StepFailed, display: FlowDisplay) -> str:
    step = display.steps[-1] if display.steps else None
    after = f" after {format_seconds(step.seconds)}" if step and step.seconds is not None else ""
    return f"{'interrupted' if event.interruption else 'failed'}{after}"


def _work_finished(event: events.WorkFinished, _: FlowDisplay) -> Iterator[Line]:
    if event.is_cancelled:
        yield f"stopped on {event.host} {format_seconds(event.seconds)}", None
    else:
        mark = BAD_MARK if event.reason else GOOD_MARK
        yield f"{mark} {event.host} {format_seconds(event.seconds)}", Tone.BAD if event.reason else None


PROGRESS: dict[type[Event], Callable[[Any, FlowDisplay], Iterator[Line]]] = {
    events.FlowStarted: _flow_started,
    events.DrillStarted: _started,
    events.TaskStarted: _started,
    events.Decided: _decided,
    events.HookPaused: _hook_paused,
    events.StepFinished: _step_finished,
    events.StepFailed: _step_failed,
    events.WorkFinished: _work_finished,
}
