"""One run of a flow: what it decided and knows, which the steps read and add to."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets as random
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any

from capdoit.config.stages import HostConfig, Stage
from capdoit.config.variables import Variables, select_release_hosts
from capdoit.errors import ConfigError, LockLost, Outcome
from capdoit.hooks.context import Flow, Release
from capdoit.hooks.hook import Declarations
from capdoit.hosts.connection import Connection, Deadline
from capdoit.hosts.fleet import Fleet
from capdoit.hosts.request import Request
from capdoit.layout import SCRATCH
from capdoit.output.command_line import CommandLine
from capdoit.output.console import Console, Tone
from capdoit.records.facts import Facts
from capdoit.records.journal import Entry, Note
from capdoit.script import Script, Secret, Value
from capdoit.sequence import step_names
from capdoit.state.plan_file import Plan
from capdoit.text import first_line, listed, one_line
from capdoit.transfers import transfer_of
from capdoit.units import stamp

FENCED = 9  # the exit status of a script that require_lock keeps from its work


@dataclass
class Run:
    """What a flow knows; only its steps change it.

    Attributes:
        flow: ``deploy`` or ``rollback``; empty for who only looks.
        stage: with the selected hosts only.
        fleet: those hosts.
        console: where its words go.
        id: random; names the flow in locks and journals.
        by: the operator.
        branch: what the revisions log calls the source.
        variables: what the command line says, or said when the plan was made that is carried out.
        everyone: all hosts of the stage.
        declared: what recipes and the project declare.
        acts: what the flow does, by names, without what is skipped.
        plan: what the flow would do, when it is a dry run; None when it acts.
        applied: the plan that is carried out.
        drill: whether it only rehearses.
        undoes: the release whose failed deploy a rollback follows by itself; empty for any other flow.
        started: when it began, by the monotonic clock.
        done: the steps and hooks that it has done.
        alone: whether it does no step, but hooks by themselves, on what is live.
        held: the hosts whose lock this flow took.
        missing: the hosts that could not be reached and that the flow goes on without.
        facts: the survey, by host.
        release, revision: the ones decided; empty until then.
        revision_time: unix seconds, as text.
        archived: in a rollback, the hosts that have the release as an archive only.
        begun: whether a half-made release may lie on the hosts.
        probes: what the probes of recipes found, by recipe.
        unknown: what of that the release to go back to does not know, by recipe, when it is to be taken away.
        taken_away: what hooks took away of that before the flip.
        taking_away: what a hook has begun to take away.
        flipped: the hosts that were told to make it live and have not taken that back.
        published: whether the release is live on all hosts.
        warnings: what went wrong after that, by host; what is no host's stands under an empty name.
        told: how many of them the journals know.
        failed_in: the step or hook in which it failed.
        interrupted: what ended it, when that was no failure.
    """

    flow: str
    stage: Stage
    fleet: Fleet
    console: Console
    id: str
    by: str
    branch: str
    variables: Variables
    everyone: tuple[HostConfig, ...]
    declared: Declarations
    acts: tuple[str, ...]
    plan: Plan | None = None
    applied: Plan | None = None
    drill: bool = False
    undoes: str = ""
    started: float = field(default_factory=time.monotonic)
    done: list[str] = field(default_factory=list)
    alone: bool = False
    held: set[str] = field(default_factory=set)
    missing: tuple[str, ...] = ()
    facts: dict[str, Facts] = field(default_factory=dict)
    release: str = ""
    revision: str = ""
    revision_time: str = ""
    archived: frozenset[str] = frozenset()
    begun: bool = False
    probes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: dict[str, tuple[str, ...]] = field(default_factory=dict)
    taken_away: tuple[str, ...] = ()
    taking_away: tuple[str, ...] = ()
    flipped: set[str] = field(default_factory=set)
    published: bool = False
    warnings: dict[str, list[str]] = field(default_factory=dict)
    told: int = 0
    failed_in: str = ""
    interrupted: str = ""

    @property
    def message(self) -> str:
        """Why, in the operator's words."""
        return one_line(self.variables.message or "")

    @property
    def command_line(self) -> CommandLine:
        """The command that the operator typed."""
        hosts = tuple(host.name for host in self.fleet.connections) if self.missing else ()
        hook = self.failed_in if self.alone else ""
        return CommandLine("drill" if self.drill else self.flow, self.stage.name, self.variables, hosts, hook)

    @property
    def is_partial(self) -> bool:
        """Whether hosts of the stage that get code take no part, because of ``hosts=``, or because they are missing."""
        return len(self.fleet.release_connections) < sum(not host.no_release for host in self.everyone)

    @property
    def is_hooked(self) -> bool:
        """Whether hooks may have changed the release since its manifest was written, or compared with it.

        Damage that was overlooked on purpose stays damage.
        """
        tried = [*self.done, self.failed_in]
        since = tried[tried.index("publishing") :] if "publishing" in tried else tried
        return bool({*since}.intersection(self.acts).difference(step_names(self.flow))) and not self.variables.force

    @property
    def warned(self) -> int:
        """How many warnings there were."""
        return sum(map(len, self.warnings.values()))

    @property
    def has_more_to_tell(self) -> bool:
        """Whether anything came after its step `finished`, or it has done something without that step."""
        return bool(self.release) and (self.alone or self.done[-1] != "finished" or self.warned > self.told)

    @property
    def deadlines(self) -> list[Deadline]:
        """When the flow has to be over; none when its stage has no timeout."""
        limit = self.stage.timeout
        return [Deadline(self.started + limit, f"the flow took longer than its timeout, {limit} s,")] if limit else []

    def entry(self, event: str, host: Connection | None = None) -> str:
        """A line for the journal."""
        return self._entry(event, host).to_line()

    def _entry(self, event: str, host: Connection | None = None) -> Entry:
        return Entry(
            event=event,
            flow=self.flow,
            release=self.release,
            revision=self.revision,
            branch=self.branch if self.flow == "deploy" else "",
            by=self.by,
            origin=socket.gethostname(),
            at=stamp(),
            run=self.id,
            left=(self.before(host.name) or "") if host else "",
            message=self.message,
            partly="yes" if event == "live" and self.is_partial else "",
            missing=" ".join(self.missing) if event in ("live", "finished") else "",
            doubtful=" ".join(sorted(self.flipped)) if event == "failed" and not self.published else "",
            warnings="; ".join(self._warnings_of(host)) if host and event == "finished" else "",
            seconds=f"{time.monotonic() - self.started:.1f}" if event in ("live", "failed", "finished") else "",
            step=self.failed_in,
            interrupted=self.interrupted,
        )

    def _warnings_of(self, host: Connection) -> list[str]:
        """Its own, and those that are no host's."""
        return [*self.warnings.get(host.name, ()), *self.warnings.get("", ())]

    def note(self) -> str:
        """The line for the journal that remembers how the release was made; nothing in a rollback."""
        if self.flow != "deploy":
            return ""
        return Note(self.release, self.id, self.acts, self.declared.versions, self.probes).to_line()

    def owner(self) -> Entry:
        """What the lock says of this flow."""
        entry = self._entry("locked")
        return replace(entry, flow="drill") if self.drill else entry

    def script(self, host: Connection, name: str, files: str | Iterable[str], **values: Value) -> Script:
        """Return a script of a step, with the values of this run that its headers name."""
        common: dict[str, Value] = {
            "run": self.id,
            "release": self.release,
            "revision": self.revision,
            "revision_time": self.revision_time,
            "linked_files": self.stage.linked_files,
            "linked_dirs": self.stage.linked_dirs,
            "scratch": SCRATCH,
        }
        return host.script(name, files, values, common)

    def do(
        self, host: Connection, name: str, files: str | Iterable[str], timeout: float | None = None, **values: Value
    ) -> str:
        """Run a script of a step on a host; its stdout. In a dry run it is planned, and nothing comes back.

        Raises:
            LockLost: another flow may have the lock.
            HostError: it failed, or took longer than ``timeout`` seconds.
        """
        script = self.script(host, name, files, **values)
        if self.plan is not None:
            self.plan.add(host.name, script)
            return ""
        answer = host.ask([Request(script, show=host.show, capture=True, timeout=timeout)])[0]
        if answer.status == FENCED:
            raise LockLost(host.name, f"{name}: its lock is no longer this flow's", name, FENCED, answer.lines)
        if answer.status:
            raise host.failure(answer, name)
        return answer.text

    def send(self, host: Connection, name: str, file: str, source: IO[bytes]) -> None:
        """Run a script of a step with an open file on its stdin; in a dry run it is planned.

        Raises:
            HostError: it failed.
        """
        script = self.script(host, name, file)
        if self.plan is not None:
            self.plan.add(host.name, script)
        else:
            host.checked(Request(script, "feed", source, host.show))

    def go_on_without(self, missing: Sequence[Outcome[Any]]) -> None:
        """Leave out hosts that could not be reached; the journals of the others remember them."""
        names = [outcome.host for outcome in missing]
        self.fleet.remove(names)
        self.missing = (*self.missing, *names)
        for outcome in missing:
            self.console.say(f"   going on without {first_line(outcome.error)}", Tone.DOUBTFUL)

    def before(self, host: str) -> str | None:
        """The release that was live on a host when the flow began."""
        return self.facts[host].current if host in self.facts else None

    def release_on(self, host: Connection) -> Release:
        """The release as hooks on a host see it."""
        previous = self.before(host.name)
        left = previous if self.flow == "rollback" else None
        return Release(self.release, host.config.layout.release(self.release), self.revision, previous, left)

    def as_given(self) -> Flow:
        """The flow as hooks see it."""
        return Flow(
            name=self.flow,
            stage=self.stage.name,
            application=self.stage.application,
            release=self.release,
            revision=self.revision,
            branch=self.branch if self.flow == "deploy" else "",
            hosts=tuple(host.name for host in self.fleet.release_connections),
            by=self.by,
            message=self.message,
            started=self.started,
            variables=self.variables.custom,
            warn=self.warn,
            drill=self.drill,
        )

    def warn(self, text: str, host: str = "") -> None:
        """Something went wrong that does not undo what is live."""
        self.warnings.setdefault(host, []).append(one_line(self.console.redact(text)))
        self.console.say(f"   warning: {text}", Tone.DOUBTFUL)


def begin(
    flow: str,
    stage: Stage,
    variables: Variables,
    console: Console,
    declared: Declarations | None = None,
    acts: Iterable[str] = (),
) -> Run:
    """A run on the selected hosts; nothing is touched yet, so what is wrong here is refused without trace.

    Args:
        flow: ``deploy`` or ``rollback``; empty for who only looks.
        stage: with all its hosts.
        variables: what the command line says.
        console: where its words go.
        declared: what recipes and the project declare; nothing outside of a flow.
        acts: what the flow does, by names.

    Raises:
        ConfigError: the selection of hosts makes no sense, or a secret is not set.
    """
    everyone, declared = stage.hosts, declared or Declarations()
    stage = select_release_hosts(stage, variables)
    if not flow:
        stage = stage.only(tuple(map(without_unset_secrets, stage.hosts)))
    recipes = declared.secrets
    called = tuple(hook for hook in declared.failed if hook.name not in variables.skip)
    if flow == "rollback":  # which needs nothing but the hosts; what a recipe misses is that recipe's
        recipes = tuple(secret for secret in recipes if secret.variable in os.environ)
    return Run(
        flow=flow,
        stage=stage,
        fleet=fleet_of(stage, console, recipes),
        console=console,
        id=random.token_hex(8),
        by=one_line(operator()),
        branch=transfer_of(stage).source(stage, variables.branch),
        variables=variables,
        everyone=everyone,
        declared=replace(declared, failed=called),
        acts=tuple(act for act in acts if act not in variables.skip),
    )


def fleet_of(stage: Stage, console: Console, secrets: Iterable[Secret] = ()) -> Fleet:
    """The hosts of a stage; the console keeps their secrets, and others, from now on. None is connected yet.

    Raises:
        ConfigError: a secret is not set.
    """
    console.redactor.add(_revealed([*secrets, *_secrets(stage.hosts)]))
    console.align(host.name for host in stage.hosts)
    events = console.event_bus()
    return Fleet([Connection(config, events) for config in stage.hosts])


def without_unset_secrets(config: HostConfig) -> HostConfig:
    """A host as it can be looked at by whoever has not all the secrets that work on it needs."""
    env = {k: v for k, v in config.env.items() if not isinstance(v, Secret) or v.variable in os.environ}
    return replace(config, env=env)


def operator() -> str:
    """Who runs this, as Capistrano has it."""
    for name in ("USER", "LOGNAME", "USERNAME"):
        if os.environ.get(name):
            return os.environ[name]
    with contextlib.suppress(KeyError, OSError):
        return getpass.getuser()
    return "unknown"


def _secrets(hosts: Iterable[HostConfig]) -> list[Secret]:
    return [value for host in hosts for value in host.env.values() if isinstance(value, Secret)]


def _revealed(secrets: Sequence[Secret]) -> list[str]:
    """The values of secrets."""
    if unset := sorted({secret.variable for secret in secrets if secret.variable not in os.environ}):
        raise ConfigError(f"deploy.yml needs the environment variable {listed(unset)}, which is not set")
    return [secret.reveal() for secret in secrets]
