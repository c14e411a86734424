"""All the hosts of a flow at once: fan-out, the barrier at its end, and stopping."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar, cast

from capdoit.errors import HostsFailed, Outcome
from capdoit.hosts.connection import Connection, Deadline
from capdoit.hosts.session import BEAT, Stop

# What fails on one host fails on others, too, a moment later: they may say so before they are stopped.
LAST_WORDS = 0.5
TURN = 0.2  # seconds; how late a signal may be heard
T = TypeVar("T")


class Fleet:
    """The hosts of a flow.

    Args:
        hosts: in the order of deploy.yml; at least one.
    """

    def __init__(self, hosts: Sequence[Connection]) -> None:
        self.hosts = tuple(hosts)
        self._stop = Stop()
        self._stopped = False
        self._firm = False
        self._pool = ThreadPoolExecutor(len(self.hosts))
        self._closed = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    @property
    def release_hosts(self) -> tuple[Connection, ...]:
        """The hosts that get code."""
        return tuple(host for host in self.hosts if not host.config.no_release)

    def each(
        self, work: Callable[[Connection], T], hosts: Sequence[Connection] | None = None, together: bool = True
    ) -> list[Outcome[T]]:
        """Do some work on hosts, all at once, and wait for all of them.

        Args:
            work: done in a thread for each host.
            hosts: on these; on those that get code when not given.
            together: whether a failure on one host stops the work on the others.

        Returns:
            What each host answered or why it failed; nothing is raised.
        """
        hosts = self.release_hosts if hosts is None else hosts
        self._renew_stop()
        futures = [self._pool.submit(work, host) for host in hosts]
        try:
            _wait(futures, until_one_fails=together)
            if together and wait(futures, LAST_WORDS).not_done:
                self._stop.say()
        except BaseException:
            self._stop.say()
            raise
        finally:
            _wait(futures)  # nothing goes on when this returns
        return [_outcome(host, future) for host, future in zip(hosts, futures, strict=True)]

    def all(self, work: Callable[[Connection], T], hosts: Sequence[Connection] | None = None) -> dict[str, T]:
        """Do some work on hosts that has to succeed on all of them.

        Returns:
            The answers, by name of host.

        Raises:
            HostsFailed: it failed on at least one; the others were stopped.
        """
        outcomes = self.each(work, hosts)
        if not all(outcomes):
            raise HostsFailed(outcomes)
        return {outcome.host: cast(T, outcome.answer) for outcome in outcomes}

    def firmly(self, work: Callable[[Connection], T]) -> list[Outcome[T]]:
        """As `each`, but neither a signal nor a deadline stops it: for short work that must not be left half done."""
        self.limit()
        self._firm = True
        try:
            return self.each(work, together=False)
        finally:
            self._firm = False

    def limit(self, *deadlines: Deadline) -> None:
        """What is done from now on ends by these deadlines."""
        for host in self.hosts:
            host.deadlines = deadlines

    def leave_out(self, names: Sequence[str]) -> None:
        """Work without these hosts from now on; the names are those of deploy.yml."""
        self.hosts = tuple(host for host in self.hosts if host.name not in names)

    def stop(self) -> None:
        """End the work that is going on, on all hosts, and what follows until `resume`; for a signal handler."""
        self._stopped = True
        if not self._firm and not self._closed.is_set():  # else there is nobody left to hear it
            self._stop.say()

    def resume(self) -> None:
        """Work again after `stop`, to tidy up."""
        self._stopped = False

    def pause(self, seconds: float) -> None:
        """Do nothing for a while, or until `stop`."""
        select.select([self._stop], [], [], seconds)

    def close(self) -> None:
        """End all sessions in order."""
        self._closed.set()
        self.each(Connection.close, self.hosts, together=False)
        self._pool.shutdown()
        self._stop.close()

    def _beat(self) -> None:
        """While the flow works elsewhere, for long perhaps, the hosts have to know that it is alive."""
        while not self._closed.wait(BEAT):
            for host in self.hosts:
                host.beat()

    def _renew_stop(self) -> None:
        # A signal may come between any two of these lines.
        old, self._stop = self._stop, Stop()
        for host in self.hosts:
            host.stop = self._stop
        old.close()
        if self._stopped and not self._firm:
            self._stop.say()


def _wait(futures: Sequence[Future[T]], until_one_fails: bool = False) -> None:
    """Wait for all of them, or for the first that fails.

    In short turns: a signal that comes just before the main thread falls asleep does not wake it, so its handler would
    not run until something else did.
    """
    when = FIRST_EXCEPTION if until_one_fails else ALL_COMPLETED
    while (waited := wait(futures, TURN, when)).not_done:
        if until_one_fails and any(future.exception() for future in waited.done):
            return


def _outcome(host: Connection, future: Future[T]) -> Outcome[T]:
    error = future.exception()
    return Outcome(host.name, None if error else future.result(), error)
