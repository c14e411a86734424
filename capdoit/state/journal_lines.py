"""The lines that a flow writes into locks, journals and the revisions log, made from its state."""

from __future__ import annotations

import socket
from dataclasses import replace

from capdoit.records.journal import Entry, Note
from capdoit.records.lineage import format_log_line
from capdoit.state.context import FlowContext
from capdoit.units import format_timestamp


def journal_line(context: FlowContext, event: str, host: str = "") -> str:
    """Return the journal line for an event.

    Args:
        context: the flow.
        event: name of the event in the journal, such as ``live``.
        host: name of the host whose journal it is for; empty if the line is equal on all hosts.
    """
    return _entry(context, event, host).to_line()


def undone_line(context: FlowContext, host: str) -> str:
    """Return the journal line of a host that undoes the publish because its session is lost."""
    return replace(_entry(context, "back", host), unconfirmed="yes").to_line()


def note_line(context: FlowContext) -> str:
    """Return the journal line that remembers how the release was made; empty in a rollback."""
    request = context.request
    if not request.is_deploy:
        return ""
    versions, probes = request.declared.versions, context.progress.probes
    return Note(context.decision.release, request.run_id, request.task_names, versions, probes).to_line()


def lock_entry(context: FlowContext, host: str) -> Entry:
    """Return the entry that the lock file of a host holds while this flow has the lock."""
    return replace(_entry(context, "locked", ""), flow=context.request.task, host=host)


def revisions_log_line(context: FlowContext, host: str) -> str:
    """Return the line for revisions.log of a host, as Capistrano writes it."""
    request, decision = context.request, context.decision
    return format_log_line(request.flow, decision.release_on(host), decision.revision, request.branch, request.operator)


def _entry(context: FlowContext, event: str, host: str) -> Entry:
    request, progress, decision = context.request, context.progress, context.decision
    return Entry(
        event=event,
        flow=request.on_demand or request.flow,
        release=decision.release_on(host),
        revision=decision.revision,
        subject=decision.subject if event == "live" else "",
        branch=request.branch if request.is_deploy else "",
        by=request.operator,
        origin=socket.gethostname(),
        at=format_timestamp(),
        run=request.run_id,
        left=(progress.live_before(host) or "") if host and not request.on_demand else "",
        message=request.message,
        partly="yes" if event == "live" and context.is_partial else "",
        missing=" ".join(progress.missing) if event in ("live", "finished") else "",
        doubtful=" ".join(sorted(progress.flipped)) if event == "failed" else "",
        warnings="\n".join(progress.warnings_about(host)) if host and event == "finished" else "",
        seconds=f"{request.seconds:.1f}" if event in ("live", "failed", "finished", "ran") else "",
        step=progress.failed_in,
        reason=progress.failure_reason,
        interrupted=progress.interruption,
    )
