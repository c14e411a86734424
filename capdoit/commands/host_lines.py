"""The lines of hosts, shown as they come, each with the name of its host."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TypeVar

from capdoit.commands.unreached_hosts import print_unreached_hosts
from capdoit.errors import Cancelled, HostError, Outcome
from capdoit.hosts.connection import Connection
from capdoit.hosts.stop_signal import StopSignal
from capdoit.output.console import Console

T = TypeVar("T")
AT_ONCE = 0.0  # seconds
MOST_HELD = 1000  # lines; more are shown at once


class HostLines:
    """Shows lines of hosts as they come. Use it in a `with`, whose end shows what an interruption left.

    A short command is easier to read when its equal answers are shown once, at its end. So lines may be held for a
    moment, if they are not many: if the command has ended by then, they are not shown here.

    Args:
        console: prints the lines.
        hosts: names of the hosts.
        hold_seconds: time from the first line until lines are shown; None if they never are.

    Attributes:
        is_showing: whether lines are shown.
        lost: names of the hosts whose failures were shown.
    """

    def __init__(self, console: Console, hosts: Iterable[str], hold_seconds: float | None) -> None:
        self.is_showing = hold_seconds == AT_ONCE
        self.lost: set[str] = set()
        self._console, self._hold_seconds = console, hold_seconds
        self._held: list[tuple[str, str]] = []
        self._timer: threading.Timer | None = None
        self._stop: StopSignal | None = None  # of the work on all hosts
        self._held_lines = 0
        self._is_over = False
        self._lock = threading.RLock()
        console.reserve_width(hosts)

    def __enter__(self) -> HostLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer:
            self._timer.cancel()
        with self._lock:
            if error and self._hold_seconds is not None:
                self._show_held()
            self._is_over = True

    def show(self, host: str, text: str) -> None:
        """Show lines behind a host's name, now or when their time has come. Safe in any thread.

        If nobody reads the lines any more, the work on all hosts is stopped: it may go on forever.
        """
        with self._lock:
            self._console.reserve_width([host])
            if self.is_showing:
                self._console.write_output(host, text)
            elif self._hold_seconds is not None:
                self._hold(host, text, self._hold_seconds)
        if self._stop is not None and self.is_showing and self._console.is_discarded:
            self._stop.set()

    def watch(self, work: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """Return some work on a host whose failure is shown at once, if lines are shown."""

        def watched(connection: Connection) -> T:
            self._stop = connection.stop
            try:
                return work(connection)
            except HostError as error:
                if not isinstance(error, Cancelled):
                    self._show_failure(connection.name, error)
                raise

        return watched

    def _show_failure(self, host: str, error: HostError) -> None:
        with self._lock:
            if self.is_showing:
                self.lost.add(host)
                print_unreached_hosts(self._console, [Outcome(host, error=error)])

    def _hold(self, host: str, text: str, seconds: float) -> None:
        """Keep lines for some seconds, or until there are too many."""
        self._held.append((host, text))
        self._held_lines += text.count("\n") + 1
        if self._held_lines > MOST_HELD:
            self._show_held()
        elif not self._timer:
            self._timer = threading.Timer(seconds, self._show_held)
            self._timer.daemon = True
            self._timer.start()

    def _show_held(self) -> None:
        with self._lock:
            if self._is_over:  # the timer was late; the caller shows the lines
                return
            self.is_showing = True
            for host, text in self._held:
                self._console.write_output(host, text)
            self._held.clear()
