"""The automatic rollback: ``on_failure: rollback`` undoes a deploy that failed after its publish."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from capdoit.config.variables import Variables
from capdoit.decisions.readiness import find_undo_problems
from capdoit.errors import CapdoitError, FlowAborted, Interrupted
from capdoit.event_bus import EventBus
from capdoit.events import AutomaticRollbackFinished, AutomaticRollbackStarted
from capdoit.flow.undo import find_undo_target
from capdoit.output.command_line import CommandLine
from capdoit.output.failure_report import FailureReport, RollbackReport
from capdoit.state.context import FlowContext
from capdoit.state.flow_request import FlowDefinition

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
        definition: the rollback of the stage.
        events: bus of everything that people see.
        make_runner: the class `FlowRunner`, which itself makes automatic rollbacks.
    """

    def __init__(
        self, deploy: FlowContext, definition: FlowDefinition, events: EventBus, make_runner: type[FlowRunner]
    ) -> None:
        self._deploy, self._definition = deploy, definition
        release = deploy.decision.release
        self._runner = make_runner(definition, self._variables(), events, undone_release=release)

    def run(self) -> RollbackReport:
        """Roll back, and return the data of the report; a failure is not raised."""
        began = time.monotonic()
        self._deploy.emit(AutomaticRollbackStarted(self._deploy.decision.release))
        report = self._roll_back()
        seconds = time.monotonic() - began
        self._deploy.emit(AutomaticRollbackFinished(report.targets, bool(report.failure), seconds))
        return report

    def _roll_back(self) -> RollbackReport:
        try:
            for task in self._definition.tasks:
                if not task.is_empty_point:
                    self._runner.perform(task)
        except FlowAborted as aborted:
            return self._report(aborted.report)
        except CapdoitError as error:  # the rollback could not begin
            return self._report(self._report_of_refusal(error))
        return self._report(None)

    def interrupt(self, signal: str) -> None:
        """Stop the rollback because of a signal."""
        self._runner.interrupt(signal)

    def _variables(self) -> Variables:
        typed = self._deploy.request.variables
        return Variables(
            rollback_release=find_undo_target(self._deploy),
            hosts=tuple(host.name for host in self._deploy.fleet.connections),
            message=f"on_failure: rollback, of {self._deploy.decision.release}",
            wait=typed.wait,
            skip=typed.skip,
            custom=typed.custom,
        )

    def _report_of_refusal(self, error: CapdoitError) -> FailureReport:
        command = CommandLine("rollback", self._definition.stage.name, self._variables())
        return FailureReport(f"{self._definition.name} was refused", error, (), command, is_automatic_rollback=True)

    def _report(self, failure: FailureReport | None) -> RollbackReport:
        rollback, failed_release = self._runner.context, self._deploy.decision.release
        facts = [*rollback.progress.facts.values()] if rollback else []
        hosts = [host.name for host in self._deploy.fleet.release_connections]
        return RollbackReport(
            failed_release=failed_release,
            targets={host: rollback.decision.release_on(host) for host in hosts} if rollback else {},
            failure=failure,
            has_surveyed=bool(facts),
            is_obsolete=bool(find_undo_problems(facts, failed_release)),
        )
