"""The programs that hooks of a deploy need: which of them a host is asked for, and what their absence means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from capdoit.errors import Problem, merge_problems
from capdoit.hooks.hook import Hook
from capdoit.hooks.tool import Tool
from capdoit.hosts.connection import Connection
from capdoit.operations.hook_hosts import describe_hooks, find_hooks_on, list_hooks
from capdoit.records.facts import Facts, MissingRight
from capdoit.script import Template
from capdoit.state.context import FlowContext
from capdoit.text import join_names

SUDO = "sudo:"  # before a command, in the places of a tool
BUNDLED = "bundled"  # the recipes of this package put no programs on hosts


class MissingTool(NamedTuple):
    """A program that a host lacks.

    Attributes:
        problem: the host, the program, and the recipes and hooks that need it.
        is_certain: without the program, the deploy fails.
    """

    problem: Problem
    is_certain: bool


def list_tool_places(context: FlowContext, connection: Connection) -> list[Template]:
    """Return the places where a host is to look for the programs of hooks, each behind ``NUMBER=`` of the program."""
    return [
        Template(f"{number}={place}")
        for number, tool in enumerate(_list_tools(context))
        if _find_users(context, tool, connection)
        for place in _list_places(tool, connection)
    ]


def find_missing_tools(context: FlowContext, facts: Sequence[Facts]) -> list[MissingTool]:
    """Return the programs of hooks that hosts lack.

    A hook of the project may install a program, and so may another recipe, unless it is a bundled one. Nothing is
    certain about what such a hook comes before.
    """
    tools, connections = _list_tools(context), {one.name: one for one in context.fleet.connections}

    def is_needed(number: int, host: str) -> bool:
        return number < len(tools) and bool(_find_users(context, tools[number], connections[host]))

    absences = [
        _describe_absence(context, tools[number], connections[one.host])
        for one in facts
        for number in one.missing_hook_tools
        if is_needed(number, one.host)
    ]
    return absences + [
        _describe_missing_right(context, tools[right.number], one, right)
        for one in facts
        for right in one.missing_rights
        if is_needed(right.number, one.host)
    ]


def list_certain_absences(missing: Iterable[MissingTool]) -> list[Problem]:
    """Return the problems that make a deploy fail."""
    return [one.problem for one in missing if one.is_certain]


def list_possible_absences(missing: Iterable[MissingTool]) -> list[str]:
    """Return the sentences about everything else, equal ones of several hosts as one."""
    return [str(one) for one in merge_problems(one.problem for one in missing if not one.is_certain)]


def _list_tools(context: FlowContext) -> list[Tool]:
    """Return all programs that hooks of this deploy need, on whatever host: their numbers are those of the survey."""
    if not context.request.is_deploy or context.request.is_setup or context.request.on_demand:
        return []
    hooks = [*context.request.declared.environments, *list_hooks(context)]
    return list(dict.fromkeys(tool for hook in hooks for tool in hook.tools))


def _find_users(context: FlowContext, tool: Tool, connection: Connection) -> list[Hook]:
    """Return the hooks that need a program on a host; none if variables that the release brings may lead to it."""
    environments = [hook for hook in context.request.declared.environments if hook.choose_connections([connection])]
    if any(hook.may_provide(tool) for hook in environments):
        return [hook for hook in environments if tool in hook.tools]
    return [hook for hook in (*environments, *find_hooks_on(context, connection)) if tool in hook.tools]


def _list_places(tool: Tool, connection: Connection) -> list[str]:
    """Return the places of a program; none if one of them is in the release or in a directory that releases share."""
    places = tool.places or (tool.name,)
    if all(place.startswith(SUDO) for place in places):
        return list(places)
    inside = f"{connection.config.layout.deploy_to}/"
    is_of_release = any("/" in one and (not one.startswith(("/", "$")) or one.startswith(inside)) for one in places)
    return [] if is_of_release else list(places)


def _describe_absence(context: FlowContext, tool: Tool, connection: Connection) -> MissingTool:
    users = _find_users(context, tool, connection)
    text = " ".join(filter(None, [f"{_say_absent(tool)}; {_name_users(users)} needs it", tool.condition]))
    if tool.condition:
        return MissingTool(Problem(f"{text}{_advise(tool, users)}", connection.name), is_certain=False)
    if earlier := _find_possible_installers(context, users, connection):
        unless = f"unless it is installed by {describe_hooks(earlier)}"
        return MissingTool(Problem(f"{text}, {unless}", connection.name), is_certain=False)
    problem = Problem(f"{text}{_advise(tool, users)}", connection.name, hooks=_find_omissible(context, users))
    return MissingTool(problem, is_certain=True)


def _describe_missing_right(context: FlowContext, tool: Tool, facts: Facts, right: MissingRight) -> MissingTool:
    """Describe a right that is missing; a hook that is called before may grant it, too."""
    connection = next(one for one in context.fleet.connections if one.name == facts.host)
    users = _find_users(context, tool, connection)
    program, _, arguments = tool.places[0].removeprefix(SUDO).partition(" ")
    may_run = "may not run" if right.is_certain else "may not be allowed to run"
    rule = f"{facts.user} ALL=(root) NOPASSWD: {right.program or program} {_escape_for_sudoers(arguments)}".rstrip()
    text = (
        f"{facts.user} {may_run} {program} {arguments} through sudo without a password; {_name_users(users)} needs it; "
        f"a line in sudoers (visudo) allows it: {rule}"
    )
    is_certain = right.is_certain and not _find_possible_installers(context, users, connection)
    hooks = _find_omissible(context, users) if is_certain else ()
    return MissingTool(Problem(text, facts.host, hooks=hooks), is_certain)


def _escape_for_sudoers(arguments: str) -> str:
    return re.sub(r"([,:=\\])", r"\\\1", arguments)


def _advise(tool: Tool, users: Iterable[Hook]) -> str:
    """Return the end of a sentence that names the option with which a recipe finds the program; empty without one."""
    options = dict.fromkeys(one.option for hook in users for one in hook.tools if one == tool and one.option)
    return f"; install it, or set its option {' or '.join(options)}" if options else ""


def _find_omissible(context: FlowContext, users: Sequence[Hook]) -> tuple[str, ...]:
    """Return the hooks without which no hook needs a program; none if other work of their recipes may need it, too."""
    hooks = list_hooks(context)
    recipes = {hook.recipe for hook in users if hook.recipe}
    others = [hook for hook in hooks if hook.recipe in recipes and hook.runs_on_hosts and hook not in users]
    checked = recipes.intersection(check.recipe for check in context.request.declared.rollback_checks)
    is_possible = not (others or checked) and all(user in hooks for user in users)
    return tuple(hook.name for hook in users) if is_possible else ()


def _say_absent(tool: Tool) -> str:
    if not tool.places:
        return f"{tool.name} does not exist" if "/" in tool.name else f"{tool.name} is not on the PATH"
    paths = tool.places if all(one.startswith(("/", "$")) for one in tool.places) else ()
    return f"{tool.name} is not installed" + (f": there is no {join_names(paths)}" if paths else "")


def _name_users(users: Iterable[Hook]) -> str:
    """Return the recipes, and the hooks of the project, that need a program."""
    return join_names(
        dict.fromkeys(f"recipe {one.recipe}" if one.recipe else f"{one.name} ({one.location})" for one in users)
    )


def _find_possible_installers(context: FlowContext, users: Sequence[Hook], connection: Connection) -> list[Hook]:
    """Return the hooks that are called before those that need a program, and may put it on the host.

    The survey of a flow comes after the hooks before ``starting``; those of a check or of a dry run were not called.
    """
    hooks = list_hooks(context)
    first = min((hooks.index(one) for one in users if one in hooks), default=0)
    is_preview = context.request.is_dry_run or not context.progress.locked
    return [
        hook
        for hook in hooks[:first]
        if not _is_bundled(context, hook)
        and (is_preview or (hook.when, hook.step) != ("before", "starting"))
        and (not hook.runs_on_hosts or connection in hook.choose_connections(context.fleet.connections))
    ]


def _is_bundled(context: FlowContext, hook: Hook) -> bool:
    return context.request.declared.versions.get(hook.recipe, "").partition(" ")[0] == BUNDLED
