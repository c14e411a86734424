"""The records of the log file: what an event says in the log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from capdoit import events
from capdoit.events import Event
from capdoit.output.drill_report import render_drill_failure
from capdoit.output.dry_run_summary import render_dry_run
from capdoit.output.failure_report import render_failure
from capdoit.output.run_names import name_run
from capdoit.text import join_names

# What they tell is in other records.
NOT_LOGGED = (events.WorkStarted, events.TransferProgress, events.HostSurveyed)
LINE_WIDTH = 120  # of texts that are made to fit
WORD = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True)
class Record:
    """An event in the log.

    Attributes:
        text: what happened, in one line.
        host: name of the host; empty for the fleet.
        more: further lines, such as a script or its output.
    """

    text: str
    host: str = ""
    more: tuple[str, ...] = ()


def make_record(event: Event) -> Record | None:
    """Return the record of an event; None for events that the log does not have.

    The text of errors in it may have secrets.
    """
    if isinstance(event, NOT_LOGGED) or (isinstance(event, events.WorkFinished) and not event.reason):
        return None
    return RECORDS.get(type(event), _describe)(event)


def _describe(event: Event) -> Record:
    """Return the words of an event's name, and its fields that are not empty: every new event is in the log."""
    name = WORD.sub(" ", type(event).__name__).lower()
    values = ", ".join(_describe_fields(event))
    return Record(f"{name}: {values}" if values else name, getattr(event, "host", ""))


def _describe_fields(value: Any) -> Iterator[str]:
    for field in fields(value):
        one = getattr(value, field.name)
        if is_dataclass(one):
            yield from _describe_fields(one)
        elif one and field.name not in ("run", "host"):
            yield f"{field.name.replace('_', ' ')} {_describe_value(one)}"


def _describe_value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Mapping):
        return join_names(f"{key}: {_describe_value(one)}" for key, one in value.items())
    return join_names(map(str, value)) if isinstance(value, (tuple, frozenset)) else str(value)


# -- the flow


def _flow_started(event: events.FlowStarted) -> Record:
    what = f"{'rehearsed ' if event.is_drill else ''}{event.flow}:{event.stage}"
    why = [f"branch {event.branch}"] if event.branch else []
    why += [f"message: {event.message}"] if event.message else []
    return _describe_start(what, event, *why)


def _started(event: events.RunStarted) -> Record:
    return _describe_start(name_run(event), event)


def _describe_start(what: str, event: events.RunStarted, *more: str) -> Record:
    details = [f"run {event.run}", f"by {event.operator}", f"on {join_names(event.hosts)}", *more]
    return Record(f"{what} started: {', '.join(details)}")


def _step_started(_: events.StepStarted) -> Record:
    return Record("started")


def _step_finished(event: events.StepFinished) -> Record:
    return Record(f"done after {event.seconds:.3f} s")


def _step_failed(event: events.StepFailed) -> Record:
    return Record(event.interruption or f"failed: {event.reason}")


def _work_finished(event: events.WorkFinished) -> Record:
    end = "stopped" if event.is_cancelled else "failed"
    return Record(f"{end} after {event.seconds:.3f} s: {event.reason.removeprefix(f'{event.host}: ')}", event.host)


def _flow_failed(event: events.FlowFailed | events.FlowStopped) -> Record:
    return Record("the flow ended before its end", more=tuple(render_failure(event.report).splitlines()))


def _rehearsal_failed(event: events.RehearsalFailed) -> Record:
    return Record("the drill failed", more=tuple(render_drill_failure(event.report).splitlines()))


def _teardown_failed(event: events.TeardownFailed) -> Record:
    return Record("the flow failed while doit ended", more=tuple(event.text.splitlines()))


def _check_failed(event: events.CheckFailed) -> Record:
    return Record("the check failed", more=tuple(line for text in event.problems for line in text.splitlines()))


def _warned(event: events.Warned) -> Record:
    first, *more = event.text.splitlines() or [""]
    return Record(f"warning: {first}", event.host, tuple(more))


def _step_planned(event: events.StepPlanned) -> Record:
    return Record("a dry run, so nothing was sent; a flow would send:", more=event.lines)


def _dry_run_finished(event: events.DryRunFinished) -> Record:
    return Record("the dry run is done, and nothing was changed", more=tuple(render_dry_run(event.summary, LINE_WIDTH)))


# -- hosts


def _request_sent(event: events.RequestSent) -> Record:
    verb = "" if event.verb == "run" else f" ({event.verb})"
    fed = "" if event.fed_bytes is None else f", with {event.fed_bytes} bytes of {event.fed_file or 'a temporary file'}"
    return Record(f"sent: {event.name}{verb}{fed}", event.host, (*event.values.splitlines(), *event.body.splitlines()))


def _request_answered(event: events.RequestAnswered) -> Record:
    end = f"exit status {event.status} after {event.seconds:.3f} s"
    return Record(f"answered: {event.name}: {end}", event.host, tuple(event.output.splitlines()))


def _request_failed(event: events.RequestFailed) -> Record:
    return Record(f"no answer: {event.name}: {event.reason} (after {event.seconds:.3f} s)", event.host)


RECORDS: dict[type[Event], Callable[[Any], Record]] = {
    events.FlowStarted: _flow_started,
    events.DrillStarted: _started,
    events.CheckStarted: _started,
    events.SetupStarted: _started,
    events.CommandStarted: _started,
    events.TaskStarted: _started,
    events.StepStarted: _step_started,
    events.StepFinished: _step_finished,
    events.StepFailed: _step_failed,
    events.WorkFinished: _work_finished,
    events.FlowFailed: _flow_failed,
    events.FlowStopped: _flow_failed,
    events.RehearsalFailed: _rehearsal_failed,
    events.TeardownFailed: _teardown_failed,
    events.CheckFailed: _check_failed,
    events.Warned: _warned,
    events.StepPlanned: _step_planned,
    events.DryRunFinished: _dry_run_finished,
    events.RequestSent: _request_sent,
    events.RequestAnswered: _request_answered,
    events.RequestFailed: _request_failed,
}
