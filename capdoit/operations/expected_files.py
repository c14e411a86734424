"""Linked files that a host lacks, and that a hook before ``starting`` may put there before a deploy looks for them."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.decisions.readiness import find_deploy_problems, find_missing_linked_files
from capdoit.errors import Problem, merge_problems
from capdoit.hooks.hook import Hook
from capdoit.records.facts import Facts
from capdoit.state.context import FlowContext
from capdoit.text import join_names


def find_certain_problems(context: FlowContext, facts: Sequence[Facts]) -> tuple[list[Problem], list[str]]:
    """Return the problems that a deploy will have, and a warning about each one that hooks may solve.

    Args:
        context: a check or a dry run, in which no hooks are called.
        facts: the facts of the hosts.
    """
    hooks = _hooks_before_starting(context)
    reached = {host.name for hook in hooks for host in hook.choose_connections(context.fleet.connections)}
    expected = [one for one in find_missing_linked_files(facts, context.request.stage) if one.host in reached]
    problems = [one for one in find_deploy_problems(facts, context.request.stage) if one not in expected]
    names = join_names(f"{hook.name} ({hook.location})" for hook in hooks)
    return problems, [f"{one}; a hook before starting may put it there: {names}" for one in merge_problems(expected)]


def _hooks_before_starting(context: FlowContext) -> list[Hook]:
    return [
        hook
        for hook in context.request.declared.hooks
        if (hook.when, hook.step) == ("before", "starting")
        and "deploy" in hook.flows
        and hook.name not in context.request.variables.skip
    ]
