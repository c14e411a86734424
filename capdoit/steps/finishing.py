"""finishing: releases that `keep_releases` does not keep are removed. A failure only warns."""

from __future__ import annotations

from functools import partial

from capdoit.decisions.cleanup import choose_removals
from capdoit.hosts.connection import Connection
from capdoit.layout import REMOVED
from capdoit.operations.afterwork import warn_of_failures, warn_of_unremoved
from capdoit.state.context import FlowContext


def finishing(context: FlowContext) -> None:
    """Remove the oldest releases from every host, and what earlier removals left there."""
    warn_of_failures(context, partial(_remove_releases, context))


def choose_releases_to_remove(context: FlowContext, host: str) -> list[str]:
    """Return the releases that a host gives up after this deploy."""
    facts, keep = context.progress.facts, context.request.stage.keep_releases
    return choose_removals(facts[host], keep, context.decision.release, [*facts.values()])


def _remove_releases(context: FlowContext, connection: Connection) -> None:
    removals = choose_releases_to_remove(context, connection.name)
    if removals or REMOVED in context.progress.facts[connection.name].scratch:
        answer = context.run(connection, "cleanup", "steps/finishing", {"removals": removals})
        warn_of_unremoved(context, connection, answer)
