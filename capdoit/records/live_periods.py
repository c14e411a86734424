"""The periods in which releases were live on a host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from capdoit.records.facts import Facts
from capdoit.records.journal import DEPLOY, Entry, find_undone_runs
from capdoit.records.lineage import parse_log_line
from capdoit.units import format_duration, parse_timestamp


@dataclass(frozen=True)
class LivePeriod:
    """The last period in which a release was live on a host. Unknown values are empty.

    Attributes:
        since: begin of the period, in UTC.
        until: end of the period; empty while the release is live.
        by: the operator who made the release live.
        branch: the branch that was deployed.
    """

    since: str = ""
    until: str = ""
    by: str = ""
    branch: str = ""


def find_live_period(facts: Facts, release: str) -> LivePeriod:
    """Return the last period in which a release was live, from the journal, or else its operator from the log."""
    published = _published(facts.entries)
    deploy = next((e for e in published if e.release == release and e.flow == DEPLOY), Entry())
    for number, entry in reversed([*enumerate(published)]):
        if entry.release == release:
            until = next((later.at for later in published[number + 1 :] if later.release != release), "")
            if until and release == facts.current:  # made live again by Capistrano or by hand
                break
            return LivePeriod(entry.at, until, entry.by, deploy.branch or entry.branch)
    logged = (publish for publish in map(parse_log_line, reversed(facts.log)) if publish)
    return LivePeriod(by=next((publish.by for publish in logged if publish.release == release), ""))


def describe_length(period: LivePeriod, now: datetime) -> str:
    """Return the length of a period in its largest unit; empty if it is unknown.

    Args:
        period: the period.
        now: the end of a period that has none yet.
    """
    begin, end = parse_timestamp(period.since), parse_timestamp(period.until) if period.until else now
    if begin is None or end is None or end < begin:
        return ""
    return format_duration((end - begin).total_seconds())


def _published(entries: Sequence[Entry]) -> list[Entry]:
    undone = find_undone_runs(entries)
    return [entry for entry in entries if entry.event == "live" and entry.run not in undone]
