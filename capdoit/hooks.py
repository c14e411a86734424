"""Hooks: a project's or a recipe's own functions, before and after the steps of the flows.

What a hook is declared with is checked when it is declared: an unknown step, flow or argument stops
the load and says where.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from capdoit.errors import CapdoitError, ConfigError, Outcome
from capdoit.flow import FLOWS, steps
from capdoit.places import near
from capdoit.text import listed

if TYPE_CHECKING:
    from capdoit.host import Host

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True)
class Release:
    """The release a flow is about, on one host.

    Attributes:
        name: fourteen digits.
        path: its directory on the host.
        revision: the commit, or the sha256 of the archive; empty before ``updating``.
        previous: the name of the release that was live before the flow; None when none was.
        left: in a rollback, the release rolled back from.
    """

    name: str
    path: str
    revision: str
    previous: str | None
    left: str | None = None


@dataclass(frozen=True)
class Failure:
    """Why a flow did not finish; what an ``on_failed`` hook is given.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        stage: the stage's name.
        step: the step, or hook, in which it failed.
        hosts: the hosts that failed; all of them when it was no host's fault.
        outcomes: what each host answered, as far as it is known.
        error: the error.
        release: the release's name; empty when none was chosen yet.
    """

    flow: str
    stage: str
    step: str
    hosts: tuple[Host, ...]
    outcomes: tuple[Outcome, ...]
    error: BaseException
    release: str


@dataclass(frozen=True)
class Hook:
    """A function, and when and where it runs."""

    name: str
    function: Callable[..., object]
    when: str
    step: str
    flows: tuple[str, ...]
    roles: tuple[str, ...]
    primary: bool
    once: bool
    place: str
    options: object = None
    timeout: float | None = None

    @property
    def doc(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def wants(self) -> set[str]:
        """The names of its arguments."""
        return set(inspect.signature(self.function).parameters)

    def hosts(self, hosts: Iterable[Host]) -> list[Host]:
        """The hosts it runs on: those with its roles, or the primary of them."""
        chosen = [host for host in hosts if not self.roles or set(self.roles) & set(host.roles)]
        return sorted(chosen, key=lambda host: not host.config.primary)[:1] if self.primary else chosen

    def call(self, **values: Any) -> object:
        """Call it with those of the values that it wants."""
        return self.function(**{name: values[name] for name in self.wants})


class Dependency(NamedTuple):
    """A doit task that a step of some flows depends on."""

    flows: tuple[str, ...]
    step: str
    task: str


class Hooks:
    """Hooks in the order of their declaration.

    Args:
        owner: the recipe's name; empty for a project's own.
        roles: what a hook without ``roles=`` runs on.
        has_options: whether hooks may want ``options``.
    """

    def __init__(self, owner: str = "", roles: tuple[str, ...] = (), has_options: bool = False) -> None:
        self.owner, self.roles, self.has_options = owner, roles, has_options
        self.hooks: list[Hook] = []
        self.failed: list[Hook] = []
        self.dependencies: list[Dependency] = []

    @overload
    def before(self, step: str, task: str, *, flows: str | Iterable[str] = ()) -> None: ...

    @overload
    def before(
        self,
        step: str,
        task: None = None,
        *,
        roles: str | Iterable[str] = (),
        primary: bool = False,
        once: bool = False,
        flows: Iterable[str] = (),
        timeout: float | None = None,
    ) -> Callable[[Function], Function]: ...

    def before(self, step: str, task: str | None = None, **when: Any) -> Callable[[Function], Function] | None:
        """Run the decorated function before a step, or a doit task before it.

        Args:
            step: of a flow, such as ``publishing``.
            task: the name of a doit task that the step then depends on; no function is decorated. It is the
                deploy's step unless ``flows=`` says otherwise, so that a rollback needs nothing but the hosts.
            **when: ``roles=``, run on the hosts that play one of these, on all when not given; ``primary=True``,
                only on the primary of those hosts; ``once=True``, one call for the fleet, given ``hosts`` instead
                of ``host``; ``flows=``, some of ``("deploy", "rollback")``, all that have the step when not given;
                ``timeout=``, seconds after which what it runs on hosts is stopped and the flow has failed.

        Raises:
            ConfigError: there is no such step or flow, the function wants what hooks are not given, or more than
                ``flows=`` is said of a task.
        """
        if task is None:
            return self._decorator("before", step, **when)
        with self.refusing():
            self.dependencies.append(_dependency(step, task, **when))
        return None

    def after(
        self,
        step: str,
        *,
        roles: str | Iterable[str] = (),
        primary: bool = False,
        once: bool = False,
        flows: Iterable[str] = (),
        timeout: float | None = None,
        **unknown: Any,
    ) -> Callable[[Function], Function]:
        """Run the decorated function after a step; arguments and errors as in `before`."""
        chosen: dict[str, Any] = {"roles": roles, "primary": primary, "once": once, "flows": flows, "timeout": timeout}
        return self._decorator("after", step, **chosen, **unknown)

    def on_failed(self, function: Function) -> Function:
        """Call the decorated function, once, with ``failure`` when a flow that began does not finish."""
        with self.refusing():
            hook = self._hook(function, "after", "failed", tuple(FLOWS), (), False, True)
            _check_wants(hook, {"failure", "hosts", *self._options()})
        self.failed.append(hook)
        return function

    def _decorator(
        self,
        when: str,
        step: str,
        roles: str | Iterable[str] = (),
        primary: bool = False,
        once: bool = False,
        flows: Iterable[str] = (),
        timeout: float | None = None,
        **unknown: Any,
    ) -> Callable[[Function], Function]:
        with self.refusing():
            _check_form(when, step, unknown)
        chosen = _texts(roles)

        def declare(function: Function) -> Function:
            with self.refusing():
                found = _flows_with(step, _texts(flows), _place(function))
                hook = self._hook(function, when, step, found, chosen or self.roles, primary, once)
                released = set() if (when, step) == ("before", "starting") else {"release"}
                _check_wants(hook, {"hosts" if once else "host", *released, *self._options()})
            self.hooks.append(replace(hook, timeout=timeout))
            return function

        return declare

    def _hook(
        self,
        function: Callable[..., object],
        when: str,
        step: str,
        flows: tuple[str, ...],
        roles: tuple[str, ...],
        primary: bool,
        once: bool,
    ) -> Hook:
        own = _name(function)
        name = f"{self.owner}.{own}" if self.owner else own
        return Hook(name, function, when, step, flows, roles, primary, once, _place(function))

    def refusing(self) -> AbstractContextManager[None]:
        """Around what refuses a declaration: an owner may turn the error into another."""
        return nullcontext()

    def _options(self) -> set[str]:
        return {"options"} if self.has_options else set()

    def with_options(self, options: object) -> tuple[list[Hook], list[Hook]]:
        """The hooks, and those for failures, bound to a recipe's options."""
        return [replace(h, options=options) for h in self.hooks], [replace(h, options=options) for h in self.failed]


def check_roles(hooks: Iterable[Hook], roles: set[str]) -> None:
    """Refuse hooks on roles that no host of any stage plays.

    Raises:
        ConfigError: names every such hook.
    """
    mistakes = [
        f"{hook.place}: hook {hook.name}: no host has the role {role}{near(role, roles)}"
        for hook in hooks
        for role in hook.roles
        if role not in roles and not hook.name.partition(".")[2]
    ]
    if mistakes:
        raise ConfigError(*mistakes)


def failed_hosts(error: BaseException, hosts: Mapping[str, Host]) -> tuple[Host, ...]:
    """The hosts that an error is about; all of them when it is about none."""
    names = [outcome.host for outcome in getattr(error, "failed", ())]
    if isinstance(error, CapdoitError) and hasattr(error, "host"):
        names = [error.host]
    return tuple(hosts[name] for name in names if name in hosts) or tuple(hosts.values())


def _flows_with(step: str, flows: tuple[str, ...], place: str) -> tuple[str, ...]:
    everywhere = {name for flow in FLOWS for name in steps(flow)}
    if step not in everywhere:
        there_are = listed(dict.fromkeys(name for flow in FLOWS for name in steps(flow)))
        raise ConfigError(f"{place}: no step {step}{near(step, everywhere)} (there are {there_are})")
    for flow in flows:
        if flow not in FLOWS:
            raise ConfigError(f"{place}: no flow {flow}{near(flow, FLOWS)}")
        if step not in steps(flow):
            raise ConfigError(f"{place}: flow {flow} has no step {step}")
    return flows or tuple(flow for flow in FLOWS if step in steps(flow))


def _dependency(step: str, task: str, flows: str | Iterable[str] = (), **others: object) -> Dependency:
    place = _caller()
    if others:
        said = listed(f"{name}=" for name in others)
        raise ConfigError(f"{place}: {said} means nothing to a task, which runs on no host; the task is {task}")
    return Dependency(_flows_with(step, _texts(flows) or ("deploy",), place), step, task)


def _check_form(when: str, step: object, unknown: Mapping[str, object]) -> None:
    """A slip in how a hook is declared would be a traceback, or a hook that never runs."""
    if callable(step):
        raise ConfigError(f'{_place(step)}: {when} needs a step: @….{when}("published")')
    for name in unknown:
        known = ("roles", "primary", "once", "flows", "timeout")
        raise ConfigError(f"{_caller()}: {when} has no {name}={near(name, known)} (there are {listed(known)})")


def _check_wants(hook: Hook, given: set[str]) -> None:
    for name, parameter in inspect.signature(hook.function).parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ConfigError(f"{hook.place}: hook {hook.name} wants {name} by its position; hooks are called by names")
        if name not in given or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ConfigError(
                f"{hook.place}: hook {hook.name} wants {parameter}, but {hook.when} {hook.step} it is given"
                f" {listed(sorted(given))}{near(name, given)}"
            )


def _texts(said: str | Iterable[str]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


def _name(function: Callable[..., object]) -> str:
    """Its name, which its task has, too; a call has to do its work."""
    name = getattr(function, "__name__", None)
    if not callable(function) or not isinstance(name, str):
        kind = type(function).__name__
        raise ConfigError(f"{_place(function)}: a hook is a function with a name, not a {kind}; write a def around it")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(inspect.unwrap(function)):
        raise ConfigError(f"{_place(function)}: hook {name} would never run: it is async or yields; write a plain def")
    return name


def _place(function: Callable[..., object]) -> str:
    code = getattr(function, "__code__", None)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code else _caller()


def _caller() -> str:
    """The line outside of this module that is being run."""
    frame = inspect.currentframe()
    while frame and frame.f_globals is globals():
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else ""
