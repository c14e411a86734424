"""The hosts that hooks of a flow run on."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.hooks.hook import Hook
from capdoit.hosts.connection import Connection
from capdoit.sequence import flow_tasks
from capdoit.state.context import FlowContext
from capdoit.text import join_names


def list_hooks(context: FlowContext) -> list[Hook]:
    """Return the hooks that a flow calls, in this order; none for a setup and for a task on demand."""
    request = context.request
    if request.is_setup or request.on_demand:
        return []
    tasks = flow_tasks(request.flow, request.declared.hooks)
    hooks = (task.hook for task in tasks if task.hook and task.name in request.task_names)
    return [hook for hook in hooks if hook.runs_in_drill or not request.is_drill]


def find_hooks_on(context: FlowContext, connection: Connection) -> list[Hook]:
    """Return the hooks of a flow that are called on a host."""
    return [hook for hook in list_hooks(context) if connection in hook.choose_connections(context.fleet.connections)]


def choose_hosts_without_code(context: FlowContext) -> list[Connection]:
    """Return the hosts that get no code and on which hooks of a flow run commands."""
    return [
        connection
        for connection in context.fleet.connections
        if connection.config.no_release and any(hook.runs_on_hosts for hook in find_hooks_on(context, connection))
    ]


def describe_hooks(hooks: Sequence[Hook]) -> str:
    """Return the names of hooks, each with its file and line."""
    return join_names(f"{hook.name} ({hook.location})" for hook in hooks)
