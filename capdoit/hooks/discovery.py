"""Where recipes come from: installed packages, the project's own folder, and those that come with capdoit."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType

from capdoit.config.readers import RecipeUse
from capdoit.errors import RecipeError
from capdoit.hooks import options as typed
from capdoit.hooks.hook import Declared
from capdoit.hooks.options import loaded
from capdoit.hooks.recipe import Recipe
from capdoit.text import listed, near

GROUP = "capdoit.recipes"
BUNDLED = "bundled"
PROJECT = "project"


@dataclass(frozen=True)
class Found:
    """Where a recipe was found.

    Attributes:
        name: the recipe's.
        source: ``bundled``, ``project``, or the name of a package.
        version: the package's; capdoit's own when it is bundled, empty for a project's.
        module: its module.
    """

    name: str
    source: str
    version: str
    module: ModuleType

    @property
    def recipe(self) -> Recipe:
        """The recipe that the module defines.

        Raises:
            RecipeError: it defines none of that name, its options are no dataclass, or it needs another capdoit.
        """
        for value in vars(self.module).values():
            if isinstance(value, Recipe) and value.recipe == self.name:
                typed.check(value.options, f"recipe {self.name}: {self.place}")
                if value.requires:
                    _check_requires(value.requires, f"recipe {self.name}: {self.place}")
                return value
        raise RecipeError(f"{self.place}: has no Recipe({self.name!r}, …)")

    @property
    def place(self) -> str:
        """The file of its module."""
        return str(self.module.__file__)

    @property
    def origin(self) -> str:
        """Its source and version, for people."""
        return f"{self.source} {self.version}".strip()


def load(uses: Iterable[RecipeUse], project: Path, roles: set[str]) -> Declared:
    """What the recipes declare that deploy.yml asks for, bound to their options, in its order.

    Args:
        uses: what deploy.yml says.
        project: the directory of deploy.yml.
        roles: those that hosts play.

    Raises:
        RecipeError: a recipe is not found, or an option is wrong; says where.
    """
    declared = Declared()
    for use in uses:
        found = find(use.name, project, f"{use.place}: ")
        declared += found.recipe.bound(use, found.place, found.origin, roles)
    return declared


def find(name: str, project: Path, place: str = "") -> Found:
    """A recipe: an installed package's, the project's own, or a bundled one, in this order.

    Args:
        name: the recipe's.
        project: the directory of deploy.yml.
        place: where it is asked for, before what an error says.

    Raises:
        RecipeError: there is none, it cannot be loaded, or several packages have one of that name.
    """
    if found := _find(name, project):
        return found
    names = available(project)
    raise RecipeError(f"{place}no recipe {name}{near(name, names)} (there are {listed(names)})")


@cache
def _find(name: str, project: Path) -> Found | None:
    return _installed(name) or _from_project(name, project) or _bundled(name)


def passed_over(found: Found, project: Path) -> list[str]:
    """The files of other recipes of the same name, which a recipe stands before."""
    files = [folder / f"{found.name}.py" for folder in (project / "recipes", _bundled_folder())]
    others = {file.resolve(): str(file) for file in reversed(files) if file.is_file()}
    return [shown for file, shown in others.items() if file != Path(found.place).resolve()]


def available(project: Path) -> list[str]:
    """The names of all recipes that can be used, sorted."""
    files = [*_modules(_bundled_folder()), *_modules(project / "recipes")]
    points = importlib.metadata.entry_points(group=GROUP)
    return sorted({*(path.stem for path in files), *(point.name for point in points)})


def bundled() -> list[Found]:
    """The recipes that come with capdoit, by name."""
    found = (_bundled(path.stem) for path in sorted(_modules(_bundled_folder())))
    return [one for one in found if one]


def _bundled_folder() -> Path:
    return Path(str(importlib.import_module("capdoit.recipes").__path__[0]))


def _modules(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.py") if not path.stem.startswith("_")]


def _installed(name: str) -> Found | None:
    points = list(importlib.metadata.entry_points(group=GROUP, name=name))
    packages = {_package(point): point for point in points}
    if len(packages) > 1:
        claimed = " and by ".join(f"{package} {version}" for package, version in sorted(packages))
        raise RecipeError(f"recipe {name} is claimed by {claimed}; uninstall one")
    for (package, version), point in packages.items():
        place = f"recipe {name} of {package} {version}"
        return Found(name, package, version, loaded(place, partial(importlib.import_module, point.module)))
    return None


def _package(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else (point.value, "")


def _from_project(name: str, project: Path) -> Found | None:
    path = project / "recipes" / f"{name}.py"
    if not path.is_file() or path.parent.resolve() == _bundled_folder().resolve():
        return None
    return Found(name, PROJECT, "", loaded(str(path), partial(_run_file, path, name)))


def _run_file(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"capdoit_project_recipes.{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(path.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their annotations up there
    spec.loader.exec_module(module)
    return module


def _bundled(name: str) -> Found | None:
    module = f"capdoit.recipes.{name}"
    if not name.isidentifier() or importlib.util.find_spec(module) is None:
        return None
    return Found(name, BUNDLED, _version(), loaded(module, partial(importlib.import_module, module)))


def _version() -> str:
    from capdoit import __version__

    return __version__


def _check_requires(requires: str, place: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(requires)
    except (InvalidRequirement, TypeError) as error:
        raise RecipeError(f"{place}: requires={requires!r}: {error}") from None
    if wanted.name != "capdoit":
        raise RecipeError(f"{place}: requires={requires!r} is not about capdoit; pip sees to other packages")
    if not wanted.specifier.contains(_version(), prereleases=True):
        raise RecipeError(f"{place}: requires {requires}, but capdoit {_version()} is installed")
