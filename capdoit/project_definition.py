"""The definition of a project: its deploy.yml, the hooks of its recipes, its own hooks, and the flows they make."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit.config.deploy_file import load_config
from capdoit.error_location import caller_location
from capdoit.errors import ConfigError, MistakeCollector
from capdoit.hooks.declarations import HookRegistry
from capdoit.hooks.discovery import load_recipes
from capdoit.hooks.hook import Declarations, check_hook_roles
from capdoit.sequence import FlowTask, flow_tasks
from capdoit.transfers import TRANSFERS

if TYPE_CHECKING:
    from capdoit.config.python_settings import GivenSettings
    from capdoit.config.stages import Stage
    from capdoit.config.variables import Variables
    from capdoit.event_bus import EventBus
    from capdoit.state.flow_request import FlowDefinition


class ProjectDefinition(HookRegistry):
    """A project, as deploy.yml, recipes and dodo.py define it.

    Args:
        file: path of deploy.yml.
        settings: settings that win over those of the file, or a function that returns all settings.

    Attributes:
        config: content of deploy.yml.
        location: file and line that load it.

    Raises:
        ConfigError: deploy.yml has mistakes; the text lists all of them.
    """

    def __init__(self, file: str | Path, settings: GivenSettings = None) -> None:
        super().__init__()
        self.location = caller_location()
        if not isinstance(file, str | Path):
            raise ConfigError(f"{self.location}: load: file={file!r}: expected the path of deploy.yml")
        self.config = load_config(Path(file), TRANSFERS, os.environ, settings, self.location)
        self._mistakes = MistakeCollector()

    def declaration_errors(self) -> AbstractContextManager[None]:
        """Return a context that collects mistakes, so that the first one does not hide the next ones."""
        return self._mistakes.collect()

    def refuse_mistakes(self) -> None:
        """Check the hooks of the project and of all recipes.

        Raises:
            ConfigError: has all mistakes.
        """
        with self._mistakes.collect():
            check_hook_roles(self.declarations().own_hooks, self.config.roles())
        with self._mistakes.collect():
            self.declarations_by_stage  # noqa: B018 - it reads the recipes
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
        directory, roles = self.config.file.parent, self.config.roles()
        return load_recipes(stage.recipes, directory, roles) + self.declarations()

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """The stages of deploy.yml, with the directories that their recipes link."""
        return {
            name: stage.sharing(self.declarations_by_stage[name].linked_dirs)
            for name, stage in self.config.stages.items()
        }

    def tasks_of_flow(self, flow: str, stage: str) -> list[FlowTask]:
        """Return the steps and hooks of a flow of a stage, in order."""
        return flow_tasks(flow, self.declarations_by_stage[stage].hooks)

    def define_flow(
        self,
        flow: str,
        stage: Stage,
        variables: Variables,
        events: EventBus,
        adapt: Callable[[FlowDefinition], FlowDefinition] = lambda definition: definition,
    ) -> FlowDefinition:
        """Return the definition of a flow that begins now, with the options of recipes that come from elsewhere.

        Args:
            flow: ``deploy`` or ``rollback``.
            stage: the stage.
            variables: NAME=VALUE of the command line.
            events: bus of everything that people see.
            adapt: makes another definition of that of the flow.

        Raises:
            ConfigError: such an option cannot be had, or is wrong.
        """
        from capdoit.flow.preparation import reveal_options

        definition = adapt(self._make_definition(flow, stage, self.declarations_by_stage[stage.name]))
        written = self.config.stages[stage.name].for_branch(variables.branch)
        if not reveal_options(definition, variables, events) and written is self.config.stages[stage.name]:
            return definition
        declared = self._declare(written)
        return adapt(self._make_definition(flow, written.sharing(declared.linked_dirs), declared))

    def _make_definition(self, flow: str, stage: Stage, declared: Declarations) -> FlowDefinition:
        from capdoit.state.flow_request import FlowDefinition

        rollback = self._make_definition("rollback", stage, declared) if flow == "deploy" else None
        tasks, has_unchecked_roles = tuple(flow_tasks(flow, declared.hooks)), self.config.roles() is None
        return FlowDefinition(
            flow,
            stage,
            tasks,
            declared,
            rollback,
            all_hooks=(*declared.hooks, *declared.failed, *(task.hook for task in declared.tasks)),
            has_unchecked_roles=has_unchecked_roles,
        )
