"""deploy.yml as an editor sees it: YAML 1.2 without tags, such as `!env`, and the JSON Schema of `doit cap schema`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

import capdoit
from capdoit.config.editor_schema import make_editor_schema
from capdoit.hooks.discovery import find_all_recipes
from capdoit.hooks.recipe_schema import make_recipes_schema
from capdoit.transfers import TRANSFERS

NO_PROJECT = Path(capdoit.__file__).parent  # it has no recipes/


class EditorLoader(yaml.SafeLoader):
    """A loader that makes the values which yaml-language-server shows to a schema."""


EditorLoader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def _construct_without_tag(loader: Any, node: yaml.Node) -> Any:
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else node.value


for tag in ("!env", "!cmd", "!ask", "!current", "!todo"):
    EditorLoader.add_constructor(tag, _construct_without_tag)


def bundled_schema() -> Any:
    """Return the JSON Schema of a project that has no recipes of its own."""
    recipes, errors = find_all_recipes(NO_PROJECT)
    assert not errors
    return make_editor_schema(TRANSFERS, make_recipes_schema(recipes, errors))


@cache
def _validator(recipes_are_bundled: bool) -> Draft7Validator:
    schema = bundled_schema()
    if not recipes_are_bundled:
        schema["definitions"]["recipes"] = {"type": "object"}
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def find_editor_mistakes(text: str, *, recipes_are_bundled: bool = True) -> list[str]:
    """Return the mistakes that an editor marks in a deploy.yml, each with its path.

    Args:
        text: the deploy.yml.
        recipes_are_bundled: whether it uses bundled recipes only; options of other recipes are not checked.
    """
    errors = _validator(recipes_are_bundled).iter_errors(yaml.load(text, EditorLoader))  # noqa: S506 - a SafeLoader
    return sorted(f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors)
