"""The data of one flow that its report page is made from, folded from its events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from capdoit import events
from capdoit.errors import Interrupted
from capdoit.events import Event
from capdoit.output.failure_report import FailureReport
from capdoit.output.flow_display import FlowDisplay
from capdoit.output.kept_output import MOST_OF_HOST, KeptOutput, OutputKind

MOST_OF_FLOW = 8_000_000  # characters of output that are kept of all hosts
OUTSIDE = ""  # in place of a step, for work outside of steps, such as the cleanup after a failure


class Verdict(Enum):
    """The end of a flow; the values are parts of file names."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"


@dataclass
class Span:
    """A part of a host's work in a step.

    Attributes:
        began: time of its start.
        seconds: its duration; None while it runs.
        reason: why it failed or was stopped; empty if it succeeded.
        is_cancelled: it did not fail itself, but was stopped.
    """

    began: float
    seconds: float | None = None
    reason: str = ""
    is_cancelled: bool = False


@dataclass
class HostTrack:
    """The work of one host in a step.

    Attributes:
        output: its commands with their output.
        spans: its parts, in order.
    """

    output: KeptOutput = field(default_factory=KeptOutput)
    spans: list[Span] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The duration of the work."""
        return sum(span.seconds or 0.0 for span in self.spans)

    @property
    def ended(self) -> float:
        """The time of its end; 0 if it has no part that has ended."""
        return max((span.began + span.seconds for span in self.spans if span.seconds is not None), default=0.0)

    @property
    def reason(self) -> str:
        """The reason of the part that failed or was stopped; empty without one."""
        return next((span.reason for span in self.spans if span.reason), "")

    @property
    def has_failed(self) -> bool:
        """True if a part failed itself, and was not stopped because of another host."""
        return any(span.reason and not span.is_cancelled for span in self.spans)


@dataclass(frozen=True)
class LiveRelease:
    """The release that was live on a host when the flow began; empty texts if there was none."""

    release: str
    revision: str


@dataclass
class PageData:
    """Everything that the page of a flow shows; only `apply` changes it.

    Attributes:
        display: the state of the flow as all views have it.
        began_at: time of the start, with a time zone.
        tracks: the work of each host, by step and host.
        live_before: the live release of each host when the flow began.
        left_out: why a host was left out, by host.
        report: data of the report about a flow that did not finish; None for any other.
        verdict: how the flow ended.
        ended: time of the end.
        slowest: the host that the barrier waited for longest, by step; for steps of at least two hosts that have ended.
    """

    display: FlowDisplay
    began_at: datetime
    tracks: dict[str, dict[str, HostTrack]] = field(default_factory=dict)
    live_before: dict[str, LiveRelease] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    report: FailureReport | None = None
    verdict: Verdict = Verdict.RUNNING
    ended: float = 0.0
    slowest: dict[str, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, event: events.FlowStarted, now: float) -> PageData:
        """Return the data of a flow that begins now.

        Args:
            event: its first event.
            now: time of the monotonic clock, which all times here are of.
        """
        data = cls(FlowDisplay(began=now), datetime.now().astimezone())
        data.apply(event, now)
        return data

    @property
    def started(self) -> events.FlowStarted:
        """The first event of the flow."""
        assert self.display.started  # noqa: S101 - `begin` applied it
        return self.display.started

    @property
    def seconds(self) -> float:
        """The duration of the flow."""
        return self.ended - self.display.began

    @property
    def most_of_host(self) -> int:
        """The number of characters of output that are kept of a host in a step."""
        tracks = len(self.started.hosts) * max(len(self.started.tasks), 1)
        return min(MOST_OF_HOST, MOST_OF_FLOW // max(tracks, 1))

    def apply(self, event: Event, now: float) -> None:
        """Take an event into account; most events change nothing here."""
        if change := PAGE_CHANGES.get(type(event)):
            change(self, event, now)
        self.display.apply(event, now)
        self.ended = now

    def track(self, host: str) -> HostTrack:
        """Return the work of a host in the step at work."""
        step = self.display.step.name if self.display.step else OUTSIDE
        tracks = self.tracks.setdefault(step, {})
        if host not in tracks:
            tracks[host] = HostTrack(KeptOutput(self.most_of_host))
        return tracks[host]


def _step_ended(data: PageData, _: Event, __: float) -> None:
    if step := data.display.step:
        ends = {host: track.ended for host, track in data.tracks.get(step.name, {}).items() if track.spans}
        if len(ends) > 1:
            data.slowest[step.name] = max(ends, key=lambda host: ends[host])


def _work_started(data: PageData, event: events.WorkStarted, now: float) -> None:
    data.track(event.host).spans.append(Span(now))


def _work_finished(data: PageData, event: events.WorkFinished, _: float) -> None:
    spans = data.track(event.host).spans
    if spans:
        span = spans[-1]
        span.seconds, span.reason, span.is_cancelled = event.seconds, event.reason, event.is_cancelled


def _request_sent(data: PageData, event: events.RequestSent, _: float) -> None:
    data.track(event.host).output.add(OutputKind.COMMAND, event.name)


def _request_answered(data: PageData, event: events.RequestAnswered, _: float) -> None:
    result = f"exit status {event.status} after {event.seconds:.2f} s"
    data.track(event.host).output.add(OutputKind.RESULT, result)


def _request_failed(data: PageData, event: events.RequestFailed, _: float) -> None:
    data.track(event.host).output.add(OutputKind.RESULT, event.reason)


def _host_output(data: PageData, event: events.HostOutput, _: float) -> None:
    data.track(event.host).output.add(OutputKind.OUTPUT, event.text)


def _surveyed(data: PageData, event: events.HostSurveyed, _: float) -> None:
    facts = event.facts
    data.live_before.setdefault(facts.host, LiveRelease(facts.current or "", facts.live_revision))


def _left_out(data: PageData, event: events.HostLeftOut, _: float) -> None:
    data.left_out[event.host] = event.reason


def _finished(data: PageData, _: events.FlowFinished, __: float) -> None:
    data.verdict = Verdict.DONE


def _failed(data: PageData, event: events.FlowFailed, _: float) -> None:
    data.report = event.report
    if isinstance(event.report.error, Interrupted):
        data.verdict = Verdict.INTERRUPTED
    else:
        rollback = event.report.rollback
        data.verdict = Verdict.UNDONE if rollback and not rollback.failure else Verdict.FAILED


def _stopped(data: PageData, event: events.FlowStopped, _: float) -> None:
    data.report, data.verdict = event.report, Verdict.STOPPED


PAGE_CHANGES: dict[type[Event], Callable[[PageData, Any, float], None]] = {
    events.StepFinished: _step_ended,
    events.StepFailed: _step_ended,
    events.WorkStarted: _work_started,
    events.WorkFinished: _work_finished,
    events.RequestSent: _request_sent,
    events.RequestAnswered: _request_answered,
    events.RequestFailed: _request_failed,
    events.HostOutput: _host_output,
    events.HostSurveyed: _surveyed,
    events.HostLeftOut: _left_out,
    events.FlowFinished: _finished,
    events.FlowFailed: _failed,
    events.FlowStopped: _stopped,
}
