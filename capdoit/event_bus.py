"""The bus that delivers the events of a flow or command to listeners."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from capdoit.events import Event, Output
from capdoit.redaction import Redactor

Listener = Callable[[Event], None]


class EventBus:
    """Delivers each event to every listener, one event at a time, from any thread.

    An error in a listener is reported on stderr, once, and the flow goes on.

    Args:
        redactor: masks secrets in the text of each event.
        outer: bus that gets every event of this bus, too.
        fold: listener that keeps the state of a flow; it is first, and its errors are raised.
        run: id of the flow, which is set in its events.
    """

    def __init__(
        self,
        redactor: Redactor | None = None,
        outer: EventBus | None = None,
        fold: Listener | None = None,
        run: str = "",
    ) -> None:
        self.redactor = redactor or Redactor()
        self._outer, self._fold, self._run = outer, fold, run
        self._listeners: list[Listener] = []
        self._broken: list[object] = []
        self._stderr = sys.stderr  # a view may have replaced it when an error comes
        self._lock = threading.RLock()

    def subscribe(self, listener: Listener) -> None:
        """Deliver events to a listener from now on, after the listeners that subscribed before."""
        self._listeners.append(listener)

    def for_flow(self, fold: Listener, run: str) -> EventBus:
        """Return a bus for one flow; the listeners of this bus get its events, but not those of another flow's bus.

        Args:
            fold: listener that keeps the state of the flow.
            run: id of the flow, which is set in its events: listeners may get those of several flows.
        """
        outer = self._outer or self
        return EventBus(self.redactor, outer, fold, run)

    def emit(self, event: Event) -> None:
        """Deliver an event; returns when every listener has had it.

        The state of the flow gets it as it is, since a secret may be a part of the name of a host or step.
        """
        if self._run:
            event = replace(event, run=self._run)
        with self._lock:
            if self._fold:
                self._fold(event)
            if self._listeners:
                self._deliver(event)
        if self._outer:
            self._outer.emit(event)

    def redact(self, text: str) -> str:
        """Return a text of somebody else, such as the output of a host, with every secret masked."""
        return self.redactor.redact(text)

    def redact_message(self, text: str) -> str:
        """Return a text of capdoit with secrets masked, but no word that capdoit itself writes."""
        return self.redactor.redact_message(text)

    def _deliver(self, event: Event) -> None:
        """Deliver an event to the listeners, with its secrets masked; a fault in a view must not fail a deploy."""
        try:
            masked = self._mask(event)
        except Exception as error:  # noqa: BLE001 - what is not masked is not shown
            self._report("the masking of secrets", error)
            return
        for listener in self._listeners:
            try:
                listener(masked)
            except Exception as error:  # noqa: BLE001 - any fault of a listener
                self._report(listener, error)

    def _mask(self, event: Event) -> Event:
        """Return an event without secrets. Output is masked already, and may be a million lines."""
        masked: Event = event if isinstance(event, Output) else self.redactor.redact_all(event)
        return masked

    def _report(self, what: object, error: Exception) -> None:
        """Report the first error of a listener, or of the masking, on stderr."""
        if what not in self._broken:
            self._broken.append(what)
            with suppress(Exception):  # nobody may read stderr
                self._stderr.write(f"capdoit: {what} failed: {type(error).__name__}: {self.redact(str(error))}\n")
                self._stderr.flush()
