"""Looking at the hosts outside of a flow: what `doit cap status` and its like ask them. Takes no lock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TypeVar

from capdoit.config.stages import Stage
from capdoit.config.variables import Variables
from capdoit.errors import Outcome
from capdoit.hosts.connection import Connection
from capdoit.operations.survey import ask_facts
from capdoit.output.console import Console
from capdoit.records.facts import Facts
from capdoit.state.run import Run, begin
from capdoit.transfers.protocol import CommitSource

T = TypeVar("T")


def look(stage: Stage, variables: Variables, console: Console, ask: Callable[[Run, Connection], T]) -> list[Outcome[T]]:
    """Ask something of every selected host; an outcome for each."""
    run = begin("", stage, variables, console)
    with closing(run.fleet):
        return run.fleet.each(partial(ask, run), stop_on_failure=False)


def survey(stage: Stage, variables: Variables, console: Console) -> list[Outcome[Facts]]:
    """The facts of every selected host; changes nothing.

    Returns:
        An outcome for each host whose answer is its `Facts`, or which says why there are none.
    """
    return look(stage, variables, console, ask_facts)


def survey_and_tip(
    stage: Stage, variables: Variables, console: Console, commits: CommitSource
) -> tuple[list[Outcome[Facts]], str]:
    """Return the facts of every selected host and the commit that a deploy would release now; change nothing.

    Returns:
        An outcome for each host, and the commit as the first host that answered sees it; empty when none did.

    Raises:
        NotReady: the host does not know the branch.
        HostError: it cannot ask the repository.
    """
    run = begin("deploy", stage, variables, console)
    with closing(run.fleet):
        outcomes = run.fleet.each(partial(ask_facts, run), stop_on_failure=False)
        answered = [host for host, o in zip(run.fleet.release_connections, outcomes, strict=True) if o]
        return outcomes, commits.find_tip(run, answered[0]) if answered else ""
