"""The locks of a flow: taken with the survey in one round trip, released with the end of the session."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from capdoit.decisions.directory_conflicts import find_directory_conflicts
from capdoit.errors import HostError, HostsFailed, LockHeld, LockLost, NotReady, Outcome, Unreachable
from capdoit.events import HostLeftOut, HostSurveyed, LockAwaited, LockReleased, LockTaken, StaleLockTakenOver
from capdoit.hooks.hook import Hook
from capdoit.hosts.connection import Connection
from capdoit.hosts.held_lock import HeldLock
from capdoit.hosts.request import Answer, Request
from capdoit.layout import REMOVED
from capdoit.operations.hook_hosts import choose_hosts_without_code, describe_hooks, find_hooks_on
from capdoit.operations.hook_tools import list_tool_places
from capdoit.operations.survey import SURVEY_TIMEOUT_SECONDS, read_survey, survey_host, survey_request
from capdoit.records.facts import Facts
from capdoit.records.journal import Entry
from capdoit.script import Value
from capdoit.shell_scripts import render
from capdoit.state.context import FlowContext
from capdoit.state.journal_lines import lock_entry
from capdoit.text import get_first_line, group_names

# A flow that started at that moment, too, gives back its locks within this time.
SIMULTANEOUS_START_SECONDS = 3.0
PAUSE_SECONDS = 0.2
# A host that noticed that a session was lost ends within this time what ran there, and its lock is free.
LOST_SESSION_SECONDS = 3.0
# Exit statuses of operations/lock_take.
TAKEN, HELD, NO_FLOCK, NO_DEPLOY_TO, LOST, NOT_WRITABLE, READ_ONLY = 0, 2, 3, 4, 5, 6, 7
REASONS = {
    1: "deploy_to cannot be used",
    NO_FLOCK: "has no flock (package util-linux, or busybox), which the lock needs",
    NOT_WRITABLE: "its lock cannot be written: no space or no inode is left in deploy_to; free some there",
    READ_ONLY: "deploy_to is on a read-only file system",
}


@dataclass(frozen=True)
class Taken:
    """A lock that was taken, or that a dry run did not take.

    Attributes:
        facts: facts of the host.
        died: the flow that left the lock behind when it died; empty if none did.
    """

    facts: Facts
    died: str = ""


@dataclass(frozen=True)
class Blocked:
    """A lock that could not be taken.

    Attributes:
        holder: the flow that holds it.
        facts: facts of the host; None if it did not answer the survey.
        locked_as: name of the host as which this flow itself has locked it; empty for another flow.
    """

    holder: str
    facts: Facts | None = None
    locked_as: str = ""


def take_locks(context: FlowContext) -> None:
    """Take the locks of all hosts, or none. Connect to the hosts without code that hooks of the flow will use.

    Of two flows that start at the same time exactly one wins: the one that has the lock of the host that is first
    by name asks again for the others. Until then no flow keeps the lock of a host that comes after one that it
    waits for, so flows that share some of their hosts do not wait for each other.

    Raises:
        LockHeld: another flow has a lock for longer than this flow waits.
        NotReady: several hosts are the same directory.
        HostsFailed: a host could not be asked, or its lock cannot be taken.
    """
    began = time.monotonic()
    is_waiting = False
    asked: Sequence[Connection] = [*context.fleet.release_connections, *_choose_hosts_without_lock(context)]
    while holders := _try_locks(context, asked):
        _give_up_after_patience(context, holders, began)
        if context.request.variables.wait and not is_waiting:
            context.emit(LockAwaited(holders, context.request.variables.wait))
            is_waiting = True
        context.fleet.all(partial(_release, context), _locked_after(context, min(holders)))
        asked = [host for host in context.fleet.release_connections if host.name not in context.progress.locked]
        context.fleet.sleep(PAUSE_SECONDS)
    _remove_leftovers(context)


def flock_request() -> Request:
    """Return a request with exit status 0 if the session's shell, which will hold the lock, finds flock."""
    return Request(render("look for flock", "operations/lock_find_flock", {}), "hold")


def _try_locks(context: FlowContext, connections: Sequence[Connection]) -> dict[str, str]:
    """Ask hosts for their locks and facts; return the holder of each lock that could not be taken, by host."""
    is_strict = not _hosts_that_may_be_missing(context)
    outcomes = context.fleet.each(partial(_ask, context), connections, stop_on_failure=is_strict)
    if not all(outcomes):
        _leave_out_unreachable(context, outcomes)
    taken = [outcome.answer for outcome in outcomes if isinstance(outcome.answer, Taken)]
    for died, hosts in group_names((one.facts.host, one.died) for one in taken if one.died).items():
        context.emit(StaleLockTakenOver(hosts, died))
    for one in taken:
        context.emit(HostSurveyed(one.facts))
    blocked = {outcome.host: outcome.answer for outcome in outcomes if isinstance(outcome.answer, Blocked)}
    _refuse_directory_conflicts(context, blocked)
    return {host: answer.holder for host, answer in blocked.items()}


def _choose_hosts_without_lock(context: FlowContext) -> list[Connection]:
    return [] if context.progress.is_hooks_only else choose_hosts_without_code(context)


def _refuse_directory_conflicts(context: FlowContext, blocked: Mapping[str, Blocked]) -> None:
    """Refuse hosts whose lock was taken by this flow itself, by the name of another host."""
    ids = {name: facts.directory_id for name, facts in context.progress.facts.items()}
    for name, answer in blocked.items():
        ids[name] = answer.facts.directory_id if answer.facts else ""
        if answer.locked_as:
            ids[name] = ids[answer.locked_as] = ids.get(answer.locked_as) or answer.locked_as
    paths = {connection.name: connection.deploy_to for connection in context.fleet.release_connections}
    if problems := find_directory_conflicts({name: ids[name] for name in paths if name in ids}, paths):
        raise NotReady(*problems)


def _ask(context: FlowContext, connection: Connection) -> Taken | Blocked | None:
    """Return the facts of a host, or why its lock could not be taken; a dry run takes no lock.

    A host without code has neither a lock nor facts.
    """
    request = context.request
    if connection.config.no_release:
        _reach(context, connection)
        return None
    return context.executor.act(
        partial(_lock_and_survey, context, connection),
        lambda: Taken(
            survey_host(connection, request.stage, request.flow, hook_tools=list_tool_places(context, connection))
        ),
    )


def _give_up_after_patience(context: FlowContext, holders: dict[str, str], began: float) -> None:
    first = min(host.name for host in context.fleet.release_connections)
    wait = context.request.variables.wait
    patience = wait if first in holders else max(wait, SIMULTANEOUS_START_SECONDS)
    if time.monotonic() - began > patience:
        raise LockHeld(holders, is_whole_stage=len(holders) == len(context.request.all_hosts))


def _locked_after(context: FlowContext, name: str) -> list[Connection]:
    locked = context.progress.locked
    return [host for host in context.fleet.release_connections if host.name in locked and host.name > name]


def _remove_leftovers(context: FlowContext) -> None:
    """Remove what a flow that died left in .capdoit on the locked hosts; trees to delete wait for the next cleanup."""
    locked, facts = context.progress.locked, context.progress.facts
    hosts = [host for host in context.fleet.release_connections if host.name in locked]
    dirty = [host for host in hosts if {*facts[host.name].scratch} - {REMOVED}]
    context.fleet.all(lambda host: context.run(host, "sweep", "operations/lock_remove_scratch"), dirty)


# -- unreachable hosts


def _hosts_that_may_be_missing(context: FlowContext) -> int:
    """Return how many more hosts a deploy can go on without; a rollback would leave a mixed fleet."""
    request = context.request
    can_go_on = request.is_deploy and not request.is_setup
    return request.stage.max_failures - len(context.progress.missing) if can_go_on else 0


def _leave_out_unreachable(context: FlowContext, outcomes: Sequence[Outcome[Any]]) -> None:
    failed = [outcome for outcome in outcomes if outcome.error]
    names = [connection.name for connection in context.fleet.release_connections]
    few = len(failed) <= _hosts_that_may_be_missing(context) and len(failed) < len(names)
    may_be_missing = all(isinstance(o.error, Unreachable) and o.error.may_be_down and o.host in names for o in failed)
    if not few or not may_be_missing:
        raise HostsFailed(outcomes)
    context.fleet.remove([outcome.host for outcome in failed])
    for outcome in failed:
        context.emit(HostLeftOut(outcome.host, get_first_line(outcome.error)))


# -- one host


def _reach(context: FlowContext, connection: Connection) -> None:
    """Connect to a host for its hooks. A rollback only warns if it is impossible, and goes on until the hook.

    Raises:
        Unreachable: a deploy cannot connect; names the hooks.
    """
    try:
        connection.log_in()
    except Unreachable as error:
        need = _describe_need(find_hooks_on(context, connection))
        if context.request.is_deploy:
            raise error.completed(error.login, [need]) from None
        context.warn(f"{connection.name}: {error.reason}; {need}", connection.name)


def _describe_need(hooks: Sequence[Hook]) -> str:
    names = ",".join(hook.name for hook in hooks)
    return f"{describe_hooks(hooks)} must run there; to go on without: skip={names}"


def _lock_and_survey(context: FlowContext, connection: Connection) -> Taken | Blocked:
    """Return the facts of a host, or why its lock could not be taken."""
    request = context.request
    release = _release_request(context, connection)
    connection.held_lock = HeldLock("", None, release)  # a flow that is stopped while it asks may have taken the lock
    take = _take_request(context, connection)
    tools = list_tool_places(context, connection)
    survey_all = survey_request(connection, request.stage, request.flow, request.is_deploy, tools)
    lock, survey = connection.ask([take, survey_all])
    if lock.status != TAKEN:
        connection.held_lock = None
    if lock.status == HELD:
        return _blocked(context, connection, lock, survey)
    _raise_unless_taken(connection, lock)
    if lock.status == TAKEN:
        connection.held_lock = HeldLock(request.run_id, partial(_retake, context, connection), release)
        context.emit(LockTaken(connection.name))
    # The locks of a network disk do not always exclude each other.
    if name := _locked_as(context, Entry.parse(lock.text.strip())):
        return Blocked(_holder(lock), locked_as=name)
    return Taken(read_survey(connection, survey), _holder(lock) if lock.text.strip() else "")


def _blocked(context: FlowContext, connection: Connection, lock: Answer, survey: Answer) -> Blocked:
    """Return why a lock is held. The survey reads its text later, when the holder has certainly written it."""
    if survey.status:
        return Blocked(_holder(lock))
    facts = read_survey(connection, survey)
    return Blocked(_holder(lock, facts.holder), facts, _locked_as(context, facts.lock))


def _locked_as(context: FlowContext, holder: Entry | None) -> str:
    """Return the name of the host as which this flow itself has a lock; empty for another flow."""
    return holder.host if holder and holder.run == context.request.run_id else ""


def _release(context: FlowContext, connection: Connection) -> None:
    connection.checked(_release_request(context, connection))
    connection.held_lock = None
    context.emit(LockReleased(connection.name))


def _retake(context: FlowContext, connection: Connection) -> None:
    """Take the lock again on a session that replaces a lost one, before anything else runs there.

    A lost session that does not end by itself is ended: it is frozen, or its host has not noticed the loss yet.
    """
    lock = _take_again(context, connection)
    if lock.status == HELD and _is_held_by_lost_session(context, lock):
        connection.checked(Request(context.script(connection, "end the lost session", "operations/lock_end_lost")))
        lock = _take_again(context, connection)
    if lock.status == HELD and _is_held_by_lost_session(context, lock):
        raise HostError(connection.name, "its connection was lost, and what ran there does not end", "lock")
    if lock.status == HELD:
        raise LockLost(connection.name, f"its connection was lost, and its lock is held by {_holder(lock)}")
    _raise_unless_taken(connection, lock)


def _take_again(context: FlowContext, connection: Connection) -> Answer:
    """Return the answer to the last of several tries to take the lock again."""
    until = time.monotonic() + LOST_SESSION_SECONDS
    request = _take_request(context, connection, context.request.run_id)
    while (lock := connection.ask([request])[0]).status == HELD and time.monotonic() < until:
        time.sleep(PAUSE_SECONDS)
    return lock


def _is_held_by_lost_session(context: FlowContext, lock: Answer) -> bool:
    holder = Entry.parse(lock.text.strip())
    return holder is not None and holder.run == context.request.run_id


def _raise_unless_taken(connection: Connection, lock: Answer) -> None:
    if lock.status == LOST:
        raise LockLost(connection.name, f"its connection was lost, and {_describe_loss(lock)}")
    if lock.status == READ_ONLY:
        raise HostError(connection.name, REASONS[READ_ONLY], "lock", lock.status)
    if lock.status not in (TAKEN, NO_DEPLOY_TO):
        raise HostError(connection.name, REASONS.get(lock.status, "lock"), "lock", lock.status, lock.lines)


def _describe_loss(lock: Answer) -> str:
    """Return what has happened to the lock of a lost session."""
    holder = Entry.parse(lock.text.strip())
    if holder is None:
        return "its lock was freed since: by cap unlock, or by another flow that has ended"
    return f"another flow has had its lock since: {holder.holder}"


def _take_request(context: FlowContext, connection: Connection, again: str = "") -> Request:
    values: dict[str, Value] = {
        **connection.host_values,
        "create_deploy_to": context.request.is_deploy,
        "lock_entry": lock_entry(context, connection.name).to_line(),
        "retake_run": again,
    }
    script = render("lock", "operations/lock_take", values)
    return Request(script, "hold", capture=True, timeout=SURVEY_TIMEOUT_SECONDS)


def _release_request(context: FlowContext, connection: Connection) -> Request:
    values: dict[str, Value] = {"lock_file": connection.path_value("/.capdoit/lock"), "run": context.request.run_id}
    return Request(render("give back the lock", "operations/lock_release", values), "hold")


def _holder(lock: Answer, otherwise: str = "") -> str:
    """Return the flow that the lock names, or else what the survey knows about its holder."""
    holder = Entry.parse(lock.text.strip())
    return holder.holder if holder else otherwise or "another flow"
