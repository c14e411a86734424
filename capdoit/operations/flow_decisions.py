"""The decisions of a flow, applied to the facts that it has: the new release, the rollback target, the live release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from functools import partial

from capdoit.decisions.live_release import choose_live_release, find_live_releases
from capdoit.decisions.readiness import find_deploy_problems, find_rollback_problems, find_undo_problems
from capdoit.decisions.release_name import accept_planned_name, choose_release_name
from capdoit.decisions.rollback_target import choose_rollback_target
from capdoit.errors import NotReady, PlanOutdated, Problem
from capdoit.operations.expected_files import find_certain_problems
from capdoit.operations.guards import call_guards
from capdoit.operations.hook_tools import find_missing_tools, list_certain_absences
from capdoit.records.history import find_subject
from capdoit.state.context import FlowContext
from capdoit.state.plan_file import find_changed_decisions, find_changed_hosts
from capdoit.transfers import transfer_of


def choose_new_release(context: FlowContext) -> None:
    """Choose the name of the release that a deploy makes.

    Raises:
        NotReady: a host lacks what a deploy needs, or the release of the plan can no longer be made.
        ConfigError: a host holds a release with the last possible name.
    """
    facts = list(context.progress.facts.values())
    find_problems = partial(_find_problems, context), partial(_find_problems_without_hooks, context)
    if problems := context.executor.act(*find_problems):
        raise NotReady(*problems)
    name = choose_release_name(datetime.now(timezone.utc), facts)
    if context.request.plan:
        name = accept_planned_name(context.request.plan.release, name, facts)
    context.decide(release=name)


def _find_problems(context: FlowContext) -> list[Problem]:
    facts, stage = list(context.progress.facts.values()), context.request.stage
    problems = find_deploy_problems(facts, stage, transfer_of(stage).find_sent_kib(stage))
    return [*problems, *list_certain_absences(find_missing_tools(context, facts))]


def _find_problems_without_hooks(context: FlowContext) -> list[Problem]:
    """Return the problems of the deploy that a dry run previews; the hooks before ``starting`` were not called."""
    problems, warnings = find_certain_problems(context, [*context.progress.facts.values()])
    for warning in warnings:
        context.warn(warning)
    return problems


def choose_target(context: FlowContext) -> None:
    """Choose the rollback target, and ask the guards of recipes about it.

    Raises:
        NotReady, NoTarget, FleetDisagrees: the hosts cannot go back, or not to one release.
        GuardRefused: a recipe refuses the target.
        HostsFailed: a host could not be asked.
    """
    facts = list(context.progress.facts.values())
    problems = find_rollback_problems(facts)
    if context.request.undone_release:
        problems += find_undo_problems(facts, context.request.undone_release)
    if problems:
        raise NotReady(*problems)
    target = choose_rollback_target(facts, context.request.variables.rollback_release)
    context.decide(
        release=target.release,
        names=target.names,
        revision=target.revision,
        archived_on=target.archived,
        subject=find_subject(facts, target.revision),
    )
    context.decide(reverts=call_guards(context))


def choose_live(context: FlowContext) -> None:
    """Choose the live release: hooks that run without a flow's steps work on it.

    Raises:
        NoTarget, FleetDisagrees: nothing is live, or the hosts differ.
    """
    names, revision = choose_live_release(list(context.progress.facts.values()))
    context.decide(release=max(names.values()), names=names, revision=revision)


def find_live(context: FlowContext, hosts: Sequence[str]) -> None:
    """Find the live release of each of these hosts, which may differ: a task on demand works on it.

    Raises:
        NoTarget: nothing is live on one of them.
    """
    names, revision = find_live_releases([context.progress.facts[host] for host in hosts])
    context.decide(release=max(names.values(), default=""), names=names, revision=revision)


def refuse_changed_hosts(context: FlowContext) -> None:
    """Refuse hosts that have changed since the plan was made, if the flow has a plan.

    Raises:
        PlanOutdated: has what happened.
    """
    facts = [*context.progress.facts.values()]
    if plan := context.request.plan:
        _refuse_outdated(context, find_changed_hosts(plan, facts, datetime.now(timezone.utc)))


def refuse_changed_target(context: FlowContext) -> None:
    """Refuse a rollback that would now do something else than its plan says, if it has a plan.

    Raises:
        PlanOutdated: has the differences.
    """
    decision = context.decision
    if plan := context.request.plan:
        _refuse_outdated(context, find_changed_decisions(plan, decision.release, decision.reverts))


def _refuse_outdated(context: FlowContext, differences: Sequence[str]) -> None:
    if differences:
        raise PlanOutdated(*differences, is_approval=not context.request.variables.apply)
