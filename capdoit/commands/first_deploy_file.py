"""The text of a first deploy.yml: what git and the files of the project tell, and examples for the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from capdoit.commands.frameworks import Framework, propose_links, propose_recipes
from capdoit.commands.git_origin import GitOrigin
from capdoit.commands.project_files import read_template
from capdoit.commands.schema import SCHEMA_FILE
from capdoit.config.yaml_text import YamlEntry, format_entries, format_value
from capdoit.sources import ToFillIn

PRODUCTION = ("production", "prod", "live")
UPLOADED = "doit setup uploads them; a list: you put them there"


def make_first_deploy_text(
    project: Path, stages: Sequence[str], origin: GitOrigin, frameworks: Collection[Framework]
) -> str:
    """Return the text of a first deploy.yml.

    Args:
        project: directory of the project.
        stages: names of the stages; the first is the default stage.
        origin: what git knows of the project.
        frameworks: the frameworks of the project.
    """
    links = propose_links(frameworks)
    values = {
        "schema": SCHEMA_FILE,
        "application": origin.choose_name(project),
        "repo_url": format_value(origin.url or ToFillIn("the address of the git repository")),
        "branch": format_value(origin.branch or ToFillIn("the branch to deploy")),
        "repo_tree": _format_repo_tree(origin),
        "linked_files": _format_linked_files(links["linked_files"]),
        "linked_dirs": _format_linked_dirs(links["linked_dirs"]),
        "recipes": _format_recipes(propose_recipes(frameworks)),
        "default_stage": stages[0],
    }
    text = read_template("deploy.yml")
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return "".join(f"{line}\n" for line in text.splitlines() if line) + "".join(map(_format_stage, stages))


def _format_repo_tree(origin: GitOrigin) -> str:
    tree = origin.folder or "services/my_app"
    return f"# repo_tree: {format_value(tree)}  # deploy only this directory of the repository"


def _format_linked_files(found: Sequence[str]) -> str:
    if found:
        return f"# linked_files: {format_value(list(found))}  # put them into shared/ on each host first"
    return f"# linked_files: {{config/database.yml: secrets/database.yml}}  # {UPLOADED}"


def _format_linked_dirs(found: Sequence[str]) -> str:
    """Return the linked directories of frameworks; a deploy makes them."""
    return f"linked_dirs: {format_value(list(found))}" if found else "# linked_dirs: [log, tmp/pids]"


def _format_recipes(found: Sequence[YamlEntry]) -> str:
    """Return the recipes; without an active one, all of it is a comment."""
    is_active = any(recipe.is_active for recipe in found)
    inner = tuple(YamlEntry(one.key, one.value, one.comment, one.is_active or not is_active) for one in found)
    return "\n".join(format_entries([YamlEntry("recipes", inner, is_active=is_active)])) if found else ""


def _format_stage(name: str) -> str:
    confirm = "    # confirm: true  # ask before a host is changed\n" if name in PRODUCTION else ""
    return read_template("stage.yml").replace("{stage}", name).replace("{confirm}\n", confirm)
