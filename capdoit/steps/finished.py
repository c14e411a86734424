"""finished: the revisions log and the journal are written. A failure only warns, since the release is live."""

from __future__ import annotations

from functools import partial

from capdoit.errors import HostsFailed, LockLost
from capdoit.events import WarningsJournaled
from capdoit.hosts.connection import Connection
from capdoit.operations.afterwork import warn_of_failures
from capdoit.operations.confirmation import find_unconfirmed
from capdoit.script import Value
from capdoit.state.context import FlowContext
from capdoit.state.journal_lines import journal_line, revisions_log_line

JOURNAL_TIMEOUT_SECONDS = 60


def finished(context: FlowContext) -> None:
    """Write the revisions log and the journal on every host.

    Raises:
        HostsFailed: this flow no longer holds a lock, so another flow may have changed what is live; or a host was lost
            before it acknowledged that the publish is complete.
    """
    outcomes = warn_of_failures(context, partial(_write, context))
    if find_unconfirmed(context) or any(isinstance(outcome.error, LockLost) for outcome in outcomes):
        raise HostsFailed(outcomes)
    context.emit(WarningsJournaled())


def write_late_changes(context: FlowContext) -> None:
    """Write what came after `finished`: warnings, and changes of hooks to the release.

    Hooks that were run without the flow's steps change only the manifest, not the journal.
    """
    warn_of_failures(context, partial(_write_late, context))


def has_late_changes(context: FlowContext) -> bool:
    """Return True if hooks or warnings came after `finished`, or hooks ran without the flow's steps."""
    progress = context.progress
    if not context.decision.release:
        return False
    has_new_warnings = progress.warning_count > progress.journaled_warnings
    return progress.is_hooks_only or progress.done[-1] != "finished" or has_new_warnings


def _write(context: FlowContext, connection: Connection) -> None:
    entry = journal_line(context, "finished", connection.name)
    values: dict[str, Value] = {"log_line": revisions_log_line(context, connection.name), "entry": entry}
    context.run(connection, "finished", "steps/finished", values, JOURNAL_TIMEOUT_SECONDS)


def _write_late(context: FlowContext, connection: Connection) -> None:
    entry = "" if context.progress.is_hooks_only else journal_line(context, "finished", connection.name)
    context.run(connection, "late changes", "steps/finished_late", {"entry": entry}, JOURNAL_TIMEOUT_SECONDS)
