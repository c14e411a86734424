"""The end of a flow that did not finish: cleanup on the hosts, `on_failed` hooks, and the data of the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from capdoit.decisions.readiness import find_undo_problems
from capdoit.errors import HostError, HostsFailed, Interrupted, Outcome, Unreachable
from capdoit.events import StepFailed
from capdoit.flow.undo import command_line, find_undo_target
from capdoit.hosts.connection import Connection
from capdoit.hosts.deadline import Deadline
from capdoit.operations.confirmation import restore_unconfirmed
from capdoit.operations.guards import find_reverted
from capdoit.operations.survey import survey_host
from capdoit.output.error_text import summarize_cause
from capdoit.output.failure_report import FailureReport, HostState
from capdoit.records.fact_lines import find_facts
from capdoit.records.facts import Facts
from capdoit.records.unremoved import describe_unremoved, parse_unremoved
from capdoit.script import Value
from capdoit.sequence import EMPTY_POINTS, step_names
from capdoit.state.context import FlowContext
from capdoit.state.journal_lines import journal_line
from capdoit.text import get_first_line, make_printable
from capdoit.units import format_size

CLEANUP_TIMEOUT_SECONDS = 60  # the fault that made the flow hang may make the cleanup hang, too
LOOK_TIMEOUT_SECONDS = 20


def clean_up(context: FlowContext, failed_in: str, error: BaseException) -> list[HostState]:
    """Remove the half-made release from all hosts, and ask each host what is live. Never raises.

    Args:
        context: the flow.
        failed_in: name of the step or hook that failed.
        error: why it failed, or what ended the flow.
    """
    emit_step_failed(context, failed_in, error)
    context.fleet.resume()
    context.fleet.set_deadlines()
    restore_unconfirmed(context)
    outcomes = context.fleet.each(partial(_clean_up_host, context), stop_on_failure=False)
    if not isinstance(error, Interrupted):  # whose sender waits for the end
        find_reverted(context)
    return [outcome.answer or _state_not_asked(context, outcome) for outcome in outcomes]


def emit_step_failed(context: FlowContext, failed_in: str, error: BaseException) -> None:
    """Emit the event of a step, a hook or a task on demand that failed."""
    if isinstance(error, Interrupted):
        context.emit(StepFailed(failed_in, interruption=str(error)))
    else:
        reason = make_printable(context.events.redact_message(summarize_cause(error)))
        context.emit(StepFailed(failed_in, "", reason))


def report_failure(context: FlowContext, title: str, error: BaseException, states: list[HostState]) -> FailureReport:
    """Return the data of the report.

    Args:
        context: the flow.
        title: flow, stage and the cause of the end.
        error: the cause.
        states: state of every host.
    """
    request, progress = context.request, context.progress
    return FailureReport(
        title=title,
        error=error,
        hosts=[_with_room(context, error, state) for state in states],
        command=command_line(context),
        release=context.decision.release,
        is_published=progress.is_published,
        doubtful=_find_hosts_in_doubt(context, states),
        left_live=tuple(state.host for state in states if _is_left_live(context, state)),
        live_before=_common_release_before(context),
        changed=tuple(state.host for state in states if _is_changed_by_others(context, state)),
        is_undo_obsolete=_is_undo_obsolete(context),
        is_automatic_rollback=bool(request.undone_release),
        reverted=progress.reverted,
        reverting=progress.reverting,
        not_done=_find_tasks_not_done(context),
        failed_hook=_failed_hook(context),
        way_back=find_undo_target(context),
        reachable=_find_reachable_hosts(context, error),
        warnings=progress.all_warnings,
        is_flip_undone=progress.is_flip_undone,
    )


# -- one host


def _clean_up_host(context: FlowContext, connection: Connection) -> HostState:
    return context.executor.act(
        partial(_remove_half_made_release, context, connection), partial(_state_before, context, connection)
    )


def _state_before(context: FlowContext, connection: Connection) -> HostState:
    """Return the state of a host that a dry run left as it was."""
    if connection.name in context.progress.facts:
        return HostState(connection.name, context.progress.live_before(connection.name))
    return _surveyed_state(context, connection)


def _remove_half_made_release(context: FlowContext, connection: Connection) -> HostState:
    progress = context.progress
    if connection.name not in progress.locked:
        connection.retry_seconds = 0.0  # nothing was done there, so the report does not wait for it
        return _surveyed_state(context, connection)
    is_half_made = progress.is_release_started and not progress.is_published
    values: dict[str, Value] = {
        "partial_release": context.decision.release if is_half_made else "",
        "keep_failed": context.request.stage.keep_failed,
        "entry": journal_line(context, "failed", connection.name),
    }
    try:
        answer = context.run(connection, "cleanup", "flow/failure_cleanup", values, CLEANUP_TIMEOUT_SECONDS)
    except Unreachable:
        raise
    except HostError as error:
        return _state_without_lock(context, connection, error)
    link, _, facts = (answer or "").partition("\n")
    live, is_removed = _live_release(context, connection, link), bool(find_facts(facts, "removed"))
    return HostState(connection.name, live, _describe_remains(facts), is_release_removed=is_removed)


def _describe_remains(facts: str) -> str:
    """Return what is left of the unfinished release on a host, from the facts that its cleanup printed."""
    unremoved = parse_unremoved(facts)
    sentences = [f"the failed release is kept in {make_printable(path)}" for path in find_facts(facts, "kept")]
    return "; ".join([*sentences, *([describe_unremoved(unremoved)] if unremoved else [])])


def _live_release(context: FlowContext, connection: Connection, link: str) -> str | None:
    """Return the live release; a link may contain the real path, which only the survey knows."""
    facts = context.progress.facts.get(connection.name)  # None when the flow failed during the survey
    return facts.current if facts and facts.link == link else connection.layout.release_of(link)


def _state_without_lock(context: FlowContext, connection: Connection, error: HostError) -> HostState:
    """Return the state of a host that this flow cannot change any more: another flow may have the lock."""
    if connection.held_lock:  # hooks still need the lock that this flow may have lost
        connection.held_lock = replace(connection.held_lock, retake=None, release=None)
    limit = f"looking took longer than {LOOK_TIMEOUT_SECONDS} s"
    connection.deadlines = (Deadline.after(LOOK_TIMEOUT_SECONDS, limit),)
    facts = survey_host(connection, context.request.stage, context.request.flow)
    why = _describe_unlock(context, facts) or get_first_line(error)
    return HostState(connection.name, facts.current, f"not cleaned up: {why}")


def _describe_unlock(context: FlowContext, facts: Facts) -> str:
    """Return the operator and the command that freed the lock of this flow by force; empty if it was not freed."""
    before = context.progress.facts.get(facts.host, facts).entries
    new = [entry for entry in facts.entries if entry.event == "unlocked" and entry not in before]
    if not new:
        return ""
    why = f" ({new[0].message})" if new[0].message else ""
    return f"{new[0].by} freed its lock by doit cap unlock from {new[0].origin}{why}"


def _surveyed_state(context: FlowContext, connection: Connection) -> HostState:
    facts = survey_host(connection, context.request.stage, context.request.flow)
    return HostState(connection.name, facts.current)


def _state_not_asked(context: FlowContext, outcome: Outcome[HostState]) -> HostState:
    reason = outcome.error.reason if isinstance(outcome.error, HostError) else get_first_line(outcome.error)
    is_reached = isinstance(outcome.error, HostError) and outcome.error.status is not None
    note = "not asked" if is_reached else "not reached"
    before = context.progress.live_before(outcome.host)
    if outcome.host in context.progress.flipped:
        either = f"{context.decision.release_on(outcome.host)} or {before or 'nothing'}"
        return HostState(outcome.host, either, note, is_known=False, reason=reason)
    expected = context.decision.release_on(outcome.host) if context.progress.is_published else before
    live = expected if outcome.host in context.progress.facts else "not known"
    return HostState(outcome.host, live, note, is_known=False, reason=reason)


# -- the report


def _with_room(context: FlowContext, error: BaseException, state: HostState) -> HostState:
    """Return the state of a host with the room that it had at the start, if it has no room now."""
    facts = context.progress.facts.get(state.host)
    failed = error.failed if isinstance(error, HostsFailed) else []
    is_full = any(o.host == state.host and isinstance(o.error, HostError) and o.error.lacks_room for o in failed)
    if not is_full or facts is None or facts.disk is None:
        return state
    inodes = f" and {facts.inodes.free} inodes" if facts.inodes else ""
    room = f"{format_size(facts.disk.free)}{inodes} were free at the start"
    return replace(state, note="; ".join(filter(None, (state.note, room))))


def _find_hosts_in_doubt(context: FlowContext, states: Iterable[HostState]) -> tuple[str, ...]:
    """Return the hosts that may or may not keep their flip."""
    is_published, release_on = context.progress.is_published, context.decision.release_on
    known = (state for state in states if state.is_known)
    settled = {state.host for state in known if not is_published or state.live == release_on(state.host)}
    return tuple(sorted(context.progress.flipped - settled))


def _is_left_live(context: FlowContext, state: HostState) -> bool:
    """Return True if a host has kept its flip although other hosts did not flip."""
    progress = context.progress
    has_flipped = not progress.is_published and state.host in progress.flipped and state.is_known
    is_new = progress.live_before(state.host) != state.live
    return has_flipped and is_new and state.live == context.decision.release_on(state.host)


def _common_release_before(context: FlowContext) -> str:
    """Return the release that was live on all hosts before the flow; empty if there was none."""
    before = {context.progress.live_before(host.name) for host in context.fleet.release_connections}
    return (before.pop() or "") if len(before) == 1 else ""


def _is_changed_by_others(context: FlowContext, state: HostState) -> bool:
    """Return True if the live release of a host is not the release that this flow left there."""
    if not state.is_known or state.host not in context.progress.facts or _is_left_live(context, state):
        return False
    before = context.progress.live_before(state.host)
    return state.live != (context.decision.release_on(state.host) if context.progress.is_published else before)


def _is_undo_obsolete(context: FlowContext) -> bool:
    undone, progress = context.request.undone_release, context.progress
    return bool(undone) and not progress.is_published and bool(find_undo_problems([*progress.facts.values()], undone))


def _find_tasks_not_done(context: FlowContext) -> tuple[str, ...]:
    progress = context.progress
    seen = {*progress.done, progress.failed_in, *EMPTY_POINTS}
    return tuple(name for name in context.request.task_names if name not in seen)


def _failed_hook(context: FlowContext) -> str:
    """Return the hook that failed; empty when a step failed, or something between two tasks."""
    request, progress = context.request, context.progress
    hooks = {*request.task_names} - {*step_names(request.flow), *progress.done}
    return progress.failed_in if progress.failed_in in hooks else ""


def _find_reachable_hosts(context: FlowContext, error: BaseException) -> tuple[str, ...]:
    """Return the reachable hosts, if unreachable hosts are the only trouble and the operator selected no hosts."""
    failed = error.failed if isinstance(error, HostsFailed) else []
    unreachable = {o.host for o in failed if isinstance(o.error, Unreachable) and o.error.may_be_down}
    if not unreachable or len(unreachable) < len(failed) or context.request.variables.hosts:
        return ()
    hosts = context.request.stage.hosts
    if not any(host.name in unreachable and not host.no_release for host in hosts):
        return ()  # the fleet would not be mixed; the error names the hooks to skip
    return tuple(host.name for host in hosts if host.name not in unreachable)
