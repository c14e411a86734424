"""The setup: the directories of a deploy and the linked files that are missing are put on the hosts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial

from capdoit.config.variables import Variables
from capdoit.decisions.readiness import find_absent_linked_files, find_missing_linked_files, make_setup_command
from capdoit.errors import ConfigError, Interrupted, NotReady, Problem, SetupFailed
from capdoit.event_bus import EventBus
from capdoit.events import LinkedFileDiffers, LinkedFileUploaded, SetupAborted, SetupFinished, SetupStarted
from capdoit.flow.interruptible import Interruptible
from capdoit.flow.preparation import open_context
from capdoit.flow.undo import command_line
from capdoit.hosts.connection import Connection
from capdoit.operations.expected_files import find_certain_problems
from capdoit.operations.linked_files import (
    LinkedFileState,
    LinkedSource,
    compare_linked_files,
    read_linked_file,
    read_sources,
    upload_linked_files,
)
from capdoit.operations.lock import take_locks
from capdoit.output.masked_diff import describe_differences
from capdoit.state.context import FlowContext
from capdoit.state.flow_request import FlowDefinition
from capdoit.text import get_first_line, group_names, make_printable

States = Mapping[str, Sequence[LinkedFileState]]  # by host


class Setup(Interruptible):
    """The setup of the hosts of a stage.

    Args:
        definition: the deploy of the stage.
        variables: NAME=VALUE of the command line.
        events: bus of everything that people see.
    """

    def __init__(self, definition: FlowDefinition, variables: Variables, events: EventBus) -> None:
        super().__init__()
        self._definition, self._variables, self._events = definition, variables, events

    def perform(self) -> None:
        """Make the directories, upload the linked files that are missing, and report the others that differ.

        Raises:
            SetupFailed: a file to upload cannot be read, so no file was uploaded; a host cannot be set up; or it lacks
                a linked file that deploy.yml names no file for.
            ConfigError: the request makes no sense; no host was touched.
        """
        self._variables.refuse_unheeded("setup", self._definition.stage)
        if self._variables.dry_run == "scripts":
            raise ConfigError("dry_run=scripts is for deploys and rollbacks; for a setup: dry_run=yes")
        with self._busy:
            context = self._context = open_context(self._definition, self._variables, self._events, is_setup=True)
            try:
                with closing(context.fleet):
                    self._raise_if_interrupted()
                    context.emit(_setup_started(context))
                    _set_up(context)
            except (Exception, KeyboardInterrupt) as error:
                raise self._fail(context, error) from error

    def _fail(self, context: FlowContext, error: BaseException) -> SetupFailed:
        cause = Interrupted(f"{context.request.name}: {self._interruption}") if self._interruption else error
        context.emit(SetupAborted(get_first_line(str(cause))))
        return SetupFailed(cause, command_line(context))


def _setup_started(context: FlowContext) -> SetupStarted:
    request = context.request
    return SetupStarted(request.stage.name, tuple(host.name for host in request.stage.hosts), request.operator)


def _set_up(context: FlowContext) -> None:
    context.fleet.set_deadlines(*context.deadlines)
    take_locks(context)  # makes the directories, with the survey of a deploy
    context.executor.preview(partial(_warn_of_locks, context))
    missing = _refuse_other_problems(context)
    sources = _read_sources(context)
    states: States = context.fleet.all(partial(compare_linked_files, sources=sources)) if sources else {}
    _refuse_obstacles(states, context.request.variables.overwrite)
    uploads = _choose_uploads(states, context.request.variables.overwrite)
    _upload(context, uploads)
    kept = {
        host: [one for one in found if one.is_different and one not in uploads[host]] for host, found in states.items()
    }
    _report_differences(context, kept)
    if missing:
        raise NotReady(*missing, checked_flow="deploy")
    context.emit(
        SetupFinished(
            stage=context.request.stage.name,
            hosts=len(context.fleet.release_connections),
            has_created=any(facts.created_dirs for facts in context.progress.facts.values()),
            has_uploaded=any(uploads.values()),
            has_differences=any(kept.values()),
            is_dry_run=context.request.is_dry_run,
        )
    )


def _warn_of_locks(context: FlowContext) -> None:
    """Warn, in a dry run, of the flows that hold locks."""
    facts = context.progress.facts.values()
    held = ((one.host, one.holder) for one in facts if one.holder and one.lock_is_held is not False)
    for holder, hosts in group_names(held).items():
        context.warn(f"{hosts}: locked by {holder}; a setup would be refused")


def _refuse_other_problems(context: FlowContext) -> list[Problem]:
    """Refuse hosts to which no deploy is possible; return the linked files that they lack and nobody uploads.

    Raises:
        NotReady: has every problem but missing linked files.
    """
    stage = context.request.stage
    facts = [*context.progress.facts.values()]
    lacking = find_missing_linked_files(facts, stage)
    certain, _ = find_certain_problems(context, facts)
    if others := [problem for problem in certain if problem not in lacking]:
        raise NotReady(*others)
    return [problem for problem in certain if problem.remedy != make_setup_command(stage)]


def _read_sources(context: FlowContext) -> list[LinkedSource]:
    """Read the files to upload. A file that cannot be read is only a warning if all hosts have the linked file.

    Raises:
        NotReady: names each file that is needed and cannot be read.
    """
    stage = context.request.stage
    sources, unreadable = read_sources(stage)
    absent = find_absent_linked_files([*context.progress.facts.values()], stage)
    if problems := [*_list_unreadable(unreadable, absent, context.request.variables.overwrite)]:
        raise NotReady(*problems)
    for path, reason in unreadable.items():
        context.warn(f"{reason}; shared/{make_printable(path)} is on all hosts, and was not compared")
    return sources


def _list_unreadable(
    unreadable: Mapping[str, str], absent: Sequence[tuple[str, str]], overwrite: bool
) -> Iterator[Problem]:
    """Yield a problem for each file that is needed and cannot be read; ``absent`` has pairs of host and path."""
    for path, reason in unreadable.items():
        hosts = [host for host, lacked in absent if lacked == path]
        yield from (Problem(f"{reason}; shared/{make_printable(path)} does not exist", host) for host in hosts)
        if overwrite and not hosts:
            yield Problem(f"{reason}; overwrite=yes needs it")


def _refuse_obstacles(states: States, overwrite: bool) -> None:
    """Refuse linked files that can neither be compared nor replaced.

    Raises:
        NotReady: names each of them.
    """
    problems = [
        Problem(f"shared/{make_printable(state.source.path)} {obstacle}: move it away", host)
        for host, found in states.items()
        for state in found
        if (obstacle := state.obstacle or (_find_symlink(state) if overwrite else ""))
    ]
    if problems:
        raise NotReady(*problems)


def _find_symlink(state: LinkedFileState) -> str:
    """Return why a file that differs cannot be replaced: a symlink leads to it. Empty if it can."""
    return "is a symlink" if state.is_symlink and state.is_different else ""


def _choose_uploads(states: States, overwrite: bool) -> States:
    """Return the linked files that are missing, and those that differ if they are to be replaced."""
    return {
        host: [one for one in found if one.is_absent or (overwrite and one.is_different)]
        for host, found in states.items()
    }


def _upload(context: FlowContext, uploads: States) -> None:
    """Upload linked files, and report them, each with all its hosts."""
    hosts = [connection for connection in context.fleet.release_connections if uploads.get(connection.name)]
    context.executor.change(
        lambda: context.fleet.all(
            lambda host: upload_linked_files(host, [one.source for one in uploads[host.name]]), hosts
        )
    )
    for state, names in _hosts_by_state(uploads).items():
        is_dry_run = context.request.is_dry_run
        is_shown = is_dry_run and not state.is_absent
        groups = _group_by_differences(context, state, names) if is_shown else {(): names}
        for lines, alike in groups.items():
            path = make_printable(state.source.path)
            context.emit(LinkedFileUploaded(path, _name(state.source), alike, state.is_absent, is_dry_run, lines))


def _report_differences(context: FlowContext, kept: States) -> None:
    """Report the linked files that stay although they differ from their sources, with the lines in which they do."""
    command = command_line(context).again(overwrite=True, dry_run="")
    for state, names in _hosts_by_state(kept).items():
        for lines, alike in _group_by_differences(context, state, names).items():
            path = make_printable(state.source.path)
            context.emit(LinkedFileDiffers(path, _name(state.source), alike, lines, command))


def _group_by_differences(
    context: FlowContext, state: LinkedFileState, names: Sequence[str]
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return the hosts by the lines in which their linked file differs from its source."""
    asked = [connection for connection in context.fleet.release_connections if connection.name in names]
    hosts: dict[tuple[str, ...], tuple[str, ...]] = {}
    for host, lines in context.fleet.all(partial(_compare_linked_file, state), asked).items():
        hosts[lines] = (*hosts.get(lines, ()), host)
    return hosts


def _hosts_by_state(states: States) -> dict[LinkedFileState, tuple[str, ...]]:
    hosts: dict[LinkedFileState, tuple[str, ...]] = {}
    for host, found in states.items():
        for state in found:
            hosts[state] = (*hosts.get(state, ()), host)
    return hosts


def _compare_linked_file(state: LinkedFileState, connection: Connection) -> tuple[str, ...]:
    modes = [state.mode_difference] if state.mode_difference else []
    if state.has_content:
        return tuple(modes)
    there = read_linked_file(connection, state.source.path)
    return (*modes, *describe_differences(there, state.source.content))


def _name(source: LinkedSource) -> str:
    """Return the file on the controller as the operator knows it."""
    path = os.path.relpath(source.file)
    return make_printable(str(source.file) if path.startswith("..") else path)
