"""The roles of hooks, tasks and recipes, checked once a command has printed the hosts."""

from __future__ import annotations

from capdoit.config.deploy_file import Config
from capdoit.config.stages import Stage
from capdoit.errors import ConfigError, MistakeCollector
from capdoit.hooks.discovery import load_recipes
from capdoit.hooks.hook import check_hook_roles
from capdoit.state.flow_request import FlowDefinition
from capdoit.text import join_names


def check_late_roles(definition: FlowDefinition, stage: Stage) -> tuple[str, ...]:
    """Check the roles that could not be checked when the project was loaded, because hosts were unknown.

    Args:
        definition: the flow as the project defines it.
        stage: its stage, with its hosts.

    Returns:
        A warning for each role that no known host has, if a stage with unknown hosts remains.

    Raises:
        ConfigError: all hosts are known, and none has a role; names every such hook and option.
    """
    if not (definition.has_unchecked_roles and stage.deploy_file):
        return ()
    config = stage.deploy_file.load()
    try:
        _check_roles(definition, stage, config)
    except ConfigError as error:
        if not config.stages_with_unknown_hosts:
            raise
        others = f"the hosts of {join_names(config.stages_with_unknown_hosts)} are not known"
        return tuple(f"{mistake} ({others})" for mistake in error.mistakes)
    return ()


def _check_roles(definition: FlowDefinition, stage: Stage, config: Config) -> None:
    mistakes = MistakeCollector()
    with mistakes.collect():
        check_hook_roles(definition.declared.own_hooks, config.known_roles)
    with mistakes.collect():
        load_recipes(stage.recipes, config.file.parent, config.known_roles)
    mistakes.refuse()
