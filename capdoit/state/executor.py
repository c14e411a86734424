"""Executors: how the work of a flow is carried out. `Live` changes hosts, `Recorder` records what would be sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Protocol, TypeVar

from capdoit.errors import LockLost
from capdoit.event_bus import EventBus
from capdoit.events import Event, StepStarted
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.script import Script
from capdoit.state.plan_file import RecordedScript

LOCK_LOST_STATUS = 9  # exit status of require_lock (sh/lock.sh)
T = TypeVar("T")


class Executor(Protocol):
    """The way in which a flow changes hosts, or records that it would."""

    def run(
        self,
        connection: Connection,
        script: Script,
        timeout_seconds: float | None = None,
        source: IO[bytes] | None = None,
    ) -> str | None:
        """Run a script of a step on a host.

        Args:
            connection: the host.
            script: the script.
            timeout_seconds: after that time the script is stopped; None for no limit.
            source: open file that the script reads on its stdin; None for an empty stdin.

        Returns:
            Its stdout; None when it was only recorded.

        Raises:
            LockLost: the flow no longer holds the lock of the host.
            HostError: the script failed, or took longer than the timeout.
        """

    def act(self, change: Callable[[], T], preview: Callable[[], T]) -> T:
        """Do work that is not one script, or find out an equal result without a change of hosts."""

    def change(self, work: Callable[[], object]) -> None:
        """Do work that a dry run leaves out."""

    def preview(self, work: Callable[[], object]) -> None:
        """Do work that only a dry run does."""

    def announce(self, event: Event) -> None:
        """Emit an event that tells of a change of hosts, if they were changed."""


class Live:
    """The executor of a real flow.

    Args:
        events: bus of the flow.
    """

    def __init__(self, events: EventBus) -> None:
        self._events = events

    def run(
        self,
        connection: Connection,
        script: Script,
        timeout_seconds: float | None = None,
        source: IO[bytes] | None = None,
    ) -> str | None:
        """Run a script on a host and return its stdout; errors as in `Executor.run`."""
        verb = "feed" if source else "run"
        request = Request(script, verb, source, connection.show, capture=True, timeout=timeout_seconds)
        answer = connection.ask([request])[0]
        if answer.status == LOCK_LOST_STATUS:
            raise LockLost(
                connection.name,
                f"{script.name}: its lock is no longer held by this flow",
                script.name,
                answer.status,
                answer.lines,
            )
        if answer.status:
            raise connection.failure(answer, script.name)
        return answer.text

    def act(self, change: Callable[[], T], preview: Callable[[], T]) -> T:  # noqa: ARG002 - a protocol's method
        """Return the result of the change."""
        return change()

    def change(self, work: Callable[[], object]) -> None:
        """Do the work."""
        work()

    def preview(self, work: Callable[[], object]) -> None:
        """Leave out the work."""

    def announce(self, event: Event) -> None:
        """Emit the event."""
        self._events.emit(event)


class Recorder:
    """The executor of a dry run: it changes nothing and keeps the scripts.

    Args:
        events: bus of the flow, which names the step that is being recorded.

    Attributes:
        scripts: the recorded scripts, in order.
    """

    def __init__(self, events: EventBus) -> None:
        self.scripts: list[RecordedScript] = []
        self._step = ""
        events.subscribe(self._listen)

    def run(
        self,
        connection: Connection,
        script: Script,
        timeout_seconds: float | None = None,  # noqa: ARG002 - a protocol's method
        source: IO[bytes] | None = None,  # noqa: ARG002
    ) -> str | None:
        """Record a script."""
        self._record(connection, script)
        return None

    def act(self, change: Callable[[], T], preview: Callable[[], T]) -> T:  # noqa: ARG002 - a protocol's method
        """Return the result of the preview."""
        return preview()

    def change(self, work: Callable[[], object]) -> None:
        """Leave out the work."""

    def preview(self, work: Callable[[], object]) -> None:
        """Do the work."""
        work()

    def announce(self, event: Event) -> None:
        """Drop the event: no host was changed."""

    def _record(self, connection: Connection, script: Script) -> None:
        given = connection.redact(script.given)
        self.scripts.append(RecordedScript(self._step, connection.name, script.name, given, script.body))

    def _listen(self, event: Event) -> None:
        if isinstance(event, StepStarted) and not event.is_hook:
            self._step = event.name
