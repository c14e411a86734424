"""All hosts of a flow: work on all of them at once, the barrier at its end, and stopping it."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar, cast

from capdoit.errors import Cancelled, HostError, HostsFailed, Outcome
from capdoit.event_bus import EventBus
from capdoit.events import WorkFinished, WorkStarted
from capdoit.hosts.connection import Connection
from capdoit.hosts.deadline import Deadline
from capdoit.hosts.session import HEARTBEAT_SECONDS
from capdoit.hosts.stop_signal import StopSignal
from capdoit.text import get_first_line

# Often one cause fails several hosts within a moment. They may report it before they are stopped.
FAILURE_GRACE_SECONDS = 0.5
POLL_SECONDS = 0.2  # the longest time until a signal handler runs
T = TypeVar("T")


class Fleet:
    """The connections to the hosts of a flow.

    Args:
        connections: connections in the order of deploy.yml; at least one.
        events: bus that is told which host is at work.
    """

    def __init__(self, connections: Sequence[Connection], events: EventBus) -> None:
        self.connections = tuple(connections)
        self._events = events
        self._stop = StopSignal()
        self._is_stopped = False
        self._is_uninterrupted = False
        self._pool = ThreadPoolExecutor(len(self.connections))
        self._closed = threading.Event()
        for connection in self.connections:
            connection.stop = self._stop
        threading.Thread(target=self._send_heartbeats, daemon=True).start()

    @property
    def release_connections(self) -> tuple[Connection, ...]:
        """The connections to hosts that get releases."""
        return tuple(connection for connection in self.connections if not connection.config.no_release)

    def each(
        self,
        work: Callable[[Connection], T],
        connections: Sequence[Connection] | None = None,
        stop_on_failure: bool = True,
    ) -> list[Outcome[T]]:
        """Do some work on several hosts in parallel, and wait for all of them.

        Args:
            work: function that is called in a thread for each connection.
            connections: connections to work on; default is every host that gets releases.
            stop_on_failure: when the work fails on one host, stop it on the rest.

        Returns:
            The outcome of each host; a failure is not raised.
        """
        connections = self.release_connections if connections is None else connections
        return self._in_parallel(partial(self._report_work, work), connections, stop_on_failure)

    def all(self, work: Callable[[Connection], T], connections: Sequence[Connection] | None = None) -> dict[str, T]:
        """Do some work that has to succeed on every host; arguments as in `each`.

        Returns:
            The answers by host name.

        Raises:
            HostsFailed: the work failed on at least one host and was stopped on the rest.
        """
        outcomes = self.each(work, connections)
        if not all(outcomes):
            raise HostsFailed(outcomes)
        return {outcome.host: cast(T, outcome.answer) for outcome in outcomes}

    def once(self, work: Callable[[Connection], object], connection: Connection) -> None:
        """Do some work of the controller, which may use all hosts.

        Args:
            work: function that is called in a thread.
            connection: its argument.

        Raises:
            HostsFailed: the work failed; it names a host only if the error does.
        """
        (outcome,) = self._in_parallel(partial(self._report_failed_host, work), [connection], stop_on_failure=True)
        if outcome.error:
            host = outcome.error.host if isinstance(outcome.error, HostError) else ""
            raise HostsFailed([Outcome(host, error=outcome.error)])

    def prepare(self, work: Callable[[Connection], object], connections: Sequence[Connection]) -> None:
        """Do a first part of some work, of which only a failure is reported; arguments and errors as in `all`."""
        outcomes = self._in_parallel(partial(self._report_failure, work), connections, stop_on_failure=True)
        if not all(outcomes):
            raise HostsFailed(outcomes)

    def uninterrupted(self, work: Callable[[Connection], T]) -> list[Outcome[T]]:
        """Do some work like `each`, but without signals and deadlines: short work that must not be half done."""
        self.set_deadlines()
        self._is_uninterrupted = True
        try:
            return self.each(work, stop_on_failure=False)
        finally:
            self._is_uninterrupted = False

    def set_deadlines(self, *deadlines: Deadline) -> None:
        """End all later work by these deadlines. They replace earlier deadlines."""
        for connection in self.connections:
            connection.deadlines = deadlines

    def remove(self, names: Sequence[str]) -> None:
        """Continue without the hosts of these names."""
        self.connections = tuple(connection for connection in self.connections if connection.name not in names)

    def stop(self) -> None:
        """End the current work on all hosts, and all later work until `resume`. Safe in a signal handler."""
        self._is_stopped = True
        if not self._is_uninterrupted and not self._closed.is_set():  # a closed fleet has no pipe to write to
            self._stop.set()

    def resume(self) -> None:
        """Allow work again after `stop`, for the cleanup."""
        self._is_stopped = False

    @property
    def is_stopped(self) -> bool:
        """True after `stop`, until `resume`."""
        return self._is_stopped

    def sleep(self, seconds: float) -> None:
        """Wait for some time, or until `stop`."""
        select.select([self._stop], [], [], seconds)

    def close(self) -> None:
        """End all sessions in order."""
        self._closed.set()
        self._in_parallel(Connection.close, self.connections, stop_on_failure=False)
        self._pool.shutdown()
        self._stop.close()

    def _in_parallel(
        self, work: Callable[[Connection], T], connections: Sequence[Connection], stop_on_failure: bool
    ) -> list[Outcome[T]]:
        self._renew_stop()
        futures = [self._pool.submit(work, connection) for connection in connections]
        try:
            _wait(futures, until_one_fails=stop_on_failure)
            if stop_on_failure and wait(futures, FAILURE_GRACE_SECONDS).not_done:
                self._stop.set()
        except BaseException:
            self._stop.set()
            raise
        finally:
            _wait(futures)
        return [_outcome(connection, future) for connection, future in zip(connections, futures, strict=True)]

    def _report_work(self, work: Callable[[Connection], T], connection: Connection) -> T:
        """Do some work on a host, and tell of its start and its end."""
        began = time.monotonic()
        self._events.emit(WorkStarted(connection.name))
        answer = self._report_failure(work, connection)
        self._events.emit(WorkFinished(connection.name, time.monotonic() - began))
        return answer

    def _report_failure(self, work: Callable[[Connection], T], connection: Connection) -> T:
        """Do some work on a host, and tell of its failure."""
        began = time.monotonic()
        try:
            return work(connection)
        except BaseException as error:
            self._tell_failure(connection.name, began, error)
            raise

    def _report_failed_host(self, work: Callable[[Connection], T], connection: Connection) -> T:
        """Do some work of the controller, and tell of the host that failed in it."""
        began = time.monotonic()
        try:
            return work(connection)
        except HostError as error:
            self._tell_failure(error.host, began, error)
            raise

    def _tell_failure(self, host: str, began: float, error: BaseException) -> None:
        reason = self._events.redact(get_first_line(str(error).strip()) or type(error).__name__)
        self._events.emit(WorkFinished(host, time.monotonic() - began, reason, isinstance(error, Cancelled)))

    def _send_heartbeats(self) -> None:
        """Tell every host that the controller is alive, also while the flow works elsewhere for a long time."""
        while not self._closed.wait(HEARTBEAT_SECONDS):
            for connection in self.connections:
                connection.send_heartbeat()

    def _renew_stop(self) -> None:
        # A signal may arrive between any two of these lines.
        old, self._stop = self._stop, StopSignal()
        for connection in self.connections:
            connection.stop = self._stop
        old.close()
        if self._is_stopped and not self._is_uninterrupted:
            self._stop.set()


def _wait(futures: Sequence[Future[T]], until_one_fails: bool = False) -> None:
    """Wait for all futures, or until one fails.

    The wait is cut into short parts: a signal that arrives just before the main thread blocks does not wake it, so
    its handler would not run until the wait ends.
    """
    when = FIRST_EXCEPTION if until_one_fails else ALL_COMPLETED
    while (waited := wait(futures, POLL_SECONDS, when)).not_done:
        if until_one_fails and any(future.exception() for future in waited.done):
            return


def _outcome(connection: Connection, future: Future[T]) -> Outcome[T]:
    error = future.exception()
    return Outcome(connection.name, None if error else future.result(), error)
