"""Recipes: hooks that projects share, with typed options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from capdoit.config.recipe_uses import RecipeUse
from capdoit.errors import ConfigError, RecipeError
from capdoit.hooks.declarations import HookRegistry, check_arguments, check_decorator_call
from capdoit.hooks.decorator_calls import Function
from capdoit.hooks.hook import Declarations, Hook, Roles, RollbackCheck, role_tuple
from capdoit.hooks.options import find_pending_options, find_secrets_in_options, read_options, run_recipe_code
from capdoit.layout import is_inside
from capdoit.public_names import refusing_wrong_arguments
from capdoit.text import join_names


@refusing_wrong_arguments
class Recipe(HookRegistry):
    """A recipe. Its hooks are declared with `before`, `after`, `health`, `on_failed`, `probe`, `guard` and `back`.

    Its tasks on demand are declared with `task`.

    Args:
        name: name of the recipe in deploy.yml.
        options: frozen dataclass; its fields are the options, with their types, defaults and ``#:`` comments.
        roles: roles of hooks without ``roles=``.
        requires: versions of capdoit that the recipe works with, in pip's syntax: ``capdoit>=0.1``; empty for any.
        linked_dirs: directories that all releases share; or a function that returns them, given the options.
        variables: variables of the command line and their possible values; hooks read ``flow.variables``.
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
        super().__init__(name, role_tuple(roles), options is not None)
        self.options, self.requires, self.linked_dirs = options, requires, linked_dirs
        self.variables = {variable: role_tuple(values) for variable, values in (variables or {}).items()}
        self._rollback_hooks: dict[str, Hook] = {}

    def probe(self, **keywords: Any) -> Callable[[Function], Function]:
        """Record with the decorated function the state of something shared, such as the migrations of a database.

        The function is called on the primary of the hosts with ``roles=``, just before a release becomes live. It
        returns names: strings, or one string with a name on each line. They are recorded with the release. A rollback
        calls the function again for the live release. It is refused if there are names that were not recorded with the
        target release, unless ``migrations=`` allows it. Its commands on hosts may take 60 s, or ``timeout=`` seconds.

        Raises:
            RecipeError: the function has an argument that it does not get, or a keyword other than ``roles=`` and
                ``timeout=`` is used.
        """
        return self._rollback_decorator("probe", keywords, {"host", "release"})

    def guard(self, **keywords: Any) -> Callable[[Function], Function]:
        """Decide with the decorated function whether a rollback may go ahead.

        The function is called on the primary of the hosts with ``roles=``, with the target ``release``, before anything
        is changed. It returns names as a probe does; if there are any, the rollback is refused. In a recipe with a
        probe, the function can have the arguments ``now`` and ``recorded`` (None if nothing was recorded), and its
        answer replaces the difference between the two. Its commands on hosts may take 60 s, or ``timeout=`` seconds.

        Raises:
            RecipeError: the function has an argument that it does not get, or a keyword other than ``roles=`` and
                ``timeout=`` is used.
        """
        return self._rollback_decorator("guard", keywords, {"host", "release", "now", "recorded"})

    def back(self, **keywords: Any) -> Callable[[Function], Function]:
        """Remove with the decorated function the names that the target release does not know, its argument ``unknown``.

        The function is a hook before ``publishing``. It is called on the primary of the hosts with ``roles=``, in a
        rollback with ``migrations=back`` that found unknown names.

        Raises:
            RecipeError: the function has an argument that it does not get, or a keyword other than ``roles=`` and
                ``timeout=`` is used.
        """
        return self._rollback_decorator("back", keywords, {"host", "release", "unknown"})

    def rollback_hooks(self) -> dict[str, Hook]:
        """Return the hooks ``probe``, ``guard`` and ``back`` that the recipe has, by these names."""
        return dict(self._rollback_hooks)

    def configure(self, use: RecipeUse, file: str, origin: str, roles: set[str] | None) -> Declarations:
        """Return everything that the recipe declares, with the options from deploy.yml.

        Args:
            use: the recipe's entry in deploy.yml.
            file: path of the recipe's module.
            origin: source and version of the recipe.
            roles: roles of all hosts; None if not all hosts are known.

        Raises:
            RecipeError: an option is wrong, the pace of a hook is impossible, or a linked directory is outside the
                release.
        """
        options = read_options(self.options, use, file, roles)
        configure = partial(self._with_options, options, origin, use.place)
        declared = run_recipe_code(f"{use.place}: recipe {use.name} ({file})", configure)
        hooks = [*declared.hooks, *(task.hook for task in declared.tasks)]
        if mistakes := dict.fromkeys(filter(None, (hook.find_pace_mistake() for hook in hooks))):
            raise RecipeError(*(f"{use.place}: recipe {use.name}: {mistake}" for mistake in mistakes))
        return replace(declared, pending_options={self.recipe: find_pending_options(self.options, use)})

    @contextmanager
    def declaration_errors(self) -> Iterator[None]:
        """Add the recipe's name to errors of declarations."""
        try:
            yield
        except RecipeError:
            raise
        except ConfigError as error:
            raise RecipeError(*(f"recipe {self.recipe}: {mistake}" for mistake in error.mistakes)) from None

    def _rollback_decorator(
        self, name: str, keywords: Mapping[str, Any], arguments: set[str]
    ) -> Callable[[Function], Function]:
        with self.declaration_errors():
            check_decorator_call(name, name, keywords, ("roles", "timeout"))

        def declare(function: Function) -> Function:
            when, step = ("before", "publishing") if name == "back" else (name, "")
            flows = ("rollback",) if name == "back" else ("deploy", "rollback")
            with self.declaration_errors():
                hook = self._make_hook(function, when, step, flows, {**keywords, "primary": True})
                check_arguments(hook, {*arguments, "flow", *self._options_argument()})
            self._rollback_hooks[name] = hook
            if name == "back":
                self._hooks.append(hook)
            return function

        return declare

    def _with_options(self, options: Any, origin: str, place: str) -> Declarations:
        declared = self.declarations()
        if {*self._rollback_hooks} == {"back"}:
            raise RecipeError(f"recipe {self.recipe}: back needs a probe or a guard that finds unknown names")
        rollback_hooks = {name: hook.with_options(options) for name, hook in self._rollback_hooks.items()}
        return Declarations(
            hooks=tuple(hook.with_options(options) for hook in declared.hooks),
            failed=tuple(hook.with_options(options) for hook in declared.failed),
            environments=tuple(hook.with_options(options) for hook in declared.environments),
            tasks=tuple(task.with_options(options) for task in declared.tasks),
            dependencies=tuple(found for one in declared.dependencies for found in one.with_options(options, place)),
            rollback_checks=(RollbackCheck(self.recipe, **rollback_hooks),) if rollback_hooks else (),
            linked_dirs=self._checked_linked_dirs(options),
            variables=self.variables,
            secrets=tuple(find_secrets_in_options(options)),
            versions={self.recipe: origin},
        )

    def _checked_linked_dirs(self, options: Any) -> tuple[str, ...]:
        dirs = tuple(self.linked_dirs(options) if callable(self.linked_dirs) else self.linked_dirs)
        if outside := [path for path in dirs if not is_inside(path)]:
            raise RecipeError(
                f"recipe {self.recipe}: linked_dirs outside the release: {join_names(map(repr, outside))}"
            )
        return dirs
