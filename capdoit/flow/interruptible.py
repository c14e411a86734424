"""The part of a run on hosts that a signal needs: a run ends in order, and reports that itself."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from capdoit.errors import Interrupted
from capdoit.state.context import FlowContext


class Part(Protocol):
    """A part of a run that a signal must end, too."""

    def interrupt(self, signal: str) -> object:
        """End it because of a signal."""


class Interruptible:
    """A run on hosts that a signal can end in order.

    A subclass holds ``_busy`` while it works, and sets ``_context`` once it has one. ``_interruption`` is the reason of
    the interruption; empty without one.
    """

    def __init__(self) -> None:
        self._context: FlowContext | None = None
        self._interruption = ""
        self._busy = threading.Lock()

    @property
    def is_at_work(self) -> bool:
        """True if a signal must let it end in order."""
        return self._busy.locked()

    @property
    def _parts(self) -> Sequence[Part | None]:
        """The parts that are at work and have hosts or a question of their own; None for a part that has not begun."""
        return ()

    def interrupt(self, signal: str) -> bool:
        """Stop the run because of a signal; return True if it will report the interruption itself."""
        self._interruption = f"interrupted by {signal}"
        for part in self._parts:
            if part:
                part.interrupt(signal)
        self._stop_hosts()
        return self._busy.locked()

    def _stop_hosts(self) -> None:
        if self._context:
            self._context.fleet.stop()

    def _raise_if_interrupted(self) -> None:
        """Raise Interrupted if a signal came, perhaps before there was a fleet to stop."""
        if self._interruption:
            raise Interrupted(self._interruption)
