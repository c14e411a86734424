"""starting: the locks and the survey in one round trip, then the decision of the flow."""

from __future__ import annotations

from capdoit.operations.flow_decisions import (
    choose_new_release,
    choose_target,
    refuse_changed_hosts,
    refuse_changed_target,
)
from capdoit.operations.lock import take_locks
from capdoit.state.context import FlowContext


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
    refuse_changed_hosts(context)
    if context.request.is_deploy:
        choose_new_release(context)
    else:
        choose_target(context)
        refuse_changed_target(context)
