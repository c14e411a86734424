"""The recipes that do the work of the plugins of a stage, with their options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from capdoit.capistrano.environment_values import (
    CannotBeWrittenError,
    is_secret_name,
    name_variables,
    require_value,
)
from capdoit.capistrano.plugin_rule import PluginRule
from capdoit.capistrano.plugin_table import PLUGINS, find_unknown_features
from capdoit.capistrano.project import CapistranoSetting, CapistranoStage, Place, SourceFiles, find_capfile
from capdoit.capistrano.report import Omission, join_reasons
from capdoit.config.recipe_uses import RecipeUse
from capdoit.errors import ConfigError
from capdoit.hooks.discovery import FoundRecipe
from capdoit.hooks.options import Option, describe_options
from capdoit.script import Secret
from capdoit.sources import EnvironmentVariable
from capdoit.text import join_names

LISTS = ("list of strings", "list of roles")
ALL_ROLES = ["all"]


@dataclass(frozen=True)
class RecipeDraft:
    """A recipe as deploy.yml will have it.

    Attributes:
        name: its name.
        options: its options.
        comment: what to know about it.
        is_active: False if the operator has to do something first.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    comment: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class RecipeChoice:
    """The recipes of a stage, what they lack, and the settings that they have taken up."""

    recipes: Sequence[RecipeDraft]
    omissions: Sequence[Omission]
    used_settings: frozenset[str]


class RecipeChooser:
    """The choice of recipes for the stages of a project.

    Args:
        found: the recipes that are installed.
        sources: the files of the project.
        roles: the roles of all hosts of the project.
    """

    def __init__(self, found: Iterable[FoundRecipe], sources: SourceFiles, roles: set[str]) -> None:
        self._found = {one.name: one for one in found}
        self._sources, self._roles = sources, roles
        self._capfile = find_capfile(sources.folder).name

    def choose(self, stage: CapistranoStage) -> RecipeChoice:
        """Return the recipes of a stage, in the order in which their hooks have to run."""
        drafts: dict[str, RecipeDraft] = {}
        omissions: list[Omission] = []
        used: set[str] = set()
        for rule in _find_used_rules(stage):
            settings = [one for one in stage.settings.values() if re.fullmatch(rule.settings, one.name)]
            used |= {one.name for one in settings}
            draft, missing = self._apply(rule, stage, settings)
            omissions += missing
            if draft:
                drafts[draft.name] = _join(drafts.get(draft.name), draft)
        omissions += [self._describe_unknown(feature, stage) for feature in find_unknown_features(stage)]
        return RecipeChoice([*drafts.values()], omissions, frozenset(used))

    def _apply(
        self, rule: PluginRule, stage: CapistranoStage, settings: Iterable[CapistranoSetting]
    ) -> tuple[RecipeDraft | None, list[Omission]]:
        place = self._find_place(rule, stage)
        recipe = self._found.get(rule.recipe)
        if recipe is None:
            why = join_reasons(f"no recipe {rule.recipe} is installed" if rule.recipe else "", rule.instead)
            return None, [Omission(rule.gem, why, place)]
        known = {option.name: option for option in describe_options(recipe.recipe.options)}
        own = [one for one in settings if one.place or _names_roles(one, rule)]
        options, missing = _convert_options(rule, stage, own, known)
        missing += [Omission(rule.gem, rule.once, place)] if rule.once else []
        made = {name: value for name, value in rule.make(stage).items() if name in known}
        chosen = _without_defaults({**made, **options}, known)
        if rule.needs:
            return _wait_for_secret(rule, chosen, own, place)
        if mistake := _find_mistake(recipe, chosen, self._roles):
            return RecipeDraft(rule.recipe, chosen, mistake, is_active=False), [
                *missing, Omission(rule.gem, f"set the options of the recipe {rule.recipe}: {mistake}", place),
            ]  # fmt: skip
        return RecipeDraft(rule.recipe, chosen), missing

    def _find_place(self, rule: PluginRule, stage: CapistranoStage) -> Place | None:
        used = [feature for feature in stage.features if re.fullmatch(rule.features, feature)]
        places = (self._find_require(feature) for feature in used)
        return next((place for place in places if place), None)

    def _find_require(self, feature: str) -> Place | None:
        return self._sources.find(self._capfile, f'"{feature}"') or self._sources.find(self._capfile, f"'{feature}'")

    def _describe_unknown(self, feature: str, stage: CapistranoStage) -> Omission:
        space = feature.rpartition("/")[2]
        tasks = [name for name, task in stage.tasks.items() if name.startswith(f"{space}:") and not task.blocks]
        also = f"; its tasks are {join_names(tasks)}" if tasks else ""
        return Omission(feature, f"no recipe is known for this plugin{also}", self._find_require(feature))


def _find_used_rules(stage: CapistranoStage) -> list[PluginRule]:
    """Return the rules of the plugins that a stage loads; of two rules for one plugin, the first."""
    found: dict[str, PluginRule] = {}
    for rule in PLUGINS:
        if rule.is_used_by(stage):
            found.setdefault(rule.gem, rule)
    return [*found.values()]


def _names_roles(setting: CapistranoSetting, rule: PluginRule) -> bool:
    """Return whether a setting is the roles of a recipe: the plugin's default may be others than the recipe's."""
    return rule.options.get("roles") == setting.name


def _join(first: RecipeDraft | None, second: RecipeDraft) -> RecipeDraft:
    """Return one entry for a recipe that does the work of two plugins; the options of the first one win."""
    return replace(first, options={**second.options, **first.options}) if first else second


def _wait_for_secret(
    rule: PluginRule, options: Mapping[str, Any], own: Iterable[CapistranoSetting], place: Place | None
) -> tuple[RecipeDraft, list[Omission]]:
    """Return a recipe that the operator activates, and what to do for it. Its other settings are not carried over."""
    read = (name for setting in own for name in setting.variables if is_secret_name(name))
    option, usual_variable = rule.needs or ("", "")
    variable = next(read, usual_variable)
    why = f"set the environment variable {variable}, and activate the recipe {rule.recipe} in deploy.yml"
    given = {**options, option: EnvironmentVariable(variable)}
    draft = RecipeDraft(rule.recipe, given, is_active=False)
    return draft, [Omission(rule.gem, join_reasons(why, rule.instead), place)]


def _convert_options(
    rule: PluginRule, stage: CapistranoStage, own: Iterable[CapistranoSetting], known: Mapping[str, Option]
) -> tuple[dict[str, Any], list[Omission]]:
    """Return the options that the project's own settings say, and the settings that say something else."""
    names = {setting: option for option, setting in rule.options.items() if option in known}
    options: dict[str, Any] = {}
    omissions = []
    for setting in own:
        if setting.name in rule.understood:
            continue
        name = names.get(setting.name)
        if name is None:
            why = f"the recipe {rule.recipe} has no such option"
            omissions.append(Omission(f"set :{setting.name}", why, setting.place))
            continue
        try:
            value = _convert_value(setting, known[name], str(stage.value("deploy_to", "")))
        except CannotBeWrittenError as error:
            omissions.append(Omission(f"set :{setting.name}", str(error), setting.place))
            continue
        if value != ALL_ROLES and value is not None:
            options[name] = value
    return options, omissions


def _convert_value(setting: CapistranoSetting, option: Option, deploy_to: str) -> Any:
    """Return the value of a setting as an option: paths are relative, and a list may be one text in Capistrano."""
    value = name_variables(require_value(setting).value, setting.variables, setting.defaults)
    if option.type.name in LISTS and isinstance(value, str):
        value = re.split(r"\s+" if value.startswith("-") else r"[\s:,]+", value.strip())
    if option.type.name in LISTS and isinstance(value, list):
        return [str(item) for item in value]
    return _make_relative(value, deploy_to) if isinstance(value, str) else value


def _make_relative(path: str, deploy_to: str) -> str:
    """Return a path in a release or in deploy_to without the directory that it is in."""
    for folder in (f"{deploy_to}/current", deploy_to):
        if deploy_to and path == folder:
            return "."
        if deploy_to and path.startswith(f"{folder}/"):
            return path.removeprefix(f"{folder}/")
    return path


def _without_defaults(options: Mapping[str, Any], known: Mapping[str, Option]) -> dict[str, Any]:
    return {
        name: value
        for name, value in options.items()
        if known[name].is_required or value != _as_written(known[name].default)
    }


def _as_written(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _find_mistake(found: FoundRecipe, options: Mapping[str, Any], roles: set[str]) -> str:
    """Return what a recipe refuses in its options; empty if it accepts them."""
    given = {name: Secret(v) if isinstance(v, EnvironmentVariable) else v for name, v in options.items()}
    use = RecipeUse(found.name, found.name, given, dict.fromkeys(given, found.name))
    try:
        found.recipe.configure(use, found.file, found.origin, roles)
    except ConfigError as error:
        return error.mistakes[0].removeprefix(f"{found.name}: ")
    return ""
