"""`doit cap recipes`: the available recipes, the manual of one, or what they change in the next deploy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import NO_HOST_ANSWERED, SOME_HOSTS_SILENT, choose_exit_status
from capdoit.commands.inspection import find_last_note
from capdoit.commands.subcommand import JSON, SELECTION, Flag, Subcommand
from capdoit.commands.unreached_hosts import errors_by_host, print_unreached_hosts
from capdoit.doit_tasks import Cap
from capdoit.hooks import discovery
from capdoit.hooks.discovery import FoundRecipe
from capdoit.hooks.manual import recipe_summary, render_recipe_manual
from capdoit.output.console import Tone
from capdoit.records.journal import Note
from capdoit.text import compare_names, fit_table

HEAD = ("recipe", "version", "from", "")
DIFF = Flag("diff", "compare the next deploy with the last one")


def print_recipes(request: CommandRequest) -> int:
    """Print all recipes, the manual of one, or with ``--diff`` what the next deploy would do differently."""
    if request.has(DIFF):
        return _print_differences(request)
    name, project = request.only_word("recipe"), request.load_project().config.file.parent
    if name is None:
        _print_all(request, project)
        return 0
    found = discovery.find_recipe(name, project)
    if request.has(JSON):
        request.print_json({"recipe": _json(found), "manual": render_recipe_manual(found)})
    else:
        request.console.write(f"{found.name} ({found.origin})\n\n{render_recipe_manual(found)}")
    return 0


def _print_all(request: CommandRequest, project: Path) -> None:
    recipes, errors = discovery.find_all_recipes(project)
    if request.has(JSON):
        request.print_json({"recipes": [_json(one) for one in recipes], "errors": errors})
        return
    console = request.console
    rows = [(one.name, one.version, one.source, recipe_summary(one).removeprefix(f"{one.name}: ")) for one in recipes]
    console.write_table(fit_table(HEAD, rows, console.table_width, least=4) or "There are no recipes.")
    for line in _hidden_recipes(recipes):
        console.write(line, Tone.DOUBTFUL)
    for name, error in errors.items():
        console.write(f"  {name}: {error}", Tone.BAD)


def _json(found: FoundRecipe) -> dict[str, Any]:
    return {"recipe": found.name, "version": found.version or None, "from": found.source, "origin": found.origin}


def _hidden_recipes(recipes: Iterable[FoundRecipe]) -> Iterator[str]:
    """Return a line for each recipe that is not used because another one has its name."""
    for found in recipes:
        for origin in discovery.hidden_origins(found):
            yield f"  {found.name}: {found.origin} is used instead of {origin}"


# -- what the next deploy would do differently


def _print_differences(request: CommandRequest) -> int:
    stage, cap = request.select_stage_to_read(), request.load_project()
    outcomes, note = find_last_note(stage, request)
    changes = _find_changes(cap, stage.name, note) if note else []
    if request.has(JSON):
        release = note.release if note else None
        request.print_json(
            {"stage": stage.name, "release": release, "changes": changes, "errors": errors_by_host(outcomes)}
        )
        return choose_exit_status(outcomes)
    print_unreached_hosts(request.console, outcomes)
    if any(outcomes):
        request.console.write(_describe_changes(stage.name, note, changes))
    return choose_exit_status(outcomes)


def _find_changes(cap: Cap, stage: str, note: Note) -> list[str]:
    """Return a line for each recipe and each step that a deploy now has, or does not have any more."""
    now = [task.name for task in cap.tasks_of_flow("deploy", stage)]
    versions = [f"{name}: {origin}" for name, origin in cap.declarations_by_stage[stage].versions.items()]
    before = [f"{name}: {origin}" for name, origin in note.recipes.items()]
    return [*compare_names(before, versions), *compare_names(note.acts, now)]


def _describe_changes(stage: str, note: Note | None, changes: Sequence[str]) -> str:
    if note is None:
        return f"No deploy of {stage} has noted its steps yet."
    head = f"Since release {note.release} of {stage}, a deploy"
    return "\n".join([f"{head} has changed:", *changes]) if changes else f"{head} has not changed."


COMMAND = Subcommand(
    name="recipes",
    help="list the recipes, or print the manual of one",
    description=(
        "recipes --diff [STAGE] compares the steps, hooks and recipes of the next deploy with those of the last one."
    ),
    run=print_recipes,
    words=("[NAME]",),
    options=(DIFF, JSON),
    variables=SELECTION,
    exit_statuses=(NO_HOST_ANSWERED, SOME_HOSTS_SILENT),
)
