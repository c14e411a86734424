"""`doit cap schema`: the JSON Schema of deploy.yml, for editors."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.subcommand import Subcommand
from capdoit.errors import ConfigError
from capdoit.hooks.discovery import find_all_recipes
from capdoit.output.console import Console, Tone
from capdoit.text import join_names

SCHEMA_FILE = ".capdoit/deploy.schema.json"  # in the directory of deploy.yml


def print_schema(request: CommandRequest) -> int:
    """Print the JSON Schema, without loading dodo.py: deploy.yml may have mistakes, or not exist yet."""
    if request.words:
        raise ConfigError(f"schema takes no words, found {join_names(request.words)}")
    text, errors = make_schema_text(request.dodo_file.parent)
    warn_of_unknown_options(Console(sys.stderr), errors)
    request.console.write_json(text)
    return 0


def warn_of_unknown_options(console: Console, errors: Mapping[str, str]) -> None:
    """Print a line for each recipe that cannot be loaded.

    Args:
        console: the console to print on.
        errors: the reasons, by name of the recipe.
    """
    for name, error in errors.items():
        console.write(f"The schema has no options of the recipe {name}: {error}", Tone.DOUBTFUL)


def has_outdated_schema(project: Path) -> bool:
    """Return True if a project has the file of the JSON Schema, and `doit cap schema` prints another one."""
    try:
        text = (project / SCHEMA_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return text.rstrip("\n") != make_schema_text(project)[0]


def make_schema_text(project: Path) -> tuple[str, Mapping[str, str]]:
    """Return the JSON Schema of a project's deploy.yml, with the options of all recipes that the project can use.

    Args:
        project: the directory of deploy.yml.

    Returns:
        The schema, and the errors of recipes that cannot be loaded, by name.
    """
    from capdoit.config.editor_schema import make_editor_schema
    from capdoit.hooks.recipe_schema import make_recipes_schema
    from capdoit.transfers import TRANSFERS

    recipes, errors = find_all_recipes(project)
    schema = make_editor_schema(TRANSFERS, make_recipes_schema(recipes, errors))
    return json.dumps(schema, indent=2, ensure_ascii=False), errors


COMMAND = Subcommand(
    name="schema",
    help="print the JSON Schema of deploy.yml, for editors",
    description=(
        "It has the options of all recipes that the project can use. "
        f"install writes it to {SCHEMA_FILE}, which the first line of deploy.yml names."
    ),
    run=print_schema,
)
