"""The runner of one flow, from its first task to its end.

doit calls `FlowRunner.perform` for each step and hook. The first one that fails ends the flow: the half-made release
is removed, the ``on_failed`` hooks run, and the error has the report for the operator.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from capdoit.config.variables import Variables
from capdoit.errors import CapdoitError, ConfigError, FlowAborted, Interrupted, NotReady
from capdoit.event_bus import EventBus
from capdoit.events import (
    FlowFailed,
    FlowFinished,
    FlowStopped,
    HooksOnly,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from capdoit.flow.approval import Approval
from capdoit.flow.automatic_rollback import AutomaticRollback, is_rolled_back_automatically
from capdoit.flow.dry_run import finish_dry_run, plan_step
from capdoit.flow.failure import clean_up, report_failure
from capdoit.flow.hook_calls import (
    call_failed_hooks,
    call_hook,
    choose_hook_hosts,
    plan_hook,
    refuse_hooks_without_hosts,
)
from capdoit.flow.interruptible import Interruptible, Part
from capdoit.flow.preparation import prepare_flow
from capdoit.flow.short_drill import rehearse_rollback
from capdoit.flow.undo import find_undo_command
from capdoit.hosts.deadline import Deadline
from capdoit.operations.confirmation import restore_unconfirmed
from capdoit.operations.flow_decisions import choose_live, refuse_changed_hosts
from capdoit.operations.lock import take_locks
from capdoit.output.command_line import CommandLine
from capdoit.output.failure_report import FailureReport
from capdoit.sequence import FlowTask
from capdoit.state.context import FlowContext
from capdoit.state.flow_request import FlowDefinition
from capdoit.state.plan_file import PlanFile
from capdoit.steps import STEPS
from capdoit.steps.finished import has_late_changes, write_late_changes
from capdoit.text import get_first_line


class FlowRunner(Interruptible):
    """A deploy or a rollback of a stage.

    Args:
        definition: the flow as the project defines it.
        variables: NAME=VALUE of the command line.
        events: bus of everything that people see.
        goal: name of the last task that the operator asked for; None for the complete flow.
        chosen: names of all tasks of the flow that the operator named; empty for the complete flow.
        undone_release: in an automatic rollback, the release whose deploy failed.
        is_drill: the flow is the rehearsed rollback of a drill.
        is_preview: the flow is the dry run that is shown before a question.
    """

    def __init__(
        self,
        definition: FlowDefinition,
        variables: Variables,
        events: EventBus,
        goal: str | None = None,
        *,
        chosen: Sequence[str] = (),
        undone_release: str = "",
        is_drill: bool = False,
        is_preview: bool = False,
    ) -> None:
        super().__init__()
        self._definition, self._variables, self._events = definition, variables, events
        self._goal, self._chosen = goal, chosen
        self._undone_release, self._is_drill, self._is_preview = undone_release, is_drill, is_preview
        self._approval: Approval | None = None  # while the operator is asked
        self._rollback: AutomaticRollback | None = None
        self._has_ended = False
        self._is_failing = False

    @property
    def context(self) -> FlowContext | None:
        """The state of the flow; None until its first task began."""
        return self._context

    @property
    def is_at_work(self) -> bool:
        """True if a signal must let it end in order: it has begun and not ended, it cleans up, or it asks."""
        is_open = self._context is not None and not self._has_ended
        return is_open or (bool(self._is_failing or self._approval) and self._busy.locked())

    def perform(self, task: FlowTask) -> None:
        """Do one step or hook; a hook that runs without the steps before it works on the live release.

        Raises:
            FlowAborted: it failed, and the flow has ended.
            NotApproved: the operator did not approve the flow, and it has ended.
            ConfigError: the request makes no sense; no host was touched.
            NotReady: the controller lacks what the transfer needs; no host was touched.
        """
        with self._busy:
            if self._has_ended:
                raise FlowAborted(f"{self._definition.name} has ended; {task.name} was not done")
            task = self._definition.find_task(task.name)  # with the options that recipes have by now
            context = self._context = self._context or self._prepare(task)
            try:
                self._check_order(task, context)
                self._do(task, context)
            except (Exception, KeyboardInterrupt) as error:
                raise self._abort(context, task.name, error) from error
            if task.name == self._definition.tasks[-1].name and not context.progress.is_hooks_only:
                self._finish(context)

    def end(self) -> None:
        """End a flow that goes no further: one that has not ended is treated as failed.

        Raises:
            FlowAborted: the flow began and did not reach the task that the operator asked for.
        """
        context = self._context
        if context is None or self._has_ended or self._busy.locked():
            return
        done = context.progress.done
        is_planned = context.request.is_dry_run and self._goal in done
        if context.progress.is_hooks_only or is_planned:
            self._finish(context)
            return
        last = done[-1] if done else "before starting"
        with self._busy:
            if self._goal in done:
                self._stop_as_requested(context, last)
            elif self._interruption:
                raise self._abort(context, last, Interrupted(f"ended after {last}: {self._interruption}"))
            else:
                raise self._abort(context, last, CapdoitError(f"ended after {last}: a task that it needed failed"))

    @property
    def _parts(self) -> Sequence[Part | None]:
        return (self._approval, self._rollback)

    def _stop_hosts(self) -> None:
        if not self._has_ended:  # the cleanup goes on
            super()._stop_hosts()

    # -- the start

    def _prepare(self, first: FlowTask) -> FlowContext:
        approved = self._ask_for_approval(first) if self._needs_approval else None
        is_part = self._goal not in (None, self._definition.last_working_task)
        return prepare_flow(
            self._definition,
            self._variables,
            self._events,
            is_part=is_part or bool(self._definition.steps_before(first)),
            undone_release=self._undone_release,
            is_drill=self._is_drill,
            is_preview=self._is_preview,
            approved=approved,
        )

    @property
    def _needs_approval(self) -> bool:
        """True if the operator must be asked: never in a flow that only shows or rehearses, or that undoes a deploy."""
        is_asked_already = self._undone_release or self._is_drill or self._is_preview
        variables = self._variables
        return self._definition.stage.confirm and not (variables.yes or variables.dry_run or is_asked_already)

    def _ask_for_approval(self, first: FlowTask) -> PlanFile:
        preview = FlowRunner(self._definition, self._variables, self._events, self._goal, is_preview=True)
        command = CommandLine(self._definition.flow, self._definition.stage.name, self._variables)
        self._approval = Approval(self._definition, preview, "" if self._chosen else command.again())
        try:
            return self._approval.obtain(self._tasks_from(first))
        except BaseException:
            self._has_ended = True  # a later task must not ask again
            raise
        finally:
            self._approval = None

    def _tasks_from(self, first: FlowTask) -> list[FlowTask]:
        """Return the tasks that the operator asked for, of which this is the first."""
        tasks = self._definition.tasks[self._definition.tasks.index(first) :]
        if self._definition.steps_before(first):  # `doit run -s` leaves out what comes before
            return [task for task in tasks if task.name in self._chosen]
        goals = [number for number, task in enumerate(tasks) if task.name == self._goal]
        return [*tasks[: goals[0] + 1]] if goals else [*tasks]

    def _check_order(self, task: FlowTask, context: FlowContext) -> None:
        done = context.progress.done
        missing = [name for name in self._definition.steps_before(task) if name not in done]
        if missing and task.hook and not {*done} & STEPS.keys():
            context.emit(HooksOnly())
        elif missing:
            complete = f"doit {context.request.name} does all of it"
            raise ConfigError(f"{task.name} needs {missing[-1]} to be done first; {complete}")

    # -- the work

    def _do(self, task: FlowTask, context: FlowContext) -> None:
        self._raise_if_interrupted()
        started = time.monotonic()
        if task.name in context.request.variables.skip:
            context.emit(StepSkipped(task.name))
        else:
            context.emit(StepStarted(task.name, bool(task.hook), _count_hosts(task, context)))
            context.fleet.set_deadlines(*_list_deadlines(task, context))
            restore_unconfirmed(context)
            self._work(task, context)
            self._raise_if_interrupted()
        context.emit(StepFinished(task.name, bool(task.hook), time.monotonic() - started))

    def _work(self, task: FlowTask, context: FlowContext) -> None:
        if context.progress.is_hooks_only and not context.decision.release:
            take_locks(context)
            refuse_changed_hosts(context)
            choose_live(context)
        if hook := task.hook:
            context.executor.act(partial(call_hook, context, hook), partial(plan_hook, context, hook))
            return
        STEPS[task.name](context)
        context.executor.preview(partial(plan_step, context, task.name))
        if context.progress.missing and task.name == "starting":
            refuse_hooks_without_hosts(context, self._definition.tasks)

    # -- the end

    def _finish(self, context: FlowContext) -> None:
        """End a flow whose tasks are done.

        Raises:
            NotReady: a dry run found what would stop the flow.
        """
        finish, plan = partial(_finish_live, context), partial(finish_dry_run, context, self._definition)
        try:
            obstacles = context.executor.act(finish, plan)
        finally:
            self._has_ended = True
            context.fleet.close()
        progress, request = context.progress, context.request
        undo = find_undo_command(context)
        context.emit(FlowFinished(request.name, progress.missing, progress.warning_count, request.seconds, undo))
        if obstacles:
            raise NotReady(*obstacles, checked_flow=request.flow)

    def _abort(self, context: FlowContext, task: str, error: BaseException) -> FlowAborted:
        report = self._fail(context, task, error)
        context.emit(FlowFailed(report))
        return FlowAborted(f"{report.title}: {get_first_line(report.error)}", report)

    def _stop_as_requested(self, context: FlowContext, last: str) -> None:
        """End a flow whose last requested task is done: the half-made release is removed, and hooks undo their work."""
        report = self._fail(context, last, Interrupted(f"stopped after {last}, as requested"), as_requested=True)
        context.emit(FlowStopped(report))

    def _fail(self, context: FlowContext, task: str, error: BaseException, as_requested: bool = False) -> FailureReport:
        """End the flow: clean up, call the hooks for failures, and return the data of the report."""
        interruption, self._interruption = self._interruption, ""
        if interruption and not isinstance(error, Interrupted):
            error = Interrupted(f"{interruption} in {task}", error)
        self._has_ended = self._is_failing = True
        states = clean_up(context, task, error)
        if not context.progress.is_hooks_only:
            context.executor.change(partial(call_failed_hooks, context, error, as_requested))
        context.fleet.close()
        title = context.request.name if as_requested else f"{context.request.name}: {task} failed"
        report = report_failure(context, title, error, states)
        rollback = self._definition.rollback
        if rollback and is_rolled_back_automatically(context, error) and not self._interruption:
            self._rollback = AutomaticRollback(context, rollback, self._events, FlowRunner)
            report = replace(report, rollback=self._rollback.run())
        return report


def _count_hosts(task: FlowTask, context: FlowContext) -> int:
    """Return the number of hosts that a hook is called on; 0 for a step, which has all hosts."""
    if not task.hook:
        return 0
    hosts = len(choose_hook_hosts(context, task.hook))
    return min(hosts, 1) if task.hook.runs_once else hosts


def _list_deadlines(task: FlowTask, context: FlowContext) -> list[Deadline]:
    """Return the deadlines of a task; `finished` has none, since the journal must always name the live release."""
    found = context.deadlines if task.name != "finished" else []
    return [*found, *(task.hook.start_deadlines() if task.hook else ())]


def _finish_live(context: FlowContext) -> Sequence[str]:
    """Do what follows the last task; return no obstacles, unlike `finish_dry_run`."""
    stage, is_complete = context.request.stage, not context.progress.is_hooks_only
    if stage.drill == "after_deploy" and context.request.is_deploy and is_complete:
        rehearse_rollback(context)
    if has_late_changes(context):
        write_late_changes(context)
    return ()
