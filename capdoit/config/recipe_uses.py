"""The recipes that deploy.yml turns on, and their options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from capdoit.config.readers import Plain, accepting, read_plain
from capdoit.config.yaml_nodes import YamlValue
from capdoit.sources import PendingValue


@dataclass(frozen=True)
class RecipeUse:
    """A recipe that deploy.yml turns on.

    Attributes:
        name: name of the recipe.
        place: file, line and column of the recipe, for messages.
        options: options of the recipe by name, as written.
        places: file, line and column of each option, by its name.
    """

    name: str
    place: str
    options: Mapping[str, Plain]
    places: Mapping[str, str]

    def and_options(self, other: RecipeUse) -> RecipeUse:
        """Return this use with the options of another use, which win where both set one."""
        return RecipeUse(self.name, other.place, {**self.options, **other.options}, {**self.places, **other.places})


@accepting({"$ref": "#/definitions/recipes"})
def read_recipes(value: YamlValue) -> dict[str, RecipeUse | None]:
    """Read recipes by name; a recipe that is turned off is None."""
    recipes = value.as_mapping("a mapping of recipes to their options")
    return {name: _read_recipe(name, item) for name, item in recipes.items()}


def _read_recipe(name: str, value: YamlValue) -> RecipeUse | None:
    if value.kind == "bool" and not value.as_boolean():
        return None
    options = {} if value.kind == "null" else value.as_mapping("a mapping of options, or false")
    return RecipeUse(
        name,
        value.place,
        {option: _read_option(item) for option, item in options.items()},
        {option: item.place for option, item in options.items()},
    )


def _read_option(value: YamlValue) -> Plain:
    """Read an option by its YAML type, since the recipe checks the type itself. No option is a negative number."""
    try:
        return value.as_whole_number(0) if value.kind == "int" else read_plain(value)
    except PendingValue as pending:
        value.add_mistake(f"{pending.source.tag}: a list or mapping of an option cannot have a value from elsewhere")
        return None
