"""The text of an error for an operator: the cause, and the commands to type next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from capdoit.errors import (
    Candidates,
    Damaged,
    GuardRefused,
    HostsFailed,
    Interrupted,
    LockHeld,
    NotReady,
    PlanOutdated,
    Problem,
    Refusal,
    ReleaseNotChosen,
    RevisionNotChosen,
    find_problems,
    merge_problems,
)
from capdoit.output.command_line import CommandLine
from capdoit.text import format_table, group_names, join_names, shorten_revision

MOST_SHOWN = 8  # releases of a host, commands
# By the state of the release.
WHY_NOT = {
    "building": "its deploy died before it was finished",
    "failed": "its deploy failed, or it has no REVISION",
    "live": "it is live there, but its directory is missing or has no REVISION",
    "missing": "it is not there",
    "unreadable": "its directory cannot be read there",
    "unknown": "neither the journal nor revisions.log says that its deploy finished",
}


def render_error(error: BaseException, command: CommandLine | None = None) -> str:
    """Return the complete text of an error.

    Args:
        error: any error.
        command: the command that failed; without it no command is advised.
    """
    advice = render_advice(error, command) if command else _advise_without_command(error)
    return "\n".join(filter(None, (render_cause(error), advice)))


def render_cause(error: BaseException) -> str:
    """Return the cause of an error, grouped by cause and not by host, in one line or more."""
    for kind, render in CAUSES:
        if isinstance(error, kind):
            return render(error)
    return "\n".join(map(str, find_problems(error)))


def render_advice(error: BaseException, command: CommandLine) -> str:
    """Return the commands to type after an error, a line or two for each.

    Args:
        error: any error.
        command: the command that failed.
    """
    for kind, advise in ADVICE:
        if isinstance(error, kind):
            return advise(error, command)
    if damaged := _find_damaged(error):
        return _advise_damaged(damaged, command)
    when = "To run it again" if isinstance(error, Interrupted) else "Once fixed, run"
    return f"{when}: {command.hook_again() if command.hook else command.again()}"


# -- causes


def _render_hosts_failed(error: HostsFailed) -> str:
    stopped = join_names(outcome.host for outcome in error.cancelled)
    return "\n".join([*_merged(error.problems), *([f"stopped because of that: {stopped}"] if stopped else [])])


def _render_not_ready(error: NotReady) -> str:
    lines = [line for text in _merged(error.problems) for line in text.splitlines()]
    text = _indented(f"a {error.checked_flow} would fail:", lines) if error.checked_flow else "\n".join(lines)
    remedies = [*dict.fromkeys(problem.remedy for problem in error.problems if problem.remedy)]
    return f"{text}\n{_indented('To put the linked files there:', _first(remedies))}" if remedies else text


def _merged(problems: Sequence[Problem]) -> list[str]:
    return [str(problem) for problem in merge_problems(problems)]


def _render_lock_held(error: LockHeld) -> str:
    holders = group_names(error.holders.items())
    return _indented("the hosts are locked:", [f"{hosts}: {holder}" for holder, hosts in holders.items()])


def _render_plan_outdated(error: PlanOutdated) -> str:
    return _indented("the plan is outdated:", error.differences)


def _render_guard_refused(error: GuardRefused) -> str:
    if error.cause:
        return f"{error.summary}: {render_cause(error.cause)}"
    meaning = f" ({error.meaning})" if error.meaning else ""
    text = _indented(f"{error}{meaning}:", error.names) if error.names else str(error)
    return f"{text}\nmigrations=back is impossible: {error.obstacle}" if error.obstacle else text


def _indented(first: str, lines: Sequence[str]) -> str:
    return "\n".join([first, *(f"  {line}" for line in lines)])


def _render_not_chosen(error: ReleaseNotChosen) -> str:
    return f"{error}\n{_table_of_hosts(error)}" if error.hosts else str(error)


def _table_of_hosts(error: ReleaseNotChosen) -> str:
    heads, answers = _column(error)
    has_releases = any(host.held for host in error.hosts)
    rows = [
        [host.host, host.live or "nothing", *answer, *([_held(host.held)] if has_releases else [])]
        for host, answer in zip(error.hosts, answers, strict=True)
    ]
    return format_table(["host", "live", *heads, *(["has"] if has_releases else [])], rows)


def _column(error: ReleaseNotChosen) -> tuple[list[str], list[list[str]]]:
    """Return the head and the cells of the column that shows how the hosts differ; empty without such a column."""
    answers = [host.answer for host in error.hosts]
    if error.reason is Refusal.DIFFERENT_TARGETS:
        return ["would go to"], [[answer or "nothing"] for answer in answers]
    if error.reason in (Refusal.IMPOSSIBLE, Refusal.NOT_ON_EVERY_HOST):
        return [f"can go to {error.release}"], [[f"no: {WHY_NOT[a]}" if a else "yes"] for a in answers]
    if error.reason is Refusal.DIFFERENT_REVISIONS:
        return [f"revision of {error.release}"], [[shorten_revision(answer) or "in its archive"] for answer in answers]
    return [], [[] for _ in answers]


def _held(states: Mapping[str, str]) -> str:
    return join_names(_first([f"{name} ({state})" for name, state in states.items()])) or "nothing"


def _first(shown: Sequence[str]) -> list[str]:
    """Return the first texts of many, and the number of the rest."""
    more = [f"and {len(shown) - MOST_SHOWN} more"] if len(shown) > MOST_SHOWN else []
    return [*shown[:MOST_SHOWN], *more]


CAUSES: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (HostsFailed, _render_hosts_failed),
    (NotReady, _render_not_ready),
    (LockHeld, _render_lock_held),
    (PlanOutdated, _render_plan_outdated),
    (GuardRefused, _render_guard_refused),
    (ReleaseNotChosen, _render_not_chosen),
)


# -- advice


def _advise_release(error: ReleaseNotChosen, command: CommandLine) -> str:
    if error.reason is Refusal.ALREADY_LIVE:
        return "There is nothing to do."
    if error.reason is Refusal.NOTHING_LIVE:
        return f"A single hook runs on the live release. Deploy one:\n  {command.deploy()}"
    if error.candidates is None:
        return f"Once fixed, run: {command.again()}"
    return _advise_candidate(error.candidates, command)


def _advise_without_command(error: BaseException) -> str:
    needs_name = isinstance(error, ReleaseNotChosen) and error.reason in (Refusal.DIFFERENT_LIVE, Refusal.NOTHING_LIVE)
    return "Name a release." if needs_name else ""


def _advise_candidate(candidates: Candidates, command: CommandLine) -> str:
    names = candidates.releases
    if not names:
        return f"No other release is good on every host. Deploy one:\n  {command.deploy()}"
    which = "Every host can go to"
    if candidates.are_bad:
        which += " these, but they are bad (rolled back from, or their deploys failed)"
    return f"{which}: {join_names(names[:MOST_SHOWN])}. Choose one:\n  {command.roll_back_to(names[0])}"


def _advise_unlock(error: LockHeld, command: CommandLine) -> str:
    hosts = "" if error.is_whole_stage else f" hosts={','.join(error.holders)}"
    return (
        f"To wait for it, up to 60 s: {command.again()} wait=60\n"
        f"To free the lock by force, which ends that flow: doit cap unlock {command.stage}{hosts}"
    )


def _advise_new_plan(_: PlanOutdated, command: CommandLine) -> str:
    return f"To make a new plan: {command.again(plan=command.variables.apply)}"


def _advise_migrations(error: GuardRefused, command: CommandLine) -> str:
    revert = f"To revert them before the rollback: {command.again(migrations='back')}\n" if error.can_revert else ""
    return f"{revert}To roll back and leave them: {command.again(migrations='keep')}"


def _advise_revision(error: RevisionNotChosen, command: CommandLine) -> str:
    if not error.alternatives:
        return f"Name a branch, tag or commit that exists: {command.again(branch='NAME')}"
    return "\n".join(f"To deploy {name}: {command.again(branch=name)}" for name in error.alternatives)


def _find_damaged(error: BaseException) -> list[Damaged]:
    failed = error.failed if isinstance(error, HostsFailed) else []
    return [outcome.error for outcome in failed if isinstance(outcome.error, Damaged)]


def _advise_damaged(damaged: Sequence[Damaged], command: CommandLine) -> str:
    can_verify = not any(one.is_archive for one in damaged)  # `doit cap verify` does not unpack archives
    verify = f"To see all differences: doit cap verify {command.scope} {damaged[0].release}\n" if can_verify else ""
    return f"{verify}To roll back to it anyway: {command.roll_back_unverified()}"


ADVICE: tuple[tuple[type, Callable[[Any, CommandLine], str]], ...] = (
    (ReleaseNotChosen, _advise_release),
    (RevisionNotChosen, _advise_revision),
    (LockHeld, _advise_unlock),
    (PlanOutdated, _advise_new_plan),
    (GuardRefused, _advise_migrations),
)
