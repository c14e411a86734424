"""The flows that hosts have recorded since an earlier look at them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime

from capdoit.records.facts import Facts
from capdoit.records.history import FlowRecord, build_history
from capdoit.records.journal import DEPLOY, Entry
from capdoit.text import join_names
from capdoit.units import format_duration, parse_timestamp

MOST_SHOWN = 5


def find_last_entries(facts: Sequence[Facts]) -> dict[str, str]:
    """Return the last entry of each host's journal, as an id that `describe_flows_since` takes; empty without one."""
    return {one.host: next((_id(entry) for entry in reversed(one.entries) if entry.run), "") for one in facts}


def describe_flows_since(
    last_entries: Mapping[str, str], known_releases: Container[str], facts: Sequence[Facts], now: datetime
) -> list[str]:
    """Return what flows have done since an earlier look, newest first, a sentence each.

    Args:
        last_entries: the last entry of each host's journal at that time.
        known_releases: the releases that the hosts had at that time; Capistrano records no ids.
        facts: of the hosts now.
        now: the time, with its time zone.
    """
    runs = {run for one in facts for run in _runs_since(one, last_entries[one.host])}
    new = [
        record
        for record in build_history(facts)
        if record.run in runs or (not record.run and record.flow == DEPLOY and record.release not in known_releases)
    ]
    hosts = [one.host for one in facts]
    sentences = [_describe(record, hosts, now) for record in new if record.is_flow]
    more = len(sentences) - MOST_SHOWN
    return [*sentences[:MOST_SHOWN], *([f"and {more} more flows before that"] if more > 0 else [])]


def _id(entry: Entry) -> str:
    return f"{entry.run} {entry.event}"


def _runs_since(facts: Facts, last_entry: str) -> Iterator[str]:
    """Yield the ids of the flows with entries after one; of all flows if the journal no longer has that entry."""
    ids = [_id(entry) for entry in facts.entries]
    seen = len(ids) - ids[::-1].index(last_entry) if last_entry in ids else 0
    yield from (entry.run for entry in facts.entries[seen:] if entry.run)


def _describe(record: FlowRecord, hosts: Sequence[str], now: datetime) -> str:
    """Return a sentence such as ``20160614133327 was deployed 3 minutes ago by ann``."""
    parts = (_describe_event(record), _where(record, hosts), _age(record, now), f"by {record.by}" if record.by else "")
    why = f" ({record.why})" if record.why else ""
    ending = f", and {record.full_ending}" if record.event == record.flow and record.ending else ""
    return f"{' '.join(filter(None, parts))}{why}{ending}"


def _describe_event(record: FlowRecord) -> str:
    is_deploy = record.flow == DEPLOY
    if record.event != record.flow:
        ended = "failed" if record.event == "failed" else "was interrupted"
        return f"a {record.flow} {'of' if is_deploy else 'to'} {record.release} {ended}"
    if record.ending:
        return f"a {record.flow} {'of' if is_deploy else 'to'} {record.release} began"
    return f"{record.release} was {'deployed' if is_deploy else 'rolled back to'}"


def _where(record: FlowRecord, hosts: Sequence[str]) -> str:
    """Return the hosts where the release became live, if these are not all hosts."""
    live = [host for host in hosts if record.results.get(host, "").startswith("live")]
    return f"on {join_names(live)}" if live and live != [*hosts] else ""


def _age(record: FlowRecord, now: datetime) -> str:
    """Return the time since the flow; empty if it is not known, or if the clocks of two controllers differ."""
    time = parse_timestamp(record.at)
    seconds = (now - time).total_seconds() if time else -1
    return f"{format_duration(seconds)} ago" if seconds >= 0 else ""
