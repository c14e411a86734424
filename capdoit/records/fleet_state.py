"""Where a fleet stands, in sentences: what hosts do not have alike, what flows left behind, what drills found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from capdoit.records.facts import Facts
from capdoit.records.journal import WORKS, Drilled, Entry
from capdoit.text import grouped, listed
from capdoit.units import duration


def drift(facts: Sequence[Facts]) -> list[str]:
    """In what the hosts differ that should be alike, what is live and which whole releases, a sentence each."""
    live = grouped((one.host, one.live or "nothing") for one in facts)
    lines = ["; ".join(f"{what} is live on {hosts}" for what, hosts in live.items())] if len(live) > 1 else []
    whole = {one.host: {*filter(one.complete, one.releases)} for one in facts}
    everywhere = set().union(*whole.values())
    lacking = grouped((host, listed(sorted(everywhere - its))) for host, its in whole.items() if everywhere - its)
    gone = grouped((one.host, one.current) for one in facts if one.current and one.current not in one.releases)
    return [
        *lines,
        *(f"{release} is live on {hosts}, but its files are gone" for release, hosts in gone.items()),
        *_revisions(facts),
        *(f"{releases} is not on {hosts}" for releases, hosts in lacking.items()),
    ]


def _revisions(facts: Sequence[Facts]) -> list[str]:
    """The releases that are not of the same revision on all hosts, a sentence each."""
    sentences = []
    for name in sorted({name for one in facts for name in one.releases}):
        its = grouped((one.host, one.releases[name]) for one in facts if one.releases.get(name))
        if len(its) > 1:
            sentences.append(
                f"{name} is " + "; ".join(f"{revision[:12]} on {hosts}" for revision, hosts in its.items())
            )
    return sentences


def debts(facts: Sequence[Facts]) -> list[str]:
    """The hosts that a deploy went on without and that have not caught up, a sentence each."""
    return list(dict.fromkeys(sentence for one in facts for sentence in _debts(one, facts)))


def unfinished(facts: Sequence[Facts]) -> list[str]:
    """What flows left behind, a sentence each: hosts left out, hosts in doubt, half-made releases, warnings."""
    said = dict.fromkeys(sentence for one in facts for sentence in [*_debts(one, facts), *_doubts(one)])
    return [*said, *_unmade(facts), *(f"{one.host}: {warning}" for one in facts for warning in _warnings(one))]


def set_aside(facts: Sequence[Facts]) -> list[str]:
    """Where the releases are that ``keep_failed`` keeps, a sentence each."""
    kept = [(one.host, name) for one in facts for name in sorted(one.set_aside)]
    return [f"{name} failed, and is kept in .capdoit/failed on {hosts}." for name, hosts in grouped(kept).items()]


def last_drill(facts: Sequence[Facts]) -> str:
    """What the last drill found, in one line; host by host where they do not remember the same."""
    said = grouped((one.host, str(one.drilled or "none")) for one in facts)
    return "; ".join(what if len(said) == 1 else f"{hosts}: {what}" for what, hosts in said.items())


def overdue_drills(facts: Sequence[Facts], most: int, now: datetime) -> list[str]:
    """The hosts whose last drill does not say that a rollback works, or is too old, a sentence each.

    Args:
        facts: of every host.
        most: how many seconds old it may be.
        now: the time, with its zone.
    """
    found = ((one.host, _overdue(one.drilled, most, now)) for one in facts)
    return [f"{host}: {why}" for host, why in found if why]


def _overdue(drilled: Drilled | None, most: int, now: datetime) -> str:
    if drilled is None or drilled.moment is None:
        return "a rollback was never drilled here"
    if drilled.verdict != WORKS:
        return f"the last drill failed: {drilled}"
    age = (now - drilled.moment).total_seconds()
    return f"the last drill is {duration(age)} old" if age > most else ""


def _debts(facts: Facts, everyone: Sequence[Facts]) -> list[str]:
    undone = {entry.run for entry in facts.entries if entry.event == "back"}
    lived = (entry for entry in reversed(facts.entries) if entry.event == "live" and entry.run not in undone)
    live = next(lived, Entry())
    caught_up = {one.host for one in everyone if one.current == live.release}
    late = [host for host in live.missing.split() if host not in caught_up]
    return [f"{host}: release {live.release} was deployed without it" for host in late]


def _unmade(facts: Sequence[Facts]) -> list[str]:
    """Releases of deploys that died, or are at work."""
    made = [(one.host, name) for one in facts for name in sorted(one.releases)
            if one.state(name) in ("building", "failed")]  # fmt: skip
    what = "unless its deploy is at work, the next one that finishes removes it"
    return [f"{release} is half-made on {hosts}; {what}" for release, hosts in grouped(made).items()]


def _doubts(facts: Facts) -> list[str]:
    settling = (entry for entry in reversed(facts.entries) if entry.event == "live" or entry.doubtful)
    last = next(settling, Entry())
    return [
        f"{host}: it was not known whether {last.release} became live there; the table shows what is"
        for host in last.doubtful.split()
    ]


def _warnings(facts: Facts) -> list[str]:
    last = next((entry for entry in reversed(facts.entries) if entry.event == "finished"), Entry())
    current = last.warnings and last.release == facts.current
    return [f"the {last.flow} to {last.release} finished, but: {last.warnings}"] if current else []
