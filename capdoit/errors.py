"""What can go wrong, as one small tree; each error carries its facts as attributes.

    CapdoitError
     ├── ConfigError       deploy.yml, a variable or a hook is wrong; nothing was touched
     │    └── RecipeError  a recipe is missing, broken or wrongly used
     ├── LockHeld          another flow is at work on a host of the stage
     ├── NotReady          the hosts lack what a deploy needs: linked files, tools, rights
     ├── NoTarget          there is no release to roll back to
     ├── FleetDisagrees    the hosts do not share what the flow needs
     ├── PlanOutdated      a host is not as it was when the plan was made
     ├── GuardRefused      a recipe's guard refuses the rollback
     ├── HostError         one host: it could not be reached, or a script failed there
     │    ├── Unreachable  one host: no connection could be made
     │    ├── LockLost     one host: another flow may have been at work there since
     │    ├── Damaged      one host: the release to go back to is not as it was shipped
     │    └── Cancelled    one host: stopped because of another, or by the operator
     ├── HostsFailed       the outcomes of all the hosts of a step
     ├── Interrupted       a signal, or the operator, ended the flow
     ├── FlowFailed        the report of a deploy or rollback that did not finish
     └── DrillFailed       the report of a drill that did not do well

The text of an error is for its reader at 3 a.m.: what happened, where, and what to type next. Exit
codes are doit's and are chosen at the doit faces (``tasks.py``, ``cap/``) only.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from capdoit.text import printable

PACKAGE = Path(__file__).parent
T = TypeVar("T")


class CapdoitError(Exception):
    """Never raised itself; catch it to catch all of capdoit's."""


class ConfigError(CapdoitError):
    """What was asked for makes no sense; no host was touched.

    Args:
        mistakes: one sentence for each mistake, with its place in front.
    """

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class RecipeError(ConfigError):
    """A recipe is missing, broken or wrongly used; names it and its file."""


class LockHeld(CapdoitError):
    """Another flow holds the lock of a host.

    Args:
        holders: what is known of the holder, by name of host.
    """

    def __init__(self, message: str, holders: Mapping[str, str]) -> None:
        super().__init__(message)
        self.holders = dict(holders)


class NotReady(CapdoitError):
    """The hosts lack what the flow needs; the text has every lack of every host."""


class NoTarget(CapdoitError):
    """No release can be rolled back to, or the one asked for cannot."""


class FleetDisagrees(CapdoitError):
    """The hosts do not share what the flow needs; the text has the table of who has what."""


class PlanOutdated(CapdoitError):
    """A host is not as it was when the plan was made; the text has every change, and nothing was touched."""


class GuardRefused(CapdoitError):
    """A recipe's guard refuses the rollback; nothing was touched.

    Args:
        can_go_back: whether ``migrations=back`` would take away what is in the way.
    """

    def __init__(self, message: str, can_go_back: bool = False) -> None:
        super().__init__(message)
        self.can_go_back = can_go_back


class HostError(CapdoitError):
    """A script or command failed on one host, or the host could not be reached.

    Args:
        host: the host's name.
        reason: what happened, one line.
        command: what was being run, if anything was.
        status: its exit status; None when there is none (no connection, or it was lost).
        lines: the last lines of output.
    """

    def __init__(
        self, host: str, reason: str, command: str = "", status: int | None = None, lines: Sequence[str] = ()
    ) -> None:
        self.host, self.reason, self.command = host, reason, command
        self.status, self.lines = status, tuple(lines)
        super().__init__("\n".join([f"{host}: {reason}", *(f"    {line}" for line in lines)]))

    def because(self, reason: str) -> HostError:
        """The same, with another reason: what its reader can do something about."""
        return HostError(self.host, reason, self.command, self.status, self.lines)


class Unreachable(HostError):
    """No connection to this host could be made; nothing was done there."""


class LockLost(HostError):
    """The flow no longer has the lock of this host: it was unlocked by force, or another flow took it over."""


class Damaged(HostError):
    """The release to go back to is not as it was shipped on this host; nothing was touched there."""


class Cancelled(HostError):
    """The work on this host was stopped: another host failed, or the operator asked for it."""


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What one host answered to one step.

    Attributes:
        host: the host's name.
        answer: what the step returned for it; None when it failed.
        error: why it failed; None when it did not.
    """

    host: str
    answer: T | None = None
    error: BaseException | None = None

    def __bool__(self) -> bool:
        """Whether the host did what it was asked to do."""
        return self.error is None

    @property
    def has_failed(self) -> bool:
        """Whether it could not do it; one that was stopped, because of another, might have."""
        return self.error is not None and not isinstance(self.error, Cancelled)


def answers(outcomes: Iterable[Outcome[T]]) -> list[T]:
    """What the hosts answered that did what they were asked to do."""
    return [outcome.answer for outcome in outcomes if outcome.answer is not None]


class HostsFailed(CapdoitError):
    """A step failed on at least one host; carries the outcome of every host.

    Args:
        outcomes: one for each host that took part.
    """

    def __init__(self, outcomes: Sequence[Outcome[Any]]) -> None:
        self.outcomes = tuple(outcomes)
        self.failed = [o for o in outcomes if o.has_failed]
        self.cancelled = [o for o in outcomes if isinstance(o.error, Cancelled)]
        parts = [described(o.error, o.host) for o in self.failed if o.error]
        if self.cancelled:
            parts.append("stopped because of that: " + ", ".join(o.host for o in self.cancelled))
        super().__init__("\n".join(parts))


class Interrupted(CapdoitError):
    """A signal ended the flow."""


class FlowFailed(CapdoitError):
    """A flow did not finish; the text says why, where the fleet stands, and what to type next."""


class DrillFailed(CapdoitError):
    """A rollback would not work, or the drill could not find out; the text says why."""


def described(error: BaseException, host: str = "") -> str:
    """An error: capdoit's own say it themselves; of others the host, what they are, and where they come from."""
    if isinstance(error, CapdoitError):
        return str(error)
    what = "\n".join(map(printable, f"{type(error).__name__}: {error}".splitlines()))
    return f"{host}: {what}{where(error)}" if host else f"{what}{where(error)}"


def where(error: BaseException) -> str:
    """The last line that led to an error and is not capdoit's: of a hook, or of a recipe, its readers know their own.

    Returns:
        `` (FILE:LINE)``; empty when there is none.
    """
    every = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in every if not frame.filename.startswith("<") and not _is_ours(Path(frame.filename))]
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""


def _is_ours(file: Path) -> bool:
    return file.is_relative_to(PACKAGE) and not file.is_relative_to(PACKAGE / "recipes")
