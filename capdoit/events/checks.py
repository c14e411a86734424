"""Events of checks."""

from __future__ import annotations

from dataclasses import dataclass

from capdoit.events.event import Event
from capdoit.events.runs import RunStarted


@dataclass(frozen=True)
class CheckStarted(RunStarted):
    """A check of whether a deploy can begin started."""


@dataclass(frozen=True)
class CheckWarned(Event):
    """A check found something that does not stop a deploy.

    Attributes:
        text: the finding.
    """

    text: str


@dataclass(frozen=True)
class CheckFailed(Event):
    """A check found that a deploy would fail.

    Attributes:
        problems: a sentence for each problem.
    """

    problems: tuple[str, ...]


@dataclass(frozen=True)
class CheckPassed(Event):
    """A check found that a deploy can begin.

    Attributes:
        stage: name of the stage.
        hosts: number of hosts that answered.
        is_certain: false if a linked file is missing, and a hook before ``starting`` has to put it there.
    """

    stage: str
    hosts: int
    is_certain: bool = True
