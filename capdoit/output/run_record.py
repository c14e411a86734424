"""The record of one flow that its report page is made from, folded from its events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from capdoit import events
from capdoit.errors import Interrupted
from capdoit.events import Event
from capdoit.output.failure_report import FailureReport
from capdoit.output.flow_display import FlowDisplay

# Of the output of one host in one step, in characters. The log has all of it.
MOST_AT_START = 8_000
LEAST_AT_END = 24_000
OUTSIDE = ""  # in place of a step, for work outside of steps, such as the cleanup after a failure


class Verdict(Enum):
    """The end of a flow; the values are parts of file names."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"


class OutputKind(Enum):
    """The kind of a line of output."""

    COMMAND = "command"
    OUTPUT = "output"
    RESULT = "result"


class OutputLine(NamedTuple):
    """A line of output, or the command before it, or its result after it. It may have colors."""

    kind: OutputKind
    text: str


class OutputBlock(NamedTuple):
    """Lines that arrived together, and the number of their characters."""

    kind: OutputKind
    lines: Sequence[str]
    size: int


class KeptOutput:
    """The first and the last lines of an output.

    A command may print a million lines, so the end is kept in the blocks in which it arrives.

    Attributes:
        first: the first lines.
        left_out: number of lines between the first and the last ones.
    """

    def __init__(self) -> None:
        self.first: list[OutputLine] = []
        self.left_out = 0
        self._last: deque[OutputBlock] = deque()
        self._size_of_first = self._size_of_last = 0

    @property
    def last(self) -> list[OutputLine]:
        """The last lines."""
        return [OutputLine(block.kind, line) for block in self._last for line in block.lines]

    def add(self, kind: OutputKind, *lines: str) -> None:
        """Add lines."""
        taken = 0
        for line in lines:
            if self._size_of_first >= MOST_AT_START:
                break
            self.first.append(OutputLine(kind, line))
            self._size_of_first += len(line) + 1
            taken += 1
        if rest := lines[taken:]:
            self._add_last(OutputBlock(kind, rest, sum(map(len, rest)) + len(rest)))

    def _add_last(self, block: OutputBlock) -> None:
        self._last.append(block)
        self._size_of_last += block.size
        while self._size_of_last - self._last[0].size >= LEAST_AT_END:
            oldest = self._last.popleft()
            self._size_of_last -= oldest.size
            self.left_out += len(oldest.lines)


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
        spans: its parts, in order.
        output: its commands with their output.
    """

    spans: list[Span] = field(default_factory=list)
    output: KeptOutput = field(default_factory=KeptOutput)

    @property
    def seconds(self) -> float:
        """The duration of the work."""
        return sum(span.seconds or 0.0 for span in self.spans)

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
class RunRecord:
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
    """

    display: FlowDisplay
    began_at: datetime
    tracks: dict[str, dict[str, HostTrack]] = field(default_factory=dict)
    live_before: dict[str, LiveRelease] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    report: FailureReport | None = None
    verdict: Verdict = Verdict.RUNNING
    ended: float = 0.0

    @classmethod
    def begin(cls, event: events.FlowStarted, now: float) -> RunRecord:
        """Return the record of a flow that begins now.

        Args:
            event: its first event.
            now: time of the monotonic clock, which all times here are of.
        """
        record = cls(FlowDisplay(began=now), datetime.now().astimezone())
        record.apply(event, now)
        return record

    @property
    def started(self) -> events.FlowStarted:
        """The first event of the flow."""
        assert self.display.started  # noqa: S101 - `begin` applied it
        return self.display.started

    @property
    def seconds(self) -> float:
        """The duration of the flow."""
        return self.ended - self.display.began

    def slowest(self, step: str) -> str:
        """Return the host that the barrier of a step waited for longest; empty if fewer than two hosts worked."""
        seconds = {host: track.seconds for host, track in self.tracks.get(step, {}).items() if track.spans}
        return max(seconds, key=lambda host: seconds[host]) if len(seconds) > 1 else ""

    def apply(self, event: Event, now: float) -> None:
        """Take an event into account; most events change nothing here."""
        if change := CHANGES.get(type(event)):
            change(self, event, now)
        self.display.apply(event, now)
        self.ended = now

    def track(self, host: str) -> HostTrack:
        """Return the work of a host in the step at work."""
        step = self.display.step.name if self.display.step else OUTSIDE
        return self.tracks.setdefault(step, {}).setdefault(host, HostTrack())


def _work_started(record: RunRecord, event: events.WorkStarted, now: float) -> None:
    record.track(event.host).spans.append(Span(now))


def _work_finished(record: RunRecord, event: events.WorkFinished, _: float) -> None:
    spans = record.track(event.host).spans
    if spans:
        span = spans[-1]
        span.seconds, span.reason, span.is_cancelled = event.seconds, event.reason, event.is_cancelled


def _request_sent(record: RunRecord, event: events.RequestSent, _: float) -> None:
    record.track(event.host).output.add(OutputKind.COMMAND, event.name)


def _request_answered(record: RunRecord, event: events.RequestAnswered, _: float) -> None:
    result = f"exit status {event.status} after {event.seconds:.2f} s"
    record.track(event.host).output.add(OutputKind.RESULT, result)


def _request_failed(record: RunRecord, event: events.RequestFailed, _: float) -> None:
    record.track(event.host).output.add(OutputKind.RESULT, event.reason)


def _host_output(record: RunRecord, event: events.HostOutput, _: float) -> None:
    record.track(event.host).output.add(OutputKind.OUTPUT, *event.lines)


def _surveyed(record: RunRecord, event: events.HostSurveyed, _: float) -> None:
    facts = event.facts
    record.live_before.setdefault(facts.host, LiveRelease(facts.current or "", facts.live_revision))


def _left_out(record: RunRecord, event: events.HostLeftOut, _: float) -> None:
    record.left_out[event.host] = event.reason


def _finished(record: RunRecord, _: events.FlowFinished, __: float) -> None:
    record.verdict = Verdict.DONE


def _failed(record: RunRecord, event: events.FlowFailed, _: float) -> None:
    record.report = event.report
    if isinstance(event.report.error, Interrupted):
        record.verdict = Verdict.INTERRUPTED
    else:
        rollback = event.report.rollback
        record.verdict = Verdict.UNDONE if rollback and not rollback.failure else Verdict.FAILED


def _stopped(record: RunRecord, event: events.FlowStopped, _: float) -> None:
    record.report, record.verdict = event.report, Verdict.STOPPED


CHANGES: dict[type[Event], Callable[[RunRecord, Any, float], None]] = {
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
