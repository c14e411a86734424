"""The view of a flow for pipes, CI and plain terminals: a line for each event, with the elapsed time and the task."""

from __future__ import annotations

import threading
import time

from capdoit import events
from capdoit.events import Event
from capdoit.output.console import Console, Tone
from capdoit.output.flow_display import FlowDisplay, FlowDisplays, HostWork
from capdoit.output.folds import begin_fold, end_fold
from capdoit.output.held_prints import HeldPrints
from capdoit.output.messages import REPORTS, render_message, write_message
from capdoit.output.progress_lines import render_progress
from capdoit.output.step_output import StepOutput
from capdoit.output.summary import render_summary
from capdoit.output.ticker import Ticker
from capdoit.output.view_choice import Verbosity, ViewChoice
from capdoit.text import name_first
from capdoit.units import format_clock, format_size

SILENCE_SECONDS = 10  # after which a step is said to be still running
TICK_SECONDS = 0.5
MOST_NAMES = 20  # hosts that a line names
# Answers rather than events: they have no time in front, and are shown at every verbosity.
RESULTS = (
    *REPORTS,
    events.StepPlanned,
    events.DrillHookSkipped,
    events.DrillFinished,
    events.ShadowLeftBehind,
    events.CheckWarned,
    events.CheckPassed,
    events.LinkedFileUploaded,
    events.LinkedFileDiffers,
    events.SetupFinished,
)
URGENT = (events.StopRequested, events.LockAwaited)  # shown at every verbosity


class LineView:
    """A listener that writes lines.

    Args:
        console: gets the lines.
        choice: what to show.
        displays: the states of the flows.
    """

    def __init__(self, console: Console, choice: ViewChoice, displays: FlowDisplays) -> None:
        self._console, self._choice, self._displays = console, choice, displays
        self._said_at = time.monotonic()
        self._outputs: dict[str, StepOutput] = {}  # of the running steps, by flow
        self._fold = ""
        self._prints = HeldPrints()  # if only the result is shown
        self._lock = threading.RLock()
        self._ticker = Ticker(TICK_SECONDS, self._break_silence)

    def __call__(self, event: Event) -> None:
        """Write the lines of an event."""
        with self._lock:
            now = time.monotonic()
            display = self._displays.fold(event, now)
            if self._choice.verbosity > Verbosity.SILENT:
                self._ticker.start()
                self._show(event, display, now)
            elif _is_always_shown(event):
                self._show_result(event)

    def _show(self, event: Event, display: FlowDisplay, now: float) -> None:
        if isinstance(event, events.HostOutput):
            self._show_output(event, display, self._front(display, now))
        elif isinstance(event, events.FlowFinished):
            self._show_summary(display)
        elif isinstance(event, RESULTS):
            self._show_result(event)
        elif isinstance(event, URGENT) or self._choice.verbosity >= Verbosity.STEPS:
            self._show_event(event, display, now)
        else:
            self._hold_prints(event)

    def _hold_prints(self, event: Event) -> None:
        """Hold what hooks print until their step fails."""
        if isinstance(event, events.StepStarted):
            self._prints.begin(event.run)
        elif isinstance(event, (events.StepFinished, events.StepFailed)):
            if isinstance(event, events.StepFailed) and (text := self._prints.take()):
                self._console.write(text)
            self._prints.end(event.run)

    def _show_output(self, event: events.HostOutput, display: FlowDisplay, front: str) -> None:
        if self._choice.verbosity >= (Verbosity.STEPS if display.shows_output else Verbosity.OUTPUT):
            self._said_at = time.monotonic()
            self._console.write_output(event.host, event.text, front)
        elif self._choice.verbosity == Verbosity.STEPS:
            self._outputs.setdefault(event.run, StepOutput()).add(event.host, event.text)

    def _show_result(self, event: Event) -> None:
        self._end_fold()
        write_message(self._console, event)

    def _show_summary(self, display: FlowDisplay) -> None:
        self._end_fold()
        for text, tone in render_summary(display, self._console.size):
            self._console.write(text, tone)

    def _show_event(self, event: Event, display: FlowDisplay, now: float) -> None:
        if display.started and display.started.is_dry_run:
            self._show_result(event)
            return
        front = self._front(display, now)
        self._begin(event, display)
        if isinstance(event, events.StepFailed):
            self._show_output_of_failure(event.run, display, front)
        shows_hosts = self._choice.verbosity >= Verbosity.OUTPUT
        for text, tone in (*render_progress(event, display, shows_hosts), *render_message(event)):
            self._write(front, text, tone)
        if isinstance(event, (events.StepFinished, events.StepFailed)):
            self._end_fold()

    def _begin(self, event: Event, display: FlowDisplay) -> None:
        if isinstance(event, events.RunStarted):
            self._console.reserve_width(event.hosts)
        if isinstance(event, events.StepStarted):
            self._outputs[event.run] = StepOutput()
            self._fold = display.task_name
            self._console.write_control(begin_fold(self._choice.folding, self._fold))

    def _show_output_of_failure(self, run: str, display: FlowDisplay, front: str) -> None:
        failed = display.steps[-1].failed if display.steps else []
        for host, text in self._outputs.pop(run, StepOutput()).of_failure(failed):
            self._console.write_output(host, text, front)

    # -- silence

    def _break_silence(self) -> None:
        """Say which hosts are at work, if nothing was said for some time."""
        with self._lock:
            now = time.monotonic()
            if self._choice.verbosity >= Verbosity.STEPS and now - self._said_at >= SILENCE_SECONDS:
                for display in self._displays.working():
                    self._write(self._front(display, now), _describe_silence(display, now))

    # -- writing

    def _write(self, front: str, text: str, tone: Tone | None = None) -> None:
        """Write one or more lines, each with the time and the task in front."""
        self._said_at = time.monotonic()
        for line in text.split("\n"):
            self._console.write(f"{front}{line}".rstrip(), tone)

    def _front(self, display: FlowDisplay, now: float) -> str:
        return f"{' '.join(filter(None, (format_clock(now - self._displays.began), display.task_name)))}  "

    def _end_fold(self) -> None:
        if self._fold:
            self._console.write_control(end_fold(self._choice.folding, self._fold))
            self._fold = ""


def _is_always_shown(event: Event) -> bool:
    """Return True for what doit does not report, and for what the operator is asked about."""
    is_question = isinstance(event, events.DryRunFinished) and event.is_preview
    return is_question or isinstance(event, events.TeardownFailed)


def _describe_silence(display: FlowDisplay, now: float) -> str:
    hosts = name_first([_describe_work(name, display.work[name]) for name in display.working], MOST_NAMES)
    return f"still running{f' on {hosts}' if hosts else ''} ({int(display.seconds_of_work(now))}s)"


def _describe_work(name: str, work: HostWork) -> str:
    if not work.upload or work.upload.is_complete:
        return name
    return f"{name} ({work.upload.share:.0%} of {format_size(work.upload.total_bytes / 1024)})"
