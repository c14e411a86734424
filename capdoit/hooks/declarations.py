"""How hooks are declared; what is wrong with a declaration is refused where it stands.

An unknown step, flow or argument stops the load and says where.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, overload

from capdoit.errors import ConfigError
from capdoit.hooks.hook import Declared, Dependency, Hook, Roles, texts
from capdoit.sequence import FLOWS, step_names
from capdoit.text import listed, near

if TYPE_CHECKING:
    from typing_extensions import Unpack

Function = TypeVar("Function", bound=Callable[..., object])


class When(TypedDict, total=False):
    """When and where a hook runs; `Hooks.before` says what each means."""

    roles: Roles | Callable[[Any], Roles]
    primary: bool
    once: bool
    flows: Roles
    timeout: float | None
    drill: bool


class Hooks:
    """Hooks in the order of their declaration.

    Args:
        recipe: the recipe's name; empty for a project's own.
        roles: what a hook without ``roles=`` runs on.
        has_options: whether hooks may want ``options``.
    """

    def __init__(self, recipe: str = "", roles: tuple[str, ...] = (), has_options: bool = False) -> None:
        self.recipe, self.roles, self.has_options = recipe, roles, has_options
        self._hooks: list[Hook] = []
        self._failed: list[Hook] = []
        self._dependencies: list[Dependency] = []

    @overload
    def before(self, step: str, task: str, *, flows: Roles = ()) -> None: ...

    @overload
    def before(self, step: str, **when: Unpack[When]) -> Callable[[Function], Function]: ...

    def before(self, step: str, task: str | None = None, **when: Any) -> Callable[[Function], Function] | None:
        """Run the decorated function before a step, or a doit task before it.

        Args:
            step: of a flow, such as ``publishing``.
            task: the name of a doit task that the step then depends on; no function is decorated. It is the
                deploy's step unless ``flows=`` says otherwise, so that a rollback needs nothing but the hosts.
            **when: ``roles=``, run on the hosts that play one of these; when not given on all, a recipe's on those that
                get code; a recipe may give a function that takes its options and returns them. ``primary=True``, only
                on the primary of those hosts; ``once=True``, one call for the fleet, given ``hosts`` instead of
                ``host``; ``flows=``, some of ``("deploy", "rollback")``, all that have the step when not given;
                ``timeout=``, seconds after which what it runs on hosts is stopped and the flow has failed;
                ``drill=True``, it runs in a drill, too, on a copy of the release: it touches nothing but what is
                below ``release.deploy_to``.

        Raises:
            ConfigError: there is no such step or flow, the function wants what hooks are not given, or more than
                ``flows=`` is said of a task.
        """
        if task is None:
            return self._decorator("before", step, when)
        with self.refusing():
            self._dependencies.append(_dependency(step, task, **when))
        return None

    def after(self, step: str, **when: Unpack[When]) -> Callable[[Function], Function]:
        """Run the decorated function after a step; arguments and errors as in `before`."""
        return self._decorator("after", step, when)

    def health(self, **when: Unpack[When]) -> Callable[[Function], Function]:
        """Check with the decorated function that what was published works, when all else after that is done.

        Arguments and errors are those of `before`. An error that the function raises makes the flow fail.
        """
        return self._decorator("health", "published", when)

    def on_failed(self, function: Function) -> Function:
        """Call the decorated function, once, with ``failure`` when a flow that began does not finish."""
        with self.refusing():
            hook = self._hook(function, "after", "failed", tuple(FLOWS), {"once": True})
            check_wants(hook, {"failure", "hosts", "flow", *self._options()})
        self._failed.append(hook)
        return function

    def declared(self) -> Declared:
        """What was declared so far."""
        return Declared(tuple(self._hooks), tuple(self._failed), tuple(self._dependencies))

    def refusing(self) -> AbstractContextManager[None]:
        """Around what refuses a declaration: an owner may turn the error into another."""
        return nullcontext()

    def _decorator(self, when: str, step: str, said: Mapping[str, Any]) -> Callable[[Function], Function]:
        with self.refusing():
            check_form(when, step, said, When.__annotations__)

        def declare(function: Function) -> Function:
            with self.refusing():
                flows = _flows_with(step, texts(said.get("flows", ())), place_of(function))
                hook = self._hook(function, when, step, flows, said)
                released = set() if (when, step) == ("before", "starting") else {"release"}
                check_wants(hook, {"hosts" if hook.once else "host", "flow", *released, *self._options()})
            self._hooks.append(hook)
            return function

        return declare

    def _hook(
        self, function: Callable[..., object], when: str, step: str, flows: tuple[str, ...], said: Mapping[str, Any]
    ) -> Hook:
        own = _name(function)
        roles = said.get("roles", ())
        return Hook(
            name=f"{self.recipe}.{own}" if self.recipe else own,
            function=function,
            when=when,
            step=step,
            flows=flows,
            roles=(() if callable(roles) else texts(roles)) or self.roles,
            primary=said.get("primary", False),
            once=said.get("once", False),
            place=place_of(function),
            recipe=self.recipe,
            roles_of=roles if callable(roles) else None,
            timeout=said.get("timeout"),
            drill=said.get("drill", False),
        )

    def _options(self) -> set[str]:
        return {"options"} if self.has_options else set()


def check_form(when: str, step: object, said: Mapping[str, object], known: Iterable[str]) -> None:
    """Refuse a slip in how a hook is declared, which would be a traceback, or a hook that never runs.

    Raises:
        ConfigError: the decorator was given the function itself, or a keyword that it does not know.
    """
    if callable(step):
        raise ConfigError(f'{place_of(step)}: {when} needs a step: @….{when}("published")')
    for name in said:
        if name not in known:
            raise ConfigError(f"{_caller()}: {when} has no {name}={near(name, known)} (there are {listed(known)})")


def check_wants(hook: Hook, given: set[str]) -> None:
    """Refuse a hook that wants what it will not be given.

    Raises:
        ConfigError: names the argument and suggests another.
    """
    when = f"{hook.when} {hook.step}".strip()
    for name, parameter in inspect.signature(hook.function).parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ConfigError(f"{hook.place}: hook {hook.name} wants {name} by its position; hooks are called by names")
        if name not in given or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ConfigError(
                f"{hook.place}: hook {hook.name} wants {parameter}, but {when} it is given"
                f" {listed(sorted(given))}{near(name, given)}"
            )


def place_of(function: Callable[..., object]) -> str:
    """File and line of a function."""
    code = getattr(function, "__code__", None)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code else _caller()


def _flows_with(step: str, flows: tuple[str, ...], place: str) -> tuple[str, ...]:
    everywhere = dict.fromkeys(name for flow in FLOWS for name in step_names(flow))
    if step not in everywhere:
        raise ConfigError(f"{place}: no step {step}{near(step, everywhere)} (there are {listed(everywhere)})")
    for flow in flows:
        if flow not in FLOWS:
            raise ConfigError(f"{place}: no flow {flow}{near(flow, FLOWS)}")
        if step not in step_names(flow):
            raise ConfigError(f"{place}: flow {flow} has no step {step}")
    return flows or tuple(flow for flow in FLOWS if step in step_names(flow))


def _dependency(step: str, task: str, flows: Roles = (), **others: object) -> Dependency:
    place = _caller()
    if others:
        said = listed(f"{name}=" for name in others)
        raise ConfigError(f"{place}: {said} means nothing to a task, which runs on no host; the task is {task}")
    return Dependency(_flows_with(step, texts(flows) or ("deploy",), place), step, task)


def _name(function: Callable[..., object]) -> str:
    """Its name, which its task has, too; a call has to do its work."""
    name = getattr(function, "__name__", None)
    if not callable(function) or not isinstance(name, str):
        kind = type(function).__name__
        place = place_of(function)
        raise ConfigError(f"{place}: a hook is a function with a name, not a {kind}; write a def around it")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(inspect.unwrap(function)):
        place = place_of(function)
        raise ConfigError(f"{place}: hook {name} would never run: it is async or yields; write a plain def")
    return name


def _caller() -> str:
    """The line of a dodo.py or a recipe that is being run."""
    frame = inspect.currentframe()
    while frame and frame.f_globals["__name__"] in (__name__, "capdoit.hooks.recipe"):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else ""
