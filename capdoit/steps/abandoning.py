"""After a flow that did not finish: what is half-made goes, and every host says where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from capdoit.host import Host
from capdoit.run import Run
from capdoit.steps.regain import regain
from capdoit.steps.starting import survey_request
from capdoit.survey import parse

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
        outcome.answer
        if isinstance(outcome.answer, Standing)
        else Standing(
            outcome.host, run.before(outcome.host) or "not known", f"not asked: {str(outcome.error).splitlines()[0]}"
        )
        for outcome in outcomes
    ]


def _abandon(run: Run, host: Host) -> Standing:
    if host.name not in run.held:
        answer = host.checked(survey_request(run, host, make_dirs=False))
        return Standing(host.name, parse(host.name, host.config.layout, answer.text).current, "was not touched")
    regain(run, host)
    half_made = run.release if run.begun and not run.published else ""
    entry = run.entry("failed", host)
    live = run.do(host, "abandon", ABANDON, half_made=half_made, entry=entry, unlock=True)
    return Standing(host.name, host.config.layout.release_of(live.strip()))
