"""`doit cap schema`: the JSON Schema of deploy.yml, for editors."""

from __future__ import annotations

import json
import sys
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
    request.console.write_json(make_schema_text(request.dodo_file.parent, Console(sys.stderr)))
    return 0


def make_schema_text(project: Path, warnings: Console) -> str:
    """Return the JSON Schema of a project's deploy.yml, with the options of all recipes that the project can use.

    Args:
        project: the directory of deploy.yml.
        warnings: gets a line for each recipe that cannot be loaded.
    """
    from capdoit.config.editor_schema import make_editor_schema
    from capdoit.hooks.recipe_schema import make_recipes_schema
    from capdoit.transfers import TRANSFERS

    recipes, errors = find_all_recipes(project)
    for name, error in errors.items():
        warnings.write(f"The schema has no options of the recipe {name}: {error}", Tone.DOUBTFUL)
    schema = make_editor_schema(TRANSFERS, make_recipes_schema(recipes, errors))
    return json.dumps(schema, indent=2, ensure_ascii=False)


COMMAND = Subcommand(
    name="schema",
    help="print the JSON Schema of deploy.yml, for editors",
    description=(
        "It has the options of all recipes that the project can use. "
        f"install writes it to {SCHEMA_FILE}, which the first line of deploy.yml names."
    ),
    run=print_schema,
)
