"""The manual of a recipe: its module's docstring, its options, its hooks, and its tasks on demand."""

from __future__ import annotations

import inspect
import json

from capdoit.hooks.discovery import FoundRecipe, find_bundled_recipes
from capdoit.hooks.hook import Hook
from capdoit.hooks.on_demand import OnDemandTask
from capdoit.hooks.options import describe_options
from capdoit.hooks.recipe import Recipe
from capdoit.sequence import FLOWS, flow_tasks
from capdoit.text import format_table, join_names


def recipe_summary(found: FoundRecipe) -> str:
    """Return the first line of a recipe's docstring."""
    return (inspect.getdoc(found.module) or "").partition("\n")[0]


def render_recipe_manual(found: FoundRecipe) -> str:
    """Return the manual that `doit cap recipes NAME` prints.

    Raises:
        RecipeError: the module does not define the recipe.
    """
    recipe = found.recipe
    text = inspect.getdoc(found.module) or "It has no description."
    hooks = (_hooks(recipe), _environment(recipe), _rollback_hooks(recipe))
    parts = (text, _options(recipe), *hooks, _variables(recipe), _tasks(recipe))
    return "\n\n".join(filter(None, parts))


def render_bundled_manuals() -> str:
    """Return the manuals of all bundled recipes, as docs/recipes.md contains them."""
    return "".join(
        f"\n### {found.name}\n\n```text\n{render_recipe_manual(found)}\n```\n" for found in find_bundled_recipes()
    )


def _options(recipe: Recipe) -> str:
    options = describe_options(recipe.options)
    if not options:
        return "It has no options."
    lines = []
    for option in options:
        default = "required" if option.is_required else f"default {json.dumps(option.default)}"
        lines += [f"  {option.name}: {option.type.name}; {default}", *([f"      {option.doc}"] if option.doc else [])]
    return "\n".join(["Options:", *lines])


def _hooks(recipe: Recipe) -> str:
    declared = recipe.declarations()
    rows = []
    for flow in FLOWS:
        rows += [[flow, *_hook_cells(task.hook)] for task in flow_tasks(flow, declared.hooks) if task.hook]
    rows += [["either", *_hook_cells(hook)] for hook in declared.failed]
    return f"Hooks:\n{format_table(('flow', 'when', 'on', 'hook', ''), rows)}" if rows else ""


def _hook_cells(hook: Hook) -> list[str]:
    return [f"{hook.when} {hook.step}", _hosts_of(hook), hook.name, hook.doc]


def _hosts_of(hook: Hook) -> str:
    roles = "roles of an option" if hook.roles_from_options else join_names(hook.roles) or "all hosts"
    if hook.only_primary:
        return f"primary of {roles}"
    pace = "in groups (at_once)" if hook.at_once_from_options else hook.pace
    return ", ".join(filter(None, (roles, "once" if hook.runs_once else pace)))


def _environment(recipe: Recipe) -> str:
    lines = [f"  {hook.name}: {hook.doc}" for hook in recipe.declarations().environments]
    return "\n".join(["Environment of hooks:", *lines]) if lines else ""


def _rollback_hooks(recipe: Recipe) -> str:
    lines = [f"  {name}: {hook.doc}" for name, hook in recipe.rollback_hooks().items()]
    return "\n".join(["Before a rollback:", *lines]) if lines else ""


def _variables(recipe: Recipe) -> str:
    lines = [f"  {name}={'|'.join(values)}" for name, values in recipe.variables.items()]
    return "\n".join(["Variables:", *lines]) if lines else ""


def _tasks(recipe: Recipe) -> str:
    rows = [[_task_call(task), _hosts_of(task.hook), task.hook.doc] for task in recipe.declarations().tasks]
    return f"Tasks on demand:\n{format_table(('task', 'on', ''), rows)}" if rows else ""


def _task_call(task: OnDemandTask) -> str:
    """Return the name of a task, with what it takes from the command line."""
    parameters = [f"{one.name}=" if one.is_required else f"[{one.name}=]" for one in task.parameters]
    return " ".join([task.name, *parameters, *(["-- …"] if task.takes_arguments else [])])
