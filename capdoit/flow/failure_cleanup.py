"""After a flow that did not finish: what is half-made goes, and every host says where it stands."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from capdoit.errors import HostError, Outcome, Unreachable
from capdoit.hosts.connection import Connection, Deadline, HeldLock
from capdoit.operations.survey import ask_facts
from capdoit.script import Value
from capdoit.state.run import Run
from capdoit.text import first_line, printable

ABANDON_SECONDS = 60  # whatever hung may hang this, too
LOOK_SECONDS = 20


@dataclass(frozen=True)
class Standing:
    """Where one host stands.

    Attributes:
        host: its name.
        current: the release that is live, or the two that may be; None when there is none.
        note: what is not as it should be.
        is_known: whether the host was asked.
    """

    host: str
    current: str | None
    note: str = ""
    is_known: bool = True


def abandon(run: Run) -> list[Standing]:
    """Remove the half-made release from all hosts, and ask each what is live. Raises nothing."""
    outcomes = run.fleet.each(partial(_abandon, run), stop_on_failure=False)
    return [outcome.answer or _not_asked(run, outcome) for outcome in outcomes]


def _abandon(run: Run, host: Connection) -> Standing:
    if run.plan is not None and host.name in run.facts:
        return Standing(host.name, run.before(host.name))
    if host.name not in run.held:
        return Standing(host.name, ask_facts(run, host).current, "not locked by this flow")
    half_made = run.release if run.begun and not run.published else ""
    values: dict[str, Value] = {
        "partial_release": half_made,
        "keep_failed": run.stage.keep_failed,
        "hooks_ran": run.is_hooked,
    }
    try:
        entry = run.entry("failed", host)
        said = run.do(host, "abandon", "flow/failure_cleanup", ABANDON_SECONDS, **values, entry=entry)
    except Unreachable:
        raise
    except HostError as error:
        return _look(run, host, error)
    live, _, kept = said.partition("\n")
    note = f"the failed release is kept in {printable(kept.strip())}" if kept.strip() else ""
    return Standing(host.name, _release_of(run, host, live), note)


def _release_of(run: Run, host: Connection, link: str) -> str | None:
    """The release that is live; a link may spell it by the real path, which only the survey knows."""
    facts = run.facts.get(host.name)  # none, when the flow failed as hosts were asked
    return facts.current if facts and facts.link == link else host.config.layout.release_of(link)


def _look(run: Run, host: Connection, error: HostError) -> Standing:
    """Where a host stands that lets this flow change nothing any more: another one may have been at work since."""
    host.held_lock = HeldLock(host.run_id)
    host.deadlines = (Deadline(time.monotonic() + LOOK_SECONDS, f"looking took longer than {LOOK_SECONDS} s"),)
    return Standing(host.name, ask_facts(run, host).current, f"not tidied up: {first_line(error)}")


def _not_asked(run: Run, outcome: Outcome[Standing]) -> Standing:
    why = first_line(outcome.error)
    if outcome.host in run.flipped:
        either = f"{run.release} or {run.before(outcome.host) or 'nothing'}"
        return Standing(outcome.host, either, f"not known: {why}", is_known=False)
    before = run.before(outcome.host) if outcome.host in run.facts else "not known"
    return Standing(outcome.host, before, f"not asked: {why}", is_known=False)
