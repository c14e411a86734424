"""The view of a flow: the listener that shows its events to the operator."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO, cast

from capdoit.event_bus import EventBus
from capdoit.events import Event
from capdoit.output.console import Console
from capdoit.output.flow_display import FlowDisplays
from capdoit.output.line_view import LineView
from capdoit.output.view_choice import ViewChoice, ViewRequest, choose_view

if TYPE_CHECKING:
    from capdoit.output.live_view import LiveView


class FlowView:
    """A listener that opens its view with the first event: a reporter of doit may have replaced stdout until then.

    Args:
        events: the bus, whose redactor masks secrets.
        request: what the command line says.
    """

    def __init__(self, events: EventBus, request: ViewRequest) -> None:
        self._redactor, self._request = events.redactor, request
        self._displays = FlowDisplays()
        self._live: LiveView | None = None
        self._lines: LineView | None = None

    def __repr__(self) -> str:
        return "the view of the flow"

    def __call__(self, event: Event) -> None:
        """Show an event. If the live view fails, its error is raised, and lines go on from there."""
        if not self._live and not self._lines:
            self._open(event)
        elif self._live:
            self._draw(self._live, event)
        elif self._lines:
            self._lines(event)

    def _open(self, event: Event) -> None:
        choice = choose_view(self._request, os.environ, sys.stdout.isatty())
        if not choice.is_live:
            self._open_lines(choice)(event)
            return
        try:
            self._live = self._open_live(choice)
        except Exception:
            self._open_lines(replace(choice, is_live=False))(event)
            raise
        self._draw(self._live, event)

    def _open_live(self, choice: ViewChoice) -> LiveView:
        from capdoit.output.live_view import LiveView
        from capdoit.output.screen import Screen

        screen = Screen(sys.stdout)
        return LiveView(screen, Console(cast(TextIO, screen), self._redactor), choice, self._displays)

    def _open_lines(self, choice: ViewChoice) -> LineView:
        self._lines = LineView(Console(sys.stdout, self._redactor), choice, self._displays)
        return self._lines

    def _draw(self, live: LiveView, event: Event) -> None:
        try:
            live(event)
        except Exception:
            self._live = None
            with suppress(Exception):  # it may fail for the same reason
                live.close()
            self._open_lines(choose_view(self._request, os.environ, is_terminal=False))
            raise
