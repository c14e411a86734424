"""The history of a fleet, newest first, merged from the journals and the revisions logs of its hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from capdoit.layout import release_time
from capdoit.records.facts import Facts
from capdoit.records.journal import DEPLOY, ROLLBACK, Entry, find_undone_runs
from capdoit.records.lineage import Publish, merge_publishes
from capdoit.text import join_names
from capdoit.units import format_timestamp, parse_seconds, parse_timestamp

SHOWN_EVENTS = ("building", "ready", "live", "back", "failed", "finished", "unlocked", "ran")
# By whether the lock of the flow is held; None if that is unknown.
ENDING_WITHOUT_EVENT = {True: "is at work", None: "is at work, or died", False: "died"}
Key = tuple[str, ...]  # the flow's id; for a publish that only the log has: flow, release, and a number


@dataclass(frozen=True)
class FlowRecord:
    """The record of one flow on the fleet, of an exclusive task, of an unlock, or of a publish that only the log has.

    Attributes:
        run: the flow's id; empty if only the log has the flow.
        at: time of its last entry, in UTC; empty if unknown.
        by: the operator.
        origin: hostname of the controller.
        flow: ``deploy``, ``rollback``, or the name of a task on demand; empty for an unlock.
        event: the flow if it finished or is at work, and ``task`` for a task; otherwise ``failed`` or ``interrupted``;
            or ``unlock``.
        seconds: duration; None if unknown.
        release: name of the release; the newest one, if hosts have its revision in releases of different names.
        releases: name of the release, by host.
        revision: revision of the release.
        left: the release that was live before, by host, where it is known.
        why: the operator's reason.
        ending: how the flow ended, unless it finished.
        reason: why it failed, in one line.
        results: the result by host: ``live``, ``live, with warnings``, ``undone``,
            ``undone (connection lost)`` (before the publish was confirmed), ``not live``,
            ``left out`` (the host could not be reached), ``freed`` (its lock), ``ran`` (a task on demand).
    """

    run: str
    at: str
    by: str
    origin: str
    flow: str
    event: str
    seconds: float | None
    release: str
    releases: Mapping[str, str]
    revision: str
    left: Mapping[str, str]
    why: str
    ending: str
    reason: str
    results: Mapping[str, str]

    @property
    def is_flow(self) -> bool:
        """True for a deploy or a rollback."""
        return self.flow in (DEPLOY, ROLLBACK)

    @property
    def full_ending(self) -> str:
        """The ending with the reason, for people."""
        return ": ".join(filter(None, (self.ending, self.reason)))


def build_history(facts: Sequence[Facts]) -> list[FlowRecord]:
    """Return a record of every flow that the hosts know of, newest first.

    On one host, flows have the order of its journal and log. Between hosts, the clocks of the controllers decide.
    """
    entries_by_host: dict[Key, dict[str, Sequence[Entry]]] = {}
    order: dict[Key, tuple[str, int]] = {}
    for one in facts:
        latest = ""
        for place, (key, entries) in enumerate(_host_history(one).items()):
            latest = max(latest, _last_time(entries))
            order[key] = max(order.get(key, ("", 0)), (latest, place))
            entries_by_host.setdefault(key, {})[one.host] = entries
    held, otherwise = _held_locks(facts), _other_locks(facts)
    newest_first = sorted(entries_by_host, key=lambda key: order[key], reverse=True)
    by_host = {one.host: one for one in facts}
    return [_build_record(entries_by_host[key], held.get(key, otherwise), by_host) for key in newest_first]


def find_subject(facts: Iterable[Facts], revision: str) -> str:
    """Return the subject line of a revision's commit, as the journals have it; empty if none has it."""
    entries = (entry for one in facts for entry in reversed(one.entries))
    return next((entry.subject for entry in entries if entry.subject and entry.revision == revision), "")


def _held_locks(facts: Sequence[Facts]) -> dict[Key, bool | None]:
    """Return True if the lock of a flow is held; a held lock on one host outweighs the answers of others."""
    by_weight = sorted(facts, key=lambda one: (False, None, True).index(one.lock_is_held))
    return {(one.lock.run,): one.lock_is_held for one in by_weight if one.lock}


def _other_locks(facts: Sequence[Facts]) -> bool | None:
    """Return None if a flow that no lock names may hold one: a host does not name the holder of its lock."""
    return None if any(one.lock is None and one.lock_is_held is not False for one in facts) else False


def _host_history(facts: Facts) -> dict[Key, Sequence[Entry]]:
    """Return the entries of each flow on a host, in order, with the publishes that only the log has in between."""
    flows: dict[str, list[Entry]] = {}
    for entry in facts.entries:
        if entry.run and entry.event in SHOWN_EVENTS:
            flows.setdefault(entry.run, []).append(entry)
    history: dict[Key, Sequence[Entry]] = {}
    for key, publish in _with_keys(merge_publishes(facts.entries, facts.log)):
        if not publish.run:
            history[key] = _as_entries(publish)
        while publish.run in flows:  # takes the flows before it, too, which published nothing
            earlier = next(iter(flows))
            history[(earlier,)] = flows.pop(earlier)
    return history | {(run,): entries for run, entries in flows.items()}


def _with_keys(publishes: Sequence[Publish]) -> list[tuple[Key, Publish]]:
    """Return publishes with keys that agree between hosts.

    Equal publishes are numbered from the newest, because the logs of hosts begin at different times.
    """
    later: Counter[Publish] = Counter()
    keyed: list[tuple[Key, Publish]] = []
    for publish in reversed(publishes):
        log_key = (publish.flow, publish.release, str(later[publish]))
        keyed.append(((publish.run,) if publish.run else log_key, publish))
        later[publish] += 1
    return keyed[::-1]


def _as_entries(publish: Publish) -> list[Entry]:
    """Return the entries that a journal would have; the log does not tell the time of a rollback."""
    at = format_timestamp(release_time(publish.release)) if publish.flow == DEPLOY else ""
    values = {"flow": publish.flow, "release": publish.release, "revision": publish.revision, "by": publish.by}
    return [Entry(event=event, at=at, **values) for event in ("live", "finished")]


def _build_record(
    entries_by_host: Mapping[str, Sequence[Entry]], held: bool | None, facts: Mapping[str, Facts]
) -> FlowRecord:
    entries = [entry for of_host in entries_by_host.values() for entry in of_host]
    event, ending = _event(entries, held)
    releases = {host: name for host, of_host in entries_by_host.items() if (name := _first(of_host, "release"))}
    left_out = {host: "left out" for entry in entries for host in entry.missing.split()}
    return FlowRecord(
        run=_first(entries, "run"),
        at=_last_time(entries),
        by=_first(entries, "by"),
        origin=_first(entries, "origin"),
        flow=_first(entries, "flow"),
        event=event,
        seconds=max((seconds for seconds in map(_seconds, entries) if seconds is not None), default=None),
        release=max(releases.values(), default=""),
        releases=releases,
        revision=_complete_revision(_first(entries, "revision"), releases, facts),
        left={host: left for host, of_host in entries_by_host.items() if (left := _first(of_host, "left"))},
        why=_first(entries, "message"),
        ending=ending,
        reason=_first(entries, "reason") if event == "failed" else "",
        results=left_out | {host: _result(of_host, facts[host].current) for host, of_host in entries_by_host.items()},
    )


def _complete_revision(revision: str, releases: Mapping[str, str], facts: Mapping[str, Facts]) -> str:
    """Return a revision with all its digits if a host still has the release: Capistrano's log may have fewer."""
    held = (facts[host].releases.get(release, "") for host, release in releases.items())
    return next((full for full in held if revision and full.startswith(revision)), revision)


def _event(entries: Sequence[Entry], held: bool | None) -> tuple[str, str]:
    """Return the event of a record, and its ending unless the flow finished."""
    events = {entry.event for entry in entries}
    flow, step, interrupted = (_first(entries, name) for name in ("flow", "step", "interrupted"))
    if "unlocked" in events:
        return "unlock", ""
    if "ran" in events:
        has_failed = bool(_first(entries, "reason"))
        return ("interrupted", interrupted) if interrupted else ("failed" if has_failed else "task", "")
    if "failed" in events:
        ending = interrupted if step in interrupted else join_names(filter(None, (interrupted, f"in {step}")))
        return ("interrupted" if interrupted else "failed"), ending
    if "finished" in events:
        return flow, ""
    return "interrupted" if held is False else flow, ENDING_WITHOUT_EVENT[held]


def _result(entries: Sequence[Entry], live: str | None) -> str:
    """Return the result of a flow on one host. A host that flipped and died has no entry for it, but its symlink tells.

    Args:
        entries: of the flow on the host.
        live: the release that is live there now.
    """
    events = {entry.event for entry in entries}
    has_made_live = bool(live) and _first(entries, "flow") == DEPLOY and _first(entries, "release") == live
    if "unlocked" in events:
        return "freed"
    if "ran" in events:
        return "ran"
    if not has_made_live and find_undone_runs(entries):
        return "undone (connection lost)" if _first(entries, "unconfirmed") else "undone"
    if not has_made_live and "live" not in events:
        return "not live"
    return "live, with warnings" if _first(entries, "warnings") else "live"


def _first(entries: Iterable[Entry], name: str) -> str:
    """Return the first value of a field that is not empty."""
    return next(filter(None, (getattr(entry, name) for entry in entries)), "")


def _last_time(entries: Iterable[Entry]) -> str:
    return max((entry.at for entry in entries if parse_timestamp(entry.at)), default="")


def _seconds(entry: Entry) -> float | None:
    return parse_seconds(entry.seconds) if entry.event in ("failed", "finished", "ran") else None
