"""Recipes: hooks that teams share, with typed options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from capdoit.config.readers import RecipeUse
from capdoit.errors import ConfigError, RecipeError
from capdoit.hooks import options as typed
from capdoit.hooks.declarations import Function, Hooks, check_form, check_wants
from capdoit.hooks.hook import Declared, Hook, Roles, Watch, texts
from capdoit.hooks.options import loaded
from capdoit.layout import is_inside
from capdoit.text import listed


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
        if {*self._watch} == {"back"}:
            raise RecipeError(f"recipe {self.recipe}: back has nothing to take away without a probe or a guard")
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
