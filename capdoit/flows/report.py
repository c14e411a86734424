"""The report of a flow that did not finish: why, where every host stands, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from capdoit import decide
from capdoit.config.variables import Variables
from capdoit.errors import (
    Damaged,
    GuardRefused,
    HostsFailed,
    LockHeld,
    NoTarget,
    PlanOutdated,
    Unreachable,
    described,
)
from capdoit.flow import steps
from capdoit.run import Run
from capdoit.steps.abandoning import Standing
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
    stage = run.stage.name
    again = _hook_again(run) if run.alone else f"doit {run.flow}:{stage}{run.said}"
    anew = run.applied.variables(Variables()).words if run.applied else run.said
    if isinstance(error, (GuardRefused, LockHeld, PlanOutdated)):
        return _ways(run, error, again)
    if run.flipped and not run.published:
        return f"Nobody knows what is live on {listed(sorted(run.flipped))}. Look again: doit cap status {stage}"
    if run.published:
        return _although_live(run)
    changed = [s.host for s in standings if s.host in run.facts and s.current != run.before(s.host)]
    if changed:
        return f"What is live on {listed(changed)} is not what it was. Look: doit cap status {stage}"
    if isinstance(error, HostsFailed) and any(isinstance(outcome.error, Damaged) for outcome in error.failed):
        more = "" if run.archived else f" All that differs: doit cap verify {stage} {run.release}"
        return f"What is live was not changed.{more}\nTo go to it as it is: doit {run.flow}:{stage}{anew} force=yes"
    gone = f" But {listed(run.taken_away)} was taken away already; a deploy brings it back." if run.taken_away else ""
    if run.taking_away:
        gone = f" But {listed(run.taking_away)} may have been taken away already: a deploy brings back what is missing."
    then = "" if isinstance(error, NoTarget) else f" When it is mended: {again}"  # it says itself what can be typed
    return f"What is live was not changed.{gone}{then}{_without_unreachable(run, error, again)}"


def _without_unreachable(run: Run, error: BaseException, again: str) -> str:
    """What does it on the other hosts, when the only trouble is that some cannot be reached."""
    outcomes = error.failed if isinstance(error, HostsFailed) else []
    away = {outcome.host for outcome in outcomes if isinstance(outcome.error, Unreachable)}
    others = [host.name for host in run.stage.hosts if host.name not in away]
    if not away or len(away) < len(outcomes) or not others or " hosts=" in again:
        return ""
    return f"\nOn the others only, which leaves the hosts mixed: {again} hosts={','.join(others)}"


def _ways(run: Run, error: GuardRefused | LockHeld | PlanOutdated, again: str) -> str:
    """What can be said to a flow that was refused."""
    stage = run.stage.name
    if isinstance(error, PlanOutdated):
        planned = run.applied.variables(Variables()).words if run.applied else ""
        return f"To plan it anew: doit {run.flow}:{stage}{planned} plan={shlex.quote(str(run.variables.apply))}"
    if isinstance(error, LockHeld):
        return f"wait=60 waits for it: {again} wait=60\nIf nobody is at work there any more: doit cap unlock {stage}"
    back = f"To take it away before going back: {again} migrations=back\n" if error.can_go_back else ""
    return f"{back}To go back and leave it as it is: {again.replace(' migrations=back', '')} migrations=keep"


def _hook_again(run: Run) -> str:
    return f"doit run -s {run.flow}:{run.stage.name}:{run.failed_in}{run.said}"


def _although_live(run: Run) -> str:
    failed = run.failed_in in run.acts and run.failed_in not in (*run.done, *steps(run.flow))
    hook = f"\nTo do {run.failed_in} again by itself: {_hook_again(run)}" if failed else ""
    if run.flow == "deploy":
        return f"Release {run.release} is live all the same. {_back(run)}{hook}"
    return f"The rollback to {run.release} is live all the same; only what comes after it was not done.{hook}"


def _back(run: Run) -> str:
    hosts = [run.facts[host.name] for host in run.fleet.release_hosts if host.name in run.facts]
    target = decide.way_back(hosts, run.release, run.stage.name) if hosts else None
    if target is None:
        return f"There is no other release that every host can go back to; doit cap releases {run.stage.name} has all."
    return f"To go back: doit rollback:{run.stage.name} rollback_release={target}"


def because(what: str, error: BaseException) -> str:
    """What failed and why, with every host that failed and its last lines."""
    lines = described(error).splitlines()
    if len(lines) == 1 and not isinstance(error, HostsFailed):
        return f"{what}: {lines[0]}"
    return "\n".join([f"{what}:", *(f"  {line}" for line in lines)])
