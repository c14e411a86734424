"""Probes and guards of recipes: recorded when a release becomes live, compared before a rollback goes back to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from capdoit.errors import CapdoitError, ConfigError, GuardRefused, HostError, HostsFailed, Outcome, TimedOut
from capdoit.events import GuardFound, GuardsNotAsked, ProbeAnswered, RecipeAskedNoHost, RevertFinished
from capdoit.hooks.context import Release
from capdoit.hooks.hook import Hook, RollbackCheck
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.operations.hook_environment import make_host_argument
from capdoit.records.journal import Note
from capdoit.state.context import FlowContext
from capdoit.state.hook_arguments import make_flow_argument, make_release_argument, release_argument
from capdoit.text import join_names, make_printable

LOOK_TIMEOUT_SECONDS = 20.0  # of a probe after a failure


def call_probes(context: FlowContext) -> None:
    """Call the probes of all recipes, for the note of the release that is about to be live.

    Raises:
        HostsFailed: a probe failed.
    """
    for check in context.request.declared.rollback_checks:
        if check.probe and (connection := _watched_host(context, check)):
            names = _call(context, connection, check.probe, release_argument(context, connection))
            context.emit(ProbeAnswered(check.recipe, names))


def call_guards(context: FlowContext) -> dict[str, tuple[str, ...]]:
    """Refuse a rollback to a release that lacks something, such as migrations, unless ``migrations=`` allows it.

    Returns:
        The names that ``migrations=back`` reverts, by recipe.

    Raises:
        GuardRefused: the release lacks something; or a probe or guard failed, so that it is not known.
        HostsFailed: a connection was lost.
    """
    checks = context.request.declared.rollback_checks
    if context.request.variables.migrations == "keep":
        _skip_guards(context, checks)
        return {}
    reverts: dict[str, tuple[str, ...]] = {}
    for check in checks:
        if (connection := _watched_host(context, check)) and (names := _ask(context, connection, check)):
            _accept_or_refuse(context, connection, check, names)
            reverts[check.recipe] = names
    return reverts


def find_reverted(context: FlowContext) -> None:
    """Ask the probes how far a hook came that began to revert names and failed. Without an answer it is not known."""
    reverting = context.progress.reverting
    for check in context.request.declared.rollback_checks:
        connection = _watched_host(context, check) if reverting and check.probe else None
        if connection and check.probe and {*context.decision.reverts.get(check.recipe, ())} == {*reverting}:
            probe = replace(check.probe, timeout_seconds=LOOK_TIMEOUT_SECONDS)
            with suppress(CapdoitError):
                now = _call(context, connection, probe, make_release_argument(context, connection))
                context.emit(RevertFinished(tuple(name for name in reverting if name not in now)))


def read_note(connection: Connection, release: str = "") -> Note | None:
    """Return the newest journal note about a release, or about any release without an argument.

    Raises:
        HostError: the host did not answer.
    """
    script = connection.script("notes", "operations/guards_note", {"release": release})
    return Note.parse(connection.checked(Request(script, capture=True)).text)


def _watched_host(context: FlowContext, check: RollbackCheck) -> Connection | None:
    """Return the host to ask; None when no host of the stage has the roles of the recipe."""
    request = context.request
    hosts = check.host_hook.choose_connections(context.fleet.connections)
    exists = any(check.host_hook.accepts_roles(host.roles) for host in request.all_hosts)
    if not exists:
        context.emit(RecipeAskedNoHost(check.recipe, check.host_hook.roles))
    elif not hosts and not request.is_deploy:
        raise GuardRefused(check.recipe, context.decision.release, missing_roles=check.host_hook.roles)
    return hosts[0] if hosts else None


def _skip_guards(context: FlowContext, checks: Sequence[RollbackCheck]) -> None:
    """Report that no recipe is asked: the database that they ask may be the trouble."""
    if checks:
        context.emit(GuardsNotAsked(tuple(check.recipe for check in checks)))


def _ask(context: FlowContext, connection: Connection, check: RollbackCheck) -> tuple[str, ...]:
    """Return the names that the target lacks."""
    try:
        return _names_unknown_to_target(context, connection, check)
    except HostsFailed as error:
        if any(map(_is_lost, error.failed)) or error.cancelled:
            raise
        raise GuardRefused(check.recipe, context.decision.release, connection.name, cause=error) from None


def _is_lost(outcome: Outcome[Any]) -> bool:
    """Return True if the connection was lost, so that the recipe did not get an answer."""
    is_lost = isinstance(outcome.error, HostError) and outcome.error.status is None
    return is_lost and not isinstance(outcome.error, TimedOut)


def _names_unknown_to_target(context: FlowContext, connection: Connection, check: RollbackCheck) -> tuple[str, ...]:
    now = _call(context, connection, check.probe, make_release_argument(context, connection)) if check.probe else ()
    recorded = _recorded_names(context, check) if check.probe else None
    if check.guard:
        target = release_argument(context, connection)
        return _call(context, connection, check.guard, target, now=now, recorded=recorded)
    return tuple(name for name in now if name not in recorded) if recorded is not None else ()


def _recorded_names(context: FlowContext, check: RollbackCheck) -> tuple[str, ...] | None:
    """Return the probe's answer when the target became live; None when no host has recorded it."""
    notes = context.fleet.all(lambda connection: read_note(connection, context.decision.release_on(connection.name)))
    probes = [note.probes for note in notes.values() if isinstance(note, Note)]
    return next((found[check.recipe] for found in probes if check.recipe in found), None)


def _accept_or_refuse(
    context: FlowContext, connection: Connection, check: RollbackCheck, names: tuple[str, ...]
) -> None:
    migrations, obstacle = context.request.variables.migrations, _obstacle_to_reverting(context, check)
    reason = check.guard.doc if check.guard else ""
    if obstacle or migrations is None:
        raise GuardRefused(
            check.recipe,
            context.decision.release,
            connection.name,
            names,
            meaning=reason,
            obstacle=obstacle if migrations else "",
            can_revert=not obstacle,
        )
    context.emit(GuardFound(check.recipe, connection.name, context.decision.release, reason, names))


def _obstacle_to_reverting(context: FlowContext, check: RollbackCheck) -> str:
    """Return why ``migrations=back`` is not possible; empty when it is."""
    if not check.back:
        return "the recipe cannot revert it"
    hosts = context.request.all_hosts
    others = [host.name for host in hosts if not host.no_release and host.name not in context.progress.facts]
    return f"{join_names(others)}, which would not go back, may need it" if others else ""


def _call(context: FlowContext, connection: Connection, hook: Hook, release: Release, **more: Any) -> tuple[str, ...]:
    values: Mapping[str, Any] = {
        "release": release,
        "options": hook.options,
        "flow": make_flow_argument(context),
        **more,
    }

    def call(asked: Connection) -> tuple[str, ...]:
        try:
            with context.mask_errors(), asked.more_deadlines(*hook.start_deadlines()):
                host = make_host_argument(context, asked, release)
                return _as_names(hook, hook.call(host=host, **values))
        except HostError as error:
            if error.status is None:
                raise
            raise error.because(f"{hook.name}: {error.reason}") from None

    (names,) = context.fleet.all(call, [connection]).values()
    return names


def _as_names(hook: Hook, answer: object) -> tuple[str, ...]:
    """Return the answer of a probe or guard as names."""
    values: Any = answer.splitlines() if isinstance(answer, str) else () if answer is None else answer
    lines = [*values] if isinstance(values, Iterable) else [values]
    if not all(isinstance(line, str) for line in lines):
        raise ConfigError(
            f"{hook.location}: {hook.name} returned {answer!r}, expected names: strings, or the lines of one string"
        )
    return tuple(make_printable(line.strip()) for line in lines if line.strip())
