"""The settings of a stage that its recipes bring: defaults of options, and linked directories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from capdoit.config.origins import RECIPE, Setting
from capdoit.config.recipe_uses import RecipeUse
from capdoit.config.stages import Stage
from capdoit.hooks.discovery import find_recipe, load_recipes
from capdoit.hooks.options import describe_options


def find_recipe_settings(stage: Stage, project: Path, roles: set[str] | None) -> Iterator[Setting]:
    """Yield the defaults of options that deploy.yml does not set, and the directories that recipes link.

    Args:
        stage: the stage, without the directories of its recipes.
        project: the directory of deploy.yml.
        roles: roles of all hosts; None if not all hosts are known.

    Raises:
        ConfigError: a recipe is not found, or one of its options is wrong.
    """
    for use in stage.recipes:
        yield from _find_defaults(use, project)
        shared = stage.sharing(load_recipes([use], project, roles).linked_dirs)
        if added := [path for path in shared.linked_dirs if path not in stage.linked_dirs]:
            yield Setting("linked_dirs", added, RECIPE, recipe=use.name)
        stage = shared


def _find_defaults(use: RecipeUse, project: Path) -> Iterator[Setting]:
    for option in describe_options(find_recipe(use.name, project).recipe.options):
        if option.name not in use.options and not option.is_required:
            yield Setting(f"recipes.{use.name}.{option.name}", option.default, RECIPE, recipe=use.name)
