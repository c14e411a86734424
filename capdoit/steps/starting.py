"""starting: the locks and the survey in one round trip, then the flow's decisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from capdoit.decisions.live_release import choose_live_release
from capdoit.decisions.readiness import find_deploy_problems, find_rollback_problems, find_undo_problems
from capdoit.decisions.release_name import accept_planned_name, choose_release_name
from capdoit.decisions.rollback_target import choose_rollback_target
from capdoit.errors import NotReady, PlanOutdated
from capdoit.operations.guards import guard
from capdoit.operations.lock import take_locks
from capdoit.state.plan_file import changes, undecided
from capdoit.state.run import Run


def starting(run: Run) -> None:
    """Take the lock on every host, survey them, and decide for all of them.

    Raises:
        LockHeld: another flow is at work.
        NotReady, NoTarget, FleetDisagrees: the hosts are not fit for the flow.
        PlanOutdated: the hosts are not as the plan has them.
        GuardRefused: a recipe finds that the release to go back to does not fit.
        HostsFailed: a host could not be asked.
    """
    take_locks(run)
    if run.applied:
        _refuse_if_outdated(changes(run.applied.facts, run.facts.values()))
    (_decide_deploy if run.flow == "deploy" else choose_target)(run)


def _refuse_if_outdated(changed: Sequence[str]) -> None:
    if changed:
        raise PlanOutdated(*changed)


def choose_target(run: Run) -> None:
    """Decide where a rollback goes, from the facts that the run has.

    Raises:
        NotReady, NoTarget, FleetDisagrees, GuardRefused, HostsFailed: as in `starting`.
    """
    facts = list(run.facts.values())
    problems = find_rollback_problems(facts, run.stage)
    if run.undoes:
        problems += find_undo_problems(facts, run.undoes)
    if problems:
        raise NotReady(*problems)
    target = choose_rollback_target(facts, run.variables.rollback_release)
    run.release, run.revision = target.release, target.revision
    run.archived = target.archived
    guard(run)
    if run.applied:
        _refuse_if_outdated(undecided(run.applied, run.release, run.unknown))


def choose_live(run: Run) -> None:
    """Take the locks, and work on the release that is live on all hosts: for a hook that is run by itself.

    Raises:
        LockHeld, HostsFailed: as in `starting`.
        NoTarget, FleetDisagrees: nothing is live, or not the same on all hosts.
    """
    take_locks(run)
    run.release, run.revision = choose_live_release(list(run.facts.values()))


def _decide_deploy(run: Run) -> None:
    facts = list(run.facts.values())
    if problems := find_deploy_problems(facts, run.stage):
        raise NotReady(*problems)
    run.release = choose_release_name(datetime.now(timezone.utc), facts)
    if run.applied:
        run.release = accept_planned_name(run.applied.release, run.release, facts)
