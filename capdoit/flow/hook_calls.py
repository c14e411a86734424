"""Calling hooks: on their hosts, with what each wants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capdoit.errors import HostError, HostsFailed, NotReady
from capdoit.hooks.context import Failure
from capdoit.hooks.hook import Hook
from capdoit.hosts.connection import Connection
from capdoit.hosts.host import Host
from capdoit.sequence import FlowTask
from capdoit.state.run import Run
from capdoit.text import listed, printable


def call(run: Run, hook: Hook) -> None:
    """Call a hook on all its hosts at once.

    Raises:
        HostsFailed: it failed on at least one.
    """
    connections = called_on(run, hook)
    unknown = run.unknown.get(hook.recipe, ())
    if not connections:
        _say_on_no_host(run, hook)
        return

    def on(connection: Connection) -> None:
        hosts = [one.host for one in connections]
        where = {"hosts": hosts} if hook.runs_once else {"host": connection.host}
        release = run.release_on(connection)
        hook.call(**where, release=release, flow=run.as_given(), options=hook.options, unknown=unknown)

    if "unknown" in hook.arguments:
        run.taking_away = unknown
    run.fleet.all(on, connections[:1] if hook.runs_once else connections)
    run.taken_away, run.taking_away = run.taken_away + run.taking_away, ()


def _say_on_no_host(run: Run, hook: Hook) -> None:
    """A hook that has nothing to do needs no word; one whose hosts are not there, or not chosen, is left out."""
    meant = [host.name for host in run.everyone if hook.accepts_roles(host.roles)]
    if not meant:
        run.console.say(f"   {hook.name} is called on no host: none has the role {listed(hook.roles)}")
    elif not hook.choose_connections(run.fleet.connections):
        what = f"{hook.name} was not called: of its hosts none was chosen ({listed(meant)})"
        (run.console.say if run.drill else run.warn)(what)  # a warning would fail a drill, and a rollback works


def called_on(run: Run, hook: Hook) -> list[Connection]:
    """The hosts that a hook is called on; none when it is there for what is unknown, and nothing is."""
    needless = "unknown" in hook.arguments and not run.unknown.get(hook.recipe)
    return [] if needless else hook.choose_connections(run.fleet.connections)


def tell_of_failure(run: Run, step: str, error: BaseException) -> None:
    """Call the ``on_failed`` hooks; one that fails is a warning, since the first error is the one to report."""
    failed = _hosts_of(error, run.fleet.connections)
    failure = Failure(
        flow=run.flow,
        stage=run.stage.name,
        step=step,
        hosts=failed,
        outcomes=getattr(error, "outcomes", ()),
        error=error,
        reason=run.console.redact(str(error).strip().partition("\n")[0]),
        fleet=tuple(connection.host for connection in run.fleet.connections),
        release=run.release,
        published=run.published,
    )
    for hook in run.declared.failed:
        try:
            hook.call(failure=failure, hosts=list(failed), options=hook.options, flow=run.as_given())
        except BaseException as wrong:  # noqa: BLE001 - whatever it is, an exit too: the report has to come
            what = printable(f"{type(wrong).__name__}: {wrong}")
            run.warn(f"on_failed hook {hook.name} ({hook.location}) failed: {what}")


def refuse_hooks_without_hosts(run: Run, acts: Iterable[FlowTask]) -> None:
    """A migration, say, must not be left out because the only host that it could run on is missing.

    Raises:
        NotReady: names the hooks.
    """
    missing = [host for host in run.stage.hosts if host.name in run.missing]
    called = (act.hook for act in acts if act.hook and act.name in run.acts)
    hooks = [hook for hook in called if not hook.choose_connections(run.fleet.connections)]
    alone = [hook for hook in hooks if any(hook.accepts_roles(host.roles) for host in missing)]
    if alone:
        whose = listed(f"{hook.name} ({hook.location})" for hook in alone)
        raise NotReady(f"{listed(run.missing)} cannot be reached, and no other host can run {whose}")


def _hosts_of(error: BaseException, connections: Sequence[Connection]) -> tuple[Host, ...]:
    """The hosts that an error is about; all of them when it is about none."""
    failed = [outcome.host for outcome in error.failed] if isinstance(error, HostsFailed) else []
    names = [error.host] if isinstance(error, HostError) else failed
    hosts = tuple(connection.host for connection in connections)
    return tuple(host for host in hosts if host.name in names) or hosts
