"""capdoit as doit sees it: the only maker of task dicts, and the only place where errors become doit's."""

from __future__ import annotations

import fnmatch
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit import doit_cmd
from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidDodoFile, TaskFailed

from capdoit.config import stages, variables
from capdoit.errors import CapdoitError, ConfigError
from capdoit.events import FlowFailed, StopRequested
from capdoit.hooks import discovery as finding
from capdoit.hooks.declarations import HookRegistry
from capdoit.hooks.hook import Declarations, check_hook_roles
from capdoit.output.console import Console
from capdoit.output.console_listener import console_events
from capdoit.output.error_text import render_error
from capdoit.sequence import FLOWS, FlowTask, flow_tasks
from capdoit.text import join_names, suggest_name
from capdoit.transfers import TRANSFERS, transfer_of

if TYPE_CHECKING:
    from types import FrameType

    from capdoit.config.stages import Stage
    from capdoit.flow.drill import Drill
    from capdoit.flow.runner import FlowRunner
    from capdoit.state.request import FlowDefinition

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHORT_NAMES = {
    **{verb: verb for verb in ("deploy", "rollback", "check", "drill")},
    "deploy:rollback": "rollback",  # these two as Capistrano spells them
    "deploy:check": "check",
}


class Cap(HookRegistry):
    """A deploy.yml and the hooks of a project; doit finds the tasks on it.

    Args:
        file: deploy.yml.

    Raises:
        InvalidDodoFile: deploy.yml has mistakes, with all of them.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        with self.declaration_errors():
            self.config = stages.load_config(file, TRANSFERS)
        self._events = console_events(Console(sys.stdout))
        self._runs: list[FlowRunner | Drill] = []
        self._main_thread = threading.get_ident()

    def create_doit_tasks(self) -> Iterator[dict[str, Any]]:
        """Deploy, roll back, check, drill."""
        with self.declaration_errors():
            check_hook_roles(self.declarations().hooks, self.config.roles())
            said = variables.typed_variables(doit_cmd._CMDLINE_VARS, sys.argv)
            chosen = variables.read_variables(said, os.environ, self._variables())
            if chosen.stage:
                stages.choose_stage(self.config, chosen.stage)
            self._check_skipped(chosen.skip)
        command = running_command()
        if command and command.execute_tasks:
            run_nothing_by_default(command)
            self._listen()
        selected = command.sel_tasks or [] if command else []
        yield from self._short_names(chosen)
        for stage in self.stages.values():
            for flow in FLOWS:
                yield from self._flow(flow, stage, chosen, selected)
            yield self._check(stage, chosen)
            yield self._drill(stage, chosen)

    # doit takes an object's name for its tasks', and `cap` is a command
    create_doit_tasks.basename = "capdoit"  # type: ignore[attr-defined]

    @contextmanager
    def declaration_errors(self) -> Iterator[None]:
        """What is wrong with the project is doit's InvalidDodoFile, which it prints without a traceback."""
        try:
            yield
        except ConfigError as error:
            raise InvalidDodoFile(str(error)) from None

    @cached_property
    def everything(self) -> dict[str, Declarations]:
        """What holds for each stage: its recipes' declarations, in order, then the project's; made once all are known.

        Raises:
            RecipeError: a recipe is missing or its options are wrong.
        """
        project, roles = self.config.file.parent, self.config.roles()
        return {
            name: finding.load_recipes(stage.recipes, project, roles) + self.declarations()
            for name, stage in self.config.stages.items()
        }

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """The stages of deploy.yml, with what recipes have releases share."""
        return {name: stage.sharing(self.everything[name].linked_dirs) for name, stage in self.config.stages.items()}

    def acts(self, flow: str, stage: str) -> list[FlowTask]:
        """A flow of a stage with all hooks."""
        return flow_tasks(flow, self.everything[stage].hooks)

    def _needed(self, flow: str, stage: str, act: FlowTask, is_first: bool) -> list[str]:
        """The tasks that an act depends on; what a flow's beginning does, its first hook does."""
        step = "starting" if is_first else "" if act.hook else act.name
        declared = self.everything[stage].dependencies
        return [needed.task for needed in declared if flow in needed.flows and step == needed.step]

    def _variables(self) -> dict[str, tuple[str, ...]]:
        """Those of all recipes."""
        return {name: values for one in self.everything.values() for name, values in one.variables.items()}

    def _check_skipped(self, skip: Iterable[str]) -> None:
        flows = [self.acts(flow, stage) for flow in FLOWS for stage in self.config.stages]
        failed = {hook.name for declared in self.everything.values() for hook in declared.failed}
        hooks = sorted({act.name for acts in flows for act in acts if act.hook} | failed)
        for name in skip:
            if name not in hooks:
                there_are = f"(there are {join_names(hooks) or 'none'})"
                raise ConfigError(f"skip={name}: no hook has that name{suggest_name(name, hooks)} {there_are}")

    # -- tasks

    def _short_names(self, chosen: variables.Variables) -> Iterator[dict[str, Any]]:
        try:
            stage = stages.choose_stage(self.config, chosen.stage).name
        except ConfigError as error:
            text = str(error)
            for name, verb in SHORT_NAMES.items():
                doc = f"{verb} the stage named by stage="
                yield {"basename": name, "actions": [(_refuse, [text])], "doc": doc, **ALWAYS}
            return
        for name, verb in SHORT_NAMES.items():
            doc = f"{verb} {stage}" + ("" if name == verb else ", as Capistrano spells it")
            yield {"basename": name, "actions": None, "task_dep": [f"{verb}:{stage}"], "doc": doc}

    def _flow(
        self, flow: str, stage: Stage, chosen: variables.Variables, selected: list[str]
    ) -> Iterator[dict[str, Any]]:
        acts = self.acts(flow, stage.name)
        group = f"{flow}:{stage.name}"
        goal = _goal(group, acts, selected)
        runner = cache(lambda: self._new_runner(flow, stage, chosen, goal))  # made when the first task runs
        hosts = ", ".join(host.name for host in stage.hosts[:4]) + (", …" if len(stage.hosts) > 4 else "")
        yield {"basename": group, "name": None, "doc": f"{FLOW_DOCS[flow]} {hosts}"}
        files = transfer_of(stage).file_dependencies(stage) if flow == "deploy" else []
        before: list[str] = []
        for act in acts:
            yield {
                "basename": group,
                "name": act.name,
                "doc": act.doc,
                "actions": None if act.is_empty_point else [(self._perform, [runner, act])],
                "task_dep": [*before, *self._needed(flow, stage.name, act, not before)],
                "file_dep": [] if before else files,
                "teardown": [(self._end, [runner])],
                **ALWAYS,
            }
            before = [f"{group}:{act.name}"]

    def _check(self, stage: Stage, chosen: variables.Variables) -> dict[str, Any]:
        doc = "make the directories and say what a deploy would lack"
        actions = [(self._perform_check, [stage, chosen])]
        return {"basename": f"check:{stage.name}", "actions": actions, "doc": doc, **ALWAYS}

    def _drill(self, stage: Stage, chosen: variables.Variables) -> dict[str, Any]:
        doc = "rehearse a rollback on the hosts, and touch nothing that is live"
        actions = [(self._perform_drill, [stage, chosen])]
        return {"basename": f"drill:{stage.name}", "actions": actions, "doc": doc, **ALWAYS}

    def _new_runner(self, flow: str, stage: Stage, chosen: variables.Variables, goal: str | None) -> FlowRunner:
        from capdoit.flow.runner import FlowRunner

        runner = FlowRunner(self._definition(flow, stage), chosen, self._events, goal)
        self._runs.append(runner)
        return runner

    def _definition(self, flow: str, stage: Stage) -> FlowDefinition:
        from capdoit.state.request import FlowDefinition

        rollback = self._definition("rollback", stage) if flow == "deploy" else None
        tasks = tuple(self.acts(flow, stage.name))
        return FlowDefinition(flow, stage, tasks, self.everything[stage.name], rollback)

    # -- actions

    def _perform(self, runner: Callable[[], FlowRunner], task: FlowTask) -> TaskFailed | None:
        if in_process_mode():
            return TaskFailed(NO_PROCESS)
        return self._as_failure(lambda: runner().perform(task))

    def _end(self, runner: Callable[[], FlowRunner]) -> None:
        # With -P thread, threads tear down while others still work; doit's own thread does so last.
        if threading.get_ident() == self._main_thread and (failure := self._as_failure(runner().end)):
            self._events.emit(FlowFailed(failure.message))

    def _perform_check(self, stage: Stage, chosen: variables.Variables) -> TaskFailed | None:
        from capdoit.flow.check import check

        return self._as_failure(lambda: check(self._definition("deploy", stage), chosen, self._events))

    def _perform_drill(self, stage: Stage, chosen: variables.Variables) -> TaskFailed | None:
        from capdoit.flow.drill import Drill

        if in_process_mode():
            return TaskFailed(NO_PROCESS)
        drill = Drill(self._definition("rollback", stage), chosen, self._events)
        self._runs.append(drill)
        return self._as_failure(drill.perform)

    def _as_failure(self, work: Callable[[], object]) -> TaskFailed | None:
        """Do some work; an error becomes doit's TaskFailed, which prints one text and no traceback."""
        try:
            work()
        except CapdoitError as error:
            return TaskFailed(self._events.redact(render_error(error)))
        return None

    # -- signals

    def _listen(self) -> None:
        """A signal ends the flows that are at work in order; a second one ends everything at once."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:  # nohup has it ignored
                    signal.signal(number, self._signalled)

    def _signalled(self, number: int, _: FrameType | None) -> None:
        signal.signal(number, _give_up)
        name = signal.Signals(number).name
        active = [run for run in self._runs if run.is_at_work]
        if active:
            self._events.emit(StopRequested(name))
        will_report = [run.interrupt(name) for run in active]
        if not any(will_report):
            sys.excepthook = _no_traceback
            raise KeyboardInterrupt


NO_PROCESS = "the steps of a flow share open sessions: use doit -n N -P thread. Nothing was done."
ALWAYS = {"uptodate": [False], "verbosity": 2, "io": {"capture": False}}
FLOW_DOCS = {"deploy": "deploy to", "rollback": "roll back"}


def running_command() -> DoitCmdBase | None:
    """The doit command that is loading the tasks; None when something else is."""
    frame: FrameType | None = sys._getframe()
    while frame:
        command = frame.f_locals.get("self")
        if isinstance(command, DoitCmdBase):
            return command
        frame = frame.f_back
    return None


def run_nothing_by_default(command: DoitCmdBase) -> None:
    """A bare `doit` must never deploy or roll back."""
    if command.sel_tasks is None:
        command.sel_tasks = []
        sys.stderr.write("capdoit: a bare doit runs nothing here; `doit list` shows the tasks\n")


def in_process_mode() -> bool:
    """Whether doit has given this task to a process of its own, as doit -n does."""
    from multiprocessing import parent_process

    return parent_process() is not None


def _goal(group: str, acts: list[FlowTask], selected: list[str]) -> str | None:
    """The last act that was asked for by name, when nothing asks for the whole flow."""
    asked = [act.name for act in acts if any(fnmatch.fnmatch(f"{group}:{act.name}", name) for name in selected)]
    if not asked or not all(name.startswith(f"{group}:") for name in selected):
        return None
    reached = acts[: [act.name for act in acts].index(asked[-1]) + 1]
    return next((act.name for act in reversed(reached) if not act.is_empty_point), None)


def _refuse(text: str) -> TaskFailed:
    return TaskFailed(text)


def _give_up(number: int, _: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, b"   ended at once; what is live where: doit cap status\n")
    os._exit(128 + number)


def _no_traceback(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
