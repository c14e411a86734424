"""Events of hosts: their logins, locks and answers to the survey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit.events.event import Event

if TYPE_CHECKING:
    from capdoit.records.facts import Facts


@dataclass(frozen=True)
class LoginRetried(Event):
    """An ssh server ended a connection before authentication, and the login is tried again.

    Attributes:
        host: name of the host.
        reason: what happened, in one line.
        timeout_seconds: longest time until the host counts as unreachable.
    """

    host: str
    reason: str
    timeout_seconds: float


@dataclass(frozen=True)
class HostSurveyed(Event):
    """A host answered the survey.

    Attributes:
        facts: its answer.
    """

    facts: Facts


@dataclass(frozen=True)
class HostLeftOut(Event):
    """A host could not be reached, and the deploy goes on without it (``max_failures``).

    Attributes:
        host: name of the host.
        reason: first line of the error.
    """

    host: str
    reason: str


@dataclass(frozen=True)
class LockTaken(Event):
    """The flow took the lock of a host."""

    host: str


@dataclass(frozen=True)
class LockReleased(Event):
    """The flow gave back the lock of a host before its end."""

    host: str


@dataclass(frozen=True)
class LockAwaited(Event):
    """Another flow holds locks, and this flow waits for them (``wait=``).

    Attributes:
        holders: description of the holder, by host.
        timeout_seconds: longest time to wait.
    """

    holders: Mapping[str, str]
    timeout_seconds: int


@dataclass(frozen=True)
class StaleLockTakenOver(Event):
    """The locks of hosts were left behind by a flow that died.

    Attributes:
        hosts: names of the hosts, in one text.
        holder: description of the flow that died.
    """

    hosts: str
    holder: str
