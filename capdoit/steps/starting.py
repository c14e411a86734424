"""starting: the locks and the survey in one round trip, then the decision of the flow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from capdoit.errors import PlanOutdated
from capdoit.operations.flow_decisions import choose_new_release, choose_target
from capdoit.operations.lock import take_locks
from capdoit.state.context import FlowContext
from capdoit.state.plan_file import changed_decisions, changed_hosts


def starting(context: FlowContext) -> None:
    """Take the lock on every host, survey all hosts, and decide for all of them.

    Raises:
        LockHeld: another flow is at work.
        NotReady, NoTarget, FleetDisagrees: the flow cannot run on these hosts.
        PlanOutdated: the hosts are not as they were when the plan was made.
        GuardRefused: a recipe refuses the rollback target.
        HostsFailed: a host could not be asked.
    """
    take_locks(context)
    plan = context.request.plan
    if plan:
        _refuse_outdated(changed_hosts(plan, [*context.progress.facts.values()], datetime.now(timezone.utc)))
    if context.request.is_deploy:
        choose_new_release(context)
    else:
        choose_target(context)
        if plan:
            _refuse_outdated(changed_decisions(plan, context.decision.release, context.decision.reverts))


def _refuse_outdated(differences: Sequence[str]) -> None:
    if differences:
        raise PlanOutdated(*differences)
