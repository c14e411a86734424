"""The manual of a recipe: what its module says, its options, and what it does when."""

from __future__ import annotations

import inspect

from capdoit.hooks.discovery import Found, bundled
from capdoit.hooks.hook import Hook
from capdoit.hooks.options import described
from capdoit.hooks.recipe import Recipe
from capdoit.sequence import FLOWS, flow_tasks
from capdoit.text import listed, table


def summary(found: Found) -> str:
    """The first line of a recipe's manual."""
    return (inspect.getdoc(found.module) or "").partition("\n")[0]


def manual(found: Found) -> str:
    """All of it, as `doit cap recipes NAME` prints it.

    Raises:
        RecipeError: the module has no recipe of its name.
    """
    recipe = found.recipe
    text = inspect.getdoc(found.module) or "It says nothing of itself."
    return "\n\n".join(filter(None, (text, _options(recipe), _hooks(recipe), _watch(recipe), _variables(recipe))))


def manuals() -> str:
    """The manuals of all bundled recipes, as docs/recipes.md has them."""
    return "".join(f"\n### {found.name}\n\n```text\n{manual(found)}\n```\n" for found in bundled())


def _options(recipe: Recipe) -> str:
    options = described(recipe.options)
    if not options:
        return "It has no options."
    lines = []
    for option in options:
        default = "needed" if option.default is None else f"default {option.default}"
        lines += [f"  {option.name}: {option.kind}; {default}", *([f"      {option.doc}"] if option.doc else [])]
    return "\n".join(["Options:", *lines])


def _hooks(recipe: Recipe) -> str:
    declared = recipe.declared()
    rows = []
    for flow in FLOWS:
        rows += [[flow, *_hook(act.hook)] for act in flow_tasks(flow, declared.hooks) if act.hook]
    rows += [["either", *_hook(hook)] for hook in declared.failed]
    return f"Hooks:\n{table(('flow', 'when', 'on', 'hook', ''), rows)}" if rows else ""


def _hook(hook: Hook) -> list[str]:
    return [f"{hook.when} {hook.step}", _where(hook), hook.name, hook.doc]


def _where(hook: Hook) -> str:
    roles = "roles of an option" if hook.roles_of else listed(hook.roles) or "all hosts"
    return f"primary of {roles}" if hook.primary else f"{roles}, once" if hook.once else roles


def _watch(recipe: Recipe) -> str:
    lines = [f"  {what}: {hook.doc}" for what, hook in recipe.watch().items()]
    return "\n".join(["Before a rollback:", *lines]) if lines else ""


def _variables(recipe: Recipe) -> str:
    lines = [f"  {name}={'|'.join(values)}" for name, values in recipe.variables.items()]
    return "\n".join(["Variables:", *lines]) if lines else ""
