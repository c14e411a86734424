"""Work after the publish: its failures are warnings, since they must not undo what is live."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from capdoit.errors import Outcome
from capdoit.hosts.connection import Connection
from capdoit.records.unremoved import describe_unremoved, parse_unremoved
from capdoit.state.context import FlowContext

T = TypeVar("T")


def warn_of_failures(context: FlowContext, work: Callable[[Connection], T]) -> list[Outcome[T]]:
    """Do some work on every release host and warn of the hosts where it failed.

    Returns:
        The outcome of every host.
    """
    outcomes = context.fleet.each(work, stop_on_failure=False)
    for outcome in outcomes:
        if outcome.error:
            context.warn(str(outcome.error), outcome.host)
    return outcomes


def warn_of_unremoved(context: FlowContext, connection: Connection, answer: str | None) -> None:
    """Warn of the trees that a host could not remove, as its script printed them; None was not sent, in a dry run."""
    if found := parse_unremoved(answer or ""):
        context.warn(f"{connection.name}: {describe_unremoved(found)}", connection.name)
