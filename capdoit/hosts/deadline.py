"""The time at which the work on a host must be over."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capdoit.hosts.request import Request


@dataclass(frozen=True)
class Deadline:
    """The time at which something that takes several requests must be over.

    Attributes:
        at: time by the monotonic clock.
        message: text of the error after that time, such as "the flow took longer than its timeout, 60 s,".
    """

    at: float
    message: str

    @property
    def seconds_left(self) -> float:
        """The time until then; 0 or less if it is over."""
        return self.at - time.monotonic()

    @classmethod
    def after(cls, seconds: float, message: str) -> Deadline:
        """Return the deadline of something that begins now and may take some seconds."""
        return cls(time.monotonic() + seconds, message)


def limit_request(request: Request, deadlines: Sequence[Deadline], now: float) -> Request:
    """Return a request that ends by all deadlines, with the message of the one that ends it.

    Args:
        request: the request, perhaps with a timeout of its own.
        deadlines: the deadlines of the current work.
        now: time by the monotonic clock.
    """
    for deadline in deadlines:
        left_seconds = max(0.0, deadline.at - now)
        if request.timeout is None or left_seconds < request.timeout:
            request = replace(request, timeout=left_seconds, timeout_message=deadline.message)
    return request


def find_passed(deadlines: Sequence[Deadline], now: float) -> Deadline | None:
    """Return the first deadline that is over at a time of the monotonic clock, or None."""
    return next((deadline for deadline in deadlines if deadline.at <= now), None)
