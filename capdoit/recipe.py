"""Recipes: hooks that teams share, with typed options; finding and checking them."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import importlib.util
import sys
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from capdoit.config import RecipeUse
from capdoit.errors import ConfigError, RecipeError
from capdoit.hooks import Dependency, Hook, Hooks
from capdoit.places import near
from capdoit.text import listed

GROUP = "capdoit.recipes"
T = TypeVar("T")
KINDS = {str: "a text", int: "a number", bool: "true or false"}


class Recipe(Hooks):
    """A recipe: declare its hooks with `before`, `after` and `on_failed`.

    Args:
        name: as deploy.yml calls it.
        options: a frozen dataclass; its fields' types, defaults and names are the options.
        roles: what its hooks run on when they do not say otherwise.
    """

    def __init__(self, name: str, options: type | None = None, roles: str | Iterable[str] = ()) -> None:
        super().__init__(name, (roles,) if isinstance(roles, str) else tuple(roles), options is not None)
        self.options = options


@dataclasses.dataclass(frozen=True)
class Found:
    """Where a recipe was found.

    Attributes:
        name: the recipe's.
        source: ``bundled``, ``project``, or the name and version of a package.
        module: its module.
    """

    name: str
    source: str
    module: ModuleType

    @property
    def recipe(self) -> Recipe:
        """The recipe that the module defines.

        Raises:
            RecipeError: it defines none of that name, or its options are no dataclass.
        """
        for value in vars(self.module).values():
            if isinstance(value, Recipe) and value.owner == self.name:
                _check_declared(value, self.place)
                return value
        raise RecipeError(f"{self.place}: has no Recipe({self.name!r}, …)")

    @property
    def place(self) -> str:
        """The file of its module."""
        return str(self.module.__file__)


def load_hooks(uses: Iterable[RecipeUse], project: Path) -> tuple[list[Hook], list[Hook], list[Dependency]]:
    """The hooks of the recipes that deploy.yml asks for, bound to their options.

    Args:
        uses: what deploy.yml says.
        project: the directory of deploy.yml.

    Returns:
        The hooks on steps, those on failure, and the doit tasks that steps depend on.

    Raises:
        RecipeError: a recipe is not found, or an option is wrong; says where.
    """
    hooks: list[Hook] = []
    failed: list[Hook] = []
    dependencies: list[Dependency] = []
    for use in uses:
        found = find(use, project)
        recipe = found.recipe
        on_steps, on_failure = recipe.with_options(_options(recipe, use, found.place))
        hooks += on_steps
        failed += on_failure
        dependencies += recipe.dependencies
    return hooks, failed, dependencies


def find(use: RecipeUse, project: Path) -> Found:
    """A recipe: an installed package's, the project's own, or a bundled one, in this order."""
    for found in (_installed(use.name), _from_project(use.name, project), _bundled(use.name)):
        if found:
            return found
    names = available(project)
    raise RecipeError(f"{use.place}: no recipe {use.name}{near(use.name, names)} (there are {listed(sorted(names))})")


def available(project: Path) -> dict[str, str]:
    """The names of all recipes that can be used, with where each comes from."""
    bundled = Path(str(importlib.import_module("capdoit.recipes").__path__[0]))
    names = {path.stem: "bundled" for path in _modules(bundled)}
    names |= {
        path.stem: "project" for path in _modules(project / "recipes") if path.parent.resolve() != bundled.resolve()
    }
    return names | {point.name: _package(point) for point in importlib.metadata.entry_points(group=GROUP)}


def _modules(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")]


def _installed(name: str) -> Found | None:
    points = list(importlib.metadata.entry_points(group=GROUP, name=name))
    packages = sorted({_package(point) for point in points})
    if len(packages) > 1:
        raise RecipeError(f"recipe {name} is claimed by {' and by '.join(packages)}; uninstall one")
    if not points:
        return None
    place = f"recipe {name} of {packages[0]}"
    return Found(name, packages[0], _loaded(place, lambda: importlib.import_module(points[0].module)))


def _package(point: importlib.metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _from_project(name: str, project: Path) -> Found | None:
    path = project / "recipes" / f"{name}.py"
    if not path.is_file():
        return None
    return Found(name, "project", _loaded(str(path), lambda: _run_file(path, name)))


def _run_file(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"capdoit_project_recipes.{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(path.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their annotations up there
    spec.loader.exec_module(module)
    return module


def _bundled(name: str) -> Found | None:
    if not name.isidentifier() or importlib.util.find_spec(f"capdoit.recipes.{name}") is None:
        return None
    module = f"capdoit.recipes.{name}"
    return Found(name, "bundled", _loaded(module, lambda: importlib.import_module(module)))


def _loaded(place: str, load: Callable[[], T]) -> T:
    """What a recipe's code makes; however it fails, the error says which recipe it is.

    Raises:
        RecipeError: it failed; so does a ConfigError, which has its own place.
    """
    try:
        return load()
    except ConfigError:
        raise
    except Exception as error:
        raise RecipeError(f"{place}: cannot be loaded: {type(error).__name__}: {error}") from error


def _check_declared(recipe: Recipe, place: str) -> None:
    kind = recipe.options
    if kind is None:
        return
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        raise RecipeError(f"{place}: options= of Recipe({recipe.owner!r}, …) is not a dataclass")
    _loaded(place, lambda: typing.get_type_hints(kind))


def _options(recipe: Recipe, use: RecipeUse, place: str) -> Any:
    """The options of deploy.yml as the recipe's dataclass."""
    fields = {f.name: f for f in dataclasses.fields(recipe.options)} if recipe.options else {}
    types = typing.get_type_hints(recipe.options) if recipe.options else {}
    mistakes = [
        f"{use.places[name]}: recipe {use.name} has no option {name}{near(name, fields)}"
        for name in use.options
        if name not in fields
    ]
    values = {n: tuple(v) if isinstance(v, list) else v for n, v in use.options.items() if n in fields}
    mistakes += [
        f"{use.places[name]}: option {name} is {value!r}, expected {_kind(types[name])}"
        for name, value in values.items()
        if not _fits(value, types[name])
    ]
    mistakes += [
        f"{use.place}: recipe {use.name} needs the option {name}"
        for name, f in fields.items()
        if f.default is f.default_factory is dataclasses.MISSING and name not in values
    ]
    if mistakes:
        raise RecipeError(*mistakes)
    made = recipe.options
    return _loaded(f"{use.place}: recipe {use.name} ({place})", lambda: made(**values)) if made else None


def _fits(value: object, kind: Any) -> bool:
    if typing.get_origin(kind) is tuple:
        return isinstance(value, tuple)
    return type(value) is kind


def _kind(kind: Any) -> str:
    return KINDS.get(kind, "a list of texts")
