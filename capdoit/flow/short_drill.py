"""The short drill at the end of a deploy (``drill: after_deploy``): a warning when a rollback would not work."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from capdoit.errors import CapdoitError, HostsFailed
from capdoit.events import HostSurveyed, RollbackRehearsed
from capdoit.flow.drill_shadow import check_target
from capdoit.operations.flow_decisions import choose_target
from capdoit.operations.survey import survey_host
from capdoit.output.error_text import render_error
from capdoit.state.context import FlowContext
from capdoit.state.progress import Progress


def rehearse_rollback(deploy: FlowContext) -> None:
    """Warn when a rollback would not work: no target, a target that is not complete, or a guard that refuses.

    Args:
        deploy: context of the deploy, whose release is live and whose locks are still held.
    """
    rollback = _rollback_context(deploy)
    try:
        _survey(rollback)
        choose_target(rollback)
        check_target(rollback)
    except CapdoitError as error:
        was_stopped = isinstance(error, HostsFailed) and not error.failed
        what = "it could not be verified that a rollback works" if was_stopped else "a rollback would not work now"
        deploy.warn(f"{what}: {render_error(error)}")
    else:
        for host, texts in rollback.progress.warnings.items():
            for text in texts:
                deploy.warn(text, host)
        deploy.emit(RollbackRehearsed(rollback.decision.release_text))


def _rollback_context(deploy: FlowContext) -> FlowContext:
    """Return the context of a rollback that follows the deploy, with the connections of the deploy.

    It has a new bus: the target of the rollback must not become the decision of the deploy.
    """
    variables = replace(deploy.request.variables, rollback_release=None)  # the environment may set it
    request = replace(deploy.request, flow="rollback", variables=variables, is_drill=True)
    progress = Progress()
    events = deploy.events.for_flow(progress.apply, request.run_id)
    return replace(deploy, request=request, events=events, progress=progress)


def _survey(context: FlowContext) -> None:
    stage = context.request.stage
    for facts in context.fleet.all(partial(survey_host, stage=stage, flow="rollback")).values():
        context.emit(HostSurveyed(facts))
