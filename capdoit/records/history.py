"""What happened on a fleet, newest first: the journals and the revisions logs of its hosts, merged."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from capdoit.layout import release_time
from capdoit.records.facts import Facts
from capdoit.records.journal import DEPLOY, Entry, Publish, publishes
from capdoit.text import listed
from capdoit.units import parsed, stamp

TOLD = ("building", "ready", "live", "back", "failed", "finished", "unlocked")
Key = tuple[str, ...]  # a flow's id alone; of what only the log knows, what it was
SECONDS = re.compile(r"[0-9]{1,7}(\.[0-9]{1,3})?")
# By whether its lock is held; None: nobody knows.
WITHOUT_END = {True: "is at work", None: "is at work, or ended without a word", False: "ended without a word"}


@dataclass(frozen=True)
class Happening:
    """What one flow did on the fleet; or an unlock, or a publish that only the revisions log knows of.

    Attributes:
        run: the flow's id; empty when only the log knows of it.
        at: when it was last heard of, in UTC; empty when nobody knows.
        by: who started it.
        origin: the controller's hostname.
        flow: ``deploy`` or ``rollback``; empty for an unlock.
        event: the flow when it was done, else ``failed`` or ``interrupted``; or ``unlock``.
        seconds: how long it took; None when nobody knows.
        release, revision: what it was about.
        left: the release that was live until then, by host, where that is known.
        why: in the operator's words.
        ending: how it ended, when it did not end well.
        results: what became of it, by host: ``live``, ``live, with warnings``, ``undone``, ``not live``,
            ``left out`` (the host could not be reached), ``freed`` (its lock).
    """

    run: str
    at: str
    by: str
    origin: str
    flow: str
    event: str
    seconds: float | None
    release: str
    revision: str
    left: Mapping[str, str]
    why: str
    ending: str
    results: Mapping[str, str]


def happenings(facts: Sequence[Facts]) -> list[Happening]:
    """All that the hosts remember, newest first; each flow once for the fleet.

    On one host the order is that of its journal and log; between hosts, that of the controllers' clocks.
    """
    told: dict[Key, dict[str, Sequence[Entry]]] = {}
    order: dict[Key, tuple[str, int]] = {}
    for one in facts:
        latest = ""
        for place, (key, entries) in enumerate(_story(one).items()):
            latest = max(latest, _at(entries))
            order[key] = max(order.get(key, ("", 0)), (latest, place))
            told.setdefault(key, {})[one.host] = entries
    held: dict[Key, bool | None] = {
        (one.lock.run,): one.lock_is_held for one in sorted(facts, key=_is_held) if one.lock
    }
    newest_first = sorted(told, key=lambda key: order[key], reverse=True)
    return [_happening(told[key], held.get(key, False)) for key in newest_first]


def _is_held(facts: Facts) -> int:
    """Whether its lock is held, in the order in which hosts outvote each other: no, nobody knows, yes."""
    return (False, None, True).index(facts.lock_is_held)


def _story(facts: Facts) -> dict[Key, Sequence[Entry]]:
    """The entries of each flow on a host, in order, and among them what only the log knows of."""
    flows: dict[str, list[Entry]] = {}
    for entry in facts.entries:
        if entry.run and entry.event in TOLD:
            flows.setdefault(entry.run, []).append(entry)
    story: dict[Key, Sequence[Entry]] = {}
    for key, publish in _keyed(publishes(facts.entries, facts.log)):
        if not publish.run:
            story[key] = _logged(publish)
        while publish.run in flows:  # and the flows before it, which made nothing live
            earlier = next(iter(flows))
            story[(earlier,)] = flows.pop(earlier)
    return story | {(run,): entries for run, entries in flows.items()}


def _keyed(history: Sequence[Publish]) -> list[tuple[Key, Publish]]:
    """Publishes with what they are called on all hosts: logs begin at different times, so the newest counts first."""
    later: Counter[Publish] = Counter()
    keyed: list[tuple[Key, Publish]] = []
    for publish in reversed(history):
        of_the_log = (publish.flow, publish.release, str(later[publish]))
        keyed.append(((publish.run,) if publish.run else of_the_log, publish))
        later[publish] += 1
    return keyed[::-1]


def _logged(publish: Publish) -> list[Entry]:
    """What the journal would say; when a rollback was, the log does not tell."""
    at = stamp(release_time(publish.release)) if publish.flow == DEPLOY else ""
    said = {"flow": publish.flow, "release": publish.release, "revision": publish.revision, "by": publish.by, "at": at}
    return [Entry(event=event, **said) for event in ("live", "finished")]


def _happening(told: Mapping[str, Sequence[Entry]], held: bool | None) -> Happening:
    entries = [entry for of_host in told.values() for entry in of_host]
    event, ending = _event(entries, held)
    left_out = {host: "left out" for entry in entries for host in entry.missing.split()}
    return Happening(
        run=_first(entries, "run"),
        at=_at(entries),
        by=_first(entries, "by"),
        origin=_first(entries, "origin"),
        flow=_first(entries, "flow"),
        event=event,
        seconds=max((took for took in map(_seconds, entries) if took is not None), default=None),
        release=_first(entries, "release"),
        revision=_first(entries, "revision"),
        left={host: left for host, of_host in told.items() if (left := _first(of_host, "left"))},
        why=_first(entries, "message"),
        ending=ending,
        results=left_out | {host: _result(of_host) for host, of_host in told.items()},
    )


def _event(entries: Sequence[Entry], held: bool | None) -> tuple[str, str]:
    """What happened, and how it ended when it did not end well."""
    events = {entry.event for entry in entries}
    flow, step, interrupted = (_first(entries, name) for name in ("flow", "step", "interrupted"))
    if "unlocked" in events:
        return "unlock", ""
    if "failed" in events:
        ending = interrupted if step in interrupted else listed(filter(None, (interrupted, f"in {step}")))
        return ("interrupted" if interrupted else "failed"), ending
    if "finished" in events:
        return flow, ""
    return "interrupted" if held is False else flow, WITHOUT_END[held]


def _result(entries: Iterable[Entry]) -> str:
    """What became of a flow on one host."""
    events = {entry.event for entry in entries}
    if "unlocked" in events:
        return "freed"
    if "back" in events or "live" not in events:
        return "undone" if "back" in events else "not live"
    return "live, with warnings" if _first(entries, "warnings") else "live"


def _first(entries: Iterable[Entry], name: str) -> str:
    """The first that any of them says, if any does."""
    return next(filter(None, (getattr(entry, name) for entry in entries)), "")


def _at(entries: Iterable[Entry]) -> str:
    return max((entry.at for entry in entries if parsed(entry.at)), default="")


def _seconds(entry: Entry) -> float | None:
    ended = entry.event in ("failed", "finished") and SECONDS.fullmatch(entry.seconds)
    return float(entry.seconds) if ended else None
