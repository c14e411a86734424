"""The report of a flow that did not finish: why, where every host stands, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from capdoit.decisions import rollback_target as decide
from capdoit.errors import (
    Damaged,
    FleetDisagrees,
    GuardRefused,
    HostsFailed,
    Interrupted,
    LockHeld,
    NoTarget,
    PlanOutdated,
    Unreachable,
    described,
)
from capdoit.flow.failure_cleanup import Standing
from capdoit.sequence import step_names
from capdoit.state.run import Run
from capdoit.steps import WORK
from capdoit.text import listed, table


def report(run: Run, what: str, error: BaseException, standings: Sequence[Standing]) -> str:
    """The whole text.

    Args:
        run: the flow's.
        what: the flow and the step that ended it.
        error: why.
        standings: of every host.
    """
    rows = [(s.host, s.current or "nothing", s.note) for s in standings]
    stands = f"where the hosts stand:\n{table(('host', 'live', ''), rows)}"
    return f"{because(what, error)}\n{stands}\n{_next(run, error, standings)}"


def _next(run: Run, error: BaseException, standings: Sequence[Standing]) -> str:
    if isinstance(error, (GuardRefused, LockHeld, PlanOutdated)):
        return _ways(run, error)
    if run.flipped and not run.published:
        unknown = listed(sorted(run.flipped))
        return f"Nobody knows what is live on {unknown}. Look again: doit cap status {run.stage.name}"
    if changed := [one.host for one in standings if one.is_known and _is_otherwise(run, one)]:
        return f"What is live on {listed(changed)} is not what it was. Look: doit cap status {run.stage.name}"
    return _although_live(run) if run.published else _unchanged(run, error)


def _is_otherwise(run: Run, standing: Standing) -> bool:
    """Whether something is live on a host that this flow has not left there: another one was at work."""
    left = run.release if run.published else run.before(standing.host)
    return standing.host in run.facts and standing.current != left


def _unchanged(run: Run, error: BaseException) -> str:
    if run.undoes and decide.no_longer_live([*run.facts.values()], run.undoes):
        return _not_undone(run)
    if isinstance(error, HostsFailed) and any(isinstance(outcome.error, Damaged) for outcome in error.failed):
        more = "" if run.archived else f" All that differs: doit cap verify {run.scope} {run.release}"
        return f"What is live was not changed.{more}\nTo go to it as it is: {_again(run, force=True)}"
    gone = f" But {listed(run.taken_away)} was taken away already; a deploy brings it back." if run.taken_away else ""
    if run.taking_away:
        gone = f" But {listed(run.taking_away)} may have been taken away already: a deploy brings back what is missing."
    told = isinstance(error, (NoTarget, FleetDisagrees))  # which say themselves what to type
    when = "To do it again" if isinstance(error, Interrupted) else "When it is mended"
    then = "" if told else f" {when}: {_again(run)}"
    return f"What is live was not changed.{gone}{then}{_without_unreachable(run, error)}"


def _not_undone(run: Run) -> str:
    """A rollback that follows by itself must not undo what another flow has made live since."""
    return f"Nothing was rolled back. Look at what is live before you do: doit cap status {run.stage.name}"


def _again(run: Run, **more: Any) -> str:
    """What to type to have it done again; with more said than before, a plan is no longer what is carried out."""
    if run.alone:
        return _hook_again(run, **more)
    said = replace(run.variables, apply=None, **more) if more else run.variables
    return f"doit {run.flow}:{run.stage.name}{said.as_arguments}"


def _hook_again(run: Run, **more: Any) -> str:
    said = replace(run.variables, apply=None, **more)
    return f"doit run -s {run.flow}:{run.stage.name}:{run.failed_in}{said.as_arguments}"


def _without_unreachable(run: Run, error: BaseException) -> str:
    """What does it on the other hosts, when the only trouble is that some cannot be reached."""
    outcomes = error.failed if isinstance(error, HostsFailed) else []
    away = {outcome.host for outcome in outcomes if isinstance(outcome.error, Unreachable)}
    others = tuple(host.name for host in run.stage.hosts if host.name not in away)
    if not away or len(away) < len(outcomes) or not others or run.variables.hosts:
        return ""
    return f"\nOn the others only, which leaves the hosts mixed: {_again(run, hosts=others, roles=None)}"


def _ways(run: Run, error: GuardRefused | LockHeld | PlanOutdated) -> str:
    """What can be said to a flow that was refused."""
    if isinstance(error, PlanOutdated):
        return f"To plan it anew: {_again(run, plan=run.variables.apply)}"
    if isinstance(error, LockHeld) and run.undoes:
        return _not_undone(run)
    if isinstance(error, LockHeld):
        held = "" if len(error.holders) == len(run.everyone) else f" hosts={','.join(error.holders)}"
        unlock = f"doit cap unlock {run.stage.name}{held}"
        return f"wait=60 waits for it: {_again(run)} wait=60\nIf nobody is at work there any more: {unlock}"
    back = f"To take it away before going back: {_again(run, migrations='back')}\n" if error.can_go_back else ""
    return f"{back}To go back and leave it as it is: {_again(run, migrations='keep')}"


def _although_live(run: Run) -> str:
    failed = run.failed_in in run.acts and run.failed_in not in (*run.done, *step_names(run.flow))
    hook = f"\nTo do {run.failed_in} again by itself: {_hook_again(run)}" if failed else ""
    left = _left_undone(run)
    undone = f" Not done because of that: {listed(left)}." if left else ""
    if run.flow == "deploy":
        return f"Release {run.release} is live all the same.{undone}\n{_back(run)}{hook}"
    return f"The rollback to {run.release} is live all the same.{undone}{hook}"


def _left_undone(run: Run) -> list[str]:
    """The steps and hooks that the flow did not come to."""
    moments = {*step_names(run.flow)} - {*WORK}
    return [act for act in run.acts if act not in moments and act not in (*run.done, run.failed_in)]


def _back(run: Run) -> str:
    hosts = [run.facts[host.name] for host in run.fleet.release_connections if host.name in run.facts]
    target = decide.way_back(hosts, run.release, run.scope) if hosts else None
    if target is None:
        return f"There is no other release that every host can go back to; doit cap releases {run.stage.name} has all."
    return f"To go back: doit rollback:{run.scope} rollback_release={target}"


def because(what: str, error: BaseException) -> str:
    """What failed and why, with every host that failed and its last lines."""
    lines = described(error).splitlines()
    if len(lines) == 1 and not isinstance(error, HostsFailed):
        return f"{what}: {lines[0]}"
    return "\n".join([f"{what}:", *(f"  {line}" for line in lines)])
