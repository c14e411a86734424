"""The declaration of hooks by decorators; a mistake in a declaration is refused when it is loaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, overload

from capdoit.error_location import caller_location
from capdoit.errors import ConfigError, UnknownDecorator
from capdoit.hooks.decorator_calls import USAGE, Function, refusing_wrong_calls
from capdoit.hooks.hook import (
    DEFAULT_TIMEOUTS,
    AtOnce,
    Declarations,
    Dependency,
    Hook,
    Roles,
    Timeout,
    Wait,
    role_tuple,
)
from capdoit.hooks.on_demand import ARGUMENTS, OnDemandTask, make_task
from capdoit.hooks.tool import ToolsFromOptions, tool_tuple
from capdoit.sequence import FLOWS, step_names
from capdoit.text import join_names, suggest_name

if TYPE_CHECKING:
    from typing_extensions import Unpack

TasksFromOptions = Callable[[Any], Iterable[str]]


class HookKeywords(TypedDict, total=False):
    """The keyword arguments of the decorators; `HookRegistry.before` documents them."""

    roles: Roles | Callable[[Any], Roles]
    primary: bool
    once: bool
    flows: Roles
    timeout: Timeout
    drill: bool
    at_once: AtOnce
    wait: Wait
    tools: ToolsFromOptions


class EnvironmentKeywords(TypedDict, total=False):
    """The keyword arguments of `HookRegistry.environment`."""

    roles: Roles | Callable[[Any], Roles]
    timeout: Timeout
    tools: ToolsFromOptions
    not_provided: Roles | Callable[[Any], Roles]


class TaskKeywords(TypedDict, total=False):
    """The keyword arguments of `HookRegistry.task`, which documents them."""

    roles: Roles | Callable[[Any], Roles]
    primary: bool
    once: bool
    timeout: Timeout
    at_once: AtOnce
    wait: Wait
    interactive: bool
    exclusive: bool


class HookRegistry:
    """The hooks of a project or of a recipe, in the order of their declaration.

    Args:
        recipe: name of the recipe; empty for a project.
        roles: roles of hooks without ``roles=``.
        has_options: True if hooks may have the argument ``options``.
    """

    def __init__(self, recipe: str = "", roles: tuple[str, ...] = (), has_options: bool = False) -> None:
        self.recipe, self.roles, self.has_options = recipe, roles, has_options
        self._hooks: list[Hook] = []
        self._failed: list[Hook] = []
        self._environments: list[Hook] = []
        self._dependencies: list[Dependency] = []
        self._tasks: list[OnDemandTask] = []

    def __getattr__(self, name: str) -> Any:
        """Refuse the name of a decorator that does not exist; it is called for no other name."""
        if name.startswith("_") or hasattr(type(self), name):
            return object.__getattribute__(self, name)
        raise UnknownDecorator(
            f"{caller_location()}: there is no decorator {name}{suggest_name(name, USAGE)}"
            f" (there are {join_names(USAGE)})"
        )

    @overload
    def before(self, step: str, task: str | TasksFromOptions, *, flows: Roles = ()) -> None: ...

    @overload
    def before(self, step: str, **keywords: Unpack[HookKeywords]) -> Callable[[Function], Function]: ...

    @refusing_wrong_calls
    def before(
        self, step: str, task: str | TasksFromOptions | None = None, **keywords: Any
    ) -> Callable[[Function], Function] | None:
        """Run the decorated function, or a doit task, before a step.

        Args:
            step: name of a step, such as ``publishing``.
            task: name of a doit task that the step depends on; then no function is decorated. A recipe may pass a
                function that returns the names of tasks, given its options. A rollback needs nothing but the hosts, so
                only the deploy's step depends on the task unless ``flows=`` names other flows.
            **keywords: ``roles=``, run on hosts with one of these roles; default is all hosts, and for a recipe all
                hosts that get releases; a recipe may pass a function that returns the roles, given its options.
                ``primary=True``, run only on the primary of these hosts. ``once=True``, call the function once, with
                ``hosts`` instead of ``host``. ``flows=``, run only in these flows, ``deploy`` or ``rollback``; default
                is every flow that has the step. ``timeout=``, seconds after which its commands on hosts are stopped
                and the flow fails; None for no limit; a recipe may pass a function of its options. The default is no
                limit, and 300 s for a health check. ``drill=True``, run in drills, too, on a copy of the release; the
                function must change nothing outside ``release.deploy_to``. ``at_once=``, run on so many hosts at the
                same time, group by group in the order of deploy.yml, and stop at the first group with a failure; each
                group has the timeout for itself. ``wait=``, seconds between two groups. A recipe may pass functions of
                its options to both. ``tools=``, names of programs, or `Tool`, that its commands need; a deploy is
                refused before it begins if a host lacks one; a recipe may pass a function of its options.

        Raises:
            ConfigError: the step or the flow does not exist, the function has an argument that hooks do not get, or a
                task has a keyword other than ``flows=``.
        """
        if task is None:
            return self._decorator("before", step, keywords)
        with self.declaration_errors():
            self._dependencies.append(_make_dependency(step, task, self.has_options, **keywords))
        return None

    @refusing_wrong_calls
    def after(self, step: str, **keywords: Unpack[HookKeywords]) -> Callable[[Function], Function]:
        """Run the decorated function after a step; arguments and errors as in `before`."""
        return self._decorator("after", step, keywords)

    @refusing_wrong_calls
    def health(self, **keywords: Unpack[HookKeywords]) -> Callable[[Function], Function]:
        """Check with the decorated function that the published release works, after all other hooks of ``published``.

        Arguments and errors are those of `before`. An error that the function raises fails the flow.
        """
        return self._decorator("health", "published", keywords)

    @refusing_wrong_calls
    def on_failed(self, function: Function) -> Function:
        """Call the decorated function once, with ``failure``, when a flow that began does not finish.

        A function with the argument ``stopped`` is called with True, too, when the flow ends after the task that the
        operator asked for.
        """
        with self.declaration_errors():
            hook = self._make_hook(function, "after", "failed", tuple(FLOWS), {"once": True})
            check_arguments(hook, {"failure", "hosts", "flow", "stopped", *self._options_argument()})
            self._failed.append(hook)
        return function

    @refusing_wrong_calls
    def environment(self, **keywords: Unpack[EnvironmentKeywords]) -> Callable[[Function], Function]:
        """Give the commands of hooks the environment variables that the decorated function returns, by name.

        The function is called for each host with a release, before the first hook, probe or guard there that gets the
        release; it must change nothing. Its own commands have the variables of functions that were declared before it.

        Args:
            **keywords: ``roles=`` and ``tools=`` as in `before`; ``timeout=``, seconds after which its commands on
                hosts are stopped, 60 by default. ``not_provided=``, names of programs, or patterns such as ``*``, that
                these variables never lead to. Of the programs that hooks need, a deploy looks for these before it
                begins; all others may be found only with the variables. A recipe may pass a function of its options.

        Raises:
            ConfigError: the function has an argument that it does not get, or another keyword is used.
        """
        with self.declaration_errors():
            check_decorator_call("environment", "", keywords, EnvironmentKeywords.__annotations__)

        def declare(function: Function) -> Function:
            with self.declaration_errors():
                hook = self._make_hook(function, "environment", "", tuple(FLOWS), keywords)
                check_arguments(hook, {"host", "release", "flow", *self._options_argument()})
                self._environments.append(hook)
            return function

        return declare

    @overload
    def task(self, function: Function, /) -> Function: ...

    @overload
    def task(self, **keywords: Unpack[TaskKeywords]) -> Callable[[Function], Function]: ...

    @refusing_wrong_calls
    def task(self, *functions: Any, **keywords: Any) -> Any:
        """Make a task on demand of the decorated function: `doit NAME:STAGE` calls it for the live release.

        The function can have the arguments of a hook, and ``arguments``, the words behind ``--``. Its arguments behind
        ``*`` are parameters, which the command line sets by NAME=VALUE. Their annotations are their types: str, int,
        float, bool, Literal, and ``tuple[str, ...]``. The first line of the docstring is in `doit list`.

        Args:
            *functions: the function, if the decorator has no parentheses.
            **keywords: ``roles=``, ``primary=``, ``once=``, ``timeout=``, ``at_once=`` and ``wait=`` as in `before`.
                ``interactive=True``, run on one host, where `Host.run` gives its command the operator's terminal.
                ``exclusive=True``, take the locks of the hosts, as a flow does; the function may then change files of
                the release.

        Raises:
            ConfigError: the function has an argument that it does not get, or a name that is taken.
        """
        with self.declaration_errors():
            check_decorator_call("task", "task", keywords, TaskKeywords.__annotations__)

        def declare(function: Function) -> Function:
            with self.declaration_errors():
                self._tasks.append(self._make_task(function, keywords))
            return function

        return declare(*functions) if functions else declare

    def declarations(self) -> Declarations:
        """Return everything that is declared."""
        return Declarations(
            hooks=tuple(self._hooks),
            failed=tuple(self._failed),
            environments=tuple(self._environments),
            tasks=tuple(self._tasks),
            dependencies=tuple(self._dependencies),
        )

    def _make_task(self, function: Callable[..., object], keywords: Mapping[str, Any]) -> OnDemandTask:
        is_interactive = bool(keywords.get("interactive"))
        values = {**keywords, "primary": bool(keywords.get("primary")) or is_interactive}
        hook = self._make_hook(function, "task", "", tuple(FLOWS), values)
        given = {"hosts" if hook.runs_once else "host", "release", "flow", ARGUMENTS, *self._options_argument()}
        task = make_task(hook, given, is_interactive, bool(keywords.get("exclusive")))
        check_arguments(hook, given | {*task.parameter_names})
        if any(task.name == other.name for other in self._tasks):
            raise ConfigError(f"{hook.location}: there are two tasks with the name {task.name}; rename one")
        return task

    def declaration_errors(self) -> AbstractContextManager[None]:
        """Return the context of each check of a declaration; a subclass can change or collect the errors in it."""
        return nullcontext()

    def _decorator(self, when: str, step: str, keywords: Mapping[str, Any]) -> Callable[[Function], Function]:
        with self.declaration_errors():
            check_decorator_call(when, step, keywords, HookKeywords.__annotations__)

        def declare(function: Function) -> Function:
            with self.declaration_errors():
                flows = _check_flows(step, role_tuple(keywords.get("flows", ())), location_of(function))
                hook = self._make_hook(function, when, step, flows, keywords)
                release = set() if (when, step) == ("before", "starting") else {"release"}
                check_arguments(
                    hook, {"hosts" if hook.runs_once else "host", "flow", *release, *self._options_argument()}
                )
                self._hooks.append(hook)
            return function

        return declare

    def _make_hook(
        self, function: Callable[..., object], when: str, step: str, flows: tuple[str, ...], keywords: Mapping[str, Any]
    ) -> Hook:
        name = _function_name(function)
        roles = keywords.get("roles", ())
        timeout = keywords.get("timeout", DEFAULT_TIMEOUTS.get(when))
        at_once, wait = keywords.get("at_once"), keywords.get("wait", 0.0)
        tools, not_provided = keywords.get("tools", ()), keywords.get("not_provided", ())
        hook = Hook(
            name=f"{self.recipe}.{name}" if self.recipe else name,
            function=function,
            when=when,
            step=step,
            flows=flows,
            roles=(() if callable(roles) else role_tuple(roles)) or self.roles,
            only_primary=keywords.get("primary", False),
            runs_once=keywords.get("once", False),
            location=location_of(function),
            recipe=self.recipe,
            roles_from_options=roles if callable(roles) else None,
            timeout_seconds=None if callable(timeout) else timeout,
            timeout_from_options=timeout if callable(timeout) else None,
            runs_in_drill=keywords.get("drill", False),
            at_once=None if callable(at_once) else at_once,
            at_once_from_options=at_once if callable(at_once) else None,
            wait_seconds=0.0 if callable(wait) else wait,
            wait_from_options=wait if callable(wait) else None,
            tools=() if callable(tools) else tool_tuple(tools),
            tools_from_options=tools if callable(tools) else None,
            not_provided=() if callable(not_provided) else role_tuple(not_provided),
            not_provided_from_options=not_provided if callable(not_provided) else None,
        )
        is_known = not (hook.at_once_from_options or hook.wait_from_options)
        if is_known and (mistake := hook.find_pace_mistake()):
            raise ConfigError(f"{hook.location}: hook {hook.name}: {mistake}")
        return hook

    def _options_argument(self) -> set[str]:
        return {"options"} if self.has_options else set()


def check_decorator_call(when: str, step: object, keywords: Iterable[str], known: Iterable[str]) -> None:
    """Check the arguments of a decorator; otherwise a mistake would be a traceback, or a hook that never runs.

    Raises:
        ConfigError: the decorator got the function instead of a step, or an unknown keyword.
    """
    if callable(step):
        raise ConfigError(f'{location_of(step)}: {when} needs a step: @….{when}("published")')
    for name in keywords:
        if name not in known:
            hint = f"{suggest_name(name, known)} (there are {join_names(known)})"
            raise ConfigError(f"{caller_location()}: {when} has no {name}={hint}")


def check_arguments(hook: Hook, available: set[str]) -> None:
    """Check that a hook has no argument that it will not get.

    Raises:
        ConfigError: names the argument and suggests another.
    """
    is_task = hook.when == "task"
    what, who = ("task", "a task") if is_task else ("hook", f"{f'{hook.when} {hook.step}'.strip()} a hook")
    for name, parameter in inspect.signature(hook.function).parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ConfigError(f"{hook.location}: {what} {hook.name} must take {name} by name: it is positional-only")
        is_variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if name in available and not is_variadic:
            continue
        hint = suggest_name(name, available)
        if is_task and not (hint or is_variadic):
            raise ConfigError(
                f"{hook.location}: task {hook.name} has the argument {name}: a variable of the command line stands"
                f" behind *: {_write_signature(hook.function, available)}"
            )
        raise ConfigError(
            f"{hook.location}: {what} {hook.name} has the argument {parameter}, but {who} can only have"
            f" {join_names(sorted(available))}{hint}"
        )


def _write_signature(function: Callable[..., object], given: Container[str]) -> str:
    """Return the first line of a task's function with its variables behind ``*``."""
    parameters = [*inspect.signature(function).parameters.values()]
    first = [one for one in parameters if one.name in given and one.kind is not one.KEYWORD_ONLY]
    behind = [one for one in parameters if one not in first]
    words = [*map(_write_parameter, first), "*", *map(_write_parameter, behind)]
    return f"def {function.__name__}({join_names(words)})"


def _write_parameter(parameter: inspect.Parameter) -> str:
    """Return a parameter as in the source: ``from __future__ import annotations`` makes texts of annotations."""
    annotation = parameter.annotation
    return str(parameter).replace(repr(annotation), annotation) if isinstance(annotation, str) else str(parameter)


def location_of(function: Callable[..., object]) -> str:
    """Return the file name and line of a function."""
    code = getattr(function, "__code__", None)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code else caller_location()


def _check_flows(step: str, flows: tuple[str, ...], location: str) -> tuple[str, ...]:
    """Return the given flows, or all that have the step; raise ConfigError if one does not have it."""
    steps = dict.fromkeys(name for flow in FLOWS for name in step_names(flow))
    if step not in steps:
        raise ConfigError(f"{location}: no step {step}{suggest_name(step, steps)} (there are {join_names(steps)})")
    for flow in flows:
        if flow not in FLOWS:
            raise ConfigError(f"{location}: no flow {flow}{suggest_name(flow, FLOWS)}")
        if step not in step_names(flow):
            raise ConfigError(f"{location}: flow {flow} has no step {step}")
    return flows or tuple(flow for flow in FLOWS if step in step_names(flow))


def _make_dependency(
    step: str, task: str | TasksFromOptions, has_options: bool, flows: Roles = (), **others: object
) -> Dependency:
    location = caller_location()
    if not (isinstance(task, str) or (callable(task) and has_options)):
        what = "a function" if callable(task) else repr(task)
        raise ConfigError(f"{location}: before {step} needs the name of a doit task, not {what}")
    if others:
        names = join_names(f"{name}=" for name in others)
        raise ConfigError(f"{location}: {names} has no meaning for the doit task {task}, which does not run on hosts")
    found = _check_flows(step, role_tuple(flows) or ("deploy",), location)
    return Dependency(found, step, "", location, task) if callable(task) else Dependency(found, step, task, location)


def _function_name(function: Callable[..., object]) -> str:
    """Return the name of a function; raise ConfigError if a call of it has no name or would not run its body."""
    name = getattr(function, "__name__", None)
    if not callable(function) or not isinstance(name, str):
        kind = type(function).__name__
        location = location_of(function)
        raise ConfigError(f"{location}: a hook is a function with a name, not a {kind}; write a def around it")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(inspect.unwrap(function)):
        location = location_of(function)
        raise ConfigError(f"{location}: hook {name} would never run: it is async or yields; write a plain def")
    return name
