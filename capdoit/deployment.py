"""One flow from its first step to its end, however it ends.

`Deployment.perform` does one step or hook; the first one that fails ends the flow: the half-made
release goes, the ``on_failed`` hooks run, and the error that is raised says where the fleet stands.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import threading
import time
import traceback
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from capdoit import transfer
from capdoit.config import HostConfig, Stage
from capdoit.console import Console
from capdoit.errors import CapdoitError, ConfigError, HostsFailed, Interrupted, LockHeld
from capdoit.fleet import Fleet
from capdoit.flow import Act
from capdoit.hooks import Failure, Hook, failed_hosts
from capdoit.host import Host
from capdoit.run import Run
from capdoit.script import Secret
from capdoit.steps import WORK
from capdoit.steps.abandoning import abandon
from capdoit.text import listed, one_line, table
from capdoit.variables import Variables, select


class FlowFailed(CapdoitError):
    """A flow did not finish; the text says why, where the fleet stands, and what to type next."""


class Deployment:
    """A deploy or a rollback of a stage.

    Args:
        flow: ``deploy`` or ``rollback``.
        stage: the stage, with all its hosts.
        acts: the woven flow.
        failed: the ``on_failed`` hooks.
        variables: what the command line says.
        console: where its words go.
        goal: the last act that was asked for by name; None for the whole flow.
    """

    def __init__(
        self,
        flow: str,
        stage: Stage,
        acts: Sequence[Act],
        failed: Sequence[Hook],
        variables: Variables,
        console: Console,
        goal: str | None = None,
    ) -> None:
        self.flow, self.stage, self.acts, self.failed = flow, stage, list(acts), failed
        self.variables, self.console, self.goal = variables, console, goal
        self.run: Run | None = None
        self._done: list[str] = []
        self._ended = False
        self._signal = ""
        self._busy = threading.Lock()
        self._started = time.monotonic()

    @property
    def is_active(self) -> bool:
        """Whether it began and has not ended."""
        return self.run is not None and not self._ended

    def perform(self, act: Act) -> None:
        """Do one step or hook of the flow.

        Raises:
            FlowFailed: it failed, and the flow has ended.
            ConfigError: what was asked for makes no sense; nothing was touched.
        """
        with self._busy:
            if self._ended:
                raise FlowFailed(f"{self._name} has ended; {act.name} was not done")
            self.run = self.run or self._begin()
            try:
                self._in_turn(act)
                self._do(act, self.run)
            except (Exception, KeyboardInterrupt) as error:
                raise FlowFailed(self._fail(act.name, error)) from error
            self._done.append(act.name)
            if act is self.acts[-1]:
                self._finish(self.run)

    def end(self) -> None:
        """The flow goes no further: nothing to do when it has ended, else it is as if it had failed.

        Raises:
            FlowFailed: it began and did not reach what was asked for.
        """
        if not self.is_active or self._busy.locked():
            return
        last = self._done[-1] if self._done else "before starting"
        if self.goal in self._done:
            self.console.say(self._fail(last, Interrupted(f"stopped after {last}, as asked"), quietly=True))
            return
        reason = self._signal or "a task that it needed failed, or it was interrupted"
        raise FlowFailed(self._fail(last, Interrupted(f"ended after {last}: {reason}")))

    def interrupt(self, signal: str) -> bool:
        """End it because of a signal; whether a step was at work and will say so itself."""
        self._signal = f"interrupted by {signal}"
        if self.run:
            self.run.fleet.stop()
        return self._busy.locked()

    # -- beginning

    @property
    def _name(self) -> str:
        return f"{self.flow}:{self.stage.name}"

    def _begin(self) -> Run:
        self._refuse_other_flows_variables()
        if self.flow == "deploy":
            transfer.of(self.stage).prepare(self.stage)
        self._started = time.monotonic()
        return begin(self.flow, self.stage, self.variables, self.console)

    def _refuse_other_flows_variables(self) -> None:
        other = {"deploy": "rollback_release", "rollback": "branch"}[self.flow]
        if other in self.variables.said:
            raise ConfigError(f"{other}= means nothing to a {self.flow}; nothing was done")

    # -- working

    def _in_turn(self, act: Act) -> None:
        before = [a.name for a in self.acts[: self.acts.index(act)] if a.name in WORK]
        if missing := [name for name in before if name not in self._done]:
            raise ConfigError(f"{act.name} needs {missing[-1]} to be done first; doit {self._name} does all of it")

    def _do(self, act: Act, run: Run) -> None:
        if self._signal:
            raise Interrupted(self._signal)
        if act.hook:
            self._call(act.hook, run)
        else:
            WORK[act.name](run)
            if act.name == "publishing":
                self._say_live(run)
        if self._signal:
            raise Interrupted(self._signal)

    def _call(self, hook: Hook, run: Run) -> None:
        hosts = hook.hosts(run.fleet.hosts)
        if not hosts:
            return
        if hook.once:
            work = partial(self._call_once, hook, run, hosts)
            run.fleet.all(work, hosts[:1])
        else:
            run.fleet.all(partial(self._call_on, hook, run), hosts)

    def _call_on(self, hook: Hook, run: Run, host: Host) -> None:
        hook.call(host=host, release=run.release_on(host), options=hook.options)

    def _call_once(self, hook: Hook, run: Run, hosts: list[Host], first: Host) -> None:
        hook.call(hosts=hosts, release=run.release_on(first), options=hook.options)

    def _say_live(self, run: Run) -> None:
        seconds = time.monotonic() - self._started
        of = f" ({run.revision[:12]}, {run.branch})" if self.flow == "deploy" else f" ({run.revision[:12]})"
        hosts = listed(host.name for host in run.fleet.release_hosts)
        self.console.say(f"   {run.release}{of} is live on {hosts} after {seconds:.2f} s")

    # -- ending

    def _finish(self, run: Run) -> None:
        self._ended = True
        run.fleet.close()
        if run.warnings:
            self.console.say(f"   {self._name} finished with {len(run.warnings)} warning(s); see above")

    def _fail(self, where: str, error: BaseException, quietly: bool = False) -> str:
        """End the flow: tidy up, tell the hooks, and say where everything stands."""
        run = self.run
        assert run is not None  # noqa: S101 - a flow that did not begin cannot fail
        signal, self._signal = self._signal, ""
        if signal and not isinstance(error, Interrupted):
            error = Interrupted(f"{signal} in {where}")
        self._ended = True
        run.fleet.resume()
        standings = abandon(run)
        if not quietly:
            self._tell(run, where, error)
        run.fleet.close()
        what = self._name if quietly else f"{self._name}: {where} failed"
        rows = [(s.host, s.current or "nothing", s.note) for s in standings]
        stands = f"where the hosts stand:\n{table(('host', 'live', ''), rows)}"
        return self.console.redact(f"{what}: {_reason(error)}\n{stands}\n{self._next(run, error)}")

    def _tell(self, run: Run, step: str, error: BaseException) -> None:
        hosts = {host.name: host for host in run.fleet.hosts}
        outcomes = getattr(error, "outcomes", ())
        failure = Failure(self.flow, self.stage.name, step, failed_hosts(error, hosts), outcomes, error, run.release)
        for hook in self.failed:
            try:
                hook.call(failure=failure, hosts=list(failure.hosts), options=hook.options)
            except Exception as wrong:  # noqa: BLE001 - the first error is the one to report
                run.warn(f"on_failed hook {hook.name} ({hook.place}) failed: {wrong}")

    def _next(self, run: Run, error: BaseException) -> str:
        if isinstance(error, LockHeld):
            name = self.stage.name
            return (
                f"wait=60 waits for it: doit {self._name} wait=60\n"
                f"If nobody is at work there any more: doit cap unlock {name}"
            )
        if run.published and self.flow == "deploy":
            before = {release for release in run.left.values() if release}
            back = f" rollback_release={before.pop()}" if len(before) == 1 else ""
            return f"Release {run.release} is live all the same. To go back: doit rollback:{self.stage.name}{back}"
        if run.published:
            return f"The rollback to {run.release} is live all the same; only what comes after it was not done."
        wanted = f" rollback_release={run.wanted}" if run.wanted else ""
        return f"What is live was not changed. When it is mended: doit {self._name}{wanted}"


def begin(flow: str, stage: Stage, variables: Variables, console: Console) -> Run:
    """A run on the selected hosts; nothing is touched yet, so what is wrong here is refused without trace.

    Raises:
        ConfigError: the selection of hosts makes no sense, or a secret is not set.
    """
    stage = select(stage, variables)
    console.keep_secret(_revealed(stage.hosts))
    console.align(host.name for host in stage.hosts)
    return Run(
        flow=flow,
        stage=stage,
        fleet=Fleet([Host(config, console) for config in stage.hosts]),
        console=console,
        id=secrets.token_hex(8),
        by=one_line(operator()),
        branch=variables.branch or (stage.branch if stage.transfer == "git" else str(stage.archive)),
        wanted=variables.rollback_release,
        message=one_line(variables.message or ""),
        wait=variables.wait,
    )


def operator() -> str:
    """Who runs this, as Capistrano has it."""
    for name in ("USER", "LOGNAME", "USERNAME"):
        if os.environ.get(name):
            return os.environ[name]
    with contextlib.suppress(KeyError, OSError):
        return getpass.getuser()
    return "unknown"


def _revealed(hosts: Iterable[HostConfig]) -> list[str]:
    """The values of all secrets of some hosts."""
    found: list[Secret] = [v for host in hosts for v in host.env.values() if isinstance(v, Secret)]
    if unset := sorted({secret.variable for secret in found if secret.variable not in os.environ}):
        raise ConfigError(f"deploy.yml needs the environment variable {listed(unset)}, which is not set")
    return [secret.reveal() for secret in found]


def _reason(error: BaseException) -> str:
    if isinstance(error, HostsFailed):
        return "\n" + "\n".join(_of_host(o.host, o.error) for o in error.failed) + _cancelled(error)
    text = _of_host("", error)
    return f"\n{text}" if "\n" in text else text.lstrip()


def _cancelled(error: HostsFailed) -> str:
    if not error.cancelled:
        return ""
    return "\n  stopped because of that: " + listed(outcome.host for outcome in error.cancelled)


def _of_host(host: str, error: Any) -> str:
    if isinstance(error, CapdoitError):
        return "\n".join(f"  {line}" for line in str(error).splitlines())
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"  {host}: {type(error).__name__}: {error}{where}"
