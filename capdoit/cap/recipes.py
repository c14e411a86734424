"""`doit cap recipes`: the recipes that can be used, or one recipe and its options."""

from __future__ import annotations

import dataclasses
import inspect
import json
import typing
from pathlib import Path
from typing import Any

from capdoit import recipe
from capdoit.cap.asked import Asked
from capdoit.config import RecipeUse
from capdoit.errors import CapdoitError, RecipeError
from capdoit.text import table


def recipes(asked: Asked) -> int:
    """All recipes with their first lines, or one of them with its options."""
    name, project = asked.word("recipe"), asked.load().config.file.parent
    if name is None:
        rows = [(n, source, _first_line(n, project)) for n, source in sorted(recipe.available(project).items())]
        asked.console.say(table(("recipe", "from", ""), rows) if rows else "There are no recipes.")
    else:
        asked.console.say(_described(_found(name, project)))
    return 0


def _found(name: str, project: Path) -> recipe.Found:
    try:
        return recipe.find(RecipeUse(name, "doit cap recipes", {}, {}), project)
    except CapdoitError:
        raise
    except Exception as error:  # noqa: BLE001 - a recipe is anybody's module, and may fail in any way
        raise RecipeError(f"recipe {name} cannot be loaded: {type(error).__name__}: {error}") from None


def _first_line(name: str, project: Path) -> str:
    try:
        return (inspect.getdoc(_found(name, project).module) or "").partition("\n")[0]
    except CapdoitError as error:
        return str(error).partition("\n")[0]


def _described(found: recipe.Found) -> str:
    text = f"{found.name} ({found.source})\n\n{inspect.getdoc(found.module) or 'It says nothing of itself.'}"
    options = found.recipe.options
    if options is None:
        return f"{text}\n\nIt has no options."
    kinds = typing.get_type_hints(options)
    rows = [(f.name, _kind(kinds[f.name]), _default(f)) for f in dataclasses.fields(options)]
    return f"{text}\n\n{table(('option', 'type', 'default'), rows)}"


def _kind(kind: Any) -> str:
    return recipe.KINDS.get(kind, "a list of texts")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return json.dumps(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return json.dumps(field.default_factory())
    return "none; it is needed"
