"""The text of an error for an operator: the cause, and the commands to type next."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
    Refusal,
    ReleaseNotChosen,
    RevisionNotChosen,
    find_problems,
)
from capdoit.output.command_line import CommandLine
from capdoit.output.problem_lines import describe_problems, summarize_problems
from capdoit.output.report_lines import Kind, ReportLine, as_advice, as_lines, as_text
from capdoit.text import format_table, group_names, join_names, join_with_and, shorten_revision

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
    return as_text(describe_cause(error))


def describe_cause(error: BaseException) -> list[ReportLine]:
    """Return the lines about the cause of an error, grouped by cause and not by host."""
    for kind, describe in CAUSES:
        if isinstance(error, kind):
            return describe(error)
    return describe_problems(find_problems(error))


def summarize_cause(error: BaseException) -> str:
    """Return the cause of an error in one line, with the line of output that tells it, for the journal."""
    return summarize_problems(find_problems(error))


def describe_error(error: BaseException) -> list[ReportLine]:
    """Return the lines about an error that no command is advised for."""
    advice = _advise_without_command(error)
    return [*describe_cause(error), *(as_advice(advice) if advice else [])]


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
    again = f"{when}: {command.hook_again() if command.hook else command.again()}"
    return "\n".join(filter(None, (again, _advise_omission(error, command))))


# -- causes


def _describe_hosts_failed(error: HostsFailed) -> list[ReportLine]:
    ends = error.hosts_by_end
    done = _describe_ends({"done": ends["done"]}) if error.is_in_turn else []
    others = _describe_ends({f"{end} because of that": ends[end] for end in ("stopped", "not begun")})
    return [*describe_problems(error.problems), *done, *others]


def _describe_interrupted(error: Interrupted) -> list[ReportLine]:
    ends = error.in_turn.hosts_by_end if error.in_turn else {}
    return [*describe_problems(find_problems(error)), *_describe_ends(ends)]


def _describe_ends(hosts_by_end: Mapping[str, Sequence[str]]) -> list[ReportLine]:
    return _texts(*(f"{end}: {join_names(hosts)}" for end, hosts in hosts_by_end.items() if hosts))


def _describe_not_ready(error: NotReady) -> list[ReportLine]:
    found = describe_problems(error.problems)
    head = _causes(f"a {error.checked_flow} would fail:") if error.checked_flow else []
    lines = [*head, *(line.indented(2 if head else 0) for line in found)]
    remedies = [*dict.fromkeys(problem.remedy for problem in error.problems if problem.remedy)]
    if not remedies:
        return lines
    commands = [ReportLine("", command=command, indentation=2) for command in remedies[:MOST_SHOWN]]
    more = _texts(f"  and {len(remedies) - MOST_SHOWN} more") if len(remedies) > MOST_SHOWN else []
    others = [problem.alternative for problem in error.problems if problem.alternative]
    return [*lines, *_texts("To put the linked files there:"), *commands, *more, *_texts(*others[:1])]


def _describe_lock_held(error: LockHeld) -> list[ReportLine]:
    holders = group_names(error.holders.items())
    return _causes("the hosts are locked:", *(f"  {hosts}: {holder}" for holder, hosts in holders.items()))


def _describe_plan_outdated(error: PlanOutdated) -> list[ReportLine]:
    return _causes(f"{error.summary}:", *(f"  {difference}" for difference in error.differences))


def _describe_guard_refused(error: GuardRefused) -> list[ReportLine]:
    if error.cause:
        first, *others = describe_cause(error.cause)
        return [replace(first, text=f"{error.summary}: {first.text}"), *others]
    meaning = f" ({error.meaning})" if error.meaning else ""
    lines = [f"{error}{meaning}:", *(f"  {name}" for name in error.names)] if error.names else [str(error)]
    obstacle = [f"migrations=back is impossible: {error.obstacle}"] if error.obstacle else []
    return _causes(*lines, *obstacle)


def _describe_not_chosen(error: ReleaseNotChosen) -> list[ReportLine]:
    return [*_causes(str(error)), *(_texts(*_table_of_hosts(error).split("\n")) if error.hosts else [])]


def _causes(*texts: str) -> list[ReportLine]:
    return [line for text in texts for line in as_lines(text, Kind.CAUSE)]


def _texts(*texts: str) -> list[ReportLine]:
    return [line for text in texts for line in as_lines(text)]


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


CAUSES: tuple[tuple[type, Callable[[Any], list[ReportLine]]], ...] = (
    (HostsFailed, _describe_hosts_failed),
    (Interrupted, _describe_interrupted),
    (NotReady, _describe_not_ready),
    (LockHeld, _describe_lock_held),
    (PlanOutdated, _describe_plan_outdated),
    (GuardRefused, _describe_guard_refused),
    (ReleaseNotChosen, _describe_not_chosen),
)


# -- advice


def _advise_release(error: ReleaseNotChosen, command: CommandLine) -> str:
    if error.reason is Refusal.ALREADY_LIVE:
        return "There is nothing to do."
    if error.reason is Refusal.NOTHING_LIVE:
        return f"A task or a single hook runs on the live release. Deploy one:\n  {command.deploy()}"
    if error.candidates is None:
        return f"Once fixed, run: {command.again()}"
    return _advise_candidate(error.candidates, command)


def _advise_without_command(error: BaseException) -> str:
    needs_name = isinstance(error, ReleaseNotChosen) and error.reason in (Refusal.DIFFERENT_LIVE, Refusal.NOTHING_LIVE)
    return "Name a release." if needs_name else _advise_omission(error, None)


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
        f"To wait for it, up to 60 s: {command.again_and_wait(60)}\n"
        f"To free the lock by force, which ends that flow: doit cap unlock {command.stage}{hosts}"
    )


def _advise_new_plan(_: PlanOutdated, command: CommandLine) -> str:
    if command.variables.apply:
        return f"To make a new plan: {command.again(plan=command.variables.apply)}"
    return f"To see what it would do now, and answer again: {command.again()}"


def _advise_migrations(error: GuardRefused, command: CommandLine) -> str:
    revert = f"To revert them before the rollback: {command.again(migrations='back')}\n" if error.can_revert else ""
    return f"{revert}To roll back and leave them: {command.again(migrations='keep')}"


def _advise_revision(error: RevisionNotChosen, command: CommandLine) -> str:
    lines = [f"To deploy {name}: {command.again(branch=name)}" for name in error.alternatives]
    if branch := error.unpushed_branch:
        push = shlex.join(["git", "push", "-u", "origin", branch])
        lines.insert(0, f"Your clone has the branch {branch}. To push it: {push}")
    return "\n".join(lines) or f"Name a branch, tag or commit that exists: {command.again(branch='NAME')}"


def _advise_omission(error: BaseException, command: CommandLine | None) -> str:
    """Return the command, or its variable, that omits the hooks without which there is no problem; empty if none."""
    problems = error.problems if isinstance(error, NotReady) else ()
    hooks = [*dict.fromkeys(name for problem in problems for name in problem.hooks)]
    if not hooks or not all(problem.hooks for problem in problems):
        return ""
    skip = tuple(dict.fromkeys((*(command.variables.skip if command else ()), *hooks)))
    words = command.again(skip=skip) if command else f"skip={','.join(skip)}"
    return f"To omit {join_with_and(hooks)} this time: {words}"


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
