"""Events of the steps and hooks of a flow."""

from __future__ import annotations

from dataclasses import dataclass

from capdoit.events.event import Event


@dataclass(frozen=True)
class StepStarted(Event):
    """A step or hook began.

    Attributes:
        name: name of the step or hook.
        is_hook: whether it is a hook.
        host_count: number of hosts that it works on; 0 if it works on all hosts of the flow.
    """

    name: str
    is_hook: bool
    host_count: int = 0


@dataclass(frozen=True)
class StepFinished(Event):
    """A step or hook was done on all its hosts, or was skipped."""

    name: str
    is_hook: bool
    seconds: float


@dataclass(frozen=True)
class StepSkipped(Event):
    """A hook was left out because ``skip=`` names it."""

    name: str


@dataclass(frozen=True)
class StepFailed(Event):
    """A step or hook failed, or was interrupted; the flow ends with it.

    Attributes:
        name: name of the step or hook.
        interruption: the signal or wish that ended it; empty for a failure.
        reason: why it failed, in one line without secrets; empty for an interruption.
    """

    name: str
    interruption: str
    reason: str = ""


@dataclass(frozen=True)
class WorkStarted(Event):
    """A host began its part of a step or hook. A step may have several parts, one after the other.

    Attributes:
        host: name of the host.
    """

    host: str


@dataclass(frozen=True)
class WorkFinished(Event):
    """A host came to the end of its part of a step or hook.

    Attributes:
        host: name of the host.
        seconds: duration.
        reason: why it failed, in one line; empty if it succeeded.
        is_cancelled: it did not fail itself, but was stopped because of another host or a signal.
    """

    host: str
    seconds: float
    reason: str = ""
    is_cancelled: bool = False


@dataclass(frozen=True)
class HooksOnly(Event):
    """The operator runs hooks without the steps before them: they work on the live release."""


@dataclass(frozen=True)
class HookNotCalled(Event):
    """A hook had no host to run on.

    Attributes:
        hook: name of the hook.
        roles: its roles, when no host of the stage has any of them.
        hosts: names of its hosts, when ``hosts=``, ``roles=`` or a failure left all of them out.
    """

    hook: str
    roles: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class HookPaused(Event):
    """A hook that runs on one group of hosts after the other waits before the next group.

    Attributes:
        hook: name of the hook.
        seconds: duration of the pause.
        next_hosts: names of the next hosts.
    """

    hook: str
    seconds: float
    next_hosts: tuple[str, ...]
