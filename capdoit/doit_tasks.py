"""The doit tasks of a project: the only maker of task dicts, and the place where errors become doit's errors."""

from __future__ import annotations

import fnmatch
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit import doit_cmd, get_initial_workdir
from doit.exceptions import InvalidDodoFile, TaskFailed

from capdoit.config.stages import choose_stage, load_config
from capdoit.config.variables import Variables, read_variables, typed_variables
from capdoit.doit_command import (
    FULL_NAME,
    OWNER,
    SHORT_NAME,
    check_tasks_when_loaded,
    find_running_command,
    namespace_of,
    run_nothing_by_default,
)
from capdoit.doit_database import tolerate_database_errors
from capdoit.doit_signals import end_runs_on_signals
from capdoit.errors import CapdoitError, ConfigError, MistakeCollector
from capdoit.hooks.declarations import HookRegistry, caller_location
from capdoit.hooks.discovery import load_recipes
from capdoit.hooks.hook import Declarations, check_hook_roles
from capdoit.hooks.on_demand import ARGUMENTS, OnDemandTask
from capdoit.output.unfailing_stream import make_unfailing
from capdoit.questions import give_answers
from capdoit.sequence import FLOWS, FlowTask, flow_tasks
from capdoit.task_calls import TaskCalls, find_calls
from capdoit.task_names import SHORT_NAMES
from capdoit.text import join_names, name_first, suggest_name
from capdoit.transfers import TRANSFERS, transfer_of

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

    from doit.cmd_base import DoitCmdBase

    from capdoit.config.python_settings import GivenSettings
    from capdoit.config.stages import Stage
    from capdoit.event_bus import EventBus
    from capdoit.flow.drill import Drill
    from capdoit.flow.runner import FlowRunner
    from capdoit.flow.setup import Setup
    from capdoit.flow.task_runner import TaskRunner
    from capdoit.output.log_file import LogFile
    from capdoit.records.revision_gap import Gap
    from capdoit.state.flow_request import FlowDefinition

FLOW_DESCRIPTIONS = {"deploy": "deploy to", "rollback": "roll back"}
MOST_HOSTS_SHOWN = 4
# doit takes a task with file_dep for up to date, unless `uptodate` says that it never is.
ALWAYS_RUN = {"uptodate": [False], "verbosity": 2, "io": {"capture": False}}
SHORT = {"meta": {OWNER: SHORT_NAME}}
FULL = {"meta": {OWNER: FULL_NAME}}
NO_PROCESSES = "tasks on hosts share open sessions: use doit -n N -P thread. Nothing was done."


class Cap(HookRegistry):
    """The deploy.yml and the hooks of a project; doit finds the tasks on it.

    Args:
        file: path of deploy.yml.
        settings: settings that win over those of the file, or a function that returns all settings.

    Attributes:
        config: content of deploy.yml.
        location: file and line that load it.

    Raises:
        InvalidDodoFile: deploy.yml has mistakes; the text lists all of them.
    """

    def __init__(self, file: Path, settings: GivenSettings = None) -> None:
        super().__init__()
        make_unfailing(sys.stdout)  # also for `doit list`, which doit itself writes
        make_unfailing(sys.stderr)
        tolerate_database_errors()
        self.location = caller_location()
        with self._project_errors():
            self.config = load_config(file, TRANSFERS, os.environ, settings, self.location)
        self._mistakes = MistakeCollector()
        self._runs: list[FlowRunner | Drill | Setup | TaskRunner] = []
        self._main_thread = threading.get_ident()
        self._command: DoitCmdBase | None = None
        self._log: LogFile | None = None
        self._options: Mapping[str, Any] = {}  # of doit's run command

    def create_doit_tasks(self) -> Iterator[dict[str, Any]] | None:
        """Return the tasks of all stages: deploy, rollback, check, drill and setup.

        Returns:
            None if the running command has them already, because dodo.py has two names for this object.
        """
        command = find_running_command()
        if command and command is self._command:
            return None
        self._command = command
        selected = [*(command.sel_tasks or [])] if command else []
        with self._project_errors():
            self._refuse_mistakes_in_hooks()
            calls = self._find_calls(selected if command and command.execute_tasks else [])
            variables = self._read_variables(calls)
            stages = [stage.for_branch(variables.branch) for stage in self.stages.values()]
        if command:
            find_cap(namespace_of(command))
            self._join(command, variables)
        return self._create_tasks(stages, variables, selected, calls)

    def _join(self, command: DoitCmdBase, variables: Variables) -> None:
        """Adapt the running command to a project with flows."""
        dependencies = [one for declared in self.declarations_by_stage.values() for one in declared.dependencies]
        check_tasks_when_loaded(command, dependencies, [*self.stages], partial(self._open_view, variables))
        if command.execute_tasks:
            run_nothing_by_default(command)
            end_runs_on_signals(self._runs, self._events)  # made now, before doit starts threads

    def _open_view(self, variables: Variables, options: Mapping[str, Any]) -> None:
        """Show the events of flows as doit's options say."""
        from capdoit.output.view import FlowView
        from capdoit.output.view_choice import ViewRequest

        self._options = options
        reporter = options.get("reporter", "console")
        request = ViewRequest(
            verbosity=options.get("verbosity"),
            reporter=reporter if isinstance(reporter, str) else "",
            is_parallel=bool(options.get("num_process")),
            is_dry_run=bool(variables.dry_run),
        )
        self._events.subscribe(FlowView(self._events, request))
        self._write_pages(variables)  # after the view: the summary does not wait for the page

    def _write_pages(self, variables: Variables) -> None:
        """Write a report page of each flow, unless there is no log and no ``report=``."""
        from capdoit.output.report_pages import PageTargets, ReportPages

        targets = PageTargets(self.config.log, Path(variables.report) if variables.report else None)
        if targets.log or targets.file:
            self._events.subscribe(ReportPages(targets, self._events, self._find_commits))

    def _find_commits(self, before: Mapping[str, str], after: str) -> Sequence[Gap]:
        from capdoit.transfers.git_commits import find_known_changes

        return find_known_changes(self.config.file.parent, before, after)

    def _create_tasks(
        self, stages: Sequence[Stage], variables: Variables, selected: list[str], calls: TaskCalls
    ) -> Iterator[dict[str, Any]]:
        yield from self._short_names(variables)
        yield from self._short_names_on_demand(variables, calls)
        for stage in stages:
            for flow in FLOWS:
                yield from self._flow_tasks(flow, stage, variables, selected)
            yield self._check_task(stage, variables)
            yield self._drill_task(stage, variables)
            yield self._setup_task(stage, variables)
            for task in self.declarations_by_stage[stage.name].tasks:
                name = f"{task.name}:{stage.name}"
                yield {**self._on_demand_task(stage, task, variables, calls), "basename": name, **FULL}

    # doit names the tasks after the attribute that holds this object, and `cap` is a command already.
    create_doit_tasks.basename = "capdoit"  # type: ignore[attr-defined]

    def declaration_errors(self) -> AbstractContextManager[None]:
        """Return a context that collects mistakes, so that the first one does not hide the next ones."""
        return self._mistakes.collect()

    def refuse_wrong_declarations(self) -> None:
        """Check that the hooks of dodo.py are declared correctly.

        Raises:
            InvalidDodoFile: has all mistakes.
        """
        with self._project_errors():
            self._mistakes.refuse()

    @cached_property
    def declarations_by_stage(self) -> dict[str, Declarations]:
        """The declarations of each stage's recipes, in order, then those of the project.

        Raises:
            ConfigError: recipes are missing or their options are wrong.
        """
        found, mistakes = {}, MistakeCollector()
        for name, stage in self.config.stages.items():
            with mistakes.collect():
                found[name] = self._declare(stage)
        mistakes.refuse()
        return found

    def _declare(self, stage: Stage) -> Declarations:
        project, roles = self.config.file.parent, self.config.roles()
        return load_recipes(stage.recipes, project, roles) + self.declarations()

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """The stages of deploy.yml, with the directories that their recipes link."""
        return {
            name: stage.sharing(self.declarations_by_stage[name].linked_dirs)
            for name, stage in self.config.stages.items()
        }

    @property
    def typed_in(self) -> Path:
        """The directory in which the operator typed the command; doit works in that of dodo.py."""
        return Path(get_initial_workdir() or ".")

    def tasks_of_flow(self, flow: str, stage: str) -> list[FlowTask]:
        """Return the steps and hooks of a flow of a stage, in order."""
        return flow_tasks(flow, self.declarations_by_stage[stage].hooks)

    @contextmanager
    def _project_errors(self) -> Iterator[None]:
        """Turn a mistake of the project into InvalidDodoFile, which doit prints without a traceback."""
        try:
            yield
        except ConfigError as error:
            raise InvalidDodoFile(str(error)) from None

    def _refuse_mistakes_in_hooks(self) -> None:
        """Check the hooks of the project and of all recipes; raise ConfigError with all mistakes."""
        with self._mistakes.collect():
            own = self.declarations()
            check_hook_roles([*own.hooks, *own.environments, *(task.hook for task in own.tasks)], self.config.roles())
        with self._mistakes.collect():
            self.declarations_by_stage  # noqa: B018 - it reads the recipes
        self._mistakes.refuse()

    @cached_property
    def _events(self) -> EventBus:
        """The bus of everything that people see; `doit list` does not pay for its imports."""
        from capdoit.event_bus import EventBus
        from capdoit.output.log_file import write_log
        from capdoit.output.seen_releases import ReleaseWatcher

        events = EventBus()
        events.subscribe(ReleaseWatcher(self.config.file))
        if self.config.log:
            self._log = write_log(self.config.log, events, self.typed_in)
        return events

    # -- variables

    def _find_calls(self, selected: Sequence[str]) -> TaskCalls:
        """Return the tasks on demand that are called, by their full or short names."""
        declared = {stage: one.tasks for stage, one in self.declarations_by_stage.items()}
        full_names = {f"{task.name}:{stage}": task for stage, tasks in declared.items() for task in tasks}
        short_names = {task.name: task for tasks in declared.values() for task in tasks}
        return find_calls(sys.argv[1:], selected, {**short_names, **full_names})

    def _read_variables(self, calls: TaskCalls) -> Variables:
        typed = typed_variables(calls.choose_variables(doit_cmd._CMDLINE_VARS or {}), calls.words)
        of_recipes = {name: v for one in self.declarations_by_stage.values() for name, v in one.variables.items()}
        parameters = calls.find_parameters(typed)
        others = {name: value for name, value in typed.items() if name not in parameters}
        variables = read_variables(others, os.environ, of_recipes)
        calls.check(parameters, variables.custom.keys() - of_recipes.keys())
        give_answers(variables.custom)
        variables = replace(variables, custom={**variables.custom, **parameters})
        if variables.stage:
            choose_stage(self.config, variables.stage)
        self._check_skipped_hooks(variables.skip)
        return variables

    def _check_skipped_hooks(self, names: Iterable[str]) -> None:
        flows = [self.tasks_of_flow(flow, stage) for flow in FLOWS for stage in self.config.stages]
        failed = {hook.name for declared in self.declarations_by_stage.values() for hook in declared.failed}
        hooks = sorted({task.name for tasks in flows for task in tasks if task.hook} | failed)
        for name in names:
            if name not in hooks:
                known = f"there are {join_names(hooks) or 'none'}"
                raise ConfigError(f"skip={name}: no hook has that name{suggest_name(name, hooks)} ({known})")

    # -- tasks

    def _short_names(self, variables: Variables) -> Iterator[dict[str, Any]]:
        """Yield the tasks without a stage in their names; without a default stage they say how to choose one."""
        try:
            stage = choose_stage(self.config, variables.stage).name
        except ConfigError as error:
            text = str(error)
            for name, verb in SHORT_NAMES.items():
                doc = f"{verb} the stage of stage=NAME"
                yield {"basename": name, "actions": [(_refuse, [text])], "doc": doc, **ALWAYS_RUN, **SHORT}
            return
        for name, verb in SHORT_NAMES.items():
            doc = f"{verb} {stage}" + ("" if name == verb else " (Capistrano's name)")
            yield {"basename": name, "actions": None, "task_dep": [f"{verb}:{stage}"], "doc": doc, **SHORT}

    def _short_names_on_demand(self, variables: Variables, calls: TaskCalls) -> Iterator[dict[str, Any]]:
        """Yield the tasks on demand without a stage in their names, for the stage that `_short_names` has, too."""
        places: dict[str, list[str]] = {}
        for stage, declared in self.declarations_by_stage.items():
            for task in declared.tasks:
                places.setdefault(task.name, []).append(stage)
        for name, stages in places.items():
            yield {**self._short_name_on_demand(name, stages, variables, calls), "basename": name, **SHORT}

    def _short_name_on_demand(
        self, name: str, stages: Sequence[str], variables: Variables, calls: TaskCalls
    ) -> dict[str, Any]:
        try:
            stage = self.stages[choose_stage(self.config, variables.stage).name]
        except ConfigError as error:
            return {"actions": [(_refuse, [str(error)])], "doc": f"{name} on the stage of stage=NAME", **ALWAYS_RUN}
        tasks = {task.name: task for task in self.declarations_by_stage[stage.name].tasks}
        if name not in tasks:
            text = (
                f"the stage {stage.name} has no task {name}; there is {join_names(f'{name}:{one}' for one in stages)}"
            )
            return {"actions": [(_refuse, [text])], "doc": f"{name} on {join_names(stages)} only", **ALWAYS_RUN}
        return {**self._on_demand_task(stage, tasks[name], variables, calls), "doc": f"{name} on {stage.name}"}

    def _on_demand_task(
        self, stage: Stage, task: OnDemandTask, variables: Variables, calls: TaskCalls
    ) -> dict[str, Any]:
        arguments = {"pos_arg": ARGUMENTS} if task.takes_arguments else {}  # otherwise doit takes them for tasks
        actions = [(self._perform_on_demand, [stage, task, variables, calls.arguments])]
        return {"actions": actions, "doc": task.hook.doc or "run on demand", **arguments, **ALWAYS_RUN}

    def _flow_tasks(
        self, flow: str, stage: Stage, variables: Variables, selected: list[str]
    ) -> Iterator[dict[str, Any]]:
        """Yield the group task of a flow, and a task for each step and hook that depends on the task before it."""
        tasks, group = self.tasks_of_flow(flow, stage.name), f"{flow}:{stage.name}"
        chosen = _find_chosen(group, tasks, selected)
        runner = cache(lambda: self._make_runner(flow, stage, variables, chosen))  # made when the first task runs
        hosts = name_first([host.name for host in stage.hosts], MOST_HOSTS_SHOWN) or "the hosts that a command prints"
        yield {"basename": group, "name": None, "doc": f"{FLOW_DESCRIPTIONS[flow]} {hosts}", **FULL}
        files = transfer_of(stage).file_dependencies(stage) if flow == "deploy" and stage.has_transfer else []
        for number, task in enumerate(tasks):
            before = [f"{group}:{tasks[number - 1].name}"] if number else []
            yield {
                "basename": group,
                "name": task.name,
                "doc": task.doc,
                "actions": None if task.is_empty_point else [(self._perform, [runner, task])],
                "task_dep": [*before, *self._required_tasks(flow, stage.name, task, is_first=not number)],
                "file_dep": [] if number else files,
                "teardown": [(self._end, [runner])],
                **ALWAYS_RUN,
                **FULL,
            }

    def _required_tasks(self, flow: str, stage: str, task: FlowTask, is_first: bool) -> list[str]:
        """Return the project's tasks that a task depends on; those of `starting` run before the first hook."""
        step = "starting" if is_first else "" if task.hook else task.name
        dependencies = self.declarations_by_stage[stage].dependencies
        return [one.task for one in dependencies if flow in one.flows and step == one.step]

    def _check_task(self, stage: Stage, variables: Variables) -> dict[str, Any]:
        doc = "make the directories and report everything that a deploy would lack"
        actions = [(self._perform_check, [stage, variables])]
        return {"basename": f"check:{stage.name}", "actions": actions, "doc": doc, **ALWAYS_RUN, **FULL}

    def _drill_task(self, stage: Stage, variables: Variables) -> dict[str, Any]:
        doc = "rehearse a rollback on the hosts without touching what is live"
        actions = [(self._perform_drill, [stage, variables])]
        return {"basename": f"drill:{stage.name}", "actions": actions, "doc": doc, **ALWAYS_RUN, **FULL}

    def _setup_task(self, stage: Stage, variables: Variables) -> dict[str, Any]:
        doc = "make the directories and upload the linked files that are missing"
        actions = [(self._perform_setup, [stage, variables])]
        return {"basename": f"setup:{stage.name}", "actions": actions, "doc": doc, **ALWAYS_RUN, **FULL}

    def _make_runner(self, flow: str, stage: Stage, variables: Variables, chosen: list[str]) -> FlowRunner:
        from capdoit.flow.runner import FlowRunner

        definition = self._define_flow(flow, stage, variables)
        goal = _find_goal(definition.tasks, chosen)
        runner = FlowRunner(definition, variables, self._events, goal, chosen=chosen)
        self._runs.append(runner)
        return runner

    def _define_flow(
        self,
        flow: str,
        stage: Stage,
        variables: Variables,
        adapt: Callable[[FlowDefinition], FlowDefinition] = lambda definition: definition,
    ) -> FlowDefinition:
        """Return the definition of a flow that begins now, with the options of recipes that come from elsewhere.

        Args:
            flow: ``deploy`` or ``rollback``.
            stage: the stage.
            variables: NAME=VALUE of the command line.
            adapt: makes another definition of that of the flow.

        Raises:
            ConfigError: such an option cannot be had, or is wrong.
        """
        from capdoit.flow.preparation import reveal_options

        definition = adapt(self._make_definition(flow, stage, self.declarations_by_stage[stage.name]))
        written = self.config.stages[stage.name].for_branch(variables.branch)
        if not reveal_options(definition, variables, self._events) and written is self.config.stages[stage.name]:
            return definition
        declared = self._declare(written)
        return adapt(self._make_definition(flow, written.sharing(declared.linked_dirs), declared))

    def _make_definition(self, flow: str, stage: Stage, declared: Declarations) -> FlowDefinition:
        from capdoit.state.flow_request import FlowDefinition

        rollback = self._make_definition("rollback", stage, declared) if flow == "deploy" else None
        return FlowDefinition(flow, stage, tuple(flow_tasks(flow, declared.hooks)), declared, rollback)

    # -- actions

    def _perform(self, runner: Callable[[], FlowRunner], task: FlowTask) -> TaskFailed | None:
        if _is_in_child_process():
            return TaskFailed(NO_PROCESSES)
        return self._as_task_failure(lambda: runner().perform(task))

    def _end(self, runner: _lru_cache_wrapper[FlowRunner]) -> None:
        """End a flow in the teardown of doit, which does not print errors.

        With ``-P thread``, threads tear down while others still work; the main thread is the last one.
        """
        from capdoit.events import TeardownFailed
        from capdoit.output.report_lines import as_text
        from capdoit.output.task_failure import describe_task_failure

        if threading.get_ident() != self._main_thread or not runner.cache_info().currsize:
            return
        try:
            runner().end()
        except CapdoitError as error:
            self._events.emit(TeardownFailed(as_text(describe_task_failure(error, self._place_in_log()))))

    def _perform_check(self, stage: Stage, variables: Variables) -> TaskFailed | None:
        from capdoit.flow.check import check

        define = partial(self._define_flow, "deploy", stage, variables)
        return self._as_task_failure(lambda: check(define(), variables, self._events))

    def _perform_drill(self, stage: Stage, variables: Variables) -> TaskFailed | None:
        from capdoit.flow.drill import Drill

        if _is_in_child_process():
            return TaskFailed(NO_PROCESSES)

        def perform() -> None:
            drill = Drill(self._define_flow("rollback", stage, variables), variables, self._events)
            self._runs.append(drill)
            drill.perform()

        return self._as_task_failure(perform)

    def _perform_setup(self, stage: Stage, variables: Variables) -> TaskFailed | None:
        from capdoit.flow.setup import Setup

        if _is_in_child_process():
            return TaskFailed(NO_PROCESSES)

        def perform() -> None:
            setup = Setup(self._define_flow("deploy", stage, variables), variables, self._events)
            self._runs.append(setup)
            setup.perform()

        return self._as_task_failure(perform)

    def _perform_on_demand(
        self, stage: Stage, task: OnDemandTask, variables: Variables, typed: Sequence[str]
    ) -> TaskFailed | None:
        from capdoit.flow.task_runner import TaskRunner, define_task

        if _is_in_child_process():
            return TaskFailed(NO_PROCESSES)

        def perform() -> None:
            define = partial(define_task, name=task.name)
            definition = self._define_flow("rollback", stage, variables, define)
            runner = TaskRunner(definition, variables, typed, self._events)
            self._runs.append(runner)
            runner.perform()

        return self._as_task_failure(perform)

    def _as_task_failure(self, work: Callable[[], object]) -> TaskFailed | None:
        """Do some work; return an error as TaskFailed, which doit prints without a traceback."""
        try:
            work()
        except CapdoitError as error:
            return TaskFailed(self._render_failure(error))
        return None

    def _render_failure(self, error: CapdoitError) -> str:
        """Return the text of an error as doit's reporter shows it: on a terminal, in the file of ``-o``, or in JSON."""
        from capdoit.output.console import Console
        from capdoit.output.report_lines import as_text, render_lines
        from capdoit.output.task_failure import describe_task_failure

        lines = describe_task_failure(error, self._place_in_log())
        if self._options.get("reporter") == "json":
            return self._events.redact_message(as_text(lines))
        return render_lines(Console(self._options.get("outfile", sys.stdout), self._events.redactor), lines)

    def _place_in_log(self) -> str:
        """Return file and line where the log has the failure that was just reported; empty if it does not."""
        return self._log.take_failure() if self._log else ""


def find_cap(namespace: Mapping[str, Any]) -> Cap | None:
    """Return the `Cap` among the names of dodo.py; None if there is none.

    Raises:
        InvalidDodoFile: there are two.
    """
    found = {id(value): value for value in namespace.values() if isinstance(value, Cap)}
    if len(found) > 1:
        places = sorted((cap.location for cap in found.values()), key=lambda place: (len(place), place))
        raise InvalidDodoFile(
            f"{' and '.join(places)} each load a deploy.yml, and a dodo.py can have one. Give each application a "
            "directory with a dodo.py: doit -f DIRECTORY/dodo.py deploy:STAGE"
        )
    return next(iter(found.values()), None)


def _is_in_child_process() -> bool:
    """Return True if doit runs this task in a child process, as ``doit -n 2`` does."""
    from multiprocessing import parent_process

    return parent_process() is not None


def _refuse(text: str) -> TaskFailed:
    """Return the failure of a task that cannot be run."""
    return TaskFailed(text)


def _find_chosen(group: str, tasks: Sequence[FlowTask], selected: Sequence[str]) -> list[str]:
    """Return the selected tasks of a flow, in order; none if anything else is selected, too."""
    chosen = [task.name for task in tasks if any(fnmatch.fnmatch(f"{group}:{task.name}", name) for name in selected)]
    return chosen if all(name.startswith(f"{group}:") for name in selected) else []


def _find_goal(tasks: Sequence[FlowTask], chosen: Sequence[str]) -> str | None:
    """Return the last task up to the last chosen one that does something; None if none is chosen."""
    if not chosen:
        return None
    reached = tasks[: [task.name for task in tasks].index(chosen[-1]) + 1]
    return next((task.name for task in reversed(reached) if not task.is_empty_point), None)
