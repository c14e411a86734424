"""The doit tasks of a project: the only maker of task dicts."""

from __future__ import annotations

import fnmatch
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit import doit_cmd, get_initial_workdir
from doit.exceptions import InvalidDodoFile

from capdoit.config.deploy_file import choose_stage
from capdoit.config.variables import Variables, read_variables, typed_variables
from capdoit.doit_actions import DoitActions, refuse_task
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
from capdoit.doit_output import DoitOutput
from capdoit.doit_signals import end_runs_on_signals
from capdoit.errors import ConfigError
from capdoit.hooks.on_demand import ARGUMENTS, OnDemandTask
from capdoit.output.unfailing_stream import make_unfailing
from capdoit.project_definition import ProjectDefinition
from capdoit.questions import give_answers
from capdoit.sequence import FLOWS, FlowTask
from capdoit.task_calls import TaskCalls, find_calls
from capdoit.task_names import SHORT_NAMES
from capdoit.text import find_similar_name, join_names, name_first, suggest_name
from capdoit.transfers import transfer_of

if TYPE_CHECKING:
    from doit.cmd_base import DoitCmdBase

    from capdoit.config.python_settings import GivenSettings
    from capdoit.config.stages import Stage

FLOW_DESCRIPTIONS = {"deploy": "deploy to", "rollback": "roll back"}
MOST_HOSTS_SHOWN = 4
# doit takes a task with file_dep for up to date, unless `uptodate` says that it never is.
ALWAYS_RUN = {"uptodate": [False], "verbosity": 2, "io": {"capture": False}}
SHORT = {"meta": {OWNER: SHORT_NAME}}
FULL = {"meta": {OWNER: FULL_NAME}}


class Cap(ProjectDefinition):
    """The deploy.yml and the hooks of a project; doit finds the tasks on it.

    Args:
        file: path of deploy.yml.
        settings: settings that win over those of the file, or a function that returns all settings.

    Raises:
        InvalidDodoFile: deploy.yml has mistakes; the text lists all of them.
    """

    def __init__(self, file: str | Path, settings: GivenSettings = None) -> None:
        make_unfailing(sys.stdout)  # also for `doit list`, which doit itself writes
        make_unfailing(sys.stderr)
        tolerate_database_errors()
        with _translate_project_errors():
            super().__init__(file, settings)
        self._output = DoitOutput(self.config, self.typed_in)
        self._actions = DoitActions(self, self._output)
        self._command: DoitCmdBase | None = None

    def __getattr__(self, name: str) -> Any:
        """Refuse a wrong name as doit prints it, without a traceback."""
        with _translate_project_errors():
            return super().__getattr__(name)

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
        with _translate_project_errors():
            self.refuse_mistakes()
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
        check_tasks_when_loaded(command, dependencies, [*self.stages], partial(self._output.open_view, variables))
        if command.execute_tasks:
            run_nothing_by_default(command)
            end_runs_on_signals(self._actions.runs, self._output.events)  # made now, before doit starts threads

    def _create_tasks(
        self, stages: Sequence[Stage], variables: Variables, selected: list[str], calls: TaskCalls
    ) -> Iterator[dict[str, Any]]:
        yield from self._create_short_names(variables)
        yield from self._create_short_names_on_demand(variables, calls)
        for stage in stages:
            for flow in FLOWS:
                yield from self._create_flow_tasks(flow, stage, variables, selected)
            yield self._create_check_task(stage, variables)
            yield self._create_drill_task(stage, variables)
            yield self._create_setup_task(stage, variables)
            for task in self.declarations_by_stage[stage.name].tasks:
                name = f"{task.name}:{stage.name}"
                yield {**self._create_on_demand_task(stage, task, variables, calls), "basename": name, **FULL}

    # doit names the tasks after the attribute that holds this object, and `cap` is a command already.
    create_doit_tasks.basename = "capdoit"  # type: ignore[attr-defined]

    def refuse_wrong_declarations(self) -> None:
        """Check that the hooks of dodo.py are declared correctly.

        Raises:
            InvalidDodoFile: has all mistakes.
        """
        with _translate_project_errors():
            self._mistakes.refuse()

    @property
    def typed_in(self) -> Path:
        """The directory in which the operator typed the command; doit works in that of dodo.py."""
        return Path(get_initial_workdir() or ".")

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
        self._refuse_misspelled_answers(variables.custom.keys() - of_recipes.keys())
        give_answers(variables.custom)
        variables = replace(variables, custom={**variables.custom, **parameters})
        if variables.stage:
            choose_stage(self.config, variables.stage)
        self._check_skipped_hooks(variables.skip)
        return variables

    def _refuse_misspelled_answers(self, names: Iterable[str]) -> None:
        """Refuse unknown variables that are almost those of questions, unless the project's own code reads them."""
        questions = self.config.list_questions()
        for name in sorted({*names} - questions):
            meant = find_similar_name(name, questions, 0.8)
            if meant and not _is_named_in_code(name):
                raise ConfigError(f"{name}= answers no question of deploy.yml; did you mean {meant}=? Nothing was done")

    def _check_skipped_hooks(self, names: Iterable[str]) -> None:
        flows = [self.tasks_of_flow(flow, stage) for flow in FLOWS for stage in self.config.stages]
        failed = {hook.name for declared in self.declarations_by_stage.values() for hook in declared.failed}
        hooks = sorted({task.name for tasks in flows for task in tasks if task.hook} | failed)
        for name in names:
            if name not in hooks:
                known = f"there are {join_names(hooks) or 'none'}"
                raise ConfigError(f"skip={name}: no hook has that name{suggest_name(name, hooks)} ({known})")

    # -- tasks

    def _create_short_names(self, variables: Variables) -> Iterator[dict[str, Any]]:
        """Yield the tasks without a stage in their names; without a default stage they say how to choose one."""
        try:
            stage = choose_stage(self.config, variables.stage).name
        except ConfigError as error:
            text = str(error)
            for name, verb in SHORT_NAMES.items():
                doc = f"{verb} the stage of stage=NAME"
                yield {"basename": name, "actions": [(refuse_task, [text])], "doc": doc, **ALWAYS_RUN, **SHORT}
            return
        for name, verb in SHORT_NAMES.items():
            doc = f"{verb} {stage}" + ("" if name == verb else " (Capistrano's name)")
            yield {"basename": name, "actions": None, "task_dep": [f"{verb}:{stage}"], "doc": doc, **SHORT}

    def _create_short_names_on_demand(self, variables: Variables, calls: TaskCalls) -> Iterator[dict[str, Any]]:
        """Yield the tasks on demand without a stage in their names, for the stage of `_create_short_names`."""
        places: dict[str, list[str]] = {}
        for stage, declared in self.declarations_by_stage.items():
            for task in declared.tasks:
                places.setdefault(task.name, []).append(stage)
        for name, stages in places.items():
            yield {**self._create_short_name_on_demand(name, stages, variables, calls), "basename": name, **SHORT}

    def _create_short_name_on_demand(
        self, name: str, stages: Sequence[str], variables: Variables, calls: TaskCalls
    ) -> dict[str, Any]:
        try:
            stage = self.stages[choose_stage(self.config, variables.stage).name]
        except ConfigError as error:
            return {"actions": [(refuse_task, [str(error)])], "doc": f"{name} on the stage of stage=NAME", **ALWAYS_RUN}
        tasks = {task.name: task for task in self.declarations_by_stage[stage.name].tasks}
        if name not in tasks:
            text = (
                f"the stage {stage.name} has no task {name}; there is {join_names(f'{name}:{one}' for one in stages)}"
            )
            return {"actions": [(refuse_task, [text])], "doc": f"{name} on {join_names(stages)} only", **ALWAYS_RUN}
        return {**self._create_on_demand_task(stage, tasks[name], variables, calls), "doc": f"{name} on {stage.name}"}

    def _create_on_demand_task(
        self, stage: Stage, task: OnDemandTask, variables: Variables, calls: TaskCalls
    ) -> dict[str, Any]:
        arguments = {"pos_arg": ARGUMENTS} if task.takes_arguments else {}  # otherwise doit takes them for tasks
        actions = [(self._actions.perform_on_demand, [stage, task, variables, calls.arguments])]
        return {"actions": actions, "doc": task.hook.doc or "run on demand", **arguments, **ALWAYS_RUN}

    def _create_flow_tasks(
        self, flow: str, stage: Stage, variables: Variables, selected: list[str]
    ) -> Iterator[dict[str, Any]]:
        """Yield the group task of a flow, and a task for each step and hook that depends on the task before it."""
        tasks, group = self.tasks_of_flow(flow, stage.name), f"{flow}:{stage.name}"
        chosen = _find_chosen(group, tasks, selected)
        runner = cache(
            lambda: self._actions.make_runner(flow, stage, variables, chosen)
        )  # made when the first task runs
        hosts = name_first([host.name for host in stage.hosts], MOST_HOSTS_SHOWN) or "the hosts that a command prints"
        yield {"basename": group, "name": None, "doc": f"{FLOW_DESCRIPTIONS[flow]} {hosts}", **FULL}
        files = transfer_of(stage).file_dependencies(stage) if flow == "deploy" and stage.has_transfer else []
        for number, task in enumerate(tasks):
            before = [f"{group}:{tasks[number - 1].name}"] if number else []
            yield {
                "basename": group,
                "name": task.name,
                "doc": task.doc,
                "actions": None if task.is_empty_point else [(self._actions.perform_task, [runner, task])],
                "task_dep": [*before, *self._find_required_tasks(flow, stage.name, task, is_first=not number)],
                "file_dep": [] if number else files,
                "teardown": [(self._actions.end_flow, [runner])],
                **ALWAYS_RUN,
                **FULL,
            }

    def _find_required_tasks(self, flow: str, stage: str, task: FlowTask, is_first: bool) -> list[str]:
        """Return the project's tasks that a task depends on; those of `starting` run before the first hook."""
        step = "starting" if is_first else "" if task.hook else task.name
        dependencies = self.declarations_by_stage[stage].dependencies
        return [one.task for one in dependencies if flow in one.flows and step == one.step]

    def _create_check_task(self, stage: Stage, variables: Variables) -> dict[str, Any]:
        doc = "make the directories and report everything that a deploy would lack"
        actions = [(self._actions.perform_check, [stage, variables])]
        return {"basename": f"check:{stage.name}", "actions": actions, "doc": doc, **ALWAYS_RUN, **FULL}

    def _create_drill_task(self, stage: Stage, variables: Variables) -> dict[str, Any]:
        doc = "rehearse a rollback on the hosts without touching what is live"
        actions = [(self._actions.perform_drill, [stage, variables])]
        return {"basename": f"drill:{stage.name}", "actions": actions, "doc": doc, **ALWAYS_RUN, **FULL}

    def _create_setup_task(self, stage: Stage, variables: Variables) -> dict[str, Any]:
        doc = "make the directories and upload the linked files that are missing"
        actions = [(self._actions.perform_setup, [stage, variables])]
        return {"basename": f"setup:{stage.name}", "actions": actions, "doc": doc, **ALWAYS_RUN, **FULL}


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


@contextmanager
def _translate_project_errors() -> Iterator[None]:
    """Turn a mistake of the project into InvalidDodoFile, which doit prints without a traceback."""
    try:
        yield
    except ConfigError as error:
        raise InvalidDodoFile(str(error)) from None


def _is_named_in_code(variable: str) -> bool:
    """Return True if a Python file of the project has the name in quotes, for example for doit's `get_var`."""
    quoted = re.compile(rf"""["']{re.escape(variable)}["']""")
    files = [*Path().glob("*.py"), *Path("recipes").glob("*.py")]
    return any(quoted.search(file.read_text(encoding="utf-8", errors="replace")) for file in files)


def _find_chosen(group: str, tasks: Sequence[FlowTask], selected: Sequence[str]) -> list[str]:
    """Return the selected tasks of a flow, in order; none if anything else is selected, too."""
    chosen = [task.name for task in tasks if any(fnmatch.fnmatch(f"{group}:{task.name}", name) for name in selected)]
    return chosen if all(name.startswith(f"{group}:") for name in selected) else []
