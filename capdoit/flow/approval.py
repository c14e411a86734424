"""The approval of a flow: on a stage with ``confirm: true``, the operator sees a dry run and is asked.

No lock is held while a person thinks. So the dry run is kept as a plan, and the flow that follows compares the hosts
with it under its own locks, as ``apply=`` does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING

from capdoit.errors import NotApproved
from capdoit.events import QuestionAnswered, QuestionAsked
from capdoit.flow.dry_run import make_plan
from capdoit.hosts.stop_signal import StopSignal
from capdoit.output.question import ask_yes_or_no, has_terminal
from capdoit.sequence import FlowTask
from capdoit.state.context import FlowContext
from capdoit.state.flow_request import FlowDefinition
from capdoit.state.plan_file import PlanFile

if TYPE_CHECKING:
    from capdoit.flow.runner import FlowRunner

ONE_QUESTION = threading.Lock()  # `doit -n 2 -P thread` may run two flows, and there is one terminal


class Approval:
    """The approval of one flow.

    Args:
        definition: the flow.
        preview: the runner of a dry run of the flow.
        command: the command that runs the flow; empty for a part of a flow.
    """

    def __init__(self, definition: FlowDefinition, preview: FlowRunner, command: str) -> None:
        self._definition, self._preview, self._command = definition, preview, command
        self._stop: StopSignal | None = None  # of the question
        self._signal = ""

    def obtain(self, tasks: Iterable[FlowTask]) -> PlanFile:
        """Show what some tasks of the flow would do, and ask; return what was shown as a plan.

        Raises:
            NotApproved: the answer is no, there is no terminal, or a signal came.
            FlowAborted: the flow would fail.
            ConfigError, NotReady: the request makes no sense; no host was touched.
        """
        if not has_terminal():
            raise self._without_terminal()
        with ONE_QUESTION, closing(StopSignal()) as self._stop:
            self._raise_if_interrupted()
            context = self._show(tasks)
            self._ask(context, self._stop)
        return make_plan(context, self._definition)

    def interrupt(self, signal: str) -> None:
        """End the question because of a signal."""
        self._signal = signal
        self._preview.interrupt(signal)
        if self._stop is not None:
            self._stop.set()

    def _without_terminal(self) -> NotApproved:
        to_do = f"type: {self._command} yes=1" if self._command else "add yes=1 to the command"
        return NotApproved(
            f"{self._definition.name}: confirm is true for {self._definition.stage.name}, and there is no terminal to "
            f"ask on. No host was touched. To do it without a question, {to_do}"
        )

    def _show(self, tasks: Iterable[FlowTask]) -> FlowContext:
        for task in tasks:
            if not task.is_empty_point:
                self._preview.perform(task)
        self._preview.end()
        assert self._preview.context  # noqa: S101 - it did at least one task
        return self._preview.context

    def _ask(self, context: FlowContext, stop: StopSignal) -> None:
        question = f"Go on with {self._definition.name}?"
        context.emit(QuestionAsked(question))
        answer = ask_yes_or_no(question, stop)
        self._raise_if_interrupted()
        context.emit(QuestionAnswered(bool(answer)))
        if not answer:
            raise NotApproved(f"{self._definition.name}: not done, since the answer is no. Nothing was changed.")

    def _raise_if_interrupted(self) -> None:
        if self._signal:
            raise NotApproved(
                f"{self._definition.name}: {self._signal} came instead of an answer. Nothing was changed."
            )
