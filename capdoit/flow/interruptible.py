"""The part of a run on hosts that a signal needs: a run ends in order, and reports that itself."""

from __future__ import annotations

import threading

from capdoit.errors import Interrupted
from capdoit.state.context import FlowContext


class Interruptible:
    """A run on hosts that a signal can end in order.

    A subclass holds ``_busy`` while it works, and sets ``_context`` once it has one. ``_signal`` is the reason of the
    interruption; empty without one.
    """

    def __init__(self) -> None:
        self._context: FlowContext | None = None
        self._signal = ""
        self._busy = threading.Lock()

    @property
    def is_at_work(self) -> bool:
        """True if a signal must let it end in order."""
        return self._busy.locked()

    def interrupt(self, signal: str) -> bool:
        """Stop the run because of a signal; return True if it will report the interruption itself."""
        self._signal = f"interrupted by {signal}"
        if self._context:
            self._context.fleet.stop()
        return self._busy.locked()

    def _raise_if_interrupted(self) -> None:
        """Raise Interrupted if a signal came, perhaps before there was a fleet to stop."""
        if self._signal:
            raise Interrupted(self._signal)
