"""After a flow that did not finish: what is half-made goes, and every host says where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from capdoit.errors import Outcome
from capdoit.host import Host
from capdoit.run import Run
from capdoit.steps.asking import ask_facts

ABANDON = Path(__file__).with_name("abandon.sh")


@dataclass(frozen=True)
class Standing:
    """Where one host stands.

    Attributes:
        host: its name.
        current: the release that is live; None when there is none, or nobody knows.
        note: what is not as it should be.
    """

    host: str
    current: str | None
    note: str = ""


def abandon(run: Run) -> list[Standing]:
    """Remove the half-made release from all hosts, and ask each what is live. Raises nothing."""
    outcomes = run.fleet.each(partial(_abandon, run), together=False)
    return [
        outcome.answer if isinstance(outcome.answer, Standing) else _not_asked(run, outcome) for outcome in outcomes
    ]


def _abandon(run: Run, host: Host) -> Standing:
    if host.name not in run.held:
        return Standing(host.name, ask_facts(run, host).current, "was not touched")
    half_made = run.release if run.begun and not run.published else ""
    live = run.do(host, "abandon", ABANDON, half_made=half_made, entry=run.entry("failed", host))
    return Standing(host.name, host.config.layout.release_of(live.strip()))


def _not_asked(run: Run, outcome: Outcome) -> Standing:
    why = str(outcome.error).splitlines()[0]
    if outcome.host in run.flipped:
        return Standing(outcome.host, f"{run.release} or {run.before(outcome.host) or 'nothing'}", f"not known: {why}")
    return Standing(outcome.host, run.before(outcome.host) or "not known", f"not asked: {why}")
