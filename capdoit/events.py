"""The typed events of a flow or command, and the bus that delivers them to listeners.

Everything that a person may see is made from these events. Steps, operations and connections emit them and know
none of the listeners; a listener (the console, a log file, a report page) decides what to show of an event.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from capdoit.redaction import Redactor


@dataclass(frozen=True)
class Event:
    """Something that happened once. Text in its fields has no secrets when a listener gets it."""


@dataclass(frozen=True)
class HostOutput(Event):
    """A line of output of a command on a host.

    Attributes:
        host: name of the host.
        stream: ``out`` or ``err``.
        line: printable, without its line end.
    """

    host: str
    stream: str
    line: str


@dataclass(frozen=True)
class TransferProgress(Event):
    """The state of a file on its way to a host; at most about ten a second for one file.

    Attributes:
        host: name of the host.
        name: name of the request that sends the file.
        sent_bytes: size of the part that was sent.
        total_bytes: size of the file.
    """

    host: str
    name: str
    sent_bytes: int
    total_bytes: int


Listener = Callable[[Event], None]
E = TypeVar("E", bound=Event)


class EventBus:
    """Delivers each event to every listener, one event at a time, from any thread.

    Args:
        redactor: masks secrets in the text fields of each event.
    """

    def __init__(self, redactor: Redactor | None = None) -> None:
        self.redactor = redactor or Redactor()
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()

    def subscribe(self, listener: Listener) -> None:
        """Deliver events to a listener from now on, after the listeners that subscribed before."""
        self._listeners.append(listener)

    def emit(self, event: Event) -> None:
        """Deliver an event; returns when every listener has had it."""
        event = self._redacted(event)
        with self._lock:
            for listener in self._listeners:
                listener(event)

    def redact(self, text: str) -> str:
        """Return a text with every secret masked."""
        return self.redactor.redact(text)

    def _redacted(self, event: E) -> E:
        texts = {f.name: value for f in fields(event) if isinstance(value := getattr(event, f.name), str)}
        masked = {name: self.redact(text) for name, text in texts.items()}
        return event if masked == texts else replace(event, **masked)
