"""The search for recipes: in the project's ``recipes/``, in installed packages, and among the bundled ones."""

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

from capdoit.config.recipe_uses import RecipeUse
from capdoit.errors import ConfigError, MistakeCollector, RecipeError
from capdoit.hooks.hook import Declarations
from capdoit.hooks.options import check_options_class, run_recipe_code
from capdoit.hooks.recipe import Recipe
from capdoit.text import join_names, suggest_name

GROUP = "capdoit.recipes"
BUNDLED = "bundled"
PROJECT = "project"


@dataclass(frozen=True)
class FoundRecipe:
    """A recipe that was found.

    Attributes:
        name: name of the recipe.
        source: ``bundled``, ``project``, or the name of a package.
        version: version of the package or of capdoit; empty for a recipe of the project.
        module: the recipe's module.
    """

    name: str
    source: str
    version: str
    module: ModuleType

    @property
    def recipe(self) -> Recipe:
        """The recipe that the module defines.

        Raises:
            RecipeError: there is none of this name, its options are not a dataclass, or it requires another capdoit.
        """
        for value in vars(self.module).values():
            if isinstance(value, Recipe) and value.recipe == self.name:
                place = f"recipe {self.name}: {self.file}"
                check_options_class(value.options, place)
                if value.requires:
                    _check_requires(value.requires, place)
                return value
        raise RecipeError(f"{self.file}: has no Recipe({self.name!r}, …)")

    @property
    def file(self) -> str:
        """The path of the module."""
        return str(self.module.__file__)

    @property
    def origin(self) -> str:
        """The source and the version, for people."""
        return f"{self.source} {self.version}".strip()


def load_recipes(uses: Iterable[RecipeUse], project: Path, roles: set[str] | None) -> Declarations:
    """Return the declarations of the recipes in deploy.yml, with their options, in the order of deploy.yml.

    Args:
        uses: the recipes' entries in deploy.yml.
        project: the directory of deploy.yml.
        roles: roles of all hosts; None if not all hosts are known.

    Raises:
        ConfigError: has the mistakes of all recipes that are not found or have a wrong option.
    """
    declared, mistakes = Declarations(), MistakeCollector()
    for use in uses:
        with mistakes.collect():
            found = find_recipe(use.name, project, f"{use.place}: ")
            declared += found.recipe.configure(use, found.file, found.origin, roles)
    mistakes.refuse()
    return declared


def find_recipe(name: str, project: Path, place: str = "") -> FoundRecipe:
    """Return a recipe: of the project, else of an installed package, else a bundled one.

    The project is first, so that a package that pip installs changes no recipe that the project has.

    Args:
        name: name of the recipe.
        project: the directory of deploy.yml.
        place: beginning of the error's message, such as a line of deploy.yml.

    Raises:
        RecipeError: there is none, it cannot be loaded, or several packages have one of this name.
    """
    if found := _find(name, project):
        return found
    names = recipe_names(project)
    raise RecipeError(f"{place}no recipe {name}{suggest_name(name, names)} (there are {join_names(names)})")


def find_all_recipes(project: Path) -> tuple[list[FoundRecipe], dict[str, str]]:
    """Return the recipes that a project can use, sorted by name, and the errors of those that cannot be loaded."""
    recipes, errors = [], {}
    for name in recipe_names(project):
        try:
            found = find_recipe(name, project)
            _ = found.recipe  # raises the reason if the recipe cannot be used
            recipes.append(found)
        except ConfigError as error:
            errors[name] = str(error)
    return recipes, errors


@cache
def _find(name: str, project: Path) -> FoundRecipe | None:
    return _find_in_project(name, project) or _find_installed(name) or _find_bundled(name)


def hidden_origins(found: FoundRecipe) -> list[str]:
    """Return the packages and the file of recipes that are not used because the found one has their name."""
    points = importlib.metadata.entry_points(group=GROUP, name=found.name) if found.source == PROJECT else ()
    packages = [f"{package} {version}".strip() for package, version in sorted({*map(_package, points)})]
    bundled = _bundled_folder() / f"{found.name}.py"
    return [*packages, *([str(bundled)] if found.source != BUNDLED and bundled.is_file() else [])]


def recipe_names(project: Path) -> list[str]:
    """Return the sorted names of all recipes that a project can use."""
    files = [*_modules(_bundled_folder()), *_modules(project / "recipes")]
    points = importlib.metadata.entry_points(group=GROUP)
    return sorted({*(path.stem for path in files), *(point.name for point in points)})


def find_bundled_recipes() -> list[FoundRecipe]:
    """Return the recipes that come with capdoit, sorted by name."""
    found = (_find_bundled(path.stem) for path in sorted(_modules(_bundled_folder())))
    return [recipe for recipe in found if recipe]


def _bundled_folder() -> Path:
    return Path(str(importlib.import_module("capdoit.recipes").__path__[0]))


def _modules(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.py") if not path.stem.startswith("_")]


def _find_installed(name: str) -> FoundRecipe | None:
    points = list(importlib.metadata.entry_points(group=GROUP, name=name))
    packages = {_package(point): point for point in points}
    if len(packages) > 1:
        claimed = " and by ".join(f"{package} {version}" for package, version in sorted(packages))
        raise RecipeError(f"recipe {name} is claimed by {claimed}; uninstall one")
    for (package, version), point in packages.items():
        place = f"recipe {name} of {package} {version}"
        module = run_recipe_code(place, partial(importlib.import_module, point.module))
        return FoundRecipe(name, package, version, module)
    return None


def _package(point: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else (point.value, "")


def _find_in_project(name: str, project: Path) -> FoundRecipe | None:
    path = project / "recipes" / f"{name}.py"
    if not path.is_file() or path.parent.resolve() == _bundled_folder().resolve():
        return None
    return FoundRecipe(name, PROJECT, "", run_recipe_code(str(path), partial(_import_file, path, name)))


def _import_file(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"capdoit_project_recipes.{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(path.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look up annotations there
    spec.loader.exec_module(module)
    return module


def _find_bundled(name: str) -> FoundRecipe | None:
    module = f"capdoit.recipes.{name}"
    if not name.isidentifier() or importlib.util.find_spec(module) is None:
        return None
    return FoundRecipe(name, BUNDLED, _version(), run_recipe_code(module, partial(importlib.import_module, module)))


def _version() -> str:
    from capdoit import __version__

    return __version__


def _check_requires(requires: str, place: str) -> None:
    """Raise RecipeError if the installed capdoit does not have a version that a recipe requires."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(requires)
    except (InvalidRequirement, TypeError) as error:
        raise RecipeError(f"{place}: requires={requires!r}: {error}") from None
    if wanted.name != "capdoit":
        raise RecipeError(f"{place}: requires={requires!r} must name capdoit; pip installs other requirements")
    if not wanted.specifier.contains(_version(), prereleases=True):
        raise RecipeError(f"{place}: requires {requires}, but capdoit {_version()} is installed")
