"""The conversion of a project of Capistrano into deploy.yml and dodo.py."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from capdoit.capistrano.deploy_file import ConvertedStage, make_deploy_text
from capdoit.capistrano.dodo_file import make_dodo
from capdoit.capistrano.project import CapistranoStage, SourceFiles
from capdoit.capistrano.recipe_choice import RecipeChoice, RecipeChooser
from capdoit.capistrano.report import Omission, merge_omissions
from capdoit.capistrano.servers import convert_servers
from capdoit.capistrano.setting_rules import StageDraft, convert_settings
from capdoit.hooks.discovery import FoundRecipe

LINKED_FILES_PLUGIN = re.compile(r"capistrano/(?:linked_files|upload-config)(?:/.*)?")


@dataclass(frozen=True)
class Heads:
    """The beginnings of the files.

    Attributes:
        deploy: lines of comment in deploy.yml.
        dodo: the lines of dodo.py that load deploy.yml.
    """

    deploy: Sequence[str]
    dodo: str


@dataclass(frozen=True)
class Conversion:
    """The files of a converted project.

    Attributes:
        deploy_text: the text of deploy.yml.
        dodo_text: the text of dodo.py.
        stubs: the functions in dodo.py that have to be written, with their places in flows.
        omissions: what was not carried over, and why.
        not_needed: names of settings that nothing here needs.
    """

    deploy_text: str
    dodo_text: str
    stubs: Sequence[Omission]
    omissions: Sequence[Omission]
    not_needed: Sequence[str]


def convert_project(
    folder: Path, stages: Sequence[CapistranoStage], found: Sequence[FoundRecipe], heads: Heads
) -> Conversion:
    """Return deploy.yml and dodo.py for a project.

    Args:
        folder: directory of the project.
        stages: what the project declares, for each stage.
        found: the recipes that are installed.
        heads: the beginnings of the files.
    """
    sources = SourceFiles(folder)
    roles = {role for stage in stages for server in stage.servers for role in server.roles}
    chooser = RecipeChooser(found, sources, roles)
    converted = [_convert_stage(stage, chooser, folder) for stage in stages]
    dodo = make_dodo(stages, sources, [one.name for one in found], heads.dodo)
    omissions = [omission for one in converted for omission in _omissions_of(one)]
    omissions += [omission for stage in stages for omission in _failures_of(stage)]
    return Conversion(
        deploy_text=make_deploy_text(converted, heads.deploy),
        dodo_text=dodo.text,
        stubs=merge_omissions(dodo.stubs),
        omissions=merge_omissions([*omissions, *dodo.omissions]),
        not_needed=sorted({name for one in converted for name in one.draft.not_needed}),
    )


def _convert_stage(stage: CapistranoStage, chooser: RecipeChooser, folder: Path) -> ConvertedStage:
    recipes = chooser.choose(stage)
    draft = convert_settings(stage, recipes.used_settings)
    _unlink_modules(draft, recipes, stage)
    _name_sources(draft, stage, folder)
    return ConvertedStage(stage.name, draft, convert_servers(stage), recipes)


def _unlink_modules(draft: StageDraft, recipes: RecipeChoice, stage: CapistranoStage) -> None:
    """Remove node_modules from the linked directories: the recipe node installs modules for each release."""
    links = draft.settings.get("linked_dirs")
    modules = [path for path in links.value if path.rpartition("/")[2] == "node_modules"] if links else []
    if links and modules and any(recipe.name == "node" for recipe in recipes.recipes):
        draft.settings["linked_dirs"] = replace(links, value=[path for path in links.value if path not in modules])
        why = "the recipe node installs modules for each release"
        draft.omissions += [
            Omission(f"linked_dirs: {path}", why, stage.settings["linked_dirs"].place) for path in modules
        ]


def _name_sources(draft: StageDraft, stage: CapistranoStage, folder: Path) -> None:
    """Name the files that capistrano-linked-files uploads: those of the project with the paths of linked files."""
    links = draft.settings.get("linked_files")
    if links and any(LINKED_FILES_PLUGIN.fullmatch(feature) for feature in stage.features):
        sources = {path: path if (folder / path).is_file() else None for path in links.value}
        if any(sources.values()):
            draft.settings["linked_files"] = replace(links, value=sources)


def _omissions_of(converted: ConvertedStage) -> list[Omission]:
    return [*converted.draft.omissions, *converted.hosts.omissions, *converted.recipes.omissions]


def _failures_of(stage: CapistranoStage) -> list[Omission]:
    """Return what could not be read of a stage."""
    failed = (
        [Omission(f"stage {stage.name}", f"it could be loaded only in part: {stage.failure}")] if stage.failure else []
    )
    empty = (
        [] if stage.servers else [Omission(f"stage {stage.name}", "it has no servers; fill in its hosts in deploy.yml")]
    )
    skipped = [
        Omission("on", "work on hosts while the stage is loaded; it was not done", place) for place in stage.skipped
    ]
    unread = [Omission("not read", why, place) for place, why in stage.unread]
    return [*failed, *empty, *skipped, *unread]
