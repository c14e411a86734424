"""The state of a running flow as views show it, folded from its events: steps, hosts at work, uploads, warnings."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from capdoit import events
from capdoit.events import Event
from capdoit.output.run_names import name_run

if TYPE_CHECKING:
    from capdoit.state.decision import Decision

RATE_SECONDS = 5.0  # the rate of an upload is that of its last seconds


class WorkState(Enum):
    """The state of a host in a step."""

    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class Ending(Enum):
    """The end of a step or hook."""

    NONE = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass
class Upload:
    """A file on its way to a host, or from it.

    Attributes:
        total_bytes: size of the file.
        samples: time and number of bytes sent, of the last seconds.
    """

    total_bytes: int
    samples: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def sent_bytes(self) -> int:
        """The size of the part that was sent."""
        return self.samples[-1][1] if self.samples else 0

    @property
    def share(self) -> float:
        """The share that was sent, from 0 to 1."""
        return self.sent_bytes / self.total_bytes if self.total_bytes else 1.0

    @property
    def is_complete(self) -> bool:
        """True once everything was sent."""
        return self.sent_bytes >= self.total_bytes

    def add(self, sent_bytes: int, now: float) -> None:
        """Add a sample: the number of bytes that were sent by now."""
        self.samples.append((now, sent_bytes))
        while len(self.samples) > 2 and now - self.samples[0][0] > RATE_SECONDS:
            self.samples.popleft()

    def rate(self, now: float) -> float:
        """Return the bytes per second of the last seconds; 0 if it is not known."""
        began, sent_before = self.samples[0]
        return (self.sent_bytes - sent_before) / (now - began) if now > began else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds until everything is sent; None if that is not known."""
        rate = self.rate(now)
        return (self.total_bytes - self.sent_bytes) / rate if rate else None


@dataclass
class HostWork:
    """The work of one host in a step, which may have several parts.

    Attributes:
        began: time at which the latest part began.
        state: the state of the host.
        ended_seconds: duration of the parts that have ended.
        last_line: the last line of output, with its colors.
        upload: the file on its way to the host; None without one.
        requests: number of scripts that the host has not answered yet.
    """

    began: float
    state: WorkState = WorkState.WORKING
    ended_seconds: float = 0.0
    last_line: str = ""
    upload: Upload | None = None
    requests: int = 0

    def seconds(self, now: float) -> float:
        """Return the duration of the work until now."""
        return self.ended_seconds + (now - self.began if self.state is WorkState.WORKING else 0.0)


@dataclass
class StepDisplay:
    """A step or hook.

    Attributes:
        name: name of the step or hook.
        is_hook: whether it is a hook.
        began: time of its start.
        host_count: number of hosts that it works on.
        hosts: the hosts that have begun, by name.
        seconds: its duration; None while it runs.
        ending: how it ended.
    """

    name: str
    is_hook: bool
    began: float
    host_count: int
    hosts: dict[str, HostWork] = field(default_factory=dict)
    seconds: float | None = None
    ending: Ending = Ending.NONE

    @property
    def working(self) -> list[str]:
        """The names of the hosts at work."""
        return self._in(WorkState.WORKING)

    @property
    def failed(self) -> list[str]:
        """The names of the hosts that failed."""
        return self._in(WorkState.FAILED)

    def _in(self, state: WorkState) -> list[str]:
        return [name for name, work in self.hosts.items() if work.state is state]

    def end(self, ending: Ending, seconds: float) -> None:
        """Note the end of the step."""
        self.ending, self.seconds = ending, seconds


@dataclass
class FlowDisplay:
    """The state of a flow, or of other work on hosts; only `apply` changes it.

    Attributes:
        began: time of its start.
        name: name of the doit task: ``deploy:production``; empty before its start.
        hosts: names of the hosts.
        operator: user who started it.
        started: the event of its start; None for a check or task, and for a drill, whose rollback has its own display.
        on_demand: the event of the start of a task on demand; None for any other work.
        decision: the latest decision; None before the first.
        steps: the steps and hooks that have begun, in order.
        work: the hosts at work now: those of the running step, or of work outside of steps, such as the cleanup.
        skipped: names of the hooks that were left out.
        warnings: the warnings.
        published: the event of the publish; None before it.
        finished: the event of the end; None before it, and for a flow that failed.
        has_failed: the flow does not finish.
        next_hosts: the hosts that a hook runs on after its pause; empty if it does not pause.
        is_decision_new: the latest decision names another release or revision than the one before it.
    """

    began: float
    name: str = ""
    hosts: tuple[str, ...] = ()
    operator: str = ""
    started: events.FlowStarted | None = None
    on_demand: events.TaskStarted | None = None
    decision: Decision | None = None
    steps: list[StepDisplay] = field(default_factory=list)
    work: dict[str, HostWork] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    published: events.Published | None = None
    finished: events.FlowFinished | None = None
    has_failed: bool = False
    is_decision_new: bool = False
    next_hosts: tuple[str, ...] = ()

    @property
    def step(self) -> StepDisplay | None:
        """The step or hook that is running; None between two of them."""
        last = self.steps[-1] if self.steps else None
        return last if last and last.ending is Ending.NONE else None

    @property
    def working(self) -> list[str]:
        """The names of the hosts at work."""
        return [name for name, work in self.work.items() if work.state is WorkState.WORKING]

    @property
    def is_busy(self) -> bool:
        """True while hosts are at work. A hook may work on the controller unless a host has a request."""
        if self.has_terminal:
            return False
        if self.step and self.step.is_hook:
            return bool(self.next_hosts) or any(work.requests for work in self.work.values())
        return bool(self.step or self.working)

    @property
    def shows_output(self) -> bool:
        """True if the output of hosts is the answer that the operator waits for."""
        return self.on_demand is not None

    @property
    def has_terminal(self) -> bool:
        """True if a program on a host may have the terminal."""
        return self.on_demand is not None and self.on_demand.is_interactive

    @property
    def task_name(self) -> str:
        """The name of the doit task at work, or of the last one; the name of the flow before the first."""
        if self.on_demand:
            return self.name
        return ":".join(filter(None, (self.name, self.steps[-1].name if self.steps else "")))

    def seconds_of_work(self, now: float) -> float:
        """Return the duration of the running step, or outside of steps that of the longest work of a host."""
        if self.step:
            return now - self.step.began
        return max((self.work[name].seconds(now) for name in self.working), default=0.0)

    def number(self, name: str) -> str:
        """Return the position of a step or hook in its flow: ``3 of 7``; empty if it is not known."""
        tasks = self.started.tasks if self.started else ()
        return f"{tasks.index(name) + 1} of {len(tasks)}" if name in tasks else ""

    def apply(self, event: Event, now: float) -> None:
        """Take an event into account; most events change nothing here.

        Args:
            event: the event.
            now: its time, by the clock of all times here.
        """
        if change := DISPLAY_CHANGES.get(type(event)):
            change(self, event, now)


class FlowDisplays:
    """The states of all flows, of which several may run at the same time."""

    def __init__(self) -> None:
        self._displays: dict[str, FlowDisplay] = {}

    def fold(self, event: Event, now: float) -> FlowDisplay:
        """Take an event into account, and return the state of its flow; arguments as in `FlowDisplay.apply`."""
        display = self._displays.get(event.run) or self._add(event, now)
        display.apply(event, now)
        return display

    @property
    def began(self) -> float:
        """The time at which the first flow began."""
        return next(iter(self._displays.values())).began

    def working(self) -> list[FlowDisplay]:
        """Return the states of the flows that run a step, or whose hosts are at work, and do not have the terminal."""
        found = [display for display in self._displays.values() if display.step or display.working]
        return [display for display in found if not display.has_terminal]

    def _add(self, event: Event, now: float) -> FlowDisplay:
        display = self._displays[event.run] = FlowDisplay(began=now)
        return display


def _run_started(display: FlowDisplay, event: events.RunStarted, _: float) -> None:
    display.name, display.hosts, display.operator = name_run(event), event.hosts, event.operator


def _flow_started(display: FlowDisplay, event: events.FlowStarted, now: float) -> None:
    _run_started(display, event, now)
    display.began, display.started = now - event.elapsed_seconds, event


def _task_started(display: FlowDisplay, event: events.TaskStarted, now: float) -> None:
    _run_started(display, event, now)
    display.on_demand = event


def _decided(display: FlowDisplay, event: events.Decided, _: float) -> None:
    before, now = display.decision, event.decision
    display.is_decision_new = not before or (before.release, before.revision) != (now.release, now.revision)
    display.decision = now


def _step_started(display: FlowDisplay, event: events.StepStarted, now: float) -> None:
    step = StepDisplay(event.name, event.is_hook, now, event.host_count or len(display.hosts))
    display.steps.append(step)
    display.work = step.hosts


def _step_finished(display: FlowDisplay, event: events.StepFinished, _: float) -> None:
    if display.step:  # a hook that was skipped did not start
        display.step.end(Ending.DONE, event.seconds)
    display.work = {}


def _hook_paused(display: FlowDisplay, event: events.HookPaused, _: float) -> None:
    display.next_hosts = event.next_hosts


def _step_skipped(display: FlowDisplay, event: events.StepSkipped, _: float) -> None:
    display.skipped.append(event.name)


def _step_failed(display: FlowDisplay, event: events.StepFailed, now: float) -> None:
    display.has_failed, display.next_hosts = True, ()
    if display.step:
        display.step.end(Ending.INTERRUPTED if event.interruption else Ending.FAILED, now - display.step.began)
    display.work = {}


def _work_started(display: FlowDisplay, event: events.WorkStarted, now: float) -> None:
    display.next_hosts = ()
    before = display.work.get(event.host)
    if before:
        before.began, before.state = now, WorkState.WORKING
    else:
        display.work[event.host] = HostWork(now)


def _work_finished(display: FlowDisplay, event: events.WorkFinished, now: float) -> None:
    work = display.work.setdefault(event.host, HostWork(now))
    work.ended_seconds += event.seconds
    work.upload = None
    work.state = WorkState.DONE
    if event.reason:
        work.state = WorkState.STOPPED if event.is_cancelled else WorkState.FAILED


def _request_sent(display: FlowDisplay, event: events.RequestSent, now: float) -> None:
    display.work.setdefault(event.host, HostWork(now, WorkState.DONE)).requests += 1


def _request_answered(display: FlowDisplay, event: events.RequestAnswered, _: float) -> None:
    if event.host in display.work:
        display.work[event.host].requests -= 1


def _request_failed(display: FlowDisplay, event: events.RequestFailed, _: float) -> None:
    if event.host in display.work:
        display.work[event.host].requests = 0  # the event is about all of them


def _host_output(display: FlowDisplay, event: events.HostOutput, _: float) -> None:
    if event.host in display.work:
        display.work[event.host].last_line = event.text.rpartition("\n")[2]


def _transfer_progress(display: FlowDisplay, event: events.TransferProgress, now: float) -> None:
    work = display.work.setdefault(event.host, HostWork(now))
    upload = work.upload
    if upload is None or event.sent_bytes < upload.sent_bytes or event.total_bytes != upload.total_bytes:
        upload = work.upload = Upload(event.total_bytes)
    upload.add(event.sent_bytes, now)


def _warned(display: FlowDisplay, event: events.Warned, _: float) -> None:
    display.warnings.append(event.text.strip())


def _published(display: FlowDisplay, event: events.Published, _: float) -> None:
    display.published = event


def _flow_ended(display: FlowDisplay, event: Event, _: float) -> None:
    display.finished = event if isinstance(event, events.FlowFinished) else None
    display.work = {}


DISPLAY_CHANGES: dict[type[Event], Callable[[FlowDisplay, Any, float], None]] = {
    events.FlowStarted: _flow_started,
    events.DrillStarted: _run_started,
    events.CheckStarted: _run_started,
    events.SetupStarted: _run_started,
    events.TaskStarted: _task_started,
    events.Decided: _decided,
    events.StepStarted: _step_started,
    events.StepFinished: _step_finished,
    events.HookPaused: _hook_paused,
    events.StepSkipped: _step_skipped,
    events.StepFailed: _step_failed,
    events.WorkStarted: _work_started,
    events.WorkFinished: _work_finished,
    events.RequestSent: _request_sent,
    events.RequestAnswered: _request_answered,
    events.RequestFailed: _request_failed,
    events.HostOutput: _host_output,
    events.TransferProgress: _transfer_progress,
    events.Warned: _warned,
    events.Published: _published,
    events.FlowFinished: _flow_ended,
    events.FlowFailed: _flow_ended,
    events.FlowStopped: _flow_ended,
}
