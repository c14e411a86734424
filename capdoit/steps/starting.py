"""starting: the lock and the survey in one round trip, then the flow's decisions."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from capdoit import decide, transfer
from capdoit.errors import HostError, LockHeld, NotReady
from capdoit.host import Host
from capdoit.journal import Entry
from capdoit.run import Run
from capdoit.script import Value, render
from capdoit.session import Answer, Request
from capdoit.survey import SURVEY, Facts, parse

HOLD = Path(__file__).with_name("hold.sh")
GIVE_BACK = Path(__file__).with_name("give_back.sh")
SETTLE = 3.0  # seconds in which another flow that started with this one gives back what it took
PAUSE = 0.2
REFUSED = {
    1: "deploy_to cannot be used",
    3: "has no flock (package util-linux, or busybox), which the lock needs",
}


def starting(run: Run) -> None:
    """Take the lock on every host, survey them, and decide for all of them.

    Raises:
        LockHeld: another flow is at work.
        NotReady, NoTarget, FleetDisagrees: the hosts are not fit for the flow.
        HostsFailed: a host could not be asked.
    """
    _take_locks(run)
    (_decide_deploy if run.flow == "deploy" else _decide_rollback)(run)


def _take_locks(run: Run) -> None:
    """Take all locks, or none.

    Of two flows that start together exactly one wins: who has the lock of the host that comes first by
    name keeps what it has and asks for the rest again; who has it not gives back all.
    """
    first = min(run.fleet.release_hosts, key=lambda host: host.name)
    began = time.monotonic()
    missing, waiting = list(run.fleet.release_hosts), False
    while holders := _try_locks(run, missing):
        patience = run.wait if first.name in holders else max(run.wait, SETTLE)
        if time.monotonic() - began > patience:
            raise LockHeld(_held_by(holders), holders)
        if run.wait and not waiting:
            run.console.say(f"   waiting up to {run.wait} s: {_held_by(holders)}")
            waiting = True
        if first.name in holders:
            run.fleet.all(partial(_give_back, run), [h for h in run.fleet.release_hosts if h.name in run.held])
            missing = list(run.fleet.release_hosts)
        else:
            missing = [host for host in missing if host.name in holders]
        time.sleep(PAUSE)


def _try_locks(run: Run, hosts: list[Host]) -> dict[str, str]:
    """Ask hosts for their locks and facts; who holds the locks that were not to be had."""
    answers = run.fleet.all(partial(_lock_and_survey, run), hosts)
    run.facts |= {name: facts for name, facts in answers.items() if isinstance(facts, Facts)}
    return {name: held for name, held in answers.items() if isinstance(held, str)}


def _give_back(run: Run, host: Host) -> None:
    values = {"lock": f"{host.config.layout.deploy_to}/.capdoit/lock"}
    host.checked(Request(render("give back the lock", GIVE_BACK, values), "hold"))
    run.held.discard(host.name)


def _held_by(holders: dict[str, str]) -> str:
    return "\n".join(["another flow is at work:", *(f"  {name}: {held}" for name, held in holders.items())])


def survey_request(run: Run, host: Host, make_dirs: bool) -> Request:
    """The survey of a host."""
    stage = run.stage
    values: dict[str, Value] = {
        "deploy_to": host.config.layout.deploy_to,
        "tools": transfer.of(stage).TOOLS if run.flow == "deploy" else ("tar",),
        "linked_files": stage.linked_files,
        "linked_dirs": stage.linked_dirs,
        "make_dirs": make_dirs,
    }
    return Request(render("survey", SURVEY, values), capture=True)


def hold_request(run: Run, host: Host) -> Request:
    """The taking of a host's lock."""
    values: dict[str, Value] = {
        "deploy_to": host.config.layout.deploy_to,
        "create": run.flow == "deploy",
        "owner": run.owner(),
    }
    return Request(render("hold", HOLD, values), "hold", capture=True)


def _lock_and_survey(run: Run, host: Host) -> Facts | str:
    """The facts, or who holds the lock."""
    run.held.add(host.name)  # before it is known: who is stopped while it asks may have taken the lock
    lock, survey = host.ask([hold_request(run, host), survey_request(run, host, run.flow == "deploy")])
    if lock.status != 0:
        run.held.discard(host.name)
    if lock.status == 2:
        return _who(lock)
    if lock.status in REFUSED:
        raise HostError(host.name, REFUSED[lock.status], "lock", lock.status, lock.lines)
    if lock.status == 0 and lock.text.strip():
        run.console.say(f"   {host.name}: took over the lock of {_who(lock)}, which ended without a word")
    return parse(host.name, host.config.layout, survey.text)


def _who(lock: Answer) -> str:
    holder = Entry.parse(lock.text.strip())
    if not holder:
        return "another flow"
    why = f" ({holder.message})" if holder.message else ""
    return f"{holder.flow} by {holder.by} from {holder.origin} since {holder.at}{why}"


def _decide_deploy(run: Run) -> None:
    facts = list(run.facts.values())
    if problems := decide.problems(facts, run.stage):
        raise NotReady("\n".join(problems))
    run.release = decide.release_name(datetime.now(timezone.utc), facts)
    run.left = {name: each.current for name, each in run.facts.items()}


def _decide_rollback(run: Run) -> None:
    facts = list(run.facts.values())
    if problems := decide.rollback_problems(facts, run.stage):
        raise NotReady("\n".join(problems))
    target = decide.rollback_target(facts, run.wanted, run.stage.name)
    run.release, run.revision = target.release, target.revision
    run.left, run.archived = target.left, target.archived
