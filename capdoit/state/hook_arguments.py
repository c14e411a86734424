"""The arguments of hooks, made from the state of a flow."""

from __future__ import annotations

from capdoit.config.vars import Vars
from capdoit.hooks.context import Flow, Release
from capdoit.hosts.connection import Connection
from capdoit.state.context import FlowContext
from capdoit.state.flow_request import FlowRequest


def release_argument(context: FlowContext, connection: Connection) -> Release:
    """Return the release as hooks on a host see it."""
    decision = context.decision
    previous = context.progress.live_before(connection.name)
    name = decision.release_on(connection.name)
    path = connection.layout.release(name)
    return Release(name, path, decision.revision, previous, None if context.request.is_deploy else previous)


def make_release_argument(context: FlowContext, connection: Connection) -> Release:
    """Return the live release: in a rollback, only its code knows everything that is there."""
    target = release_argument(context, connection)
    live = target.left or target.name
    return Release(live, target.beside(live), "", target.previous)


def _find_branch(request: FlowRequest) -> str:
    """Return the branch of a flow; empty if a rollback or task does not need it, and it would have to be computed."""
    is_unknown = any(one.placeholder == request.branch for one in request.stage.pending)
    return "" if is_unknown else request.branch


def make_flow_argument(context: FlowContext) -> Flow:
    """Return the flow as hooks see it."""
    request, decision = context.request, context.decision
    return Flow(
        name=request.on_demand or request.flow,
        stage=request.stage.name,
        application=request.stage.application,
        release=decision.release,
        revision=decision.revision,
        branch=_find_branch(request),
        hosts=tuple(host.name for host in context.fleet.release_connections),
        by=request.operator,
        message=request.message,
        started=request.started,
        variables=request.variables.custom,
        warn=lambda text: context.warn(context.events.redact(text)),
        drill=request.is_drill,
        vars=Vars(request.stage.vars, request.stage.name, context.events.redactor),
        skipped=request.variables.skip,
    )
