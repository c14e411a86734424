"""Hooks: functions of a project or a recipe, and when and where they run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from capdoit.errors import ConfigError
from capdoit.script import Secret
from capdoit.text import near

if TYPE_CHECKING:
    from capdoit.hosts.connection import Connection

Roles = str | Iterable[str]


@dataclass(frozen=True)
class Hook:
    """A function, and when and where it runs.

    Attributes:
        name: what its task is called; a recipe's begins with the recipe's name and a dot.
        function: what is called.
        when: ``before`` or ``after`` the step; ``health`` is after everything else that is after it.
        step: the step, or ``failed``.
        flows: ``deploy``, ``rollback`` or both.
        roles: on hosts with one of these, on all when empty.
        primary: only on the primary of those.
        once: one call for all of them.
        place: where it is written.
        recipe: the recipe's name; empty for a project's own.
        roles_of: gives the roles, from the recipe's options; None when they are fixed.
        options: what deploy.yml says to the recipe.
        timeout: seconds that it may take.
        drill: whether it can run in a drill, on the shadow of a release.
    """

    name: str
    function: Callable[..., object]
    when: str
    step: str
    flows: tuple[str, ...]
    roles: tuple[str, ...]
    primary: bool
    once: bool
    place: str
    recipe: str = ""
    roles_of: Callable[[Any], Roles] | None = None
    options: object = None
    timeout: float | None = None
    drill: bool = False

    @property
    def doc(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def arguments(self) -> set[str]:
        """The names of its arguments."""
        return set(inspect.signature(self.function).parameters)

    def bound(self, options: object) -> Hook:
        """The hook with a recipe's options; its roles are then known."""
        roles = texts(self.roles_of(options)) if self.roles_of else self.roles
        return replace(self, options=options, roles=roles)

    def hosts(self, hosts: Iterable[Connection]) -> list[Connection]:
        """The hosts it runs on: those with its roles, or the primary of them.

        Without roles a project's runs on all, a recipe's on those that get code.
        """
        anywhere = self.roles or not self.recipe
        chosen = [host for host in hosts if self.plays(host.roles) and (anywhere or not host.config.no_release)]
        return sorted(chosen, key=lambda host: not host.config.primary)[:1] if self.primary else chosen

    def plays(self, roles: Iterable[str]) -> bool:
        """Whether a host with these roles is one of those it may run on."""
        return not self.roles or bool({*self.roles} & {*roles})

    def call(self, **values: Any) -> object:
        """Call it with those of the values that it wants."""
        return self.function(**{name: values[name] for name in self.arguments})


class Dependency(NamedTuple):
    """A doit task that a step of some flows depends on."""

    flows: tuple[str, ...]
    step: str
    task: str


@dataclass(frozen=True)
class Watch:
    """What a recipe watches over, such as a database, which may not fit the release that a rollback goes to.

    Attributes:
        recipe: the recipe's name.
        probe: says what is there now, in names; None when nothing is recorded.
        guard: says what of that the release does not know; None when that is what was not there when the
            release was published.
        back: takes it away before the flip, with ``migrations=back``; None when the recipe cannot.
    """

    recipe: str
    probe: Hook | None = None
    guard: Hook | None = None
    back: Hook | None = None

    @property
    def asked(self) -> Hook:
        """The one that says on which host the others are called, too."""
        asked = self.probe or self.guard
        assert asked is not None  # noqa: S101 - one of them is why there is a watch
        return asked


@dataclass(frozen=True)
class Declared:
    """All that recipes and a project have declared, in order; two are added with ``+``.

    Attributes:
        hooks: on steps.
        failed: those on failure.
        dependencies: doit tasks that steps depend on.
        watches: what recipes watch over.
        linked_dirs: directories of every release that recipes share between all.
        variables: of the command line, with the values that each can have.
        secrets: in the options of recipes.
        versions: of the recipes, by name: where each comes from.
    """

    hooks: tuple[Hook, ...] = ()
    failed: tuple[Hook, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    watches: tuple[Watch, ...] = ()
    linked_dirs: tuple[str, ...] = ()
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: Declared) -> Declared:
        return Declared(
            hooks=self.hooks + other.hooks,
            failed=self.failed + other.failed,
            dependencies=self.dependencies + other.dependencies,
            watches=self.watches + other.watches,
            linked_dirs=self.linked_dirs + other.linked_dirs,
            variables={**self.variables, **other.variables},
            secrets=self.secrets + other.secrets,
            versions={**self.versions, **other.versions},
        )


def check_roles(hooks: Iterable[Hook], roles: set[str]) -> None:
    """Refuse hooks of the project on roles that no host of any stage plays; a recipe may have more than are needed.

    Raises:
        ConfigError: names every such hook.
    """
    mistakes = [
        f"{hook.place}: hook {hook.name}: no host has the role {role}{near(role, roles)}"
        for hook in hooks
        for role in hook.roles
        if role not in roles
    ]
    if mistakes:
        raise ConfigError(*mistakes)


def texts(said: Roles) -> tuple[str, ...]:
    """One text, or several."""
    return (said,) if isinstance(said, str) else tuple(said)
