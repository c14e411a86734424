"""Events of dry runs, and of the question to the operator after one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit.events.event import Event

if TYPE_CHECKING:
    from capdoit.output.dry_run_summary import DryRunSummary


@dataclass(frozen=True)
class HookPlanned(Event):
    """A dry run came to a hook that a real flow would call.

    Attributes:
        hook: name of the hook.
        place: file and line.
        hosts: names of its hosts.
        is_once: whether it is called once for all of them.
    """

    hook: str
    place: str
    hosts: tuple[str, ...]
    is_once: bool


@dataclass(frozen=True)
class StepPlanned(Event):
    """A dry run that shows scripts came to the end of a step.

    Attributes:
        step: name of the step.
        lines: the scripts that a real flow would send, by host.
    """

    step: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class DryRunFinished(Event):
    """A dry run is done; no host was changed.

    Attributes:
        summary: what a real flow would do.
        command: the command that carries out the saved plan; empty when no plan was saved.
        is_preview: the operator is asked next whether to run the flow (``confirm``).
    """

    summary: DryRunSummary
    command: str = ""
    is_preview: bool = False


@dataclass(frozen=True)
class QuestionAsked(Event):
    """The operator is asked whether to run the flow that the dry run showed (``confirm``).

    Attributes:
        text: the question.
    """

    text: str


@dataclass(frozen=True)
class QuestionAnswered(Event):
    """The operator answered the question.

    Attributes:
        is_yes: whether the flow goes on.
    """

    is_yes: bool
