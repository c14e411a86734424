"""A timer that calls a function again and again, so that a view changes although nothing happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress


class Ticker:
    """A thread that calls a function periodically until the process ends.

    Args:
        seconds: the time between two calls.
        tick: the function; an error in it ends the calls. The view meets that error with its next event, too.
    """

    def __init__(self, seconds: float, tick: Callable[[], None]) -> None:
        self._seconds, self._tick = seconds, tick
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to call the function; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="capdoit view", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        with suppress(Exception):
            while not pause.wait(self._seconds):
                self._tick()
