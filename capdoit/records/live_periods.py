"""When releases were live on a host, and what that says in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from capdoit.records.facts import Facts
from capdoit.records.journal import DEPLOY, Entry, parse_log
from capdoit.units import duration, parsed


@dataclass(frozen=True)
class Life:
    """When a release was last live on a host; what nobody knows is empty.

    Attributes:
        since: when it became live, in UTC.
        until: when another did; empty while it is live.
        by: who made it so.
        branch: what it was deployed from.
    """

    since: str = ""
    until: str = ""
    by: str = ""
    branch: str = ""


def life(facts: Facts, release: str) -> Life:
    """When a release was last live, by the journal; by whom and from what also by the log of Capistrano."""
    published = _published(facts.entries)
    made = next((e for e in published if e.release == release and e.flow == DEPLOY), Entry())
    for number, entry in reversed([*enumerate(published)]):
        if entry.release == release:
            until = next((later.at for later in published[number + 1 :] if later.release != release), "")
            if until and release == facts.current:  # Capistrano, or somebody, made it live again
                break
            return Life(entry.at, until, entry.by, made.branch or entry.branch)
    return Life(by=next((p.by for p in map(parse_log, reversed(facts.log)) if p and p.release == release), ""))


def lasted(one: Life, now: datetime) -> str:
    """How long a release was live, in the largest unit; empty when nobody knows.

    Args:
        one: the life.
        now: the end of one that goes on.
    """
    begin, end = parsed(one.since), parsed(one.until) if one.until else now
    if begin is None or end is None or end < begin:
        return ""
    return duration((end - begin).total_seconds())


def _published(entries: Sequence[Entry]) -> list[Entry]:
    undone = {entry.run for entry in entries if entry.event == "back"}
    return [entry for entry in entries if entry.event == "live" and entry.run not in undone]
