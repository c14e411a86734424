"""publishing, in two phases: every host prepares and verifies; only when all are ready does any flip."""

from __future__ import annotations

import time
from functools import partial

from capdoit.errors import HostError, HostsFailed, LockLost, Outcome
from capdoit.events import FlipStarted, FlipUndone, Published
from capdoit.hosts.connection import Connection
from capdoit.hosts.deadline import Deadline
from capdoit.operations.confirmation import (
    confirm_publish,
    live_values,
    restore_unconfirmed,
    undo_on_loss,
    undo_values,
)
from capdoit.operations.guards import call_probes
from capdoit.script import Value
from capdoit.state.context import FlowContext
from capdoit.state.journal_lines import journal_line

# A flip is a rename: a host that has not answered by then is in doubt, and no host must wait longer for it.
FLIP_TIMEOUT_SECONDS = 10
FLIP_BACK_SECONDS = 10  # with new connections to hosts that were lost
PAUSE_SECONDS = 0.5  # before another try


def publishing(context: FlowContext) -> None:
    """Make the release live on all hosts, or leave all hosts as they were.

    Raises:
        HostsFailed: a host refused, or did not confirm; the rest were flipped back.
    """
    if context.request.is_deploy:
        context.executor.change(partial(call_probes, context))
    context.fleet.all(partial(_prepare, context))
    hosts = tuple(host.name for host in context.fleet.release_connections)
    context.executor.announce(FlipStarted(hosts))
    outcomes = _flip_all(context)
    if not all(outcomes):
        doubtful = tuple(outcome.host for outcome in _flip_back(context) if outcome.error)
        context.executor.announce(FlipUndone(doubtful))
        raise HostsFailed(outcomes)
    context.executor.change(partial(confirm_publish, context))
    context.executor.announce(_published(context, hosts))
    context.executor.change(partial(restore_unconfirmed, context))


def _prepare(context: FlowContext, connection: Connection) -> None:
    is_deploy = context.request.is_deploy
    entry = journal_line(context, "ready") if is_deploy else ""
    values: dict[str, Value] = {"entry": entry, "is_new": is_deploy}
    context.run(connection, "publishing (prepare)", "steps/publishing_prepare", values)


def _flip_all(context: FlowContext) -> list[Outcome[None]]:
    """Flip all hosts. A host that was lost after its answer has an error: it may have gone back by itself."""
    outcomes = context.fleet.each(partial(_flip, context), stop_on_failure=False)
    lost = {host.name for host in context.fleet.release_connections if not host.is_alive}
    why = "publishing: the connection was lost after the flip"
    return [
        Outcome(one.host, error=HostError(one.host, why, "publishing")) if one and one.host in lost else one
        for one in outcomes
    ]


def _flip(context: FlowContext, connection: Connection) -> None:
    context.executor.change(partial(undo_on_loss, context, connection))
    values = live_values(context, connection.name)
    context.run(connection, "publishing", "steps/publishing_flip", values, FLIP_TIMEOUT_SECONDS)


def _flip_back(context: FlowContext) -> list[Outcome[None]]:
    """Flip all hosts back; hosts that were lost are asked again, since they may have flipped before."""
    deadline = Deadline.after(FLIP_BACK_SECONDS, f"the flip back took longer than {FLIP_BACK_SECONDS} s")
    return context.fleet.uninterrupted(partial(_undo_by_deadline, context, deadline))


def _undo_by_deadline(context: FlowContext, deadline: Deadline, connection: Connection) -> None:
    """Flip a host back. A host that is lost is tried again until the deadline: it may be reachable again by then."""
    connection.deadlines = (deadline,)
    while True:
        try:
            return _undo(context, connection)
        except LockLost:
            raise
        except HostError:
            if connection.is_connected or time.monotonic() >= deadline.at:
                raise
        time.sleep(PAUSE_SECONDS)


def _undo(context: FlowContext, connection: Connection) -> None:
    values = undo_values(context, connection, journal_line(context, "back", connection.name))
    context.run(connection, "flip back", "steps/publishing_undo", values)
    connection.revoke_loss_script()


def _published(context: FlowContext, hosts: tuple[str, ...]) -> Published:
    request, decision = context.request, context.decision
    releases = {host: decision.release_on(host) for host in hosts}
    branch = request.branch if request.is_deploy else ""
    return Published(releases, decision.revision, branch, request.seconds, is_drill=request.is_drill)
