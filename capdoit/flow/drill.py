"""The drill: a rollback rehearsed on the real hosts in a shadow deploy_to, so that nothing live is touched.

A drill is two flows. The *outer* one locks the real deploy_to, decides there as a rollback does, guards included, and
makes and removes the shadow. The *inner* one is a rollback like any other, on a stage whose hosts have the shadow as
their deploy_to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from capdoit.config.variables import Variables
from capdoit.errors import CapdoitError, DrillFailed, FlowAborted, HostError, HostsFailed, LockHeld, NoTarget, Outcome
from capdoit.event_bus import EventBus
from capdoit.events import (
    DrillFinished,
    DrillHookSkipped,
    DrillPhaseFinished,
    DrillStarted,
    RehearsalFailed,
    ShadowLeftBehind,
)
from capdoit.flow.drill_shadow import check_target, fill_shadow, make_shadow_stage, remove_shadow, verify_archives
from capdoit.flow.hook_calls import choose_hook_hosts
from capdoit.flow.interruptible import Interruptible, Part
from capdoit.flow.preparation import open_context
from capdoit.flow.runner import FlowRunner
from capdoit.flow.undo import command_line
from capdoit.hooks.hook import Hook
from capdoit.output.drill_report import DrillReport
from capdoit.records.journal import FAILS, WORKS, DrillVerdict
from capdoit.sequence import FlowTask
from capdoit.state.context import FlowContext
from capdoit.state.flow_request import FlowDefinition
from capdoit.steps.starting import starting
from capdoit.text import get_first_line, join_lines
from capdoit.units import format_timestamp

LONGEST_REASON = 1000  # characters of a failure that hosts keep


class Drill(Interruptible):
    """A drill of a stage.

    Args:
        definition: the rollback of the stage.
        variables: NAME=VALUE of the command line, with the meaning that a rollback gives them.
        events: bus of everything that people see.
    """

    def __init__(self, definition: FlowDefinition, variables: Variables, events: EventBus) -> None:
        super().__init__()
        self._definition, self._variables, self._events = definition, variables, events
        self._rehearsal = _rehearsed(definition, variables)
        self._inner: FlowRunner | None = None  # once the paths of the hosts are known
        self._phase = ""
        self._seconds: dict[str, float] = {}  # of the tasks of the rollback

    def perform(self) -> None:
        """Rehearse the rollback, remove the shadow, and report the result.

        Raises:
            DrillFailed: a rollback would not work, or the drill did not come to its end.
            ConfigError: the request makes no sense; no host was touched.
        """
        self._variables.refuse_unheeded("drill", self._definition.stage)
        with self._busy:
            context = self._context = open_context(self._definition, self._variables, self._events, is_drill=True)
            context.emit(_drill_started(context))
            try:
                archives = self._rehearse(context)
            except (Exception, KeyboardInterrupt) as error:
                raise self._fail(context, error) from error
            self._succeed(context, archives)

    @property
    def _parts(self) -> Sequence[Part | None]:
        return (self._inner,)

    # -- the rehearsal

    @property
    def _rehearsed_hooks(self) -> list[Hook]:
        return [task.hook for task in self._rehearsal.tasks if task.hook]

    def _rehearse(self, context: FlowContext) -> dict[str, str]:
        """Rehearse the rollback; return the number of files in the archive of each host."""
        context.fleet.set_deadlines(*context.deadlines)
        self._seconds["starting"] = self._timed(context, "starting", lambda: starting(context))
        self._inner = self._make_inner(context)
        self._timed(context, "check the target", lambda: check_target(context))
        self._timed(context, "fill the shadow", lambda: fill_shadow(context, self._rehearsed_hooks))
        for task in self._rehearsal.tasks:
            if not task.is_empty_point:
                self._perform(context, self._inner, task)
        archives: dict[str, str] = {}
        self._timed(context, "verify the archive", lambda: archives.update(verify_archives(context)))
        return archives

    def _make_inner(self, context: FlowContext) -> FlowRunner:
        variables = replace(self._variables, wait=0, typed_names=frozenset())
        selected, connections = context.request.stage, context.fleet.connections
        rehearsal = replace(self._rehearsal, stage=make_shadow_stage(self._rehearsal.stage, selected, connections))
        return FlowRunner(rehearsal, variables, self._events, is_drill=True)

    def _perform(self, context: FlowContext, inner: FlowRunner, task: FlowTask) -> None:
        """Perform a task of the inner rollback; its `starting` is work of the drill, and does not count as time."""
        if task.name == "starting":
            self._timed(context, "starting in the shadow", lambda: inner.perform(task))
            self._check_same_target(context, inner)
        else:
            self._seconds[task.name] = self._timed(context, task.name, lambda: inner.perform(task))
        if inner.context and inner.context.progress.warnings:
            raise _warnings_as_failure(inner.context)

    def _check_same_target(self, context: FlowContext, inner: FlowRunner) -> None:
        target, found = context.decision, inner.context and inner.context.decision
        if found and (found.release, found.names) != (target.release, target.names):
            raise DrillFailed(f"the shadow would go to {found.release_text}, but the hosts to {target.release_text}")

    def _timed(self, context: FlowContext, phase: str, work: Callable[[], object]) -> float:
        """Do the work of a phase and return its seconds."""
        self._phase = phase
        began = time.monotonic()
        work()
        seconds = time.monotonic() - began
        context.emit(DrillPhaseFinished(phase, seconds))
        return seconds

    # -- the end

    @property
    def _total_seconds(self) -> float:
        return sum(self._seconds.values())

    @property
    def _seconds_to_flip(self) -> float:
        names = [*self._seconds]
        return sum(self._seconds[name] for name in names[: names.index("publishing") + 1])

    def _succeed(self, context: FlowContext, archives: dict[str, str]) -> None:
        self._end(context, self._verdict(context, WORKS))
        skipped = self._report_skipped_hooks(context)
        live = {host: context.progress.live_before(host) or "" for host in context.progress.facts}
        archived = {host: members for host, members in archives.items() if members}
        target, to_flip = context.decision.release_text, self._seconds_to_flip
        context.emit(DrillFinished(target, live, archived, to_flip, self._total_seconds, skipped))

    def _fail(self, context: FlowContext, error: BaseException) -> DrillFailed:
        """Remove the shadow and return the error with the report: why a rollback would not work."""
        if isinstance(error, FlowAborted) and error.__cause__:
            error = error.__cause__
        report = self._report(context, error)
        self._end(context, self._verdict_of_failure(context, error, report))
        if not (self._interruption or isinstance(error, LockHeld)):
            self._report_skipped_hooks(context)
        context.emit(RehearsalFailed(report))
        return DrillFailed(get_first_line(report.cause), report)

    def _report(self, context: FlowContext, error: BaseException) -> DrillReport:
        inner = self._inner.context if self._inner else None
        return DrillReport(
            name=f"drill:{self._definition.stage.name}",
            phase=self._phase,
            error=error,
            command=command_line(context),
            interruption=self._interruption,
            is_published=bool(inner and inner.progress.is_published),
            verdicts=_verdicts(context, error),
            lacks_room=_lacks_room(context, error),
        )

    def _verdict_of_failure(
        self, context: FlowContext, error: BaseException, report: DrillReport
    ) -> DrillVerdict | None:
        """Return the result that hosts keep; None when the failure tells nothing about rollbacks in general."""
        names_wrong_release = isinstance(error, NoTarget) and self._variables.rollback_release
        if self._interruption or isinstance(error, LockHeld) or names_wrong_release or report.lacks_room:
            return None
        return self._verdict(context, FAILS, self._events.redact_message(report.cause))

    def _verdict(self, context: FlowContext, result: str, reason: str = "") -> DrillVerdict:
        request, seconds = context.request, f"{self._total_seconds:.2f}"
        reason = join_lines(reason)[:LONGEST_REASON]
        return DrillVerdict(format_timestamp(), request.operator, result, context.decision.release, seconds, reason)

    def _end(self, context: FlowContext, verdict: DrillVerdict | None) -> None:
        if self._inner:
            with suppress(FlowAborted):  # it works in the shadow, which is removed now
                self._inner.end()
        for outcome in remove_shadow(context, verdict):
            if outcome.error:
                context.emit(ShadowLeftBehind(outcome.host, str(outcome.error)))
        context.fleet.close()

    def _report_skipped_hooks(self, context: FlowContext) -> int:
        """Report each hook that a rollback would call and this drill did not; return their number."""
        hooks = self._rehearsed_hooks
        tasks = [task for task in self._definition.tasks if task.hook and task.hook not in hooks]
        skipped = [task for task in tasks if task.hook and choose_hook_hosts(context, task.hook)]
        for task in skipped:
            assert task.hook is not None  # noqa: S101 - each of them has one
            reason = "skip= names it" if task.name in self._variables.skip else "it is not declared with drill=True"
            when = f"{task.hook.when} {task.step}"
            context.emit(DrillHookSkipped(task.name, task.hook.location, when, reason))
        return len(skipped)


def _drill_started(context: FlowContext) -> DrillStarted:
    request = context.request
    return DrillStarted(request.stage.name, tuple(host.name for host in request.stage.hosts), request.operator)


def _rehearsed(definition: FlowDefinition, variables: Variables) -> FlowDefinition:
    """Return the inner rollback, with the hooks that may run in the shadow.

    The outer flow asks the guards, about the real release; the `on_failed` hooks are not called.
    """

    def is_rehearsed(task: FlowTask) -> bool:
        return not task.hook or (task.hook.runs_in_drill and task.name not in variables.skip)

    declared = replace(definition.declared, failed=(), rollback_checks=())
    tasks = tuple(filter(is_rehearsed, definition.tasks))
    return FlowDefinition("rollback", definition.stage, tasks, declared, all_hooks=definition.all_hooks)


def _verdicts(context: FlowContext, error: BaseException) -> dict[str, bool | None]:
    """Return, by host, whether a rollback fails there; None for a host that was stopped or has succeeded until then."""
    outcomes = {outcome.host: outcome for outcome in getattr(error, "outcomes", ())}
    failed = {outcome.host for outcome in outcomes.values() if outcome.has_failed}
    hosts = [host.name for host in context.fleet.release_connections]
    return {host: True if host in failed or not outcomes else None for host in hosts}


def _lacks_room(context: FlowContext, error: BaseException) -> bool:
    """Return True if the only trouble is a full disk. To unpack an archive, a rollback needs room, too."""
    failed = error.failed if isinstance(error, HostsFailed) else []
    return bool(failed) and all(
        isinstance(outcome.error, HostError)
        and outcome.error.lacks_room
        and outcome.host not in context.decision.archived_on
        for outcome in failed
    )


def _warnings_as_failure(context: FlowContext) -> CapdoitError:
    """Return the warnings of a rollback as an error: a drill looks for them."""
    warnings = context.progress.warnings
    if about_fleet := warnings.get(""):
        return DrillFailed("; ".join(about_fleet))
    return HostsFailed([Outcome(host, error=_merge_warnings(host, texts)) for host, texts in warnings.items()])


def _merge_warnings(host: str, texts: Sequence[str]) -> HostError:
    """Return the first lines of warnings as one reason, with all further lines below it."""
    first_lines = "; ".join(get_first_line(text).removeprefix(f"{host}: ") for text in texts)
    return HostError(host, first_lines, lines=[line.strip() for text in texts for line in text.splitlines()[1:]])
