"""The progress of a flow, folded from its events; steps only read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from capdoit import events
from capdoit.events import Event
from capdoit.records.facts import Facts
from capdoit.state.decision import Decision


@dataclass
class Progress:
    """The state of a run; only `apply` changes it.

    Attributes:
        decision: the release that was decided on, as far as it is known.
        facts: survey answers, by host.
        locked: names of the hosts whose lock the flow holds.
        missing: names of the hosts that were left out because they could not be reached.
        done: names of the steps and hooks that are done.
        is_hooks_only: the operator runs hooks without the steps before them.
        is_release_started: hosts may hold a half-made release.
        probes: answers of the probes, by recipe.
        environments: variables for the commands of hooks, by host and path of the release.
        reverting: names that a hook has begun to revert.
        reverted: names that hooks have reverted.
        flipped: names of the hosts that may or may not have the release live: the publish is not complete there.
        is_flip_undone: hosts have flipped, and flipped back since not all of them did.
        is_published: the release is live on all hosts.
        warnings: warnings by host, in one line or more each; warnings about the fleet have the key ``""``.
        journaled_warnings: number of warnings that the journals have.
        failed_in: name of the step or hook that failed.
        failure_reason: why it failed, in one line; empty for an interruption.
        interruption: the signal or wish that ended the flow; empty for a failure.
    """

    decision: Decision = field(default_factory=Decision)
    facts: dict[str, Facts] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    missing: tuple[str, ...] = ()
    done: list[str] = field(default_factory=list)
    is_hooks_only: bool = False
    is_release_started: bool = False
    probes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    environments: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    reverting: tuple[str, ...] = ()
    reverted: tuple[str, ...] = ()
    flipped: frozenset[str] = frozenset()
    is_flip_undone: bool = False
    is_published: bool = False
    warnings: dict[str, list[str]] = field(default_factory=dict)
    journaled_warnings: int = 0
    failed_in: str = ""
    failure_reason: str = ""
    interruption: str = ""

    def apply(self, event: Event) -> None:
        """Take an event into account; most events change nothing here."""
        if change := PROGRESS_CHANGES.get(type(event)):
            change(self, event)

    @property
    def warning_count(self) -> int:
        """The number of warnings."""
        return sum(map(len, self.warnings.values()))

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """The warnings, each with its host in front if it concerns one."""
        by_host = self.warnings.items()
        return tuple(f"{host}: {text}" if host else text for host, texts in by_host for text in texts)

    def live_before(self, host: str) -> str | None:
        """Return the release that was live on a host when the flow began; None when nothing was or it is unknown."""
        return self.facts[host].current if host in self.facts else None

    def warnings_about(self, host: str) -> list[str]:
        """Return the warnings about a host and about the fleet."""
        return [*self.warnings.get(host, ()), *self.warnings.get("", ())]


def _decided(progress: Progress, event: events.Decided) -> None:
    progress.decision = event.decision


def _surveyed(progress: Progress, event: events.HostSurveyed) -> None:
    progress.facts[event.facts.host] = event.facts


def _lock_taken(progress: Progress, event: events.LockTaken) -> None:
    progress.locked.add(event.host)


def _lock_released(progress: Progress, event: events.LockReleased) -> None:
    progress.locked.discard(event.host)


def _left_out(progress: Progress, event: events.HostLeftOut) -> None:
    progress.missing = (*progress.missing, event.host)


def _step_finished(progress: Progress, event: events.StepFinished) -> None:
    progress.done.append(event.name)


def _hooks_only(progress: Progress, _: events.HooksOnly) -> None:
    progress.is_hooks_only = True


def _step_failed(progress: Progress, event: events.StepFailed) -> None:
    progress.failed_in, progress.interruption, progress.failure_reason = event.name, event.interruption, event.reason


def _release_creation_started(progress: Progress, _: events.ReleaseCreationStarted) -> None:
    progress.is_release_started = True


def _probe_answered(progress: Progress, event: events.ProbeAnswered) -> None:
    progress.probes[event.recipe] = event.names


def _environment_found(progress: Progress, event: events.EnvironmentFound) -> None:
    progress.environments[event.host, event.release] = event.variables


def _revert_started(progress: Progress, event: events.RevertStarted) -> None:
    progress.reverting = event.names


def _revert_finished(progress: Progress, event: events.RevertFinished) -> None:
    progress.reverted, progress.reverting = progress.reverted + event.names, ()


def _flip_started(progress: Progress, event: events.FlipStarted) -> None:
    progress.flipped = frozenset(event.hosts)


def _flip_undone(progress: Progress, event: events.FlipUndone) -> None:
    progress.flipped, progress.is_flip_undone = frozenset(event.doubtful), True


def _published(progress: Progress, _: events.Published) -> None:
    progress.is_published, progress.flipped = True, frozenset()


def _publish_doubted(progress: Progress, event: events.PublishDoubted) -> None:
    progress.flipped = frozenset(event.doubtful)


def _warned(progress: Progress, event: events.Warned) -> None:
    progress.warnings.setdefault(event.host, []).append(event.text.strip())


def _warnings_journaled(progress: Progress, _: events.WarningsJournaled) -> None:
    progress.journaled_warnings = progress.warning_count


PROGRESS_CHANGES: dict[type[Event], Callable[[Progress, Any], None]] = {
    events.Decided: _decided,
    events.HostSurveyed: _surveyed,
    events.LockTaken: _lock_taken,
    events.LockReleased: _lock_released,
    events.HostLeftOut: _left_out,
    events.StepFinished: _step_finished,
    events.HooksOnly: _hooks_only,
    events.StepFailed: _step_failed,
    events.ReleaseCreationStarted: _release_creation_started,
    events.ProbeAnswered: _probe_answered,
    events.EnvironmentFound: _environment_found,
    events.RevertStarted: _revert_started,
    events.RevertFinished: _revert_finished,
    events.FlipStarted: _flip_started,
    events.FlipUndone: _flip_undone,
    events.Published: _published,
    events.PublishDoubted: _publish_doubted,
    events.Warned: _warned,
    events.WarningsJournaled: _warnings_journaled,
}
