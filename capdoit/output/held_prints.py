"""The text that hooks print, held until their step fails."""

from __future__ import annotations

import io
import threading

from capdoit.output.redirection import Redirection


class HeldPrints:
    """The text that is printed while steps run, held for all flows, which may run at the same time."""

    def __init__(self) -> None:
        self._printed = PrintsByThread()
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
        return self._printed.take()


class PrintsByThread(io.StringIO):
    """A stream in memory in which the text of each thread stays together: a hook works on each host in a thread."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: dict[int, list[str]] = {}

    def write(self, text: str, /) -> int:
        """Add a text; `print` writes a line in several pieces."""
        self._pieces.setdefault(threading.get_ident(), []).append(text)
        return len(text)

    def take(self) -> str:
        """Return the text of all threads, one after the other, once."""
        pieces, self._pieces = self._pieces, {}
        return "\n".join("".join(one).rstrip() for one in pieces.values())
