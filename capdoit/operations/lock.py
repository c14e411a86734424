"""The locks of a flow: taken with the survey in one round trip, given back with the session's end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from capdoit.errors import HostError, HostsFailed, LockHeld, LockLost, Outcome, Unreachable
from capdoit.hosts.connection import Connection, HeldLock
from capdoit.hosts.request import Answer, Request
from capdoit.operations.survey import LONGEST, ask_facts, facts_of, survey_request
from capdoit.records.facts import Facts
from capdoit.records.journal import Entry
from capdoit.script import Value
from capdoit.shell_scripts import render
from capdoit.state.run import Run

SETTLE = 3.0  # seconds in which another flow that started with this one gives back what it took
PAUSE = 0.2
REMAINS = 5.0  # seconds in which a host ends what a lost session ran there, and gives back its lock
HELD, NO_FLOCK, NO_DEPLOY_TO, LOST, UNWRITTEN = 2, 3, 4, 5, 6
REFUSED = {
    1: "deploy_to cannot be used",
    NO_FLOCK: "has no flock (package util-linux, or busybox), which the lock needs",
    LOST: "its connection was lost, and another flow has had its lock since",
    UNWRITTEN: "its lock cannot be written: there may be no space left there; see doit cap doctor",
}


def take_locks(run: Run) -> None:
    """Take all locks, or none.

    Of two flows that start together exactly one wins: who has the lock of the host that comes first by
    name asks for the rest again. Meanwhile nobody keeps the lock of a host that comes after one that
    it waits for, so flows that share some of their hosts do not wait for each other.

    Raises:
        LockHeld: another flow has one, for longer than this one waits.
        HostsFailed: a host cannot be asked, or has no lock to give.
    """
    began = time.monotonic()
    missing, waiting = list(run.fleet.release_connections), False
    while holders := _try_locks(run, missing):
        first = min(run.fleet.release_connections, key=lambda host: host.name)  # of those that could be reached
        patience = run.variables.wait if first.name in holders else max(run.variables.wait, SETTLE)
        held = LockHeld(holders, is_whole_stage=len(holders) == len(run.everyone))
        if time.monotonic() - began > patience:
            raise held
        if run.variables.wait and not waiting:
            run.console.say(f"   waiting up to {run.variables.wait} s: {held}")
            waiting = True
        later = [host for host in run.fleet.release_connections if host.name in run.held and host.name > min(holders)]
        run.fleet.all(partial(_give_back, run), later)
        missing = [host for host in run.fleet.release_connections if host.name not in run.held]
        run.fleet.sleep(PAUSE)
    left_behind = [
        host for host in run.fleet.release_connections if host.name in run.held and run.facts[host.name].scratch
    ]
    run.fleet.all(lambda host: run.do(host, "sweep", "operations/lock_remove_scratch"), left_behind)


def flock_request() -> Request:
    """Whether a host has what its lock needs (status 0), where the session's own shell looks, which will have it."""
    return Request(render("look for flock", "operations/lock_find_flock", {}), "hold")


def _try_locks(run: Run, hosts: list[Connection]) -> dict[str, str]:
    """Ask hosts for their locks and facts; who holds the locks that were not to be had."""
    ask = ask_facts if run.plan is not None else _lock_and_survey  # a dry run takes none
    outcomes = run.fleet.each(partial(ask, run), hosts, stop_on_failure=not _spare(run))
    if not all(outcomes):
        _go_on_without(run, outcomes)
    answers = {outcome.host: outcome.answer for outcome in outcomes}
    run.facts |= {name: facts for name, facts in answers.items() if isinstance(facts, Facts)}
    return {name: held for name, held in answers.items() if isinstance(held, str)}


def _spare(run: Run) -> int:
    """How many hosts may yet be missing; a rollback with one missing would leave a mixed fleet."""
    return run.stage.max_failures - len(run.missing) if run.flow == "deploy" else 0


def _go_on_without(run: Run, outcomes: Sequence[Outcome[Any]]) -> None:
    failed = [outcome for outcome in outcomes if outcome.error]
    few = len(failed) <= _spare(run) and len(failed) < len(run.fleet.release_connections)
    if not few or not all(isinstance(outcome.error, Unreachable) for outcome in failed):
        raise HostsFailed(outcomes)
    run.go_on_without(failed)


def _give_back(run: Run, host: Connection) -> None:
    host.checked(_give_back_request(run, host))
    host.held_lock = None
    run.held.discard(host.name)


def _lock_and_survey(run: Run, host: Connection) -> Facts | str:
    """The facts, or who holds the lock."""
    release = _give_back_request(run, host)
    host.held_lock = HeldLock(release=release)  # if the flow is stopped while it asks, it may have the lock
    lock, survey = host.ask([_hold_request(run, host), survey_request(run, host, run.flow == "deploy")])
    if lock.status != 0:
        host.held_lock = None
    if lock.status == HELD:
        return _who(lock)
    _check(host, lock)
    if lock.status == 0:
        host.held_lock = HeldLock(run.id, partial(_take_again, run, host), release)
        run.held.add(host.name)
    if lock.text.strip():
        run.console.say(f"   {host.name}: took over the stale lock of {_who(lock)}: that flow died")
    return facts_of(host, survey)


def _take_again(run: Run, host: Connection) -> None:
    """On a session that was opened instead of a lost one, before anything else is done there."""
    until = time.monotonic() + REMAINS
    while (lock := host.ask([_hold_request(run, host, run.id)])[0]).status == HELD and time.monotonic() < until:
        time.sleep(PAUSE)
    if lock.status == HELD:
        holder = Entry.parse(lock.text.strip())
        ours = holder is not None and holder.run == run.id
        if ours:
            _shut_out(run, host)
        who = "what this flow began there, which has not ended yet" if ours else _who(lock)
        raise LockLost(host.name, f"its connection was lost, and its lock is held by {who}")
    _check(host, lock)


def _shut_out(run: Run, host: Connection) -> None:
    """Have a lost session that is only frozen do nothing more when it goes on, above all not flip."""
    entry = replace(run.owner(), run=f"{run.id}-lost").to_line()
    script = run.script(host, "shut out", "operations/lock_exclude", lock_entry=entry)
    host.ask([Request(script)])


def _check(host: Connection, lock: Answer) -> None:
    if lock.status == LOST:
        raise LockLost(host.name, REFUSED[LOST])
    if lock.status not in (0, NO_DEPLOY_TO):
        raise HostError(host.name, REFUSED.get(lock.status, "lock"), "lock", lock.status, lock.lines)


def _hold_request(run: Run, host: Connection, again: str = "") -> Request:
    values: dict[str, Value] = {
        "deploy_to": host.deploy_to,
        "create_deploy_to": run.flow == "deploy",
        "lock_entry": run.owner().to_line(),
        "retake_run": again,
    }
    return Request(render("lock", "operations/lock_take", values), "hold", capture=True, timeout=LONGEST)


def _give_back_request(run: Run, host: Connection) -> Request:
    values: dict[str, Value] = {"lock_file": f"{host.deploy_to}/.capdoit/lock", "run": run.id}
    return Request(render("give back the lock", "operations/lock_release", values), "hold")


def _who(lock: Answer) -> str:
    holder = Entry.parse(lock.text.strip())
    return holder.holder if holder else "another flow"
