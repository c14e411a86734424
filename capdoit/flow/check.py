"""The check: everything that a deploy would lack, reported before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timezone
from functools import partial
from typing import Any

from capdoit.config.variables import Variables
from capdoit.errors import HostError, NotReady, Outcome, Problem, answers, find_problems
from capdoit.event_bus import EventBus
from capdoit.events import CheckFailed, CheckPassed, CheckStarted, CheckWarned
from capdoit.flow.preparation import open_context
from capdoit.hooks.todo import describe_todos
from capdoit.hosts.connection import Connection
from capdoit.operations.expected_files import find_certain_problems
from capdoit.operations.hook_hosts import choose_hosts_without_code
from capdoit.operations.hook_tools import list_tool_places
from capdoit.operations.lock import NO_FLOCK, REASONS, flock_request
from capdoit.operations.release_room import measure_release_room
from capdoit.operations.survey import survey_host
from capdoit.records import fleet_state
from capdoit.records.facts import Facts
from capdoit.state.context import FlowContext
from capdoit.state.flow_request import FlowDefinition
from capdoit.text import group_names
from capdoit.transfers import transfer_of


def check(definition: FlowDefinition, variables: Variables, events: EventBus) -> None:
    """Make the directories of a deploy on every host, and report everything that the deploy would lack.

    Args:
        definition: the deploy of the stage.
        variables: NAME=VALUE of the command line.
        events: bus of everything that people see.

    Raises:
        NotReady: has every problem of every host, unreachable hosts included.
        ConfigError: the request makes no sense; no host was touched.
    """
    variables.refuse_unheeded("check", definition.stage)
    context = open_context(definition, variables, events)
    stage = context.request.stage
    context.emit(CheckStarted(stage.name, tuple(host.name for host in stage.hosts), context.request.operator))
    with closing(context.fleet):
        surveyed, others = _ask_hosts(context)
        examined = _find_omissions(context, others)
    facts = answers(surveyed)
    certain, warnings = find_certain_problems(context, facts)
    omissions = [sentence for found in answers(examined) for sentence in found]
    _warn(context, facts, [*context.request.doubtful_roles, *warnings, *omissions])
    asked = [*others, *examined, *surveyed]
    failed = [problem for o in asked if o.error for problem in find_problems(o.error, o.host)]
    hooks = (*definition.declared.hooks, *definition.declared.failed)
    unwritten = describe_todos(hook for hook in hooks if hook.has_host(stage.hosts))
    problems = [*certain, *failed, *map(Problem, unwritten)]
    if problems:
        context.emit(CheckFailed(tuple(dict.fromkeys(map(str, problems)))))
        raise NotReady(*dict.fromkeys(problems), checked_flow="deploy")
    context.emit(CheckPassed(stage.name, len(facts), is_certain=not warnings))


def _ask_hosts(context: FlowContext) -> tuple[list[Outcome[Facts]], list[Outcome[Any]]]:
    """Return the survey of every host, and the outcomes of all further questions."""
    fleet, stage = context.fleet, context.request.stage
    surveyed = fleet.each(partial(_survey, context), stop_on_failure=False)
    reached = [host for host in fleet.release_connections if host.is_connected]
    locks = fleet.each(_check_flock, reached, stop_on_failure=False)
    room = fleet.each(_check_room, reached, stop_on_failure=False)
    check_source = partial(transfer_of(stage).check_host, stage, context.request.branch)
    source = fleet.each(check_source, reached, stop_on_failure=False)
    answered = fleet.each(Connection.log_in, choose_hosts_without_code(context), stop_on_failure=False)
    return surveyed, [*locks, *room, *source, *answered]


def _survey(context: FlowContext, connection: Connection) -> Facts:
    tools = list_tool_places(context, connection)
    return survey_host(connection, context.request.stage, "deploy", make_dirs=True, hook_tools=tools)


def _find_omissions(context: FlowContext, others: Sequence[Outcome[Any]]) -> list[Outcome[Sequence[str]]]:
    """Return what the first host without a failure finds that a release would lack: all hosts get one code."""
    failed = {outcome.host for outcome in others if not outcome}
    hosts = [host for host in context.fleet.release_connections if host.is_connected and host.name not in failed]
    find = partial(transfer_of(context.request.stage).find_omissions, context.request.stage, context.request.branch)
    return context.fleet.each(find, hosts[:1], stop_on_failure=False)


def _check_flock(connection: Connection) -> None:
    if connection.ask([flock_request()])[0].status:
        raise HostError(connection.name, REASONS[NO_FLOCK])


def _check_room(connection: Connection) -> None:
    room = measure_release_room(connection)
    if room.free_kib and room.shortage:  # the survey reports a disk that is full
        raise HostError(connection.name, room.shortage)


def _warn(context: FlowContext, facts: Sequence[Facts], warnings: Sequence[str]) -> None:
    stage = context.request.stage
    for warning in warnings:
        context.emit(CheckWarned(warning))
    if stage.drill_max_age is not None:
        for sentence in fleet_state.find_overdue_drills(facts, stage.drill_max_age, datetime.now(timezone.utc)):
            context.emit(CheckWarned(f"{sentence}; doit drill:{stage.name} rehearses one"))
    for sentence in fleet_state.find_wrong_symlinks([one for one in facts if not one.current_is_not_symlink]):
        context.emit(CheckWarned(f"{sentence}; a deploy replaces it"))
    held = ((one.host, one.holder) for one in facts if one.holder and one.lock_is_held is not False)
    for holder, hosts in group_names(held).items():
        context.emit(CheckWarned(f"{hosts}: locked by {holder}"))
