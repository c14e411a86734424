"""The record of one flow that its report page is made from, folded from its events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from itertools import accumulate
from typing import Any, NamedTuple

from capdoit import events
from capdoit.errors import Interrupted
from capdoit.events import Event
from capdoit.output.failure_report import FailureReport
from capdoit.output.flow_display import FlowDisplay

# Characters of output that are kept. The log has all of it.
MOST_OF_HOST = 32_000  # in one step
MOST_OF_FLOW = 8_000_000
SHARE_AT_START = 0.25  # of the output of a host; the rest is its end
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

    @classmethod
    def of(cls, kind: OutputKind, lines: Sequence[str]) -> OutputBlock:
        """Return the block of some lines."""
        return cls(kind, lines, sum(map(len, lines)) + len(lines))

    def without_first(self, size: int) -> OutputBlock:
        """Return the block without those of its first lines that have no more characters than a number."""
        sizes = accumulate(len(line) + 1 for line in self.lines)
        number = next((number for number, sum_of_sizes in enumerate(sizes) if sum_of_sizes > size), len(self.lines))
        return OutputBlock.of(self.kind, self.lines[number:]) if number else self


class KeptOutput:
    """The first and the last lines of an output.

    A command may print a million lines, so the end is kept in the blocks in which it arrives.

    Args:
        most: number of characters that are kept; and one more line at the start, and at the end.

    Attributes:
        first: the first lines.
        left_out: number of lines between the first and the last ones.
    """

    def __init__(self, most: int = MOST_OF_HOST) -> None:
        self.first: list[OutputLine] = []
        self.left_out = 0
        self._last: deque[OutputBlock] = deque()
        self._most_at_start = int(most * SHARE_AT_START)
        self._least_at_end = most - self._most_at_start
        self._size_of_first = self._size_of_last = 0

    @property
    def last(self) -> list[OutputLine]:
        """The last lines."""
        return [OutputLine(block.kind, line) for block in self._last for line in block.lines]

    def add(self, kind: OutputKind, *lines: str) -> None:
        """Add lines."""
        taken = 0
        for line in lines:
            if self._size_of_first >= self._most_at_start:
                break
            self.first.append(OutputLine(kind, line))
            self._size_of_first += len(line) + 1
            taken += 1
        if rest := lines[taken:]:
            self._add_last(OutputBlock.of(kind, rest))

    def _add_last(self, block: OutputBlock) -> None:
        self._last.append(block)
        self._size_of_last += block.size
        while self._last and (surplus := self._size_of_last - self._least_at_end) > 0:
            oldest = self._last.popleft()
            rest = oldest.without_first(surplus)
            self._size_of_last -= oldest.size - rest.size
            self.left_out += len(oldest.lines) - len(rest.lines)
            if rest.lines:
                self._last.appendleft(rest)
                break


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


def _step_ended(record: RunRecord, _: Event, __: float) -> None:
    if step := record.display.step:
        seconds = {host: track.seconds for host, track in record.tracks.get(step.name, {}).items() if track.spans}
        if len(seconds) > 1:
            record.slowest[step.name] = max(seconds, key=lambda host: seconds[host])


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


PAGE_CHANGES: dict[type[Event], Callable[[RunRecord, Any, float], None]] = {
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
