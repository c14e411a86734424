"""The text that hooks print, held until their step fails."""

from __future__ import annotations

import io

from capdoit.output.redirection import Redirection


class HeldPrints:
    """The text that is printed while steps run, held for all flows, which may run at the same time."""

    def __init__(self) -> None:
        self._printed = io.StringIO()
        self._redirection = Redirection(self._printed)
        self._running: set[str] = set()

    def begin(self, run: str) -> None:
        """Hold what is printed from now on, since a step of a flow begins."""
        self._running.add(run)
        self._redirection.begin()

    def end(self, run: str) -> None:
        """Drop what was printed, since a step of a flow has ended, unless another flow runs a step."""
        self._running.discard(run)
        if not self._running:
            self._redirection.end()
            self.take()

    def take(self) -> str:
        """Return what was printed, once."""
        text = self._printed.getvalue().rstrip()
        self._printed.seek(0)
        self._printed.truncate()
        return text
