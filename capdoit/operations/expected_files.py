"""The problems of a deploy that is only checked: hooks before ``starting`` may solve some of them."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.config.short_path import find_short_paths, has_short_path
from capdoit.decisions.readiness import find_deploy_problems, find_missing_linked_files
from capdoit.errors import Problem, merge_problems
from capdoit.hooks.hook import Hook
from capdoit.operations.hook_tools import find_missing_tools, list_certain_absences, list_possible_absences
from capdoit.records.facts import Facts
from capdoit.state.context import FlowContext
from capdoit.text import join_names
from capdoit.transfers import transfer_of


def find_certain_problems(context: FlowContext, facts: Sequence[Facts]) -> tuple[list[Problem], list[str]]:
    """Return the problems that a deploy will have, and a warning about each one that it may have.

    Args:
        context: a check or a dry run, in which no hooks are called.
        facts: the facts of the hosts.
    """
    hooks = _hooks_by_host(context)
    stage = context.request.stage
    missing = find_missing_linked_files(facts, stage)
    sent_kib = transfer_of(stage).find_sent_kib(stage)
    expected = [one for one in missing if one.host in hooks]
    problems = [one for one in find_deploy_problems(facts, stage, sent_kib) if one not in expected]
    tools = find_missing_tools(context, facts)
    warnings = (Problem(f"{one.text}; {_describe_hooks(hooks[one.host])}", one.host) for one in expected)
    texts = [str(warning) for warning in merge_problems(warnings)]
    return [*problems, *list_certain_absences(tools)], [
        *texts,
        *list_possible_absences(tools),
        *_find_short_paths(context),
    ]


def _find_short_paths(context: FlowContext) -> list[str]:
    """Return a warning about each PATH with which hooks of a host find no programs of the system."""
    declared = context.request.declared
    is_concerned = any(
        has_short_path(host.config)
        and any(hook.choose_connections([host]) for hook in declared.hooks)
        and not any(hook.choose_connections([host]) for hook in declared.environments)
        for host in context.fleet.connections
    )
    return find_short_paths(context.request.stage) if is_concerned else []


def _describe_hooks(hooks: Sequence[Hook]) -> str:
    """Return which hooks could put a missing file on a host: a deploy fails unless one of them does."""
    names = join_names(f"{hook.name} ({hook.location})" for hook in hooks)
    which = "this hook" if len(hooks) == 1 else "one of these hooks"
    return f"a deploy fails unless {which} before starting puts it there: {names}"


def _hooks_by_host(context: FlowContext) -> dict[str, list[Hook]]:
    """Return the hooks before ``starting`` that work on a host, by host."""
    hooks: dict[str, list[Hook]] = {}
    for hook in _hooks_before_starting(context):
        for host in hook.choose_connections(context.fleet.connections):
            hooks.setdefault(host.name, []).append(hook)
    return hooks


def _hooks_before_starting(context: FlowContext) -> list[Hook]:
    return [
        hook
        for hook in context.request.declared.hooks
        if (hook.when, hook.step) == ("before", "starting")
        and "deploy" in hook.flows
        and hook.name not in context.request.variables.skip
    ]
