"""What recipes watch over: recorded when a release becomes live, compared before a rollback goes back to one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capdoit.errors import ConfigError, GuardRefused, HostError, HostsFailed
from capdoit.hooks.context import Release
from capdoit.hooks.hook import Hook, RollbackCheck
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.output.error_text import render_cause
from capdoit.records.journal import Note
from capdoit.state.run import Run
from capdoit.text import listed, printable


def probe(run: Run) -> None:
    """Ask what is there, for the note of the release that is about to be live; rollbacks and dry runs make no note.

    Raises:
        HostsFailed: a probe failed.
    """
    for watch in run.declared.rollback_checks if run.flow == "deploy" and run.plan is None else ():
        if watch.probe and (host := _host(run, watch)):
            run.probes[watch.recipe] = _called(run, host, watch.probe, run.release_on(host))


def guard(run: Run) -> None:
    """Refuse a rollback to a release that does not know what is there, unless ``migrations=`` says otherwise.

    Raises:
        GuardRefused: names what it does not know; or a probe or guard failed, so that nobody knows.
        HostsFailed: a host was lost.
    """
    for watch in run.declared.rollback_checks:
        if (host := _host(run, watch)) and (names := _asked(run, host, watch)):
            _settle(run, host, watch, names)


def note_of(host: Connection, release: str = "") -> Note | None:
    """What a host's journal notes of a release, or of the one that was last noted.

    Raises:
        HostError: it cannot be asked.
    """
    script = host.script("notes", "operations/guards_note", {"release": release})
    return Note.parse(host.checked(Request(script, capture=True)).text)


def _host(run: Run, watch: RollbackCheck) -> Connection | None:
    """The host to ask; None when no host of the stage is one of those that the recipe watches."""
    hosts = watch.host_hook.choose_connections(run.fleet.connections)
    there_is = any(watch.host_hook.accepts_roles(host.roles) for host in run.everyone)
    if not hosts and there_is and run.flow == "rollback" and run.variables.migrations != "keep":
        raise GuardRefused(watch.recipe, run.release, missing_roles=watch.host_hook.roles)
    if not there_is:
        run.console.say(f"   recipe {watch.recipe} asks no host: none has the role {listed(watch.host_hook.roles)}")
    return hosts[0] if hosts else None


def _asked(run: Run, host: Connection, watch: RollbackCheck) -> tuple[str, ...]:
    """The same as `_unknown`; a recipe that cannot tell must not be in the way of who wants to go back all the same."""
    try:
        return _unknown(run, host, watch)
    except HostsFailed as error:
        if any(getattr(outcome.error, "status", 0) is None for outcome in error.failed) or error.cancelled:
            raise
        refusal = GuardRefused(watch.recipe, run.release, host.name, cause=error)
        if run.variables.migrations != "keep":
            raise refusal from None
        run.warn(render_cause(refusal))
        return ()


def _unknown(run: Run, host: Connection, watch: RollbackCheck) -> tuple[str, ...]:
    """What is there that the release to go to does not know."""
    now = _called(run, host, watch.probe, _live(run, host)) if watch.probe else ()
    recorded = _recorded(run, watch) if watch.probe else None
    if watch.guard:
        return _called(run, host, watch.guard, run.release_on(host), now=now, recorded=recorded)
    return tuple(name for name in now if name not in recorded) if recorded is not None else ()


def _recorded(run: Run, watch: RollbackCheck) -> tuple[str, ...] | None:
    """What was there when the release became live; None when no host knows."""
    notes = run.fleet.all(lambda host: note_of(host, run.release))
    probes = [note.probes for note in notes.values() if isinstance(note, Note)]
    return next((found[watch.recipe] for found in probes if watch.recipe in found), None)


def _live(run: Run, host: Connection) -> Release:
    """The release that is live: its code is what can say what is there."""
    given = run.release_on(host)
    live = given.left or given.name
    return Release(live, given.beside(live), "", given.previous)


def _settle(run: Run, host: Connection, watch: RollbackCheck, names: tuple[str, ...]) -> None:
    """What becomes of what the release does not know: as ``migrations=`` says, else the rollback is refused."""
    wish, obstacle = run.variables.migrations, _why_not_back(run, watch)
    refusal = GuardRefused(
        watch.recipe,
        run.release,
        host.name,
        names,
        meaning=watch.guard.doc if watch.guard else "",
        can_revert=not obstacle,
        obstacle=obstacle if wish == "back" else "",
    )
    if wish is None or (wish == "back" and obstacle):
        raise refusal
    for line in [*render_cause(refusal).splitlines(), f"migrations={wish}"]:
        run.console.say(f"   {line}")
    if wish == "back":
        run.unknown[watch.recipe] = names


def _why_not_back(run: Run, watch: RollbackCheck) -> str:
    """Why it cannot be taken away; empty when it can."""
    if not watch.back:
        return "the recipe cannot revert them"
    others = [one.name for one in run.everyone if not one.no_release and one.name not in run.facts]
    return f"{listed(others)}, which would not be rolled back, may need them" if others else ""


def _called(run: Run, connection: Connection, hook: Hook, release: Release, **more: Any) -> tuple[str, ...]:
    def call(_: Connection) -> tuple[str, ...]:
        values = {"host": connection.host, "release": release, "options": hook.options, "flow": run.as_given(), **more}
        try:
            return _names(hook, hook.call(**values))
        except HostError as error:
            if error.status is None:
                raise
            raise error.because(f"{hook.name}: {error.reason}") from None

    (names,) = run.fleet.all(call, [connection]).values()
    assert isinstance(names, tuple)  # noqa: S101 - what `call` returns
    return names


def _names(hook: Hook, answer: object) -> tuple[str, ...]:
    """What a probe or guard answered, as names."""
    said: Any = answer.splitlines() if isinstance(answer, str) else () if answer is None else answer
    lines = [*said] if isinstance(said, Iterable) else [said]
    if not all(isinstance(line, str) for line in lines):
        raise ConfigError(
            f"{hook.location}: {hook.name} returned {answer!r}, expected names: texts, or lines of one text"
        )
    return tuple(printable(line.strip()) for line in lines if line.strip())
