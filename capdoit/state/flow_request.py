"""The request of an operator: a flow of a stage on selected hosts, with everything that was typed for it."""

from __future__ import annotations

import contextlib
import getpass
import os
import time
from collections.abc import Container
from dataclasses import dataclass, field

from capdoit.config.stages import HostConfig, Stage
from capdoit.config.variables import Variables
from capdoit.hooks.hook import Declarations, Hook
from capdoit.sequence import FlowTask
from capdoit.state.plan_file import PlanFile
from capdoit.state.project_digests import Digests, digest_project
from capdoit.text import join_lines


@dataclass(frozen=True)
class FlowDefinition:
    """A flow of a stage, as deploy.yml, recipes and dodo.py define it.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        stage: the stage with all its hosts.
        tasks: the steps and hooks in order.
        declared: everything that recipes and the project declare.
        rollback: the rollback that undoes a deploy which failed after its publish; None for any other flow.
        on_demand: the name of the task on demand that is the only task; empty for a flow.
        all_hooks: the hooks and tasks on demand of recipes and the project, also those that this flow does not call.
        has_unchecked_roles: roles of hooks and recipes are not checked yet, because a command prints hosts.
    """

    flow: str
    stage: Stage
    tasks: tuple[FlowTask, ...]
    declared: Declarations
    rollback: FlowDefinition | None = None
    on_demand: str = ""
    all_hooks: tuple[Hook, ...] = ()
    has_unchecked_roles: bool = False

    @property
    def name(self) -> str:
        """The name of its doit tasks, such as ``deploy:production``."""
        return f"{self.on_demand or self.flow}:{self.stage.name}"

    def find_task(self, name: str) -> FlowTask:
        """Return the task with this name."""
        return next(task for task in self.tasks if task.name == name)

    def steps_before(self, task: FlowTask) -> list[str]:
        """Return the names of the working steps before a task, in order."""
        return [one.name for one in self.tasks[: self.tasks.index(task)] if not one.hook and not one.is_empty_point]

    def working_tasks(self, names: Container[str]) -> tuple[str, ...]:
        """Return those of some tasks that do something, by their names and in order."""
        return tuple(task.name for task in self.tasks if task.name in names and not task.is_empty_point)

    @property
    def last_working_task(self) -> str:
        """The name of the last task that does something."""
        return [task.name for task in self.tasks if not task.is_empty_point][-1]


@dataclass(frozen=True)
class FlowRequest:
    """The request of an operator; it does not change while the flow runs.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        stage: the stage with the selected hosts only.
        all_hosts: every host of the stage.
        variables: NAME=VALUE of the command line, or of the plan that is applied.
        declared: everything that recipes and the project declare, without what ``skip=`` names.
        task_names: names of the steps and hooks, without what ``skip=`` names.
        branch: source of the code, for the revisions log: a branch, or the path of an archive.
        run_id: random id of the run, in locks and journals.
        operator: the operator's user name, by Capistrano's rule.
        plan: the plan that is applied; None when the flow decides by itself.
        undone_release: in an automatic rollback, the release whose deploy failed; else empty.
        is_drill: the flow only rehearses.
        is_setup: the hosts are only prepared for a deploy.
        is_preview: the flow is the dry run that the operator sees before the question of a stage with ``confirm``.
        on_demand: the name of the task on demand that is run, on the live release; empty for a flow.
        doubtful_roles: a warning for each role of a hook or recipe that no known host has.
        started: time of the start, by the monotonic clock.
    """

    flow: str
    stage: Stage
    all_hosts: tuple[HostConfig, ...]
    variables: Variables
    declared: Declarations
    task_names: tuple[str, ...]
    branch: str
    run_id: str
    operator: str
    plan: PlanFile | None = None
    undone_release: str = ""
    is_drill: bool = False
    is_setup: bool = False
    is_preview: bool = False
    on_demand: str = ""
    doubtful_roles: tuple[str, ...] = ()
    started: float = field(default_factory=time.monotonic)

    @property
    def is_deploy(self) -> bool:
        """True if the flow makes a new release."""
        return self.flow == "deploy"

    @property
    def is_dry_run(self) -> bool:
        """True if the flow only shows what it would do."""
        return self.is_preview or bool(self.variables.dry_run)

    @property
    def task(self) -> str:
        """The first part of the name of its doit tasks: the flow, ``drill``, ``setup``, or a task on demand."""
        return "drill" if self.is_drill else "setup" if self.is_setup else self.on_demand or self.flow

    @property
    def name(self) -> str:
        """Task and stage, as messages name them: ``deploy:production``, or ``drill:production``."""
        return f"{self.task}:{self.stage.name}"

    @property
    def message(self) -> str:
        """The operator's reason in one line; may be empty."""
        return join_lines(self.variables.message or "")

    @property
    def seconds(self) -> float:
        """The time since the start."""
        return time.monotonic() - self.started


def digest_flow(definition: FlowDefinition, request: FlowRequest) -> Digests:
    """Return the digests of everything in the project that the requested flow uses."""
    tasks = [task for task in definition.tasks if task.name in request.task_names]
    return digest_project(request.stage, tasks, request.declared)


def current_operator() -> str:
    """Return the operator's user name, by Capistrano's rule: USER, LOGNAME, USERNAME, then the system."""
    for name in ("USER", "LOGNAME", "USERNAME"):
        if os.environ.get(name):
            return os.environ[name]
    with contextlib.suppress(KeyError, OSError):
        return getpass.getuser()
    return "unknown"
