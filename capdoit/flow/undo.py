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


def find_undo_command(context: FlowContext) -> str:
    """Return the command that undoes a rollback which finished; empty for any other flow, and if there is none.

    A rollback that reverted something, such as migrations, is undone by a deploy, which applies it again.
    """
    request, progress = context.request, context.progress
    is_final = not (request.is_deploy or request.is_drill or request.undone_release or progress.is_hooks_only)
    if request.variables.dry_run or not is_final:
        return ""
    command = CommandLine("rollback", request.stage.name, request.variables)
    if progress.reverted:
        return command.deploy()
    left = {facts.current for facts in progress.facts.values() if facts.live_revision}
    is_common = len(left) == 1 and all(facts.live_revision for facts in progress.facts.values())
    return command.roll_back_to(left.pop() or "") if is_common else ""
