"""One flow from its first step to its end, however it ends.

`Deployment.perform` does one step or hook; the first one that fails ends the flow: the half-made
release goes, the ``on_failed`` hooks run, and the error that is raised says where the fleet stands.
"""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from capdoit.config.stages import Stage
from capdoit.config.variables import Variables
from capdoit.decisions.readiness import find_undo_problems
from capdoit.decisions.rollback_target import predict_rollback_target
from capdoit.errors import CapdoitError, ConfigError, FlowFailed, Interrupted
from capdoit.flow.drill_shadow import rehearse_shortly
from capdoit.flow.dry_run import foresee
from capdoit.flow.failure_cleanup import abandon
from capdoit.flow.failure_report import because, report
from capdoit.flow.hook_calls import call, called_on, refuse_hooks_without_hosts, tell_of_failure
from capdoit.hooks.hook import Declarations, Hook
from capdoit.hosts.connection import Deadline
from capdoit.output.console import Console, Tone
from capdoit.sequence import FlowTask
from capdoit.state.plan_file import Plan, code_of, fingerprint, kept, load, outdated, refuse_to_overwrite, settings_of
from capdoit.state.run import Run, begin
from capdoit.steps import WORK
from capdoit.steps.finishing import remember
from capdoit.steps.starting import choose_live
from capdoit.text import listed
from capdoit.transfers import transfer_of


class Deployment:
    """A deploy or a rollback of a stage.

    Args:
        flow: ``deploy`` or ``rollback``.
        stage: the stage, with all its hosts.
        acts: the woven flow.
        declared: what recipes and the project declare.
        variables: what the command line says.
        console: where its words go.
        goal: the last act that was asked for by name; None for the whole flow.
        undo: makes the rollback that follows a deploy that failed after its publish.
        undoes: the release of that deploy, in such a rollback.
        drill: whether it is only rehearsed.
    """

    def __init__(
        self,
        flow: str,
        stage: Stage,
        acts: Sequence[FlowTask],
        declared: Declarations,
        variables: Variables,
        console: Console,
        goal: str | None = None,
        undo: Callable[[Variables, str], Deployment] | None = None,
        undoes: str = "",
        drill: bool = False,
    ) -> None:
        self.undo, self.undoes, self.drill = undo, undoes, drill
        self.flow, self.stage, self.acts, self.declared = flow, stage, list(acts), declared
        self.variables, self.console, self.goal = variables, console, goal
        self.run: Run | None = None
        self._ended = False
        self._failing = False
        self._signal = ""
        self._busy = threading.Lock()

    @property
    def is_at_work(self) -> bool:
        """Whether a signal has to let it end in order: it has begun and not ended, or is being tidied up."""
        return (self.run is not None and not self._ended) or (self._failing and self._busy.locked())

    def perform(self, act: FlowTask) -> None:
        """Do one step or hook of the flow; a hook that nothing of the flow went before works on what is live.

        Raises:
            FlowFailed: it failed, and the flow has ended.
            ConfigError: what was asked for makes no sense; nothing was touched.
            NotReady: this machine lacks what the transfer needs; nothing was touched.
        """
        with self._busy:
            if self._ended:
                raise FlowFailed(f"{self._name} has ended; {act.name} was not done")
            self.run = self.run or self._begin(act)
            try:
                self._in_turn(act, self.run)
                self._do(act, self.run)
            except (Exception, KeyboardInterrupt) as error:
                raise FlowFailed(self._fail(act.name, error)) from error
            self.run.done.append(act.name)
            if act.name == self.acts[-1].name and not self.run.alone:
                self._finish(self.run)

    def end(self) -> None:
        """The flow goes no further: nothing to do when it has ended, else it is as if it had failed.

        Raises:
            FlowFailed: it began and did not reach what was asked for.
        """
        run = self.run
        if run is None or self._ended or self._busy.locked():
            return
        if run.alone or (run.plan and self.goal in run.done):
            self._finish(run)
            return
        last = run.done[-1] if run.done else "before starting"
        with self._busy:
            if self.goal in run.done:
                self.console.say(self._fail(last, Interrupted(f"stopped after {last}, as asked"), quietly=True))
                return
            if self._signal:
                raise FlowFailed(self._fail(last, Interrupted(f"ended after {last}: {self._signal}")))
            raise FlowFailed(self._fail(last, CapdoitError(f"ended after {last}: a task that it needed failed")))

    def interrupt(self, signal: str) -> bool:
        """End it because of a signal; whether it was at work and will say so itself. Tidying up goes on."""
        self._signal = f"interrupted by {signal}"
        if self.run and not self._ended:
            self.run.fleet.stop()
        return self._busy.locked()

    # -- beginning

    @property
    def _name(self) -> str:
        return f"{'drill' if self.drill else self.flow}:{self.stage.name}"

    def _begin(self, first: FlowTask) -> Run:
        self.variables.refuse_unheeded(self.flow, self.stage.name)
        is_part = self.goal not in (None, self._last) or bool(self._steps_before(first))
        if is_part and (self.variables.plan or self.variables.apply):
            raise ConfigError(f"plan= and apply= are for all of a flow: doit {self._name}; nothing was done")
        transfer = transfer_of(self.stage)
        if not transfer.heeds_branch and "branch" in self.variables.typed_names:
            raise ConfigError(f"branch= has no effect with transfer: {transfer.name}; nothing was done")
        if self.variables.plan:
            refuse_to_overwrite(Path(self.variables.plan))
        if self.flow == "deploy":
            transfer.prepare(self.stage)
        names = [act.name for act in self.acts]
        applied = self._plan_to_apply()
        run = begin(self.flow, self.stage, self.variables, self.console, self.declared, names)
        if applied and (changed := outdated(applied, run.stage, code_of(self.acts, self.declared), run.acts)):
            raise ConfigError("\n".join([f"apply={self.variables.apply}: {changed[0]}", *changed[1:]]))
        if self.variables.dry_run:
            run.plan = Plan(self.flow, self.stage.name, said=kept(self.variables))
        run.applied, run.undoes, run.drill = applied, self.undoes, self.drill
        for name in sorted(self.variables.custom.keys() - self.declared.variables.keys()):
            self.console.say(f"   {name}= means nothing to capdoit; it is for hooks and tasks of the project")
        return run

    def _plan_to_apply(self) -> Plan | None:
        """The plan that is to be carried out; what was said when it was made is said again."""
        file = self.variables.apply
        if file is None:
            return None
        if others := sorted({*self.variables.typed_names, *self.variables.custom} - {"apply", "stage", "wait"}):
            raise ConfigError(
                f"apply={file}: the plan says all; {listed(f'{name}=' for name in others)} cannot stand beside it"
            )
        plan = load(Path(file))
        if (plan.flow, plan.stage) != (self.flow, self.stage.name):
            raise ConfigError(f"apply={file}: the plan is for {plan.flow}:{plan.stage}, not for {self._name}")
        said, self.variables = self.variables, plan.variables(self.variables)
        for name in ("branch", "rollback_release", "hosts", "roles"):  # Capistrano's, which may be in the environment
            if getattr(said, name) not in (None, getattr(self.variables, name)):
                raise ConfigError(f"apply={file}: the plan says all, but {name.upper()} is set in the environment")
        return plan

    # -- working

    def _in_turn(self, act: FlowTask, run: Run) -> None:
        missing = [name for name in self._steps_before(act) if name not in run.done]
        if missing and act.hook and not set(run.done) & WORK.keys():
            run.alone = True
        elif missing:
            raise ConfigError(f"{act.name} needs {missing[-1]} to be done first; doit {self._name} does all of it")

    def _steps_before(self, act: FlowTask) -> list[str]:
        return [one.name for one in self.acts[: self.acts.index(act)] if one.name in WORK]

    @property
    def _last(self) -> str:
        """The last act that does something."""
        return [act.name for act in self.acts if not act.is_empty_point][-1]

    def _do(self, act: FlowTask, run: Run) -> None:
        if self._signal:
            raise Interrupted(self._signal)
        if act.name in self.variables.skip:
            self.console.say(f"   skipped: {act.name}")
            return
        run.fleet.set_deadlines(*self._deadlines(act, run))
        if run.alone and not run.release:
            choose_live(run)
        if act.hook:
            (self._foresee_hook if run.plan else call)(run, act.hook)
        else:
            self._work(act.name, run)
            if run.missing and act.name == "starting":
                refuse_hooks_without_hosts(run, self.acts)
            if act.name == "publishing" and run.plan is None and not run.drill:
                self._say_live(run)
        if self._signal:
            raise Interrupted(self._signal)

    def _work(self, step: str, run: Run) -> None:
        if run.plan is None:
            WORK[step](run)
            return
        run.plan.step = step
        WORK[step](run)
        for line in foresee(run, step):
            self.console.say(f"   {line}")

    def _foresee_hook(self, run: Run, hook: Hook) -> None:
        hosts = listed(host.name for host in called_on(run, hook))
        how = f"{'once, for' if hook.runs_once else 'on'} {hosts}" if hosts else "on no host"
        self.console.say(f"   calls {hook.name} ({hook.location}) {how}")

    def _deadlines(self, act: FlowTask, run: Run) -> list[Deadline]:
        """When the flow, and when a hook has to be over."""
        found = run.deadlines if act.name != "finished" else []  # what is live has to be written down
        if act.hook and act.hook.timeout_seconds:
            whose = f"the hook took longer than its timeout, {act.hook.timeout_seconds:g} s,"
            found.append(Deadline(time.monotonic() + act.hook.timeout_seconds, whose))
        return found

    def _say_live(self, run: Run) -> None:
        seconds = time.monotonic() - run.started
        of = f" ({run.revision[:12]}, {run.branch})" if self.flow == "deploy" else f" ({run.revision[:12]})"
        hosts = listed(host.name for host in run.fleet.release_connections)
        self.console.say(f"   {run.release}{of} is live on {hosts} after {seconds:.2f} s", Tone.GOOD)

    # -- ending

    def _finish(self, run: Run) -> None:
        if self.stage.drill == "after_deploy" and run.flow == "deploy" and not (run.alone or run.plan):
            rehearse_shortly(run)
        if run.has_more_to_tell and not run.plan:
            remember(run)
        self._ended = True
        run.fleet.close()
        if run.plan:
            self._end_plan(run, run.plan)
        if run.missing:
            missing = f"{listed(run.missing)}, which could not be reached"
            again = f"when it can: doit deploy:{self.stage.name}"
            self.console.say(f"   NOT deployed to {missing}; {again}", Tone.DOUBTFUL)
        if run.warnings:
            self.console.say(f"   {self._name} finished with warnings; see above", Tone.DOUBTFUL)

    def _end_plan(self, run: Run, plan: Plan) -> None:
        plan.release, plan.revision, plan.acts = run.release, run.revision, run.acts
        plan.settings, plan.code = settings_of(run.stage), code_of(self.acts, self.declared)
        plan.unknown = run.unknown
        plan.facts = {name: fingerprint(facts) for name, facts in run.facts.items()}
        how = ""
        if self.variables.plan:
            plan.save(Path(self.variables.plan))
            how = f" To do exactly this: doit {self._name} {shlex.quote(f'apply={self.variables.plan}')}"
        self.console.say(f"   This was a dry run: nothing was changed on any host.{how}")

    def _fail(self, where: str, error: BaseException, quietly: bool = False) -> str:
        """End the flow: tidy up, tell the hooks, and say where everything stands."""
        run = self.run
        assert run is not None  # noqa: S101 - a flow that did not begin cannot fail
        signal, self._signal = self._signal, ""
        if signal and not isinstance(error, Interrupted):
            error = Interrupted(f"{signal} in {where}")
        self._ended = self._failing = True
        run.failed_in, run.interrupted = where, str(error) if isinstance(error, Interrupted) else ""
        run.fleet.resume()
        run.fleet.set_deadlines()
        standings = abandon(run)
        if not (quietly or run.alone or run.plan):
            tell_of_failure(run, where, error)
        run.fleet.close()
        what = self._name if quietly else f"{self._name}: {where} failed"
        if self._goes_back(run, error) and not self._signal:
            text = f"{because(what, error)}\n{self._go_back(run)}"
        else:
            text = report(run, what, error, standings)
        return self.console.redact(text)

    def _goes_back(self, run: Run, error: BaseException) -> bool:
        """Whether the rollback follows by itself; never after a signal: whoever sent it wants an end."""
        wanted = self.undo and run.published and self.stage.on_failure == "rollback"
        return bool(wanted) and not isinstance(error, Interrupted)

    def _go_back(self, run: Run) -> str:
        """Roll back; what became of it. The locks were given back, so another flow may have come between."""
        assert self.undo is not None  # noqa: S101 - else it does not go back
        self.console.say(f"   {run.release} is live, but its deploy failed: rolling back (on_failure: rollback)")
        hosts = tuple(host.name for host in run.fleet.connections)
        why, said = f"on_failure: rollback, of {run.release}", self.variables
        target = predict_rollback_target([*run.facts.values()], run.release)
        variables = Variables(
            rollback_release=target, hosts=hosts, message=why, wait=said.wait, skip=said.skip, custom=said.custom
        )
        back = self.undo(variables, run.release)
        try:
            for act in back.acts:
                if not act.is_empty_point:
                    back.perform(act)
        except FlowFailed as failed:
            return f"{_stands(run, back.run)} The rollback that follows it (on_failure) failed, too:\n{failed}"
        target = back.run.release if back.run else ""
        return f"It was rolled back, as on_failure says: {target} is live on {listed(hosts)}, and {run.release} is bad."


def _stands(run: Run, back: Run | None) -> str:
    """What a rollback that failed has left live."""
    if back and back.published:
        return f"{back.release} is live again, and {run.release} is bad."
    if back and back.flipped:
        return "Not every host says what is live."
    if not back or not back.facts:
        return f"{run.release} was live when its deploy failed."
    if find_undo_problems([*back.facts.values()], run.release):
        return f"{run.release} is not live everywhere any more, so it is not undone."
    return f"{run.release} is live all the same."
