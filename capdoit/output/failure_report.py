"""The report of a flow that did not finish: the cause, the live release of every host, the commands to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from capdoit.errors import GuardRefused, HostsFailed, LockHeld, PlanOutdated, Problem, merge_problems
from capdoit.output.command_line import CommandLine
from capdoit.output.error_text import describe_cause, render_advice, render_cause
from capdoit.output.report_lines import Kind, ReportLine, as_advice, as_lines, as_text
from capdoit.text import format_table, get_first_line, group_names, join_names, name_hosts

MOST_WARNINGS = 3


@dataclass(frozen=True)
class HostState:
    """The state of one host after a flow that did not finish.

    Attributes:
        host: name of the host.
        live: the live release, or the two releases that may be live; None when nothing is live.
        note: remark for the operator.
        is_known: whether the host was asked.
        reason: why it was not asked; empty if it was.
        is_release_removed: whether the unfinished release of the flow was removed from the host.
    """

    host: str
    live: str | None
    note: str = ""
    is_known: bool = True
    reason: str = ""
    is_release_removed: bool = False


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
        failed_hook: name of the hook that failed; empty for none.
        way_back: the release that a rollback would go to; None when there is none.
        reachable: names of the reachable hosts, when unreachable hosts are the only trouble.
        rollback: report of the automatic rollback that followed; None without one.
        warnings: warnings of the flow before it failed.
        is_flip_undone: hosts have switched to the release, and switched back since not all of them did.
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
    warnings: tuple[str, ...] = ()
    is_flip_undone: bool = False


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
    return as_text(describe_failure(report))


def describe_failure(report: FailureReport) -> list[ReportLine]:
    """Return the lines of a report: cause, live releases, what was done about it, next commands."""
    cause = describe_titled_cause(report.title, report.error)
    if report.rollback:
        return [*cause, *_describe_rollback(report.rollback)]
    done = [line for text in _done(report) for line in as_lines(text)]
    advice = [line for text in _advise(report) for line in as_advice(text)]
    return [*cause, *_warnings_before(report), *_list_states(report), *done, *advice]


def describe_titled_cause(title: str, error: BaseException) -> list[ReportLine]:
    """Return what failed and why: in one line if the cause has one, otherwise with the cause below the title."""
    first, *others = describe_cause(error)
    if not others and not isinstance(error, HostsFailed):
        return [replace(first, text=f"{title}: {first.text}", kind=Kind.CAUSE)]
    return [ReportLine(f"{title}:", Kind.CAUSE), *(line.indented(2) for line in (first, *others))]


def _warnings_before(report: FailureReport) -> Iterator[ReportLine]:
    """Yield the first warnings of the flow, which may tell the cause of its failure."""
    shown, more = report.warnings[:MOST_WARNINGS], len(report.warnings) - MOST_WARNINGS
    for text in shown:
        yield ReportLine(f"warned before: {get_first_line(text)}", Kind.HINT, indentation=2)
    if more > 0:
        yield ReportLine(f"and {more} more warning{'s' if more > 1 else ''}", Kind.HINT, indentation=2)


def _list_states(report: FailureReport) -> list[ReportLine]:
    """Return the table of live releases, with the hosts in one row about which it says the same."""
    if not report.hosts:
        return []
    table = format_table(("host", "live", ""), _state_rows(report.hosts))
    return [*as_lines(f"live releases now:\n{table}"), *_list_other_reasons(report)]


def _list_other_reasons(report: FailureReport) -> list[ReportLine]:
    """Return why hosts were not asked, unless the cause of the failure says it already."""
    cause = render_cause(report.error)
    problems = [Problem(one.reason, one.host) for one in report.hosts if one.reason and one.reason not in cause]
    return [ReportLine(str(problem)) for problem in merge_problems(problems)]


def _state_rows(hosts: Sequence[HostState]) -> list[tuple[str, str, str]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for one in hosts:
        groups.setdefault((one.live or "nothing", one.note), []).append(one.host)
    return [(name_hosts(names, len(hosts)), live, note) for (live, note), names in groups.items()]


def _done(report: FailureReport) -> Iterator[str]:
    """Yield what was done about the failure on the hosts."""
    if report.is_flip_undone and not (report.left_live or report.doubtful):
        yield f"Hosts that had switched to {report.release} were switched back."
    cleaned = [one.host for one in report.hosts if one.is_release_removed]
    if cleaned:
        yield f"The unfinished release {report.release} was removed from {name_hosts(cleaned, len(report.hosts))}."


def _describe_rollback(rollback: RollbackReport) -> list[ReportLine]:
    failed = rollback.failed_release
    if rollback.failure:
        state = f"{_state_after(rollback, rollback.failure)} The automatic rollback (on_failure) failed, too:"
        return [*as_lines(state), *describe_failure(rollback.failure)]
    live = (f"{release} is live on {hosts}" for release, hosts in group_names(rollback.targets.items()).items())
    return as_lines(f"It was rolled back (on_failure): {'; '.join(live)}, and {failed} is bad.")


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
    elif is_locked or isinstance(report.error, (GuardRefused, PlanOutdated)):
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
    if report.failed_hook and not report.command.hook and report.command.task in ("deploy", "rollback"):
        skip = dict.fromkeys((*report.command.variables.skip, report.failed_hook))
        yield f"To omit {report.failed_hook} this time: {report.command.again(skip=tuple(skip))}"
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
