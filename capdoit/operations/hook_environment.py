"""The host as a hook gets it: with the environment variables that recipes and the project name for its release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capdoit.errors import ConfigError
from capdoit.events import EnvironmentFound
from capdoit.hooks.context import Release
from capdoit.hooks.hook import Hook
from capdoit.hosts.connection import Connection
from capdoit.hosts.host import Host
from capdoit.script import NAME
from capdoit.state.context import FlowContext
from capdoit.state.hook_arguments import make_flow_argument
from capdoit.text import cut, make_printable

LONGEST_NAME = 40  # characters of a wrong name in a message


def make_host_argument(context: FlowContext, connection: Connection, release: Release) -> Host:
    """Return the host as a hook gets it together with a release.

    The functions that name environment variables are called once for each release of a host.

    Raises:
        HostError: a command of such a function failed.
        ConfigError: such a function returned something else.
    """
    functions = [hook for hook in context.request.declared.environments if hook.choose_connections([connection])]
    key = (connection.name, release.path)
    if functions and key not in context.progress.environments and _has_release(context, connection, release):
        variables = _ask(context, connection, release, functions)
        context.emit(EnvironmentFound(*key, variables))
    variables = context.progress.environments.get(key, {})
    return connection.host.with_env(variables, release=release, flow=make_flow_argument(context))


def make_last_host_argument(context: FlowContext, connection: Connection) -> Host:
    """Return the host with the environment variables that were found last: a hook on failure asks for none."""
    found = [variables for (host, _), variables in context.progress.environments.items() if host == connection.name]
    return connection.host.with_env(found[-1] if found else {})


def _has_release(context: FlowContext, connection: Connection, release: Release) -> bool:
    """Return True if the directory of a release is complete on a host, so that the release can be asked."""
    is_chosen = release.name == context.decision.release_on(connection.name)
    if connection.config.no_release or not release.name:
        return False
    if not is_chosen or context.progress.is_hooks_only:
        return True
    if context.request.is_deploy:
        return "updating" in context.progress.done
    return connection.name not in context.decision.archived_on or "reverting" in context.progress.done


def _ask(context: FlowContext, connection: Connection, release: Release, functions: list[Hook]) -> Mapping[str, str]:
    variables: dict[str, str] = {}
    for hook in functions:
        with context.mask_errors(), connection.more_deadlines(*hook.start_deadlines()):
            answer = hook.call(
                host=connection.host.with_env(variables),
                release=release,
                flow=make_flow_argument(context),
                options=hook.options,
            )
            variables |= _check_variables(hook, answer)
    return variables


def _check_variables(hook: Hook, answer: Any) -> Mapping[str, str]:
    """Return the answer of a function; None counts as no variables."""
    found = {} if answer is None else answer
    if wrong := _describe_wrong(found):
        raise ConfigError(f"{hook.location}: {hook.name} returned {wrong}, expected texts by the names of variables")
    return dict(found)


def _describe_wrong(answer: Any) -> str:
    """Describe what is wrong with an answer, without its values, which may be secret; empty if it is right."""
    if not isinstance(answer, Mapping):
        return f"a {type(answer).__name__}"
    names = [name for name in answer if not (isinstance(name, str) and NAME.fullmatch(name))]
    if names:
        return f"the name {cut(make_printable(str(names[0])), LONGEST_NAME)!r}"
    kinds = (f"{name}: {type(value).__name__}" for name, value in answer.items() if not isinstance(value, str))
    return next(kinds, "")
