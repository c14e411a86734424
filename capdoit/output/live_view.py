"""The view of a flow on a terminal: finished steps as lines, and below them the current step with its hosts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TextIO, cast

from capdoit import events
from capdoit.events import Event
from capdoit.output.console import RUNNING_MARK, Console, Line
from capdoit.output.flow_display import FlowDisplay, FlowDisplays, StepDisplay
from capdoit.output.live_region import render_region
from capdoit.output.messages import write_message
from capdoit.output.progress_lines import render_short_progress
from capdoit.output.redirection import Redirection
from capdoit.output.screen import Screen
from capdoit.output.summary import render_summary
from capdoit.output.ticker import Ticker
from capdoit.output.view_choice import Verbosity, ViewChoice

DRAWING_SECONDS = 0.25  # between two drawings
UNCHANGED_SECONDS = 0.5  # between two drawings when only the time goes on
SECONDS_OF_A_SLOW_HOOK = 1.0


class LiveView:
    """A listener that draws on a terminal.

    What is certain becomes a line that stays. The region below these lines is shown only while hosts are at work or a
    step runs: tasks of the project, and hooks that work on the controller, may use the terminal themselves.

    Args:
        screen: the terminal.
        console: writes to the screen.
        choice: what to show.
        displays: the states of the flows.
    """

    def __init__(self, screen: Screen, console: Console, choice: ViewChoice, displays: FlowDisplays) -> None:
        self._screen, self._console, self._choice, self._displays = screen, console, choice, displays
        self._display = FlowDisplay(time.monotonic())  # of the flow of the latest event
        self._drawn_at = 0.0
        self._is_changed = False
        self._named_hook: StepDisplay | None = None
        self._prints = Redirection(cast(TextIO, screen), lambda stream: stream.isatty())
        self._lock = threading.RLock()
        self._ticker = Ticker(DRAWING_SECONDS, self._tick)

    def __call__(self, event: Event) -> None:
        """Write the lines of an event, and draw."""
        with self._lock:
            now = time.monotonic()
            display = self._displays.fold(event, now)
            self._display = display if event.run else self._display
            self._is_changed = True
            self._ticker.start()
            self._write_lines(event)
            self._refresh(now)

    def close(self) -> None:
        """Show no region any more."""
        self._display = FlowDisplay(time.monotonic())
        self._hide()

    def _tick(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._name_hook(now)
            self._refresh(now)

    def _name_hook(self, now: float) -> None:
        """Say which hook is running if it takes some time and no host is at work, since it has no region then."""
        hook = self._display.step
        if not hook or self._display.is_busy or self._display.has_terminal or hook is self._named_hook:
            return
        if now - hook.began >= SECONDS_OF_A_SLOW_HOOK:
            self._named_hook = hook
            self._console.write(f"{RUNNING_MARK} {hook.name}  is running")

    # -- lines

    def _write_lines(self, event: Event) -> None:
        if isinstance(event, events.HostOutput):
            if self._choice.verbosity >= (Verbosity.STEPS if self._display.shows_output else Verbosity.OUTPUT):
                self._console.write_output(event.host, event.text)
            return
        if isinstance(event, events.RunStarted):
            self._console.reserve_width(event.hosts)
        for text, tone in self._render(event):
            self._console.write(text, tone)
        write_message(self._console, event)

    def _render(self, event: Event) -> Iterator[Line]:
        """Return the lines about the flow itself, which are before the message of the event."""
        if isinstance(event, events.FlowFinished):
            return render_summary(self._display, self._console.size)
        if self._display.started and self._display.started.is_dry_run:  # no step is done
            return iter(())
        return render_short_progress(event, self._display)

    # -- the region

    def _refresh(self, now: float) -> None:
        """Draw the region if it is time for it."""
        if not self._display.is_busy:
            self._hide()
            return
        waited = now - self._drawn_at
        if waited >= (DRAWING_SECONDS if self._is_changed else UNCHANGED_SECONDS):
            self._prints.begin()
            self._screen.draw(render_region(self._display, now, self._screen.size, self._console))
            self._drawn_at, self._is_changed = now, False

    def _hide(self) -> None:
        try:
            self._screen.draw(())
        finally:
            self._prints.end()
