"""The confirmation of a publish, without which a host that flipped undoes its flip when its session is lost."""

from __future__ import annotations

from functools import partial

from capdoit.events import PublishDoubted
from capdoit.hosts.connection import Connection
from capdoit.script import Value
from capdoit.state.context import FlowContext
from capdoit.state.journal_lines import journal_line, note_line, undone_line


def undo_on_loss(context: FlowContext, connection: Connection) -> None:
    """Let a host undo its flip if its session is lost before `confirm_publish`."""
    values = undo_values(context, connection, undone_line(context, connection.name))
    connection.run_on_loss(context.script(connection, "flip back", "steps/publishing_undo", values))


def undo_values(context: FlowContext, connection: Connection, entry: str) -> dict[str, Value]:
    """Return the values of the script that undoes a flip.

    Args:
        context: the flow.
        connection: the host.
        entry: the line for the journal.
    """
    return {"previous_target": _previous_target(context, connection), "entry": entry}


def confirm_publish(context: FlowContext) -> None:
    """Tell every host that all hosts have flipped. The answers are not awaited."""
    for connection in context.fleet.release_connections:
        connection.revoke_loss_script(partial(_restore, context, connection))


def restore_unconfirmed(context: FlowContext) -> None:
    """Ask the hosts again that were lost before they acknowledged the confirmation: they may have gone back."""
    if lost := [host for host in context.fleet.release_connections if _is_unconfirmed(host)]:
        context.fleet.each(Connection.reconnect, lost, stop_on_failure=False)
    doubtful = find_unconfirmed(context)
    if context.progress.is_published and {*doubtful} != context.progress.flipped:
        context.emit(PublishDoubted(doubtful))


def find_unconfirmed(context: FlowContext) -> tuple[str, ...]:
    """Return the names of the hosts that were lost and may have undone their flips."""
    return tuple(host.name for host in context.fleet.release_connections if _is_unconfirmed(host))


def live_values(context: FlowContext, host: str) -> dict[str, Value]:
    """Return the lines of the journal that say that the release is live on a host, and how it was made."""
    return {"entry": journal_line(context, "live", host), "note": note_line(context)}


def _restore(context: FlowContext, connection: Connection) -> None:
    """Make the release live again on a host that was lost before it acknowledged, if it undid its flip.

    Raises:
        HostError: another release is live there.
    """
    values = {"previous_target": _previous_target(context, connection), **live_values(context, connection.name)}
    if context.run(connection, "publishing again", "operations/confirmation_restore", values):
        why = "its connection was lost before the publish was confirmed, so it had gone back"
        context.warn(
            f"{connection.name}: {why}; {context.decision.release_on(connection.name)} is live again", connection.name
        )


def _is_unconfirmed(connection: Connection) -> bool:
    return not connection.is_confirmed and not connection.is_alive


def _previous_target(context: FlowContext, connection: Connection) -> str:
    return context.progress.facts[connection.name].link
