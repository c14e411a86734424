"""The ways out of a release that became live: the rollback after a deploy, and the command that undoes a rollback."""

from __future__ import annotations

from capdoit.decisions.rollback_target import predict_rollback_target
from capdoit.output.command_line import CommandLine
from capdoit.state.context import FlowContext


def find_undo_target(context: FlowContext) -> str | None:
    """Return the release that a rollback goes to once the release of this deploy is live; None when there is none."""
    facts = context.progress.facts
    known = [facts[host.name] for host in context.fleet.release_connections if host.name in facts]
    return predict_rollback_target(known, context.decision.release) if known else None


def command_line(context: FlowContext) -> CommandLine:
    """Return the command that runs this flow, for advice."""
    request, progress = context.request, context.progress
    hosts = tuple(host.name for host in context.fleet.connections) if progress.missing else ()
    hook = progress.failed_in if progress.is_hooks_only else ""
    needs_branch = request.stage.uses_branch
    return CommandLine(request.task, request.stage.name, request.variables, hosts, hook, needs_branch=needs_branch)


def find_undo_command(context: FlowContext) -> str:
    """Return the command that undoes a flow which finished; empty if there is none, and if the flow changed nothing.

    A rollback that reverted something, such as migrations, is undone by a deploy, which applies it again.
    """
    request, progress = context.request, context.progress
    is_part = request.is_drill or request.undone_release or progress.is_hooks_only
    if request.is_dry_run or is_part:
        return ""
    command = command_line(context)
    if request.is_deploy:
        target = find_undo_target(context)
        return command.roll_back_to(target) if target else ""
    if progress.reverted:
        return command.deploy()
    left = {facts.current for facts in progress.facts.values() if facts.live_revision}
    is_common = len(left) == 1 and all(facts.live_revision for facts in progress.facts.values())
    return command.roll_back_to(left.pop() or "") if is_common else ""
