"""Recipes: hooks that teams share, with typed options; declaring, finding and loading them."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from capdoit import options as typed
from capdoit.config import RecipeUse
from capdoit.declare import Function, Hooks, check_form, check_wants
from capdoit.errors import ConfigError, RecipeError
from capdoit.hooks import Declared, Hook, Roles, Watch, texts
from capdoit.layout import is_inside
from capdoit.options import loaded
from capdoit.places import near
from capdoit.text import listed

GROUP = "capdoit.recipes"
BUNDLED = "bundled"
PROJECT = "project"


class Recipe(Hooks):
    """A recipe: declare its hooks with `before`, `after`, `health` and `on_failed`, and what it watches over.

    Args:
        name: as deploy.yml calls it.
        options: a frozen dataclass; its fields' types, defaults, names and ``#:`` comments are the options.
        roles: what its hooks run on when they do not say otherwise.
        requires: the versions of capdoit that it works with, as pip spells them: ``capdoit>=0.1``; empty for any.
        linked_dirs: directories of each release that all share; or what gives them, from the options.
        variables: of the command line, with the values that each can have; hooks read ``flow.variables``.
    """

    def __init__(
        self,
        name: str,
        options: type | None = None,
        roles: Roles = (),
        requires: str = "",
        linked_dirs: Iterable[str] | Callable[[Any], Iterable[str]] = (),
        variables: Mapping[str, Roles] | None = None,
    ) -> None:
        super().__init__(name, texts(roles), options is not None)
        self.options, self.requires, self.linked_dirs = options, requires, linked_dirs
        self.variables = {variable: texts(values) for variable, values in (variables or {}).items()}
        self._watch: dict[str, Hook] = {}

    def probe(self, **when: Any) -> Callable[[Function], Function]:
        """Say with the decorated function what is there now, such as the migrations that a database has.

        It is called on the primary of the hosts with ``roles=``, just before a release becomes live, and returns
        names: an iterable of texts, or one text with a name on each line. They are recorded with the release. A
        rollback calls it again, with the release that is live; the names that the release to go to was recorded
        without are what it does not know, and the rollback is refused, unless ``migrations=`` says otherwise.

        Raises:
            RecipeError: it wants what it is not given, or more than ``roles=`` is said.
        """
        return self._watching("probe", when, {"host", "release"})

    def guard(self, **when: Any) -> Callable[[Function], Function]:
        """Say with the decorated function why a rollback should not go ahead.

        It is called on the primary of the hosts with ``roles=``, with the ``release`` to go to, before anything is
        touched, and returns names as a probe does; when there are any, the rollback is refused. With a probe, it
        may want ``now`` and ``recorded`` (None when nothing was recorded), and its answer is taken instead of their
        difference.

        Raises:
            RecipeError: it wants what it is not given, or more than ``roles=`` is said.
        """
        return self._watching("guard", when, {"host", "release", "now", "recorded"})

    def back(self, **when: Any) -> Callable[[Function], Function]:
        """Take away with the decorated function what the release to go to does not know, given as ``unknown``.

        It is a hook before ``publishing``, called on the primary of the hosts with ``roles=`` when a rollback is
        told ``migrations=back`` and something is unknown.

        Raises:
            RecipeError: it wants what it is not given, or more than ``roles=`` is said.
        """
        return self._watching("back", when, {"host", "release", "unknown"})

    def watch(self) -> dict[str, Hook]:
        """Its probe, guard and way back, as far as it has them."""
        return dict(self._watch)

    def bound(self, use: RecipeUse, place: str, version: str, roles: set[str]) -> Declared:
        """All that it declares, with what deploy.yml says.

        Args:
            use: what deploy.yml says.
            place: its file.
            version: where it comes from.
            roles: those that hosts play.

        Raises:
            RecipeError: an option is wrong, or a directory leads out of the release.
        """
        made = typed.made(self.options, use, place, roles)
        at = f"{use.place}: recipe {use.name} ({place})"
        return loaded(at, partial(self._bound_to, made, version))

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """What is refused says which recipe it is."""
        try:
            yield
        except ConfigError as error:
            raise RecipeError(*(f"recipe {self.recipe}: {mistake}" for mistake in error.mistakes)) from None

    def _watching(self, what: str, when: Mapping[str, Any], given: set[str]) -> Callable[[Function], Function]:
        with self.refusing():
            check_form(what, what, when, ("roles",))

        def declare(function: Function) -> Function:
            step, kind = ("publishing", "before") if what == "back" else ("", what)
            flows = ("rollback",) if what == "back" else ("deploy", "rollback")
            with self.refusing():
                hook = self._hook(function, kind, step, flows, {**when, "primary": True})
                check_wants(hook, {*given, "flow", *self._options()})
            self._watch[what] = hook
            if what == "back":
                self._hooks.append(hook)
            return function

        return declare

    def _bound_to(self, made: Any, version: str) -> Declared:
        declared = self.declared()
        dirs = self.linked_dirs(made) if callable(self.linked_dirs) else self.linked_dirs
        if out := [path for path in dirs if not is_inside(path)]:
            raise RecipeError(f"recipe {self.recipe}: linked_dirs leave the release: {listed(map(repr, out))}")
        watch = {what: hook.bound(made) for what, hook in self._watch.items()}
        return Declared(
            hooks=tuple(hook.bound(made) for hook in declared.hooks),
            failed=tuple(hook.bound(made) for hook in declared.failed),
            dependencies=declared.dependencies,
            watches=(Watch(self.recipe, **watch),) if watch else (),
            linked_dirs=tuple(dirs),
            variables=self.variables,
            secrets=tuple(typed.secrets(made)),
            versions={self.recipe: version},
        )


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
    except InvalidRequirement as error:
        raise RecipeError(f"{place}: requires={requires!r}: {error}") from None
    if wanted.name != "capdoit":
        raise RecipeError(f"{place}: requires={requires!r} is not about capdoit; pip sees to other packages")
    if not wanted.specifier.contains(_version(), prereleases=True):
        raise RecipeError(f"{place}: requires {requires}, but capdoit {_version()} is installed")
