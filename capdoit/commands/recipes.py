"""`doit cap recipes`: the recipes that can be used, the manual of one, or what they change in the next deploy."""

from __future__ import annotations

from pathlib import Path

from capdoit.commands.inspection import look
from capdoit.commands.request import Asked, exit_status, say_unreached
from capdoit.errors import CapdoitError, answers
from capdoit.hooks import discovery as finding
from capdoit.hooks.manual import recipe_manual, recipe_summary
from capdoit.operations.guards import note_of
from capdoit.output.console import Console, Tone
from capdoit.state.plan_file import differing
from capdoit.text import fitted


def recipes(asked: Asked) -> int:
    """All recipes with their first lines, the manual of one, or with ``--diff`` what a deploy would do otherwise."""
    if asked.diff:
        return _differences(asked)
    name, project = asked.word("recipe"), asked.load().config.file.parent
    if name is None:
        _say_all(asked.console, project)
    else:
        found = finding.find_recipe(name, project)
        asked.console.say(f"{found.name} ({found.origin})\n\n{recipe_manual(found)}")
    return 0


def _say_all(console: Console, project: Path) -> None:
    rows, passed_over, broken = [], [], []
    for name in finding.recipe_names(project):
        try:
            found = finding.find_recipe(name, project)
            _ = found.recipe  # which says why it cannot be used
            rows.append((name, found.version, found.source, recipe_summary(found).removeprefix(f"{name}: ")))
            passed_over += [
                f"  {name}: {found.origin} stands before {o}" for o in finding.shadowed_files(found, project)
            ]
        except CapdoitError as error:
            broken.append(f"  {name}: {error}")
    table = fitted(("recipe", "version", "from", ""), rows, console.width, least=4)
    console.say_table(table or "There are no recipes.")
    for line in passed_over:
        console.say(line, Tone.DOUBTFUL)
    for why in broken:
        console.say(why, Tone.BAD)


def _differences(asked: Asked) -> int:
    stage, cap = asked.stage(), asked.load()
    outcomes = look(stage, asked.variables, asked.console, lambda _, host: note_of(host))
    notes = [note for note in answers(outcomes) if note]
    note = max(notes, key=lambda note: note.release, default=None)
    say_unreached(asked.console, outcomes)
    if not any(outcomes):
        return exit_status(outcomes, agree=True)
    if note is None:
        asked.console.say(f"No deploy of {stage.name} has noted its steps yet.")
        return exit_status(outcomes, agree=True)
    now = [act.name for act in cap.acts("deploy", stage.name)]
    versions = [f"{name}: {origin}" for name, origin in cap.everything[stage.name].versions.items()]
    before = [f"{name}: {origin}" for name, origin in note.recipes.items()]
    changes = [*differing(before, versions), *differing(note.acts, now)]
    head = f"Since release {note.release} of {stage.name}, a deploy"
    asked.console.say("\n".join([f"{head} has changed:", *changes]) if changes else f"{head} has not changed.")
    return exit_status(outcomes, agree=True)
