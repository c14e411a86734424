"""The lock of a flow, as the connection to its host knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from capdoit.hosts.request import Request


@dataclass(frozen=True)
class HeldLock:
    """The lock of a flow on one host, as far as a connection has to know it.

    Attributes:
        run_id: id of the flow; while it is set, commands of hooks run only if the lock names this flow.
        retake: takes the lock again on a session that replaces a lost one, before anything else runs there.
        release: request that releases the lock, sent at the end of the session.
    """

    run_id: str = ""
    retake: Callable[[], None] | None = None
    release: Request | None = None
