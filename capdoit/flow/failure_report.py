"""The report of a flow that did not finish: why, where every host stands, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from capdoit.decisions.readiness import find_undo_problems
from capdoit.decisions.rollback_target import predict_rollback_target
from capdoit.errors import GuardRefused, HostsFailed, LockHeld, PlanOutdated, Unreachable
from capdoit.flow.failure_cleanup import Standing
from capdoit.output.error_text import render_advice, render_cause
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
    if isinstance(error, LockHeld):
        return _not_undone(run) if run.undoes else render_advice(error, run.command_line)
    if isinstance(error, (GuardRefused, PlanOutdated)):
        return f"What is live was not changed.\n{render_advice(error, run.command_line)}"
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
    if run.undoes and find_undo_problems([*run.facts.values()], run.undoes):
        return _not_undone(run)
    gone = f" But {listed(run.taken_away)} was taken away already; a deploy brings it back." if run.taken_away else ""
    if run.taking_away:
        gone = f" But {listed(run.taking_away)} may have been taken away already: a deploy brings back what is missing."
    advice = render_advice(error, run.command_line)
    return f"What is live was not changed.{gone}\n{advice}{_without_unreachable(run, error)}"


def _not_undone(run: Run) -> str:
    """A rollback that follows by itself must not undo what another flow has made live since."""
    return f"Nothing was rolled back. Look at what is live before you do: doit cap status {run.stage.name}"


def _without_unreachable(run: Run, error: BaseException) -> str:
    """What does it on the other hosts, when the only trouble is that some cannot be reached."""
    outcomes = error.failed if isinstance(error, HostsFailed) else []
    away = {outcome.host for outcome in outcomes if isinstance(outcome.error, Unreachable)}
    others = tuple(host.name for host in run.stage.hosts if host.name not in away)
    if not away or len(away) < len(outcomes) or not others or run.variables.hosts:
        return ""
    return f"\nOn the others only, which leaves the hosts mixed: {run.command_line.again(hosts=others, roles=None)}"


def _although_live(run: Run) -> str:
    failed = run.failed_in in run.acts and run.failed_in not in (*run.done, *step_names(run.flow))
    command = replace(run.command_line, hook=run.failed_in)
    hook = f"\nTo do {run.failed_in} again by itself: {command.hook_again()}" if failed else ""
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
    target = predict_rollback_target(hosts, run.release) if hosts else None
    if target is None:
        return f"There is no other release that every host can go back to; doit cap releases {run.stage.name} has all."
    return f"To go back: {run.command_line.roll_back_to(target)}"


def because(what: str, error: BaseException) -> str:
    """Return what failed and the cause, with every host that failed and its last lines."""
    lines = render_cause(error).splitlines()
    if len(lines) == 1 and not isinstance(error, HostsFailed):
        return f"{what}: {lines[0]}"
    return "\n".join([f"{what}:", *(f"  {line}" for line in lines)])
