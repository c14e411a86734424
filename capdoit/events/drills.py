"""Events of drills, long and short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit.events.event import Event
from capdoit.events.runs import RunStarted

if TYPE_CHECKING:
    from capdoit.output.drill_report import DrillReport


@dataclass(frozen=True)
class DrillStarted(RunStarted):
    """A drill began. The rollback in it emits `FlowStarted` later."""


@dataclass(frozen=True)
class DrillPhaseFinished(Event):
    """A phase of a drill is done.

    Attributes:
        name: name of the phase.
        seconds: its duration.
    """

    name: str
    seconds: float


@dataclass(frozen=True)
class DrillHookSkipped(Event):
    """A drill left out a hook that a real rollback calls.

    Attributes:
        hook: name of the hook.
        place: file and line.
        when: its place in the flow, such as ``after publishing``.
        reason: cause of the omission.
    """

    hook: str
    place: str
    when: str
    reason: str


@dataclass(frozen=True)
class DrillFinished(Event):
    """A drill found that a rollback works.

    Attributes:
        release: the rollback target, for people: with the hosts of each name if it has several.
        live: the release that is live and would be rolled back from, by host.
        archives: number of files in the archive that the rollback made, by host.
        seconds_to_flip: time until the release would be live.
        seconds: time until the rollback would be done.
        skipped_hooks: number of hooks that were left out.
    """

    release: str
    live: Mapping[str, str]
    archives: Mapping[str, str]
    seconds_to_flip: float
    seconds: float
    skipped_hooks: int


@dataclass(frozen=True)
class RehearsalFailed(Event):
    """A drill found that a rollback would not work, or did not come to its end.

    Attributes:
        report: data of the report for the operator.
    """

    report: DrillReport


@dataclass(frozen=True)
class ShadowLeftBehind(Event):
    """A drill could not remove its shadow from a host.

    Attributes:
        host: name of the host.
        reason: the error.
    """

    host: str
    reason: str


@dataclass(frozen=True)
class RollbackRehearsed(Event):
    """The short drill after a deploy found that a rollback works.

    Attributes:
        release: the rollback target, for people: with the hosts of each name if it has several.
    """

    release: str
