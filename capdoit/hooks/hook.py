"""Hooks, and everything else that recipes and a project declare for the flows of a stage."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from capdoit.errors import ConfigError
from capdoit.hooks.tool import Tool, Tools, tool_tuple
from capdoit.hosts.deadline import Deadline
from capdoit.script import Secret
from capdoit.text import suggest_name

if TYPE_CHECKING:
    from capdoit.config.stages import HostConfig
    from capdoit.hooks.on_demand import OnDemandTask
    from capdoit.hosts.connection import Connection

Roles = str | Iterable[str]
Timeout = float | None | Callable[[Any], float]
AtOnce = int | None | Callable[[Any], int | None]
Wait = float | Callable[[Any], float]
# Seconds. A stalled database must not block a rollback, nor a broken application a deploy.
DEFAULT_TIMEOUTS = {"environment": 60.0, "probe": 60.0, "guard": 60.0, "health": 300.0}
NOUNS = {"health": "health check"}


@dataclass(frozen=True)
class Hook:
    """A function, and when and where it runs.

    Attributes:
        name: name of its task; for a hook of a recipe, the recipe's name, a dot, and the function's name.
        function: the function.
        when: ``before`` or ``after`` the step; ``health`` runs after all other hooks after the step; ``task`` runs on
            demand only.
        step: name of the step, or ``failed``; empty for a task on demand.
        flows: ``deploy``, ``rollback`` or both.
        roles: runs on hosts with one of these roles; on all hosts if empty.
        only_primary: runs only on the primary of these hosts.
        runs_once: is called once for all hosts, instead of once for each.
        location: file and line of the function.
        recipe: name of the recipe; empty for a hook of the project.
        roles_from_options: returns the roles, given the recipe's options; None if the roles are fixed.
        options: the recipe's options.
        timeout_seconds: time limit; None for no limit.
        timeout_from_options: returns the time limit, given the recipe's options; None if it is fixed.
        runs_in_drill: runs in a drill, too, on a copy of the release.
        at_once: number of hosts that it runs on at the same time, group by group; None for all hosts.
        at_once_from_options: returns that number, given the recipe's options; None if it is fixed.
        wait_seconds: pause between two groups.
        wait_from_options: returns the pause, given the recipe's options; None if it is fixed.
        tools: the programs that it needs on its hosts.
        tools_from_options: returns these programs, given the recipe's options; None if they are fixed.
        not_provided: of a function that returns environment variables, the programs that these never lead to, as names
            or patterns.
        not_provided_from_options: returns these names, given the recipe's options; None if they are fixed.
    """

    name: str
    function: Callable[..., object]
    when: str
    step: str
    flows: tuple[str, ...]
    roles: tuple[str, ...]
    only_primary: bool
    runs_once: bool
    location: str
    recipe: str = ""
    roles_from_options: Callable[[Any], Roles] | None = None
    options: object = None
    timeout_seconds: float | None = None
    timeout_from_options: Callable[[Any], float] | None = None
    runs_in_drill: bool = False
    at_once: int | None = None
    at_once_from_options: Callable[[Any], int | None] | None = None
    wait_seconds: float = 0.0
    wait_from_options: Callable[[Any], float] | None = None
    tools: tuple[Tool, ...] = ()
    tools_from_options: Callable[[Any], Tools] | None = None
    not_provided: tuple[str, ...] = ()
    not_provided_from_options: Callable[[Any], Roles] | None = None

    @property
    def doc(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def arguments(self) -> set[str]:
        """The names of the function's arguments."""
        return set(inspect.signature(self.function).parameters)

    @property
    def runs_on_hosts(self) -> bool:
        """True if it gets a host, so that it can run commands there."""
        return bool({"host", "hosts"} & self.arguments)

    @property
    def reverts(self) -> bool:
        """True if it reverts what the rollback target does not know, such as migrations: it names ``unknown``."""
        return "unknown" in self.arguments

    def with_options(self, options: object) -> Hook:
        """Return the hook with its recipe's options, and with everything that follows from them."""
        roles = role_tuple(self.roles_from_options(options)) if self.roles_from_options else self.roles
        timeout = self.timeout_from_options(options) if self.timeout_from_options else self.timeout_seconds
        at_once = self.at_once_from_options(options) if self.at_once_from_options else self.at_once
        wait = self.wait_from_options(options) if self.wait_from_options else self.wait_seconds
        hook = replace(self, at_once=at_once, wait_seconds=wait)._with_tools(options)
        return replace(hook, options=options, roles=roles, timeout_seconds=timeout)

    def _with_tools(self, options: object) -> Hook:
        tools = tool_tuple(self.tools_from_options(options)) if self.tools_from_options else self.tools
        names = self.not_provided_from_options
        return replace(self, tools=tools, not_provided=role_tuple(names(options)) if names else self.not_provided)

    def may_provide(self, tool: Tool) -> bool:
        """Return True if the environment variables that the function returns may lead to a tool."""
        return tool.is_on_path and not any(fnmatchcase(tool.name, name) for name in self.not_provided)

    def find_pace_mistake(self) -> str:
        """Return why the number of hosts at the same time, or the pause, is impossible; empty if it is not."""
        if self.at_once is not None and (type(self.at_once) is not int or self.at_once < 1):
            return f"at_once={self.at_once!r}: expected a number of hosts, 1 or more"
        if type(self.wait_seconds) not in (int, float) or self.wait_seconds < 0:
            return f"wait={self.wait_seconds!r}: expected a number of seconds"
        if self.wait_seconds and not self.at_once:
            return "wait is the time between groups of hosts, so it needs at_once"
        if self.at_once and (self.runs_once or self.only_primary):
            return f"at_once has no meaning with {'once' if self.runs_once else 'primary'}=True"
        return ""

    @property
    def pace(self) -> str:
        """The number of hosts at the same time, and the pause, for people; empty if it runs on all hosts at once."""
        if not self.at_once:
            return ""
        pause = f", {self.wait_seconds:g} s apart" if self.wait_seconds else ""
        return f"{'one host' if self.at_once == 1 else f'{self.at_once} hosts'} at a time{pause}"

    def split_into_groups(self, connections: Sequence[Connection]) -> list[Sequence[Connection]]:
        """Return the groups of hosts that it runs on, one group after the other."""
        size = self.at_once or max(1, len(connections))
        return [connections[start : start + size] for start in range(0, len(connections), size)]

    def start_deadlines(self) -> tuple[Deadline, ...]:
        """Return the deadline of a call that begins now; empty without a timeout."""
        if not self.timeout_seconds:
            return ()
        noun = "hook" if self.when in ("before", "after") else f"{NOUNS.get(self.when, self.when)} {self.name}"
        message = f"the {noun} took longer than its timeout, {self.timeout_seconds:g} s,"
        return (Deadline.after(self.timeout_seconds, message),)

    def choose_connections(self, connections: Iterable[Connection]) -> list[Connection]:
        """Return the connections to the hosts that the hook runs on.

        Without roles, a hook of a project runs on all hosts, and a hook of a recipe on hosts that get releases.
        """
        ignores_code = self.roles or not self.recipe
        chosen = [
            connection
            for connection in connections
            if self.accepts_roles(connection.roles) and (ignores_code or not connection.config.no_release)
        ]
        if not self.only_primary:
            return chosen
        return sorted(chosen, key=lambda connection: not connection.config.primary)[:1]

    def accepts_roles(self, roles: Iterable[str]) -> bool:
        """Return True if the hook may run on a host with these roles."""
        return not self.roles or bool({*self.roles} & {*roles})

    def has_host(self, hosts: Iterable[HostConfig]) -> bool:
        """Return True if the hook may run on one of these hosts."""
        return any(self.accepts_roles(host.roles) for host in hosts)

    def call(self, **values: Any) -> object:
        """Call the function with those of the values that it has arguments for, and return its result."""
        return self.function(**{name: values[name] for name in self.arguments})


class Dependency(NamedTuple):
    """A doit task that a step depends on.

    Attributes:
        flows: flows whose step depends on the task.
        step: name of the step.
        task: name of the doit task; empty if the options of a recipe name it.
        location: file and line of the declaration.
        tasks_from_options: returns the names of tasks, given the recipe's options; None for a fixed name.
    """

    flows: tuple[str, ...]
    step: str
    task: str
    location: str
    tasks_from_options: Callable[[Any], Iterable[str]] | None = None

    def with_options(self, options: object, place: str) -> list[Dependency]:
        """Return the dependencies that follow from the options of a recipe, which deploy.yml has in a place."""
        if not self.tasks_from_options:
            return [self]
        names = self.tasks_from_options(options)
        return [Dependency(self.flows, self.step, name, place) for name in names]


@dataclass(frozen=True)
class RollbackCheck:
    """The check of a recipe that a rollback fits something shared, such as a database.

    Attributes:
        recipe: name of the recipe.
        probe: returns the current state as names, such as applied migrations; None if nothing is recorded.
        guard: returns the names that the target release does not know; None for the names that were not recorded
            when that release was published.
        back: removes unknown names before the flip, with ``migrations=back``; None if the recipe cannot.
    """

    recipe: str
    probe: Hook | None = None
    guard: Hook | None = None
    back: Hook | None = None

    @property
    def host_hook(self) -> Hook:
        """The hook whose roles choose the host that the probe and the guard are called on."""
        hook = self.probe or self.guard
        assert hook is not None  # noqa: S101 - `Recipe` refuses a check without both
        return hook


@dataclass(frozen=True)
class Declarations:
    """Everything that recipes and a project declare, in order; ``+`` joins two of them.

    Attributes:
        hooks: hooks before and after steps.
        failed: hooks on failure.
        environments: functions that return environment variables for the commands of hooks.
        tasks: tasks on demand.
        dependencies: doit tasks that steps depend on.
        rollback_checks: checks of recipes that a rollback fits.
        linked_dirs: directories that recipes share between releases.
        variables: variables of the command line, with their possible values.
        secrets: secrets in the options of recipes.
        pending_options: values from elsewhere that options of other types wait for, by recipe.
        versions: origin of each recipe, such as ``bundled 0.1.0``, by name.
    """

    hooks: tuple[Hook, ...] = ()
    failed: tuple[Hook, ...] = ()
    environments: tuple[Hook, ...] = ()
    tasks: tuple[OnDemandTask, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    rollback_checks: tuple[RollbackCheck, ...] = ()
    linked_dirs: tuple[str, ...] = ()
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    pending_options: Mapping[str, tuple[Secret, ...]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def own_hooks(self) -> list[Hook]:
        """The hooks and tasks on demand of the project itself, without those of recipes."""
        tasks = (task.hook for task in self.tasks)
        return [hook for hook in (*self.hooks, *self.environments, *tasks) if not hook.recipe]

    @property
    def probes_and_guards(self) -> list[Hook]:
        """The hooks that a rollback asks, recipe by recipe."""
        return [hook for check in self.rollback_checks for hook in (check.probe, check.guard) if hook]

    def __add__(self, other: Declarations) -> Declarations:
        return Declarations(**{f.name: _join(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)})


def check_hook_roles(hooks: Iterable[Hook], roles: set[str] | None) -> None:
    """Check that every role of a project's hooks is the role of a host; recipes may have more roles than a stage.

    Args:
        hooks: the hooks.
        roles: roles of all hosts; None if not all hosts are known, which accepts every role.

    Raises:
        ConfigError: at least one role is unknown; names every such hook.
    """
    mistakes = [
        f"{hook.location}: hook {hook.name}: no host has the role {role}{suggest_name(role, roles)}"
        for hook in hooks
        for role in hook.roles
        if roles is not None and role not in roles
    ]
    if mistakes:
        raise ConfigError(*mistakes)


def role_tuple(roles: Roles) -> tuple[str, ...]:
    """Return one role, or several, as a tuple."""
    return (roles,) if isinstance(roles, str) else tuple(roles)


def _join(first: Any, second: Any) -> Any:
    return {**first, **second} if isinstance(first, Mapping) else first + second
