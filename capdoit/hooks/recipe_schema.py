"""The JSON Schema of the recipes in deploy.yml, for editors. It is made from the classes that options are read with."""

from __future__ import annotations

from collections.abc import Iterable

from capdoit.config.readers import FALSE, JsonSchema
from capdoit.config.tags import or_external
from capdoit.hooks.discovery import FoundRecipe
from capdoit.hooks.manual import recipe_summary
from capdoit.hooks.options import Option, describe_options


def make_recipes_schema(recipes: Iterable[FoundRecipe], unusable: Iterable[str]) -> JsonSchema:
    """Return the JSON Schema of the setting ``recipes``.

    Args:
        recipes: the recipes that can be used.
        unusable: the names of recipes that cannot be loaded; their options are not known.
    """
    known = {found.name: _describe_recipe(found) for found in recipes}
    return {
        "type": "object",
        "properties": {**{name: {"description": "It cannot be loaded."} for name in unusable}, **known},
        "additionalProperties": False,
    }


def _describe_recipe(found: FoundRecipe) -> JsonSchema:
    """Return the JSON Schema of a recipe. A required option may stand at another level, so none has to be there."""
    options = {option.name: _describe_option(option) for option in describe_options(found.recipe.options)}
    accepts = {"type": "object", "properties": options, "additionalProperties": False}
    return {"description": recipe_summary(found), "anyOf": [accepts, FALSE, {"type": "null"}]}


def _describe_option(option: Option) -> JsonSchema:
    default = {} if option.default is None else {"default": option.default}
    required = "required" if option.is_required else ""
    description = "; ".join(filter(None, (option.doc, required)))
    accepts = option.type.accepts
    if option.type.is_scalar:
        accepts = or_external(accepts)
    return {**({"description": description} if description else {}), **default, **accepts}
