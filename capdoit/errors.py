"""The errors of capdoit, as one small tree. Each error carries data; `output.error_text` makes the text from it.

    CapdoitError
     ├── ConfigError         deploy.yml, a variable or a hook is wrong; nothing was touched
     │    ├── RecipeError    a recipe is missing, broken or used wrongly
     │    ├── ValueUnavailable  a value that deploy.yml takes from elsewhere cannot be had
     │    ├── UnknownDecorator  dodo.py or a recipe uses a decorator that does not exist
     │    └── UnknownVar     a hook asks for a value of `vars` that deploy.yml does not have
     ├── LockHeld            another flow holds the lock of a host
     ├── NotReady            the hosts or the controller lack what a flow needs
     │    └── RevisionNotChosen  no commit could be chosen for a branch
     ├── ReleaseNotChosen    no release could be chosen for all hosts
     │    ├── NoTarget       no host can go to it
     │    └── FleetDisagrees the hosts differ
     ├── PlanOutdated        the hosts have changed since the plan was made, or since the operator approved the flow
     ├── NotApproved         the operator did not approve a flow of a stage with confirm
     ├── GuardRefused        the guard of a recipe refuses the rollback
     ├── HostError           one host: a script failed there, or the host could not be reached
     │    ├── Unreachable    one host: no connection could be made
     │    │    └── LoginDropped    its ssh server, or that of a jump host, ended the connection before authentication
     │    ├── LockLost       one host: this flow no longer holds the lock
     │    ├── TimedOut       one host: the work took longer than its timeout
     │    ├── Damaged        one host: the release is not as it was shipped
     │    └── Cancelled      one host: the work was stopped before its end
     ├── HostsFailed         a step failed; has the outcome of every host
     ├── Interrupted         a signal, or the operator, ended the flow
     ├── FlowAborted         a deploy or rollback did not finish
     ├── DrillFailed         a rollback would not work, as a drill found
     └── SetupFailed         the hosts could not be prepared for a deploy

``str(error)`` is the cause in one line; of a HostError, with the last lines of output below it. Exit statuses belong
to doit: `doit_actions` and `commands` choose them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from capdoit.error_location import locate_error
from capdoit.text import get_first_line, group_names, join_names, make_printable, suggest_name

if TYPE_CHECKING:
    from capdoit.output.command_line import CommandLine
    from capdoit.output.drill_report import DrillReport
    from capdoit.output.failure_report import FailureReport

# What programs say with LC_ALL=C, and explain_error in sh/errors.sh.
NO_ROOM = re.compile("No space left on device|[Qq]uota exceeded|no space or no inode is left")
T = TypeVar("T")


class CapdoitError(Exception):
    """The base of all errors of capdoit; catch it to catch each of them."""


class ConfigError(CapdoitError):
    """A mistake in deploy.yml, in a variable or in a hook; no host was touched.

    Args:
        mistakes: one sentence for each mistake, which begins with its location.
    """

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class RecipeError(ConfigError):
    """A recipe that is missing, broken or used wrongly; names the recipe and its file."""


class ValueUnavailable(ConfigError):
    """A value that deploy.yml takes from elsewhere cannot be had; the text follows the name of what needs it."""


class UnknownDecorator(ConfigError, AttributeError):
    """dodo.py or a recipe uses a decorator that does not exist; as an AttributeError it is what objects raise."""


class UnknownVar(ConfigError, KeyError):
    """A hook asks for a value of ``vars`` that deploy.yml does not have; as a KeyError it is what mappings raise."""

    __str__ = ConfigError.__str__


class MistakeCollector:
    """The mistakes of several parts of a project, which are reported together."""

    def __init__(self) -> None:
        self._found: list[str] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep the mistakes that the context raises, and go on after it."""
        try:
            yield
        except ConfigError as error:
            self._found += error.mistakes

    def refuse(self) -> None:
        """Check that no mistakes were found.

        Raises:
            ConfigError: has each mistake once, in the order in which they were found.
        """
        if self._found:
            raise ConfigError(*dict.fromkeys(self._found))


class LockHeld(CapdoitError):
    """A lock that another flow holds.

    Args:
        holders: the flow that holds the lock, as text, by name of host.
        is_whole_stage: whether every host of the stage is locked.
    """

    def __init__(self, holders: Mapping[str, str], is_whole_stage: bool = False) -> None:
        self.holders, self.is_whole_stage = dict(holders), is_whole_stage
        found = (f"{hosts}: {holder}" for holder, hosts in group_names(self.holders.items()).items())
        super().__init__(f"the hosts are locked: {'; '.join(found)}")


@dataclass(frozen=True)
class Problem:
    """A reason for a flow to fail.

    Attributes:
        text: the reason; lines of output may follow the first line.
        host: name of the host; empty for the controller and for the fleet.
        remedy: the command that solves the problem; empty if none is known.
        alternative: a sentence about another way to solve it; empty if there is none.
        login: the command that logs in by hand to a host that could not be reached; empty for any other problem.
        hooks: the names of the hooks without which it is no problem; empty if there are none.
    """

    text: str
    host: str = ""
    remedy: str = ""
    alternative: str = ""
    login: str = ""
    hooks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.host}: {self.text}" if self.host else self.text


class NotReady(CapdoitError):
    """The hosts or the controller lack what a flow needs.

    Args:
        problems: all problems that were found; a text concerns no single host.
        checked_flow: the flow that would fail, if it was only checked.
    """

    def __init__(self, *problems: Problem | str, checked_flow: str = "") -> None:
        self.problems = tuple(Problem(one) if isinstance(one, str) else one for one in problems)
        self.checked_flow = checked_flow
        super().__init__(_summarize(self.problems))


class RevisionNotChosen(NotReady):
    """A branch, tag or commit that does not exist, is ambiguous, or cannot be read.

    Args:
        reason: why no commit could be chosen.
        alternatives: names that could have been meant, the likeliest first.

    Attributes:
        unpushed_branch: the branch, if the project's own clone has it and the repository lacks it; else empty.
    """

    unpushed_branch = ""

    def __init__(self, reason: str, alternatives: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.alternatives = tuple(alternatives)


class Refusal(Enum):
    """The reason why no release could be chosen; the value is its text."""

    NO_OLDER_RELEASE = "there are no older releases to roll back to that were live, are good and are complete"
    UNKNOWN_RELEASE = "no host has a release {release}"
    IMPOSSIBLE = "release {release} cannot be rolled back to"
    NOT_ON_EVERY_HOST = "not every host can go to {release}"
    ALREADY_LIVE = "{release} is already live on all hosts"
    DIFFERENT_TARGETS = "the hosts would go back to different releases"
    DIFFERENT_REVISIONS = "release {release} has different revisions on the hosts"
    DIFFERENT_LIVE = "the hosts have different releases live"
    NOTHING_LIVE = "no release is live"


@dataclass(frozen=True)
class HostReleases:
    """The releases of one host, as the table of an error shows them.

    Attributes:
        host: name of the host.
        live: the live release, or the target of ``current``; empty if there is none.
        held: the state of each release and archive, newest first.
        answer: what distinguishes the host: the release that it would go to, its revision of the release, or the state
            that keeps it from going there. Empty if there is none.
    """

    host: str
    live: str
    held: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""


@dataclass(frozen=True)
class Candidates:
    """The releases that every host can go to.

    Attributes:
        releases: the best one first.
        are_bad: whether all of them are bad: rolled back from, or their deploys failed.
    """

    releases: tuple[str, ...] = ()
    are_bad: bool = False


class ReleaseNotChosen(CapdoitError):
    """No release could be chosen for all hosts; nothing was touched.

    Args:
        reason: why.
        hosts: the releases of every host.
        release: the release that was requested, or the release that differs between hosts.
        candidates: the releases that every host can go to; None if that was not asked.
    """

    def __init__(
        self,
        reason: Refusal,
        hosts: Sequence[HostReleases] = (),
        release: str = "",
        candidates: Candidates | None = None,
    ) -> None:
        self.reason, self.hosts, self.release, self.candidates = reason, tuple(hosts), release, candidates
        held = sorted({name for host in hosts for name in host.held})
        suggestion = suggest_name(release, held) if reason is Refusal.UNKNOWN_RELEASE else ""
        super().__init__(f"{reason.value.format(release=make_printable(release))}{suggestion}")


class NoTarget(ReleaseNotChosen):
    """A rollback without a target: no host has a suitable release."""


class FleetDisagrees(ReleaseNotChosen):
    """Some hosts can go to the release and others cannot, or the hosts differ."""


class PlanOutdated(CapdoitError):
    """The hosts have changed since the plan was made, or since the operator approved the flow; nothing was touched.

    Args:
        differences: one sentence for each difference.
        is_approval: the operator approved what a dry run showed; otherwise the plan is a file.
    """

    def __init__(self, *differences: str, is_approval: bool = False) -> None:
        self.differences = differences
        self.summary = f"{'what you said yes to' if is_approval else 'the plan'} is outdated"
        super().__init__(f"{self.summary}: {'; '.join(differences)}")


class NotApproved(CapdoitError):
    """A flow of a stage with ``confirm`` that the operator did not approve; nothing was touched."""


class GuardRefused(CapdoitError):
    """The guard of a recipe refuses the rollback; nothing was touched.

    Args:
        recipe: name of the recipe.
        release: the release to go back to.
        host: the host that the recipe asked.
        names: the changes on the host that the release does not know, such as migrations.
        meaning: the description of the guard.
        can_revert: whether ``migrations=back`` would revert the changes.
        obstacle: why ``migrations=back``, which was requested, is impossible.
        missing_roles: the roles that the recipe asks, if no host with one of them is selected.
        cause: why the recipe could not find out which changes there are.
    """

    def __init__(
        self,
        recipe: str,
        release: str,
        host: str = "",
        names: Sequence[str] = (),
        *,
        meaning: str = "",
        can_revert: bool = False,
        obstacle: str = "",
        missing_roles: Sequence[str] = (),
        cause: BaseException | None = None,
    ) -> None:
        self.recipe, self.release, self.host, self.names = recipe, release, host, tuple(names)
        self.meaning, self.can_revert, self.obstacle = meaning, can_revert, obstacle
        self.missing_roles, self.cause = tuple(missing_roles), cause
        super().__init__(f"{self.summary}: {get_first_line(cause)}" if cause else self.summary)

    @property
    def summary(self) -> str:
        """The reason in one line, without the error that caused it."""
        if self.missing_roles:
            return (
                f"recipe {self.recipe} must ask a host with the role {join_names(self.missing_roles)}: none is selected"
            )
        if self.cause:
            return f"recipe {self.recipe} cannot tell which changes release {self.release} does not know"
        return f"recipe {self.recipe}: {self.host} has changes that release {self.release} does not know"


class HostError(CapdoitError):
    """A script or command that failed on one host, or a host that could not be reached.

    Args:
        host: name of the host.
        reason: what happened, in one line.
        command: the command that was running, if there was one.
        status: the exit status of the command; None without one: there was no connection, or it was lost.
        lines: the last lines of output.
    """

    def __init__(
        self, host: str, reason: str, command: str = "", status: int | None = None, lines: Sequence[str] = ()
    ) -> None:
        self.host, self.reason, self.command = host, reason, command
        self.status, self.lines = status, tuple(lines)
        super().__init__(str(self.problem))

    @property
    def problem(self) -> Problem:
        """The reason, with the last lines of output below it."""
        return Problem("\n".join([self.reason, *(f"    {line}" for line in self.lines)]), self.host)

    @property
    def lacks_room(self) -> bool:
        """True if the output says that no byte or no inode was left."""
        return any(NO_ROOM.search(line) for line in (self.reason, *self.lines))

    def because(self, reason: str) -> HostError:
        """Return this error with a reason that tells the operator what to do."""
        return HostError(self.host, reason, self.command, self.status, self.lines)


class Unreachable(HostError):
    """A host that could not be connected to; nothing was done there.

    Args:
        host: name of the host.
        reason: what happened, in one line.
        lines: what ssh said before that.
        login: the command that logs in by hand; empty for none.

    Attributes:
        may_be_down: whether the host may be down, so that a deploy may go on without it (``max_failures``).
    """

    may_be_down = True

    def __init__(self, host: str, reason: str, lines: Sequence[str] = (), login: str = "") -> None:
        self.login = login
        super().__init__(host, reason, lines=lines)

    @property
    def problem(self) -> Problem:
        """The reason, with what ssh said before that below it."""
        return replace(super().problem, login=self.login)

    def completed(self, login: str, lines: Sequence[str]) -> Unreachable:
        """Return this error with the command that logs in by hand, and with more lines."""
        return type(self)(self.host, self.reason, (*self.lines, *lines), login)


class LoginDropped(Unreachable):
    """A host whose ssh server, or that of a jump host, ended the connection before authentication.

    The host is probably well, and only the number of logins was too large.
    """

    may_be_down = False


class LockLost(HostError):
    """A host whose lock this flow no longer holds: it was unlocked by force, or another flow took it over."""


class TimedOut(HostError):
    """Work on one host that took longer than its timeout and was stopped."""


class Damaged(HostError):
    """A release that is not as it was shipped on one host, or could not be compared; nothing was touched there.

    Args:
        host: name of the host.
        release: name of the release.
        summary: number of changes by kind.
        lines: the first of the changes.
        cause: why the release could not be compared with its manifest, if that is the reason.
        is_archive: whether the host has the release as an archive only.
    """

    def __init__(
        self,
        host: str,
        release: str,
        summary: str = "",
        lines: Sequence[str] = (),
        *,
        cause: HostError | None = None,
        is_archive: bool = False,
    ) -> None:
        self.release, self.is_archive = release, is_archive
        if cause:
            reason = f"release {release} could not be verified: {cause.reason}"
            super().__init__(host, reason, cause.command, cause.status, cause.lines)
        else:
            super().__init__(host, f"release {release} is not as it was shipped: {summary}", lines=lines)


class Cancelled(HostError):
    """Work that was stopped on one host: another host failed, or the operator asked for it."""


class NotBegun(Cancelled):
    """Work that was not begun on one host, because a host before it failed."""


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """The outcome of one step on one host. It is true if the step succeeded.

    Attributes:
        host: name of the host.
        answer: what the step returned for the host; None if it failed.
        error: why the step failed; None if it succeeded.
    """

    host: str
    answer: T | None = None
    error: BaseException | None = None

    def __bool__(self) -> bool:
        return self.error is None

    @property
    def has_failed(self) -> bool:
        """True if the host itself failed; a host that was stopped because of another host might have succeeded."""
        return self.error is not None and not isinstance(self.error, Cancelled)


def answers(outcomes: Iterable[Outcome[T]]) -> list[T]:
    """Return the answers of the hosts that succeeded."""
    return [outcome.answer for outcome in outcomes if outcome.answer is not None]


class HostsFailed(CapdoitError):
    """A step that failed on at least one host.

    Args:
        outcomes: one for each host that took part.
        is_in_turn: the hosts worked in groups, one after the other.
    """

    def __init__(self, outcomes: Sequence[Outcome[Any]], is_in_turn: bool = False) -> None:
        self.outcomes, self.is_in_turn = tuple(outcomes), is_in_turn
        self.failed = [o for o in outcomes if o.has_failed]
        self.cancelled = [o for o in outcomes if isinstance(o.error, Cancelled)]
        super().__init__(_summarize(self.problems))

    def between(self, done: Iterable[str], waiting: Iterable[str]) -> HostsFailed:
        """Return this error of a step that some hosts had done before, and that was not begun on some others."""
        not_begun = (Outcome[Any](host, error=NotBegun(host, "not begun")) for host in waiting)
        return HostsFailed([*(Outcome[Any](host) for host in done), *self.outcomes, *not_begun], is_in_turn=True)

    @property
    def hosts_by_end(self) -> dict[str, list[str]]:
        """The hosts that did not fail, by how far they came: ``done``, ``stopped`` and ``not begun``."""
        not_begun = [outcome.host for outcome in self.cancelled if isinstance(outcome.error, NotBegun)]
        stopped = [outcome.host for outcome in self.cancelled if outcome.host not in not_begun]
        return {"done": [o.host for o in self.outcomes if o], "stopped": stopped, "not begun": not_begun}

    @property
    def problems(self) -> list[Problem]:
        """The problems of the hosts that failed."""
        return [problem for o in self.failed if o.error for problem in find_problems(o.error, o.host)]


class Interrupted(CapdoitError):
    """A signal, or the operator, ended the flow.

    Args:
        text: what ended it, and where.
        error: the error that this caused; None if nothing was at work.
    """

    def __init__(self, text: str, error: BaseException | None = None) -> None:
        super().__init__(text)
        self.in_turn = error if isinstance(error, HostsFailed) and error.is_in_turn else None


class FlowAborted(CapdoitError):
    """A flow that did not finish.

    Args:
        cause: the cause in one line.
        report: data of the report for the operator; None if the flow had ended before.
    """

    def __init__(self, cause: str, report: FailureReport | None = None) -> None:
        super().__init__(cause)
        self.report = report


class DrillFailed(CapdoitError):
    """A drill that found that a rollback would not work, or that could not find out.

    Args:
        cause: the cause in one line.
        report: data of the report for the operator; None if the error is a cause itself.
    """

    def __init__(self, cause: str, report: DrillReport | None = None) -> None:
        super().__init__(cause)
        self.report = report


class SetupFailed(CapdoitError):
    """A setup that did not come to its end.

    Args:
        cause: the error that ended it.
        command: the command that was typed.
    """

    def __init__(self, cause: BaseException, command: CommandLine) -> None:
        super().__init__(str(cause))
        self.cause, self.command = cause, command


def find_problems(error: BaseException, host: str = "") -> list[Problem]:
    """Return the problems in an error.

    Args:
        error: any error.
        host: name of the host where it happened; an error that knows its hosts overrides it.
    """
    if isinstance(error, (NotReady, HostsFailed)):
        return [*error.problems]
    if isinstance(error, HostError):
        return [error.problem]
    return [Problem(str(error) if isinstance(error, CapdoitError) else _describe_bug(error), host)]


def merge_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Merge equal problems of several hosts into one problem of the hosts ``web1, web2``."""
    merged = group_names(dict.fromkeys((one.host, one.text) for one in problems))
    return [Problem(text, hosts) for text, hosts in merged.items()]


def _describe_bug(error: BaseException) -> str:
    """Return the type, message and location of an error that is not capdoit's."""
    lines = f"{type(error).__name__}: {error}".splitlines()
    return "\n".join(map(make_printable, lines)) + locate_error(error)


def _summarize(problems: Iterable[Problem]) -> str:
    """Return the first line of each problem, all in one line."""
    return "; ".join(map(str, merge_problems(Problem(get_first_line(one.text), one.host) for one in problems)))
