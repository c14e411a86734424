"""Events of recipes: their probes, guards and environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from capdoit.events.event import Event


@dataclass(frozen=True)
class ProbeAnswered(Event):
    """A recipe's probe answered before a publish.

    Attributes:
        recipe: name of the recipe.
        names: its answer, such as the applied migrations.
    """

    recipe: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class GuardFound(Event):
    """A recipe found something on a host that the target release does not know, and the rollback goes on.

    Attributes:
        recipe: name of the recipe.
        host: name of the host that was asked.
        release: the rollback target.
        reason: first line of the guard's docstring; empty for a comparison of probes.
        names: what was found, which ``migrations=back`` reverts.
    """

    recipe: str
    host: str
    release: str
    reason: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class GuardsNotAsked(Event):
    """A rollback with ``migrations=keep`` asks no recipe.

    Attributes:
        recipes: names of the recipes.
    """

    recipes: tuple[str, ...]


@dataclass(frozen=True)
class RecipeAskedNoHost(Event):
    """A recipe's probe and guard were not called: no host of the stage has their roles."""

    recipe: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class RevertStarted(Event):
    """A hook began to revert what the target release does not know, such as migrations."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class RevertFinished(Event):
    """The hook that reverts is done, or failed and the probe told how far it came.

    Attributes:
        names: names that are reverted.
    """

    names: tuple[str, ...]


@dataclass(frozen=True)
class EnvironmentFound(Event):
    """The recipes and the project have named the environment variables of hooks on a host.

    Attributes:
        host: name of the host.
        release: path of the release that the variables fit.
        variables: the variables by name.
    """

    host: str
    release: str
    variables: Mapping[str, str]
