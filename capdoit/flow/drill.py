"""The drill: a rollback rehearsed on the real hosts, in a shadow deploy_to, so that nothing live is touched.

Two runs work together. The *outer* one has the locks of the real deploy_to, decides there as a rollback
does, guards included, and makes and removes the shadow. The *inner* one is the rollback itself, a
`Deployment` as any other, on a stage whose hosts have the shadow for their deploy_to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from capdoit.config.stages import Stage
from capdoit.config.variables import Variables
from capdoit.errors import CapdoitError, DrillFailed, FlowFailed, HostError, HostsFailed, LockHeld, NoTarget, Outcome
from capdoit.flow.drill_shadow import end, fill, look, shadow_of, verify
from capdoit.flow.failure_report import because
from capdoit.flow.hook_calls import called_on
from capdoit.flow.runner import Deployment
from capdoit.hooks.hook import Declarations, Hook
from capdoit.output.console import Console, Tone
from capdoit.output.error_text import render_advice
from capdoit.records.journal import FAILS, WORKS, DrillVerdict
from capdoit.sequence import FlowTask
from capdoit.state.run import Run, begin
from capdoit.steps.starting import starting
from capdoit.text import fitted, one_line, table
from capdoit.units import stamp


class Drill:
    """A drill of a stage.

    Args:
        stage: the stage, with all its hosts.
        acts: the woven rollback.
        declared: what recipes and the project declare.
        variables: what the command line says; those of a rollback mean the same here.
        console: where its words go.
    """

    def __init__(
        self, stage: Stage, acts: Sequence[FlowTask], declared: Declarations, variables: Variables, console: Console
    ) -> None:
        self.stage, self.acts, self.declared = stage, list(acts), declared
        self.variables, self.console = variables, console
        self._inner = self._rehearsal(replace(variables, wait=0, typed_names=frozenset()))
        self._outer: Run | None = None
        self._doing = ""
        self._seconds: dict[str, float] = {}  # of the acts of the rollback
        self._signal = ""
        self._busy = threading.Lock()

    @property
    def is_at_work(self) -> bool:
        """Whether a signal has to let it end in order."""
        return self._busy.locked()

    def perform(self) -> None:
        """Rehearse the rollback, remove what that took, and say how it went.

        Raises:
            DrillFailed: a rollback would not work, or the drill did not come to its end.
            ConfigError: what was asked for makes no sense; nothing was touched.
        """
        self.variables.refuse_unheeded("drill", self.stage.name)
        with self._busy:
            run = self._outer = begin("rollback", self.stage, self.variables, self.console, self.declared)
            run.drill = True
            try:
                members = self._rehearse(run)
            except (Exception, KeyboardInterrupt) as error:
                raise DrillFailed(self._fail(run, error)) from error
            self._succeed(run, members)

    def interrupt(self, signal: str) -> bool:
        """End it because of a signal; whether it was at work and will say so itself."""
        self._signal = f"interrupted by {signal}"
        if self._outer:
            self._outer.fleet.stop()
        self._inner.interrupt(signal)
        return self._busy.locked()

    # -- the rehearsal

    @property
    def _hooks(self) -> list[Hook]:
        """The hooks that are rehearsed, too."""
        return [act.hook for act in self._inner.acts if act.hook]

    def _rehearsal(self, said: Variables) -> Deployment:
        """The inner flow. Guards are asked by the outer one, for the real release; nobody is told of failures."""
        acts = [act for act in self.acts if not act.hook or (act.hook.runs_in_drill and act.name not in said.skip)]
        declared = replace(self.declared, failed=(), rollback_checks=())
        shadow = shadow_of(self.stage)
        return Deployment("rollback", shadow, acts, declared, said, self.console, drill=True)

    def _rehearse(self, run: Run) -> dict[str, str]:
        """All of it; how many members each host's archive has."""
        run.fleet.set_deadlines(*run.deadlines)
        self._seconds["starting"] = self._timed("starting", lambda: starting(run))
        self._timed("look at the release", lambda: look(run))
        self._timed("fill the shadow", lambda: fill(run, self._hooks))
        for act in self._inner.acts:
            if not act.is_empty_point:
                self._act(run, act)
        return self._verify(run)

    def _act(self, run: Run, act: FlowTask) -> None:
        """An act of the inner flow; its own `starting` is the drill's doing, and counts for nothing."""
        if act.name == "starting":
            self._timed("starting in the shadow", lambda: self._inner.perform(act))
            self._check_same_target(run)
        else:
            self._seconds[act.name] = self._timed(act.name, lambda: self._inner.perform(act))
        if self._inner.run and self._inner.run.warnings:
            raise _as_failure(self._inner.run)

    def _check_same_target(self, run: Run) -> None:
        inner = self._inner.run
        if inner and inner.release != run.release:
            raise DrillFailed(f"the shadow would go to {inner.release}, but the hosts to {run.release}")

    def _verify(self, run: Run) -> dict[str, str]:
        members: dict[str, str] = {}
        self._timed("verify the archive", lambda: members.update(verify(run)))
        return members

    def _timed(self, name: str, work: Callable[[], object]) -> float:
        """The seconds that some work took, which are said."""
        self._doing = name
        began = time.monotonic()
        work()
        seconds = time.monotonic() - began
        self.console.say(f"   {name:24} {seconds:7.2f} s")
        return seconds

    # -- the end

    @property
    def _total(self) -> float:
        return sum(self._seconds.values())

    @property
    def _to_the_flip(self) -> float:
        names = [*self._seconds]
        return sum(self._seconds[name] for name in names[: names.index("publishing") + 1])

    def _succeed(self, run: Run, members: dict[str, str]) -> None:
        self._end(run, _drilled(run, WORKS, self._total))
        skipped = self._say_skipped(run)
        rows = [(host, "works", run.before(host) or "nothing", _listed(members.get(host))) for host in run.facts]
        self.console.say_table(fitted(("host", "a rollback", "leaves", "archive, listed"), rows, self.console.width))
        but = f", without {skipped} hook(s) that were skipped" if skipped else ""
        self.console.say(
            f"   a rollback to {run.release} works: live after {self._to_the_flip:.2f} s,"
            f" done after {self._total:.2f} s{but}",
            Tone.GOOD,
        )

    def _fail(self, run: Run, error: BaseException) -> str:
        """Remove what is left, and say why a rollback would not work."""
        if isinstance(error, FlowFailed) and error.__cause__:
            error = error.__cause__
        name, done = f"drill:{self.stage.name}", "Nothing that is live was touched."
        if self._signal:
            self._end(run, "")
            return self.console.redact(f"{name}: {self._signal} in {self._doing}\n{done}")
        why = because(f"{self._doing} failed", error)
        advice = render_advice(error, run.command_line)
        if isinstance(error, LockHeld):
            self._end(run, "")
            return self.console.redact(f"{name}: {why}\n{done}\n{advice}")
        named_wrongly = isinstance(error, NoTarget) and self.variables.rollback_release  # tells of nothing but that
        self._end(run, "" if named_wrongly else _drilled(run, FAILS, self._total, self.console.redact(why)))
        self._say_skipped(run)
        inner = self._inner.run
        would = "would be live, but not be finished" if inner and inner.published else "would not work"
        rows = table(("host", "a rollback"), _verdicts(run, error))
        return self.console.redact(f"{name}: a rollback {would}: {why}\n{rows}\n{done}\n{advice}")

    def _end(self, run: Run, drilled: str) -> None:
        with suppress(FlowFailed):  # it works in the shadow, which is about to go
            self._inner.end()
        outcomes = end(run, drilled)
        for outcome in outcomes:
            if outcome.error:
                what = f"{outcome.error}\nwhat may be left of its shadow, .capdoit/drill, goes with the next flow there"
                self.console.say(f"   warning: {what}", Tone.DOUBTFUL)
        run.fleet.close()

    def _say_skipped(self, run: Run) -> int:
        """Which hooks were skipped that a rollback would call, and why; how many."""
        skipped = [act for act in self.acts if act.hook and act.hook not in self._hooks and called_on(run, act.hook)]
        for act in skipped:
            assert act.hook is not None  # noqa: S101 - of these each is one
            why = "skip= says so" if act.name in self.variables.skip else "it does not say drill=True"
            self.console.say(f"   skipped: {act.name} ({act.hook.location}), {act.hook.when} {act.step}: {why}")
        return len(skipped)


def _listed(members: str | None) -> str:
    return f"{members} members" if members else "none"


def _verdicts(run: Run, error: BaseException) -> list[tuple[str, str]]:
    """What is known of each host when a drill failed: one that was stopped, or did well, may yet fail."""
    outcomes = {outcome.host: outcome for outcome in getattr(error, "outcomes", ())}
    failed = {outcome.host for outcome in outcomes.values() if outcome.has_failed}
    return [
        (host.name, "fails" if host.name in failed or not outcomes else "not known")
        for host in run.fleet.release_connections
    ]


def _as_failure(run: Run) -> CapdoitError:
    """What only warns in a rollback is what a drill looks for."""
    if unplaced := run.warnings.get(""):
        return DrillFailed("; ".join(unplaced))
    outcomes: list[Outcome[None]] = [
        Outcome(host, error=HostError(host, "; ".join(text.removeprefix(f"{host}: ") for text in texts)))
        for host, texts in run.warnings.items()
    ]
    return HostsFailed(outcomes)


def _drilled(run: Run, verdict: str, seconds: float, why: str = "") -> str:
    return DrillVerdict(stamp(), run.by, verdict, run.release, f"{seconds:.2f}", one_line(why)[:1000]).to_line()
