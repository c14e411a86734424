"""The runner of one task on demand: a function of the project or of a recipe, called for the live release.

An exclusive task has the locks of all selected hosts, as a flow has. Then it may change files of the release, and the
journals name it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from capdoit.config.variables import ON_DEMAND, Variables
from capdoit.errors import ConfigError, FlowAborted, Interrupted, NotReady
from capdoit.event_bus import EventBus
from capdoit.events import FlowFailed, HostSurveyed, StepFinished, StepStarted, TaskFinished, TaskStarted
from capdoit.flow.failure import emit_step_failed
from capdoit.flow.hook_calls import call_function, call_on, prepare_host
from capdoit.flow.interruptible import Interruptible
from capdoit.flow.preparation import open_context
from capdoit.flow.undo import command_line
from capdoit.hooks.on_demand import ARGUMENTS, OnDemandTask
from capdoit.hooks.todo import refuse_todo
from capdoit.hosts.connection import Connection
from capdoit.hosts.terminal_host import TerminalHost
from capdoit.operations.afterwork import warn_of_failures
from capdoit.operations.flow_decisions import find_live
from capdoit.operations.lock import take_locks
from capdoit.operations.survey import survey_host
from capdoit.output.failure_report import FailureReport, HostState
from capdoit.sequence import FlowTask
from capdoit.state.context import FlowContext
from capdoit.state.flow_request import FlowDefinition
from capdoit.state.journal_lines import journal_line
from capdoit.text import get_first_line, join_names

JOURNAL_TIMEOUT_SECONDS = 60


def define_task(rollback: FlowDefinition, name: str) -> FlowDefinition:
    """Return the definition of a task on demand: like a rollback, it needs nothing but the hosts.

    Args:
        rollback: the rollback of the stage.
        name: name of the task.
    """
    task = next(one for one in rollback.declared.tasks if one.name == name)
    declared = replace(rollback.declared, failed=(), rollback_checks=(), tasks=(task,))
    tasks = (FlowTask(task.name, "", task.hook.doc, task.hook),)
    return replace(rollback, tasks=tasks, declared=declared, on_demand=task.name)


class TaskRunner(Interruptible):
    """A run of a task on demand.

    Args:
        definition: the task on the stage, from `define_task`.
        variables: NAME=VALUE of the command line.
        arguments: the words behind ``--``.
        events: bus of everything that people see.
    """

    def __init__(
        self,
        definition: FlowDefinition,
        variables: Variables,
        arguments: Sequence[str],
        events: EventBus,
    ) -> None:
        super().__init__()
        self._definition, (self._task,) = definition, definition.declared.tasks
        self._variables, self._arguments, self._events = variables, tuple(arguments), events

    def perform(self) -> None:
        """Call the function, and report a failure.

        Raises:
            FlowAborted: the task failed.
            ConfigError: the request makes no sense; no host was touched.
        """
        self._refuse_unheeded()
        values = self._task.read_parameters(self._variables.custom)
        self._refuse_without_terminal()
        refuse_todo(self._task.hook)
        with self._busy:
            context = self._context = open_context(self._definition, self._variables, self._events)
            connections = self._choose_connections(context)
            context.emit(_task_started(context, self._task, connections))
            try:
                self._run(context, connections, values)
            except (Exception, KeyboardInterrupt) as error:
                raise self._fail(context, error) from error
            finally:
                context.fleet.close()
            names = tuple(connection.name for connection in connections)
            context.emit(TaskFinished(context.request.name, names, context.request.seconds))

    # -- before any host is touched

    def _refuse_unheeded(self) -> None:
        if self._variables.dry_run:
            why = "a function decides what it runs on hosts, so only a run would show it"
            raise ConfigError(f"dry_run= is for flows and setup, not for {self._task.name}: {why}. Nothing was done")
        self._variables.refuse_unheeded(ON_DEMAND, self._definition.stage)
        for name in () if self._task.is_exclusive else sorted({"wait", "message"} & self._variables.typed_names):
            raise ConfigError(f"{name}= has no effect on {self._task.name}, which takes no locks; nothing was done")

    def _refuse_without_terminal(self) -> None:
        if not self._task.is_interactive:
            return
        if not sys.stdin.isatty():
            raise ConfigError(f"{self._task.name} needs a terminal on stdin; nothing was done")
        if threading.current_thread() is not threading.main_thread():
            raise ConfigError(f"{self._task.name} needs the terminal for itself: use doit without -n. Nothing was done")

    def _choose_connections(self, context: FlowContext) -> list[Connection]:
        """Return the hosts that the task runs on.

        Raises:
            ConfigError: none of the selected hosts is one of them, or several are named for a terminal.
        """
        hook = self._task.hook
        if chosen := hook.choose_connections(context.fleet.connections):
            self._refuse_several_hosts(context.request.name)
            return chosen
        wanted = f"has the role {join_names(hook.roles)}" if hook.roles else "gets code (no_release)"
        raise ConfigError(f"{context.request.name}: none of the selected hosts {wanted}; nothing was done")

    def _refuse_several_hosts(self, name: str) -> None:
        hosts = dict.fromkeys(self._variables.hosts or ())
        if self._task.is_interactive and len(hosts) > 1:
            choices = " or ".join(f"hosts={host}" for host in hosts)
            mistake = f"{name} runs on one host, and hosts= names {join_names(hosts)}"
            raise ConfigError(f"{mistake}; name one of them: {choices}. Nothing was done")

    # -- the work

    def _run(self, context: FlowContext, connections: Sequence[Connection], values: dict[str, object]) -> None:
        self._raise_if_interrupted()
        self._find_releases(context, connections)
        name, began = self._task.name, time.monotonic()
        context.emit(StepStarted(name, is_hook=True, host_count=len(connections)))
        context.fleet.set_deadlines(*self._task.hook.start_deadlines())
        self._call(context, connections, {ARGUMENTS: self._arguments, **values})
        self._raise_if_interrupted()
        context.emit(StepFinished(name, is_hook=True, seconds=time.monotonic() - began))
        self._leave(context)

    def _find_releases(self, context: FlowContext, connections: Sequence[Connection]) -> None:
        """Find the live releases that the function gets. A host without code gets the release of the others."""
        with_code = [connection for connection in connections if not connection.config.no_release]
        asked = with_code if len(with_code) == len(connections) else context.fleet.release_connections
        if self._task.is_exclusive:
            take_locks(context)
        else:
            context.fleet.all(partial(_survey, context), asked)
        if asked:
            find_live(context, [connection.name for connection in asked])
        elif "release" in self._task.hook.arguments:
            raise NotReady("none of the selected hosts gets code (no_release), so there is no release for the task")

    def _call(self, context: FlowContext, connections: Sequence[Connection], values: dict[str, object]) -> None:
        """Call the function: in threads, or if it is interactive in the main thread, which has the terminal."""
        if not self._task.is_interactive:
            call_on(context, self._task.hook, connections, **values)
            return
        (connection,) = connections
        host = TerminalHost(prepare_host(context, self._task.hook, connection))
        call_function(context, self._task.hook, connection, [host], **values)

    # -- the end

    def _leave(self, context: FlowContext) -> None:
        """Write the journal of an exclusive task, and renew the manifest of the release, which it may have changed."""
        if not context.progress.locked or not context.decision.release:
            return
        context.fleet.resume()
        context.fleet.set_deadlines()
        warn_of_failures(context, partial(_write_journal, context))

    def _fail(self, context: FlowContext, error: BaseException) -> FlowAborted:
        if self._interruption and not isinstance(error, Interrupted):
            error = Interrupted(self._interruption, error)
        emit_step_failed(context, self._task.name, error)
        self._leave(context)
        report = self._report(context, error)
        context.emit(FlowFailed(report))
        return FlowAborted(f"{report.title}: {get_first_line(error)}", report)

    def _report(self, context: FlowContext, error: BaseException) -> FailureReport:
        facts, names = context.progress.facts, [connection.name for connection in context.fleet.connections]
        states = [HostState(name, facts[name].current) for name in names if name in facts]
        return FailureReport(
            title=f"{context.request.name} failed",
            error=error,
            hosts=states,
            command=replace(command_line(context), arguments=self._arguments),
            release=context.decision.release,
            warnings=context.progress.all_warnings,
        )


def _task_started(context: FlowContext, task: OnDemandTask, connections: Sequence[Connection]) -> TaskStarted:
    request, names = context.request, tuple(connection.name for connection in connections)
    return TaskStarted(request.stage.name, names, request.operator, task.name, task.is_interactive)


def _survey(context: FlowContext, connection: Connection) -> None:
    context.emit(HostSurveyed(survey_host(connection, context.request.stage)))


def _write_journal(context: FlowContext, connection: Connection) -> None:
    entry = journal_line(context, "ran", connection.name)
    context.run(connection, "journal", "steps/finished_late", {"entry": entry}, JOURNAL_TIMEOUT_SECONDS)
