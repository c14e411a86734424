"""Events of the beginning and the end of a flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit.events.event import Event
from capdoit.events.runs import RunStarted

if TYPE_CHECKING:
    from capdoit.output.failure_report import FailureReport


@dataclass(frozen=True)
class FlowStarted(RunStarted):
    """A deploy, a rollback, or the rollback inside a drill began.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        branch: source of the code: a branch, or the path of an archive.
        message: the operator's reason; may be empty.
        unknown_variables: names of NAME=VALUE that only hooks or tasks of the project can use.
        is_drill: the flow only rehearses.
        tasks: names of the steps and hooks that the flow does, in order.
        is_dry_run: the flow changes nothing.
        elapsed_seconds: time since the request for the flow, which all durations of the flow begin with.
        undone_release: in an automatic rollback, the release whose deploy failed; else empty.
    """

    flow: str
    branch: str
    message: str
    unknown_variables: tuple[str, ...] = ()
    is_drill: bool = False
    tasks: tuple[str, ...] = ()
    is_dry_run: bool = False
    elapsed_seconds: float = 0.0
    undone_release: str = ""


@dataclass(frozen=True)
class FlowStopped(Event):
    """A flow ended after the last step that the operator asked for, and not at its end.

    Attributes:
        report: data of the report for the operator.
    """

    report: FailureReport


@dataclass(frozen=True)
class FlowFailed(Event):
    """A flow did not finish; hosts are cleaned up. doit prints the report, as that of a failed task.

    Attributes:
        report: data of the report for the operator.
    """

    report: FailureReport


@dataclass(frozen=True)
class TeardownFailed(Event):
    """A flow failed while doit ended, when doit does not print errors any more.

    Attributes:
        text: the complete text for the operator.
    """

    text: str


@dataclass(frozen=True)
class FlowFinished(Event):
    """A flow came to its end.

    Attributes:
        name: flow and stage, such as ``deploy:production``.
        missing: names of hosts that could not be reached and were left out.
        warnings: number of warnings.
        seconds: duration.
        undo: the command that goes back to what was live before; empty if there is none.
    """

    name: str
    missing: tuple[str, ...]
    warnings: int
    seconds: float
    undo: str = ""


@dataclass(frozen=True)
class AutomaticRollbackStarted(Event):
    """A deploy failed after its publish, and ``on_failure: rollback`` undoes it.

    Attributes:
        release: the release that is live and will be rolled back from.
    """

    release: str


@dataclass(frozen=True)
class AutomaticRollbackFinished(Event):
    """An automatic rollback came to its end; the report of the deploy that failed follows.

    Attributes:
        targets: the release that was rolled back to, by host; empty if none was chosen.
        has_failed: the rollback did not come to its end.
        seconds: its duration.
    """

    targets: Mapping[str, str]
    has_failed: bool
    seconds: float
