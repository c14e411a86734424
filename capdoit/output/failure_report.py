"""The report of a flow that did not finish: the cause, the live release of every host, the commands to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from capdoit.errors import GuardRefused, HostsFailed, LockHeld, PlanOutdated, Problem, merge_problems
from capdoit.output.command_line import CommandLine
from capdoit.output.error_text import render_advice, render_cause
from capdoit.text import format_table, group_names, join_names


@dataclass(frozen=True)
class HostState:
    """The state of one host after a flow that did not finish.

    Attributes:
        host: name of the host.
        live: the live release, or the two releases that may be live; None when nothing is live.
        note: remark for the operator.
        is_known: whether the host was asked.
        reason: why it was not asked; empty if it was.
    """

    host: str
    live: str | None
    note: str = ""
    is_known: bool = True
    reason: str = ""


@dataclass(frozen=True)
class FailureReport:
    """The data of the report about a failed flow.

    Attributes:
        title: flow, stage and the cause of the end: ``deploy:production: updating failed``.
        error: the cause.
        hosts: the state of every host.
        command: the command that the operator typed.
        release: the release of the flow; empty when none was chosen.
        is_published: the release is live on all hosts.
        doubtful: names of the hosts that may or may not have made the release live, and cannot be asked.
        left_live: names of the hosts on which the release is live although the publish failed.
        live_before: the release that was live on all hosts before; empty if there was none.
        changed: names of the hosts whose live release somebody else changed meanwhile.
        is_undo_obsolete: the failed release of an automatic rollback is not live on every host any more.
        is_automatic_rollback: the flow undoes a failed deploy.
        reverted: names, such as migrations, that hooks reverted.
        reverting: names that a hook had begun to revert.
        not_done: steps and hooks that the flow did not reach.
        failed_hook: name of the hook that failed after the publish; empty for none.
        way_back: the release that a rollback would go to; None when there is none.
        reachable: names of the reachable hosts, when unreachable hosts are the only trouble.
        rollback: report of the automatic rollback that followed; None without one.
    """

    title: str
    error: BaseException
    hosts: Sequence[HostState]
    command: CommandLine
    release: str = ""
    is_published: bool = False
    doubtful: tuple[str, ...] = ()
    left_live: tuple[str, ...] = ()
    live_before: str = ""
    changed: tuple[str, ...] = ()
    is_undo_obsolete: bool = False
    is_automatic_rollback: bool = False
    reverted: tuple[str, ...] = ()
    reverting: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
    failed_hook: str = ""
    way_back: str | None = None
    reachable: tuple[str, ...] = ()
    rollback: RollbackReport | None = None


@dataclass(frozen=True)
class RollbackReport:
    """The data of the report about an automatic rollback (``on_failure: rollback``).

    Attributes:
        failed_release: the release whose deploy failed after its publish.
        targets: the release that the rollback went to, by host; empty when none was chosen.
        failure: report of the rollback; None when it succeeded.
        has_surveyed: the rollback asked the hosts what is live.
        is_obsolete: the failed release was not live on every host any more.
    """

    failed_release: str
    targets: Mapping[str, str]
    failure: FailureReport | None = None
    has_surveyed: bool = True
    is_obsolete: bool = False


def render_failure(report: FailureReport) -> str:
    """Return the complete text of a report: cause, live releases, next commands."""
    if report.rollback:
        return f"{render_titled_cause(report.title, report.error)}\n{_render_rollback(report.rollback)}"
    parts = (render_titled_cause(report.title, report.error), *_list_states(report), *_advise(report))
    return "\n".join(parts)


def render_titled_cause(title: str, error: BaseException) -> str:
    """Return what failed and why: in one line if the cause has one, otherwise with the cause below the title."""
    lines = render_cause(error).splitlines()
    if len(lines) == 1 and not isinstance(error, HostsFailed):
        return f"{title}: {lines[0]}"
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines)])


def _list_states(report: FailureReport) -> Iterator[str]:
    if report.hosts:
        yield "live releases now:"
        yield format_table(("host", "live", ""), [(one.host, one.live or "nothing", one.note) for one in report.hosts])
        yield from _list_other_reasons(report)


def _list_other_reasons(report: FailureReport) -> Iterator[str]:
    """Return why hosts were not asked, unless the cause of the failure says it already."""
    cause = render_cause(report.error)
    problems = [Problem(one.reason, one.host) for one in report.hosts if one.reason and one.reason not in cause]
    return map(str, merge_problems(problems))


def _render_rollback(rollback: RollbackReport) -> str:
    failed = rollback.failed_release
    if rollback.failure:
        failure = render_failure(rollback.failure)
        return f"{_state_after(rollback, rollback.failure)} The automatic rollback (on_failure) failed, too:\n{failure}"
    live = (f"{release} is live on {hosts}" for release, hosts in group_names(rollback.targets.items()).items())
    return f"It was rolled back (on_failure): {'; '.join(live)}, and {failed} is bad."


def _state_after(rollback: RollbackReport, failure: FailureReport) -> str:
    """Return what a rollback that failed has left live."""
    failed = rollback.failed_release
    if failure.is_published:
        return f"{join_names(sorted({*rollback.targets.values()}))} is live again, and {failed} is bad."
    if failure.doubtful:
        return "Not every host reports what is live."
    if not rollback.has_surveyed:
        return f"{failed} was live when its deploy failed."
    if rollback.is_obsolete:
        return f"{failed} is not live everywhere any more, so it is not undone."
    return f"{failed} is live nevertheless."


def _advise(report: FailureReport) -> Iterator[str]:
    is_locked = isinstance(report.error, LockHeld)
    if report.is_undo_obsolete or (is_locked and report.is_automatic_rollback):
        yield f"Nothing was rolled back. Look at what is live before you do: {_status(report)}"
    elif is_locked:
        yield render_advice(report.error, report.command)
    elif isinstance(report.error, (GuardRefused, PlanOutdated)):
        yield from (_unchanged(report), render_advice(report.error, report.command))
    elif report.doubtful:
        yield from _advise_in_doubt(report)
    elif report.left_live:
        yield from _advise_when_mixed(report)
    elif report.changed:
        hosts = join_names(report.changed)
        yield f"What is live on {hosts} was changed by another flow or by hand. Look: {_status(report)}"
    elif report.is_published:
        yield from _advise_when_live(report)
    else:
        yield from _advise_when_unchanged(report)


def _advise_in_doubt(report: FailureReport) -> Iterator[str]:
    if report.is_published:
        yield f"{report.release} is live on the other hosts."
    yield f"It is not known what is live on {join_names(report.doubtful)}. Look again: {_status(report)}"
    yield "A host that flipped and did not hear that all hosts have flipped goes back by itself within half a minute."


def _status(report: FailureReport) -> str:
    return f"doit cap status {report.command.stage}"


def _advise_when_mixed(report: FailureReport) -> Iterator[str]:
    yield f"{report.release} is still live on {join_names(report.left_live)}, which could not be switched back."
    if report.live_before:
        back = replace(report.command, task="rollback").roll_back_to(report.live_before)
        yield f"To bring all hosts to {report.live_before}: {back}"
    else:
        yield f"Look at what is live before you do anything: {_status(report)}"


def _advise_when_unchanged(report: FailureReport) -> Iterator[str]:
    yield f"{_unchanged(report)}{_reverts(report)}"
    yield render_advice(report.error, report.command)
    if report.reachable:
        command = report.command.again(hosts=report.reachable, roles=None)
        yield f"To do it on the reachable hosts only, which leaves the fleet mixed: {command}"


def _unchanged(report: FailureReport) -> str:
    """Return that nothing live was changed, by the rollback only if a deploy made a release live before it."""
    return "The rollback changed nothing live." if report.is_automatic_rollback else "What is live was not changed."


def _reverts(report: FailureReport) -> str:
    if report.reverting:
        return f" But {join_names(report.reverting)} may have been reverted already: a deploy applies what is missing."
    return (
        f" But {join_names(report.reverted)} was reverted already; a deploy applies it again."
        if report.reverted
        else ""
    )


def _advise_when_live(report: FailureReport) -> Iterator[str]:
    not_done = f" Not done because of that: {join_names(report.not_done)}." if report.not_done else ""
    if report.command.task == "rollback":
        yield f"The rollback to {report.release} is live nevertheless.{not_done}"
        yield "Do not repeat the rollback: it would go one release further back."
    else:
        yield f"Release {report.release} is live nevertheless.{not_done}"
        yield _advise_way_back(report)
    if report.failed_hook:
        yield f"To run only {report.failed_hook} again: {replace(report.command, hook=report.failed_hook).hook_again()}"


def _advise_way_back(report: FailureReport) -> str:
    if report.way_back:
        return f"To go back: {report.command.roll_back_to(report.way_back)}"
    return f"There is no other release that every host can go back to. See: doit cap releases {report.command.stage}"
