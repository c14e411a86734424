"""`doit check`: what a deploy would lack on the hosts, said before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timezone
from functools import partial
from typing import Any

from capdoit.config.stages import Stage
from capdoit.config.variables import Variables
from capdoit.decisions.readiness import find_deploy_problems
from capdoit.errors import HostError, NotReady, Outcome, answers, find_problems
from capdoit.hooks.hook import Declarations
from capdoit.hosts.connection import Connection
from capdoit.operations.lock import NO_FLOCK, REFUSED, flock_request
from capdoit.operations.survey import ask_facts
from capdoit.output.console import Console, Tone
from capdoit.records import fleet_state
from capdoit.records.facts import Facts
from capdoit.state.run import Run, begin
from capdoit.text import grouped
from capdoit.transfers import transfer_of


def check(stage: Stage, variables: Variables, console: Console, declared: Declarations) -> None:
    """Make the directories of a deploy on every host, and say all that a deploy would lack.

    Raises:
        NotReady: with every lack of every host, and the hosts that could not be asked.
        ConfigError: what was asked for makes no sense; nothing was touched.
    """
    variables.refuse_unheeded("check", stage.name)
    run = begin("deploy", stage, variables, console, declared)
    with closing(run.fleet):
        surveyed = run.fleet.each(partial(ask_facts, run, make_dirs=True), stop_on_failure=False)
        reached = [host for host in run.fleet.release_connections if host.is_connected]
        locks = run.fleet.each(_can_be_locked, reached, stop_on_failure=False)
        source = run.fleet.each(partial(transfer_of(stage).check_host, run), reached, stop_on_failure=False)
        others = run.fleet.each(
            lambda connection: connection.host.test("true"), _called_without_code(run), stop_on_failure=False
        )
    facts = answers(surveyed)
    _warn_of_drills(stage, facts, console)
    for holder, names in grouped((one.host, one.holder) for one in facts if one.lock and one.lock_is_held).items():
        console.say(f"   warning: {names}: locked by {holder}", Tone.DOUBTFUL)
    asked: list[Outcome[Any]] = [*locks, *source, *surveyed, *others]
    failed = [problem for o in asked if o.error for problem in find_problems(o.error, o.host)]
    if problems := [*find_deploy_problems(facts, run.stage), *failed]:
        raise NotReady(*problems, checked_flow="deploy")
    console.say(f"   {stage.name}: {len(facts)} host(s) are ready for a deploy", Tone.GOOD)


def _can_be_locked(host: Connection) -> None:
    if host.ask([flock_request()])[0].status:
        raise HostError(host.name, REFUSED[NO_FLOCK])


def _called_without_code(run: Run) -> list[Connection]:
    """The hosts that get no code, and on which hooks are called."""
    called = {host for hook in run.declared.hooks for host in hook.choose_connections(run.fleet.connections)}
    return [host for host in run.fleet.connections if host.config.no_release and host in called]


def _warn_of_drills(stage: Stage, facts: Sequence[Facts], console: Console) -> None:
    if stage.drill_max_age is not None:
        for sentence in fleet_state.find_overdue_drills(facts, stage.drill_max_age, datetime.now(timezone.utc)):
            console.say(f"   warning: {sentence}; doit drill:{stage.name} rehearses one", Tone.DOUBTFUL)
