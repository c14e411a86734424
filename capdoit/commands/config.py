"""`doit cap config`: the settings of a stage, each with its origin."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.settings_table import HEAD, make_settings_rows, setting_json
from capdoit.commands.subcommand import JSON, SELECTION, Subcommand
from capdoit.config.origins import VARIABLE, Setting, effective_settings, read_written_settings
from capdoit.config.stages import Stage
from capdoit.config.variables import Variables
from capdoit.text import format_table
from capdoit.transfers import transfer_of


def print_settings(request: CommandRequest) -> int:
    """Print the settings of a stage, and those of its hosts. No host is asked."""
    stage = request.select_stage_to_read().for_branch(request.variables.branch)
    settings = _resolve_settings(request, stage)
    request.console.redactor.add(os.environ.get(one.variable, "") for one in settings if one.is_secret)
    if request.has(JSON):
        request.print_json({"stage": stage.name, "settings": [setting_json(one) for one in settings]})
    else:
        request.console.write_table(format_table(HEAD, make_settings_rows(settings)))  # a cut path would be another one
    return 0


def _resolve_settings(request: CommandRequest, stage: Stage) -> Sequence[Setting]:
    """Return the settings of a stage and of its selected hosts.

    Raises:
        ConfigError: a recipe is not found, or one of its options is wrong.
    """
    from capdoit.hooks.recipe_settings import find_recipe_settings

    config = request.load_project().config.for_branch(request.variables.branch)
    of_recipes = find_recipe_settings(stage, config.file.parent, config.roles())
    found = effective_settings(read_written_settings(config, os.environ), config, stage.name, of_recipes)
    replaced = {setting.name: setting for setting in _find_variables(stage, request.variables)}
    hosts = {"", *(host.name for host in stage.hosts)}
    return [
        setting if setting.host else replaced.get(setting.name, setting) for setting in found if setting.host in hosts
    ]


def _find_variables(stage: Stage, variables: Variables) -> Iterator[Setting]:
    """Yield the setting that a variable of the command line or the environment replaces."""
    if variables.branch and transfer_of(stage).heeds_branch:
        is_typed = "branch" in variables.typed_names
        yield Setting("branch", variables.branch, VARIABLE, "branch=" if is_typed else "environment variable BRANCH")


COMMAND = Subcommand(
    name="config",
    help="show the settings of a stage, and where each comes from",
    description=(
        "The origin of a setting is a line of deploy.yml, a default, a recipe, or an environment variable. "
        "Settings of hosts are shown where they differ from those of the stage. Secrets are masked. No host is asked."
    ),
    run=print_settings,
    words=("[STAGE]",),
    options=(JSON,),
    variables=(*SELECTION, "branch"),
)
