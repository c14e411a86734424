"""The automatic rollback: ``on_failure: rollback`` undoes a deploy that failed after its publish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from capdoit.config.variables import Variables
from capdoit.decisions.readiness import find_undo_problems
from capdoit.errors import FlowAborted, Interrupted
from capdoit.events import AutomaticRollbackStarted, EventBus
from capdoit.flow.failure import find_way_back
from capdoit.output.failure_report import render_titled_cause
from capdoit.state.context import FlowContext
from capdoit.state.request import FlowDefinition
from capdoit.text import join_names

if TYPE_CHECKING:
    from capdoit.flow.runner import FlowRunner


def is_rolled_back_automatically(context: FlowContext, error: BaseException) -> bool:
    """Return True if a failed deploy is undone; never after a signal, whose sender wants an end."""
    is_wanted = context.request.stage.on_failure == "rollback"
    return is_wanted and context.progress.is_published and not isinstance(error, Interrupted)


class AutomaticRollback:
    """The rollback that follows a deploy which failed after its publish.

    The locks were released in between, so another flow may have changed the hosts: the rollback verifies under its
    own locks that the release is still live everywhere.

    Args:
        deploy: context of the failed deploy.
        definition: the rollback of the same stage.
        events: bus of everything that people see.
    """

    def __init__(self, deploy: FlowContext, definition: FlowDefinition, events: EventBus) -> None:
        from capdoit.flow.runner import FlowRunner

        self._deploy, self._definition, self._events = deploy, definition, events
        release = deploy.decision.release
        self._runner: FlowRunner = FlowRunner(definition, self._variables(), events, undone_release=release)

    def run(self, title: str, error: BaseException) -> str:
        """Roll back and return the report for the operator.

        Args:
            title: flow, stage and the cause of the deploy's end.
            error: the cause.
        """
        release = self._deploy.decision.release
        self._events.emit(AutomaticRollbackStarted(release))
        cause = render_titled_cause(title, error)
        try:
            for task in self._definition.tasks:
                if not task.is_empty_point:
                    self._runner.perform(task)
        except FlowAborted as failed:
            return f"{cause}\n{self._state()} The automatic rollback (on_failure) failed, too:\n{failed}"
        rollback = self._runner.context
        target = rollback.decision.release if rollback else ""
        hosts = join_names(host.name for host in self._deploy.fleet.connections)
        return f"{cause}\nIt was rolled back (on_failure): {target} is live on {hosts}, and {release} is bad."

    def interrupt(self, signal: str) -> None:
        """Stop the rollback because of a signal."""
        self._runner.interrupt(signal)

    def _variables(self) -> Variables:
        typed = self._deploy.request.variables
        return Variables(
            rollback_release=find_way_back(self._deploy),
            hosts=tuple(host.name for host in self._deploy.fleet.connections),
            message=f"on_failure: rollback, of {self._deploy.decision.release}",
            wait=typed.wait,
            skip=typed.skip,
            custom=typed.custom,
        )

    def _state(self) -> str:
        """Return what a rollback that failed has left live."""
        release, rollback = self._deploy.decision.release, self._runner.context
        if rollback and rollback.progress.is_published:
            return f"{rollback.decision.release} is live again, and {release} is bad."
        if rollback and rollback.progress.flipped:
            return "Not every host reports what is live."
        if not rollback or not rollback.progress.facts:
            return f"{release} was live when its deploy failed."
        if find_undo_problems([*rollback.progress.facts.values()], release):
            return f"{release} is not live everywhere any more, so it is not undone."
        return f"{release} is live nevertheless."
