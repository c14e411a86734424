"""The actions of the doit tasks of a project; they return errors as doit's TaskFailed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from doit.exceptions import TaskFailed

from capdoit.errors import CapdoitError
from capdoit.hooks.on_demand import OnDemandTask
from capdoit.sequence import FlowTask

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

    from capdoit.config.stages import Stage
    from capdoit.config.variables import Variables
    from capdoit.doit_output import DoitOutput
    from capdoit.flow.drill import Drill
    from capdoit.flow.runner import FlowRunner
    from capdoit.flow.setup import Setup
    from capdoit.flow.task_runner import TaskRunner
    from capdoit.project_definition import ProjectDefinition
    from capdoit.state.flow_request import FlowDefinition

NO_PROCESSES = "tasks on hosts share open sessions: use doit -n N -P thread. Nothing was done."


class DoitActions:
    """The actions of the doit tasks of a project.

    Args:
        project: the project.
        output: has the bus of everything that people see, and describes failures.

    Attributes:
        runs: the flows, drills, setups and tasks on demand that began, which a signal must end.
    """

    def __init__(self, project: ProjectDefinition, output: DoitOutput) -> None:
        self.runs: list[FlowRunner | Drill | Setup | TaskRunner] = []
        self._project, self._output = project, output
        self._main_thread = threading.get_ident()

    def make_runner(self, flow: str, stage: Stage, variables: Variables, chosen: list[str]) -> FlowRunner:
        """Return the runner of a flow that begins now.

        Args:
            flow: ``deploy`` or ``rollback``.
            stage: the stage.
            variables: NAME=VALUE of the command line.
            chosen: names of the tasks of the flow that the operator named; empty for the complete flow.

        Raises:
            ConfigError: an option of a recipe cannot be had, or is wrong.
        """
        from capdoit.flow.runner import FlowRunner

        definition = self._define_flow(flow, stage, variables)
        goal = _find_goal(definition.tasks, chosen)
        runner = FlowRunner(definition, variables, self._output.events, goal, chosen=chosen)
        self.runs.append(runner)
        return runner

    def perform_task(self, runner: Callable[[], FlowRunner], task: FlowTask) -> TaskFailed | None:
        """Do a step or hook of a flow."""
        return _refuse_in_child_process() or self._return_failure(lambda: runner().perform(task))

    def end_flow(self, runner: _lru_cache_wrapper[FlowRunner]) -> None:
        """End a flow in the teardown of doit, which does not print errors.

        With ``-P thread``, threads tear down while others still work; the main thread is the last one.
        """
        if threading.get_ident() != self._main_thread or not runner.cache_info().currsize:
            return
        try:
            runner().end()
        except CapdoitError as error:
            self._output.report_teardown_failure(error)

    def perform_check(self, stage: Stage, variables: Variables) -> TaskFailed | None:
        """Check whether a deploy can begin."""
        from capdoit.flow.check import check

        define = partial(self._define_flow, "deploy", stage, variables)
        return self._return_failure(lambda: check(define(), variables, self._output.events))

    def perform_drill(self, stage: Stage, variables: Variables) -> TaskFailed | None:
        """Rehearse a rollback."""
        from capdoit.flow.drill import Drill

        define = partial(self._define_flow, "rollback", stage, variables)
        return self._perform(lambda: Drill(define(), variables, self._output.events))

    def perform_setup(self, stage: Stage, variables: Variables) -> TaskFailed | None:
        """Make the directories of a stage and upload its linked files."""
        from capdoit.flow.setup import Setup

        define = partial(self._define_flow, "deploy", stage, variables)
        return self._perform(lambda: Setup(define(), variables, self._output.events))

    def perform_on_demand(
        self, stage: Stage, task: OnDemandTask, variables: Variables, typed: Sequence[str]
    ) -> TaskFailed | None:
        """Run a task on demand with the words that the operator typed behind ``--``."""
        from capdoit.flow.task_runner import TaskRunner, define_task

        define = partial(self._define_flow, "rollback", stage, variables, partial(define_task, name=task.name))
        return self._perform(lambda: TaskRunner(define(), variables, typed, self._output.events))

    def _define_flow(
        self,
        flow: str,
        stage: Stage,
        variables: Variables,
        adapt: Callable[[FlowDefinition], FlowDefinition] = lambda definition: definition,
    ) -> FlowDefinition:
        return self._project.define_flow(flow, stage, variables, self._output.events, adapt)

    def _perform(self, make_run: Callable[[], Drill | Setup | TaskRunner]) -> TaskFailed | None:
        """Make a run, and do it; a signal can end it in order."""

        def perform() -> None:
            run = make_run()
            self.runs.append(run)
            run.perform()

        return _refuse_in_child_process() or self._return_failure(perform)

    def _return_failure(self, work: Callable[[], object]) -> TaskFailed | None:
        """Do some work; return an error as TaskFailed, which doit prints without a traceback."""
        try:
            work()
        except CapdoitError as error:
            return TaskFailed(self._output.render_failure(error))
        return None


def refuse_task(text: str) -> TaskFailed:
    """Return the failure of a task that cannot be run."""
    return TaskFailed(text)


def _refuse_in_child_process() -> TaskFailed | None:
    """Return a failure if doit runs this task in a child process, as ``doit -n 2`` does."""
    from multiprocessing import parent_process

    return TaskFailed(NO_PROCESSES) if parent_process() is not None else None


def _find_goal(tasks: Sequence[FlowTask], chosen: Sequence[str]) -> str | None:
    """Return the last task up to the last chosen one that does something; None if none is chosen."""
    if not chosen:
        return None
    reached = tasks[: [task.name for task in tasks].index(chosen[-1]) + 1]
    return next((task.name for task in reversed(reached) if not task.is_empty_point), None)
