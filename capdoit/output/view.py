"""The view of a flow: the listener that shows its events to the operator."""

from __future__ import annotations

import os
import sys
from typing import TextIO, cast

from capdoit.events import Event, EventBus, Listener
from capdoit.output.console import Console
from capdoit.output.line_view import LineView
from capdoit.output.view_choice import ViewRequest, choose_view


class FlowView:
    """A listener that opens its view with the first event: a reporter of doit may have replaced stdout until then.

    Args:
        events: the bus, whose redactor masks secrets.
        request: what the command line says.
    """

    def __init__(self, events: EventBus, request: ViewRequest) -> None:
        self._redactor, self._request = events.redactor, request
        self._view: Listener | None = None

    def __call__(self, event: Event) -> None:
        """Show an event."""
        self._view = self._view or self._open()
        self._view(event)

    def _open(self) -> Listener:
        choice = choose_view(self._request, os.environ, sys.stdout.isatty())
        if not choice.is_live:
            return LineView(Console(sys.stdout, self._redactor), choice)
        from capdoit.output.live_view import LiveView
        from capdoit.output.screen import Screen

        screen = Screen(sys.stdout)
        return LiveView(screen, Console(cast(TextIO, screen), self._redactor), choice)
