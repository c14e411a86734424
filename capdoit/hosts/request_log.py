"""The events about the requests of one host: what was sent, and what came back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from capdoit.errors import HostError
from capdoit.event_bus import EventBus
from capdoit.events import LONGEST_LOGGED_OUTPUT, RequestAnswered, RequestFailed, RequestSent
from capdoit.hosts.request import Answer, Request
from capdoit.text import cut, get_first_line
from capdoit.url_credentials import MASK


class RequestLog:
    """Emits the events about the requests of one host, with all secrets masked.

    Args:
        host: name of the host.
        events: bus that gets the events.
    """

    def __init__(self, host: str, events: EventBus) -> None:
        self._host, self._events = host, events

    def sent(self, request: Request) -> None:
        """Emit what is sent to the host."""
        values = self._events.redactor.redact_assignments(request.script.before_body)
        sent = RequestSent(self._host, request.name, request.verb, values, request.script.body, *_describe_fed(request))
        self._events.emit(sent)

    @contextmanager
    def exchange(self, requests: Sequence[Request]) -> Iterator[list[Answer]]:
        """Emit the requests, and what came of them; the caller puts their answers into the list."""
        answers: list[Answer] = []
        began = time.monotonic()
        for request in requests:
            self.sent(request)
        try:
            yield answers
        except HostError as error:
            names = ", ".join(request.name for request in requests)
            seconds = time.monotonic() - began
            self._events.emit(RequestFailed(self._host, names, get_first_line(str(error)), seconds))
            raise
        for request, answer in zip(requests, answers, strict=True):
            self._answered(request, answer, time.monotonic() - began)

    def _answered(self, request: Request, answer: Answer, seconds: float) -> None:
        output = MASK if request.is_secret else cut(self._events.redact(answer.text), LONGEST_LOGGED_OUTPUT)
        self._events.emit(RequestAnswered(self._host, request.name, answer.status, seconds, output))


def _describe_fed(request: Request) -> tuple[str, int | None]:
    """Return the path and the size of the file that a request sends; a temporary file has no path."""
    if not request.source:
        return "", None
    name = getattr(request.source, "name", "")
    return name if isinstance(name, str) else "", os.fstat(request.source.fileno()).st_size
