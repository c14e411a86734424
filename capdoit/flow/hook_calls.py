"""Calls of hooks: each on its hosts, with the arguments that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from capdoit.errors import ConfigError, HostError, HostsFailed, NotReady
from capdoit.events import HookNotCalled, HookPaused, HookPlanned, RevertFinished, RevertStarted
from capdoit.hooks.context import Failure
from capdoit.hooks.hook import Hook
from capdoit.hosts.connection import Connection
from capdoit.hosts.host import Host
from capdoit.operations.hook_environment import make_host_argument, make_last_host_argument
from capdoit.sequence import FlowTask
from capdoit.state.context import FlowContext
from capdoit.state.hook_arguments import make_flow_argument, make_release_argument, release_argument
from capdoit.text import get_first_line, join_names, make_printable


def call_hook(context: FlowContext, hook: Hook) -> None:
    """Call a hook on all its hosts in parallel.

    Raises:
        HostsFailed: it failed on at least one host.
    """
    connections = choose_hook_hosts(context, hook)
    if _lacks_options(context, hook):
        return
    if not connections:
        _report_not_called(context, hook)
    elif hook.reverts:
        names = tuple(context.decision.reverts[hook.recipe])
        context.emit(RevertStarted(names))
        call_on(context, hook, connections)
        context.emit(RevertFinished(names))
    else:
        call_on(context, hook, connections)


def call_on(context: FlowContext, hook: Hook, connections: Sequence[Connection], **more: object) -> None:
    """Call a hook on some hosts, with further arguments; errors as in `call_hook`."""
    prepare = partial(prepare_host, context, hook)

    def call(connection: Connection) -> None:
        hosts = [prepare(one) for one in (connections if hook.runs_once else [connection])]
        call_function(context, hook, connection, hosts, **more)

    if hook.runs_once:
        context.fleet.prepare(prepare, connections)  # on all hosts at the same time; the call finds what is known then
        context.fleet.once(call, connections[0])
    else:
        _call_in_groups(context, hook, call, connections)


def _call_in_groups(
    context: FlowContext, hook: Hook, call: Callable[[Connection], None], connections: Sequence[Connection]
) -> None:
    """Call a hook on one group of hosts after the other, with a pause in between; a failure ends it."""
    names = [connection.name for connection in connections]
    done = 0
    for group in hook.split_into_groups(connections):
        if done:
            _pause(context, hook, names[:done], names[done:], len(group))
        try:
            context.fleet.all(call, group)
        except HostsFailed as error:
            is_only_group = len(group) == len(names)
            raise error if is_only_group else error.between(names[:done], names[done + len(group) :]) from None
        done += len(group)


def _pause(context: FlowContext, hook: Hook, done: Sequence[str], waiting: Sequence[str], size: int) -> None:
    """Wait before the next group of hosts, but not beyond the timeout of the flow, and start the hook's timeout anew.

    Raises:
        HostsFailed: the flow was stopped meanwhile.
    """
    if hook.wait_seconds:
        context.emit(HookPaused(hook.name, hook.wait_seconds, tuple(waiting[:size])))
        context.fleet.sleep(min([hook.wait_seconds, *(max(0.0, one.seconds_left) for one in context.deadlines)]))
    if context.fleet.is_stopped:
        raise HostsFailed([]).between(done, waiting)
    context.fleet.set_deadlines(*context.deadlines, *hook.start_deadlines())


def prepare_host(context: FlowContext, hook: Hook, connection: Connection) -> Host:
    """Return the host for a hook; the environment of a hook without a host is not asked for.

    A hook that reverts runs the code of the live release, so it gets the environment of that one.
    """
    if not hook.runs_on_hosts:
        return connection.host
    target = release_argument(context, connection)
    if not hook.reverts:
        return make_host_argument(context, connection, target)
    return make_host_argument(context, connection, make_release_argument(context, connection)).with_env(
        {}, release=target
    )


def call_function(
    context: FlowContext, hook: Hook, connection: Connection, hosts: Sequence[Host], **more: object
) -> None:
    """Call the function of a hook with those arguments that it names.

    Args:
        context: the flow.
        hook: the hook.
        connection: the host whose release the function gets.
        hosts: all hosts for a hook that runs once, otherwise the host of the connection.
        **more: further arguments.
    """
    with context.mask_errors():
        hook.call(
            **({"hosts": hosts} if hook.runs_once else {"host": hosts[0]}),
            release=release_argument(context, connection),
            flow=make_flow_argument(context),
            options=hook.options,
            unknown=context.decision.reverts.get(hook.recipe, ()),
            **more,
        )


def choose_hook_hosts(context: FlowContext, hook: Hook) -> list[Connection]:
    """Return the hosts that a hook is called on; none for a hook that reverts when there is nothing to revert."""
    has_nothing_to_do = hook.reverts and not context.decision.reverts.get(hook.recipe)
    return [] if has_nothing_to_do else hook.choose_connections(context.fleet.connections)


def plan_hook(context: FlowContext, hook: Hook) -> None:
    """Report, in a dry run, the call of a hook."""
    hosts = tuple(connection.name for connection in choose_hook_hosts(context, hook))
    context.emit(HookPlanned(hook.name, hook.location, hosts, hook.runs_once))


def call_failed_hooks(context: FlowContext, error: BaseException, is_stopped: bool = False) -> None:
    """Call the ``on_failed`` hooks; their own failures are warnings, since the report is about the first error.

    If the flow was stopped as requested, only those with the argument ``stopped`` are called.
    """
    failure = _failure_argument(context, error)
    values = {
        "failure": failure,
        "hosts": list(failure.hosts),
        "flow": make_flow_argument(context),
        "stopped": is_stopped,
    }
    for hook in context.request.declared.failed:
        if (is_stopped and "stopped" not in hook.arguments) or _lacks_options(context, hook):
            continue
        try:
            hook.call(**values, options=hook.options)
        except BaseException as wrong:  # noqa: BLE001 - whatever it is, an exit too: the report must be printed
            what = context.events.redact(make_printable(f"{type(wrong).__name__}: {wrong}"))
            context.warn(f"on_failed hook {hook.name} ({hook.location}) failed: {what}")


def refuse_hooks_without_hosts(context: FlowContext, tasks: Iterable[FlowTask]) -> None:
    """Refuse to go on without a host that is the only one for a hook, such as a migration.

    Raises:
        NotReady: names the hooks.
    """
    missing = [host for host in context.request.stage.hosts if host.name in context.progress.missing]
    called = (task.hook for task in tasks if task.hook and task.name in context.request.task_names)
    hooks = [hook for hook in called if not hook.choose_connections(context.fleet.connections)]
    stranded = [hook for hook in hooks if any(hook.accepts_roles(host.roles) for host in missing)]
    if stranded:
        names = join_names(f"{hook.name} ({hook.location})" for hook in stranded)
        raise NotReady(f"{join_names(context.progress.missing)} cannot be reached, and no other host can run {names}")


def _lacks_options(context: FlowContext, hook: Hook) -> bool:
    """Return True, with a warning, if an option of a hook's recipe could not be had; only a rollback goes on then."""
    try:
        for secret in context.request.declared.pending_options.get(hook.recipe, ()):
            secret.reveal()
    except ConfigError as error:
        context.warn(f"{hook.name} was not called: {error}")
        return True
    return False


def _report_not_called(context: FlowContext, hook: Hook) -> None:
    """Report a hook without hosts; one that has nothing to do needs no report."""
    possible = tuple(host.name for host in context.request.all_hosts if hook.accepts_roles(host.roles))
    if not possible:
        context.emit(HookNotCalled(hook.name, roles=hook.roles))
    elif not hook.choose_connections(context.fleet.connections):
        if context.request.is_drill:  # a warning would fail the drill, but the rollback works
            context.emit(HookNotCalled(hook.name, hosts=possible))
        else:
            context.warn(f"{hook.name} was not called: none of its hosts was chosen ({join_names(possible)})")


def _failure_argument(context: FlowContext, error: BaseException) -> Failure:
    request, progress = context.request, context.progress
    failed = _failed_hosts(error, context.fleet.connections)
    find_host = partial(make_last_host_argument, context)
    return Failure(
        flow=request.flow,
        stage=request.stage.name,
        step=progress.failed_in,
        hosts=tuple(map(find_host, failed)),
        outcomes=getattr(error, "outcomes", ()),
        error=error,
        reason=context.events.redact_message(get_first_line(str(error).strip())),
        fleet=tuple(map(find_host, context.fleet.connections)),
        release=context.decision.release,
        published=progress.is_published,
    )


def _failed_hosts(error: BaseException, connections: Sequence[Connection]) -> tuple[Connection, ...]:
    """Return the hosts that an error is about; all hosts when it is about none in particular."""
    failed = [outcome.host for outcome in error.failed] if isinstance(error, HostsFailed) else []
    names = [error.host] if isinstance(error, HostError) else failed
    return tuple(one for one in connections if one.name in names) or tuple(connections)
