"""The deploy.yml of a converted project: what its stages have in common at the top, the rest in each stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capdoit.capistrano.recipe_choice import RecipeChoice, RecipeDraft
from capdoit.capistrano.servers import Hosts
from capdoit.capistrano.setting_rules import StageDraft, Written
from capdoit.config.yaml_text import Remark, YamlEntry, format_entries
from capdoit.sources import ToFillIn

PRODUCTION = ("production", "prod", "live")
NO_HOSTS = "No server could be read for this stage."


@dataclass(frozen=True)
class ConvertedStage:
    """A stage in the terms of deploy.yml."""

    name: str
    draft: StageDraft
    hosts: Hosts
    recipes: RecipeChoice

    @property
    def settings(self) -> dict[str, Written]:
        """All settings but vars, hosts and recipes."""
        shared = {name: Written(value) for name, value in self.hosts.shared.items()}
        return {**self.draft.settings, **shared}


def make_deploy_text(stages: Sequence[ConvertedStage], head: Sequence[str]) -> str:
    """Return the text of a deploy.yml.

    Args:
        stages: all stages, in order.
        head: lines of comment for the beginning.
    """
    settings = {stage.name: stage.settings for stage in stages}
    common = _find_common([*settings.values()])
    common_vars = _find_common([stage.draft.own for stage in stages])
    recipes = _find_common_recipes([stage.recipes.recipes for stage in stages])
    entries: list[YamlEntry | Remark] = [Remark(tuple(head)), *_setting_entries(common)]
    entries += _var_entries(common_vars)
    entries += _recipe_entries(recipes)
    entries += _default_stage([*settings])
    inner = (YamlEntry(one.name, _stage_entries(one, common, common_vars, recipes)) for one in stages)
    entries.append(YamlEntry("stages", tuple(inner)))
    return "".join(f"{line}\n" for line in format_entries(entries))


def _find_common(settings: Sequence[Mapping[str, Written]]) -> dict[str, Written]:
    """Return the settings that all stages have with one value."""
    first = settings[0]
    return {
        name: written
        for name, written in first.items()
        if all(name in other and other[name].value == written.value for other in settings)
    }


def _setting_entries(settings: Mapping[str, Written]) -> list[YamlEntry | Remark]:
    return [YamlEntry(name, written.value, written.comment) for name, written in settings.items()]


def _var_entries(found: Mapping[str, Written]) -> list[YamlEntry | Remark]:
    """Return the entry for the project's own settings, each with its comment."""
    inner = tuple(YamlEntry(name, written.value, written.comment) for name, written in found.items())
    return [YamlEntry("vars", inner)] if inner else []


def _default_stage(names: Sequence[str]) -> Iterator[YamlEntry]:
    """Yield a default stage as a comment, because Capistrano has none: one in which a mistake does the least harm."""
    harmless = [name for name in names if name not in PRODUCTION]
    if len(names) > 1 and harmless:
        name = "staging" if "staging" in harmless else harmless[0]
        yield YamlEntry("default_stage", name, "for commands without a stage", is_active=False)


# -- recipes


def _find_common_recipes(recipes: Sequence[Sequence[RecipeDraft]]) -> list[RecipeDraft]:
    """Return the recipes that all stages have, with the options that are the same in all of them."""
    by_name = [{draft.name: draft for draft in drafts} for drafts in recipes]
    found = []
    for draft in recipes[0]:
        others = [drafts[draft.name] for drafts in by_name if draft.name in drafts]
        if len(others) == len(recipes) and all(other.is_active == draft.is_active for other in others):
            options = {
                name: value
                for name, value in draft.options.items()
                if all(name in other.options and other.options[name] == value for other in others)
            }
            found.append(RecipeDraft(draft.name, options, draft.comment, draft.is_active))
    return found


def _recipe_entries(recipes: Sequence[RecipeDraft]) -> list[YamlEntry | Remark]:
    """Return the entry for recipes; without an active one it is a comment."""
    if not recipes:
        return []
    is_active = any(draft.is_active for draft in recipes)
    inner = tuple(
        YamlEntry(draft.name, dict(draft.options), draft.comment, draft.is_active or not is_active) for draft in recipes
    )
    return [YamlEntry("recipes", inner, is_active=is_active)]


def _own_recipes(stage: ConvertedStage, common: Sequence[RecipeDraft]) -> list[RecipeDraft]:
    """Return the recipes and options of a stage that are not at the top."""
    at_top = {draft.name: draft for draft in common}
    own = []
    for draft in stage.recipes.recipes:
        above = at_top.get(draft.name)
        options = {n: value for n, value in draft.options.items() if not above or n not in above.options}
        if above is None or options:
            own.append(RecipeDraft(draft.name, options, draft.comment, draft.is_active))
    return own


# -- stages


def _stage_entries(
    stage: ConvertedStage,
    common: Mapping[str, Written],
    common_vars: Mapping[str, Written],
    recipes: Sequence[RecipeDraft],
) -> tuple[YamlEntry | Remark, ...]:
    own = {name: written for name, written in stage.settings.items() if name not in common}
    own_vars = {name: written for name, written in stage.draft.own.items() if name not in common_vars}
    confirm = YamlEntry("confirm", True, "ask before a host is changed", is_active=False)
    return (
        *([confirm] if stage.name in PRODUCTION else []),
        *_setting_entries(own),
        *_var_entries(own_vars),
        *_recipe_entries(_own_recipes(stage, recipes)),
        *_host_entries(stage),
    )


def _host_entries(stage: ConvertedStage) -> Iterator[YamlEntry | Remark]:
    if stage.hosts.remark:
        yield Remark((stage.hosts.remark,))
    if not stage.hosts.hosts:
        address = ToFillIn("the name or address of the host")
        host: dict[str, Any] = {"hostname": address, "roles": ["app", "web", "db"]}
        yield Remark((NO_HOSTS,))
        yield YamlEntry("hosts", (YamlEntry(f"{stage.name}1", host),))
        return
    yield YamlEntry("hosts", tuple(YamlEntry(name, dict(host)) for name, host in stage.hosts.hosts.items()))
