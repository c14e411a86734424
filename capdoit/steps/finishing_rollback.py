"""finishing_rollback: the release that was rolled back from becomes an archive. A failure only warns."""

from __future__ import annotations

from functools import partial

from capdoit.hosts.connection import Connection
from capdoit.operations.afterwork import warn_of_failures, warn_of_unremoved
from capdoit.state.context import FlowContext


def finishing_rollback(context: FlowContext) -> None:
    """Archive the release that each host rolled back from, and remove it."""
    warn_of_failures(context, partial(_archive, context))


def release_to_archive(context: FlowContext, host: str) -> str:
    """Return the release that a rollback archives on a host; empty where it rolled forward: that release stays good."""
    left = context.progress.live_before(host) or ""
    return left if left > context.decision.release_on(host) else ""


def _archive(context: FlowContext, connection: Connection) -> None:
    if left := release_to_archive(context, connection.name):
        answer = context.run(connection, "archive", "steps/finishing_rollback", {"previous": left})
        warn_of_unremoved(context, connection, answer)
