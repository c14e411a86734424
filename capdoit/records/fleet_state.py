"""The state of a fleet in sentences: differences between hosts, unfinished work, and drills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from capdoit.records.facts import Facts
from capdoit.records.journal import WORKS, DrillVerdict, Entry, find_undone_runs
from capdoit.text import group_names, join_names, join_with_and, list_names, shorten_revision
from capdoit.units import format_duration


def find_differences(facts: Sequence[Facts]) -> list[str]:
    """Return the differences between hosts: live releases, complete releases and revisions, one sentence each."""
    return [*_different_live(facts), *_different_revisions(facts), *_missing_releases(facts)]


def have_same_live(facts: Sequence[Facts]) -> bool:
    """Return True if hosts have one release live, or its revision where they lack the release: they caught up later."""
    newest = max((one.live for one in facts), default="")
    revisions = {one.live_revision for one in facts}
    caught_up = len(revisions) == 1 and "" not in revisions
    return all(one.live == newest or (caught_up and newest not in one.held) for one in facts)


def agree_on_live(facts: Sequence[Facts]) -> bool:
    """Return True if all hosts have one complete release or revision live, or if nothing is live anywhere."""
    return len({one.live_revision for one in facts}) <= 1 and have_same_live(facts) and not find_wrong_symlinks(facts)


def describe_live(facts: Sequence[Facts]) -> str:
    """Return what is live on which hosts."""
    live = group_names((one.host, one.live or "nothing") for one in facts)
    return "; ".join(f"{what} is live on {hosts}" for what, hosts in live.items())


def find_wrong_symlinks(facts: Sequence[Facts]) -> list[str]:
    """Return the hosts whose ``current`` does not point to a release, one sentence each."""
    wrong = group_names((one.host, text) for one in facts if (text := _describe_wrong_symlink(one)))
    return [f"{hosts}: {text}" for text, hosts in wrong.items()]


def find_missed_deploys(facts: Sequence[Facts]) -> list[str]:
    """Return the hosts that a deploy went on without and that have not caught up, one sentence each."""
    return list(dict.fromkeys(sentence for one in facts for sentence in _missed_deploys(one, facts)))


def find_unfinished_work(facts: Sequence[Facts]) -> list[str]:
    """Return what flows left behind: missed deploys, hosts in doubt, unfinished releases, warnings; a sentence each.

    Records that cannot be read come first: without them, the rest may be incomplete.
    """
    sentences = (sentence for one in facts for sentence in [*_missed_deploys(one, facts), *_doubts(one)])
    warnings = (f"{one.host}: {warning}" for one in facts for warning in _warnings(one))
    return [*find_unreadable_records(facts), *dict.fromkeys(sentences), *_left_releases(facts), *warnings]


def find_unreadable_records(facts: Sequence[Facts]) -> list[str]:
    """Return the journals, logs and releases that the users of the hosts cannot read, one sentence each."""
    found = ((one.host, f"{path} cannot be read by {one.user}") for one in facts for path in one.unreadable)
    return [f"{hosts}: {what}, so not all is known" for what, hosts in group_names(found).items()]


def find_kept_failures(facts: Sequence[Facts]) -> list[str]:
    """Return the failed releases that ``keep_failed`` keeps, one sentence each."""
    kept = [(one.host, name) for one in facts for name in sorted(one.kept_failures)]
    return [f"{name} failed, and is kept in .capdoit/failed on {hosts}." for name, hosts in group_names(kept).items()]


def describe_last_drill(facts: Sequence[Facts]) -> str:
    """Return the result of the last drill in one line; with the hosts of each result where they differ."""
    results = group_names((one.host, str(one.drill_verdict or "none")) for one in facts)
    return "; ".join(result if len(results) == 1 else f"{hosts}: {result}" for result, hosts in results.items())


def find_overdue_drills(facts: Sequence[Facts], max_age_seconds: int, now: datetime) -> list[str]:
    """Return the hosts without a recent, successful drill, one sentence each.

    Args:
        facts: of every host.
        max_age_seconds: age from which a drill is too old.
        now: the time, with its time zone.
    """
    found = ((one.host, _why_overdue(one.drill_verdict, max_age_seconds, now)) for one in facts)
    return [f"{host}: {why}" for host, why in found if why]


def _why_overdue(verdict: DrillVerdict | None, max_age_seconds: int, now: datetime) -> str:
    if verdict is None or verdict.time is None:
        return "a rollback was never drilled here"
    if verdict.verdict != WORKS:
        return f"the last drill failed: {verdict}"
    age = (now - verdict.time).total_seconds()
    return f"the last drill is {format_duration(age)} old" if age > max_age_seconds else ""


def _different_live(facts: Sequence[Facts]) -> list[str]:
    return [] if have_same_live(facts) else [describe_live(facts)]


def _describe_wrong_symlink(facts: Facts) -> str:
    """Return the fault of ``current``; empty if it points to a release, or is missing."""
    if facts.current_is_not_symlink:
        return "current is not a symlink"
    if facts.current and facts.current not in facts.releases and facts.can_read(facts.current):
        return f"current is broken: the files of {facts.current} are gone"
    if facts.current_is_broken:
        return f"current is broken: it points to {facts.link}, where there is no directory"
    return f"current points to {facts.link}, which is not a release" if facts.link and not facts.current else ""


def _different_revisions(facts: Sequence[Facts]) -> list[str]:
    sentences = []
    for name in sorted({name for one in facts for name in one.releases}):
        revisions = group_names((one.host, one.releases[name]) for one in facts if one.releases.get(name))
        if len(revisions) > 1:
            parts = (f"{shorten_revision(revision)} on {hosts}" for revision, hosts in revisions.items())
            sentences.append(f"{name} is {'; '.join(parts)}")
    return sentences


def _missing_releases(facts: Sequence[Facts]) -> list[str]:
    """Return the releases that hosts lack; those of unfinished deploys do not count."""
    revisions: dict[str, str] = {}
    needed = Counter[str]()  # the largest count of each revision
    for one in facts:
        finished = {n: of for n, of in one.releases.items() if one.is_complete(n) and not one.is_unfinished(n)}
        revisions |= finished
        needed |= Counter(finished.values())
    lacking = ((one.host, text) for one in facts for text in _describe_lacking(one, revisions, needed))
    return [f"{what} on {hosts}" for what, hosts in group_names(lacking).items()]


def _describe_lacking(facts: Facts, revisions: Mapping[str, str], needed: Counter[str]) -> list[str]:
    """Return the releases that a host lacks; a host that caught up has the revision in another release."""
    complete = {name: of for name, of in facts.releases.items() if facts.is_complete(name)}
    counts = Counter(complete.values())
    lacking = [n for n, of in sorted(revisions.items()) if n not in complete and counts[of] < needed[of]]
    absent = [name for name in lacking if name not in facts.releases and facts.can_read(name)]
    half_made = [name for name in lacking if name in facts.releases and facts.can_read(name)]
    return [f"{join_names(names)} is {how}" for how, names in (("not", absent), ("half-made", half_made)) if names]


def _missed_deploys(facts: Facts, fleet: Sequence[Facts]) -> list[str]:
    undone = find_undone_runs(facts.entries)
    published = (entry for entry in reversed(facts.entries) if entry.event == "live" and entry.run not in undone)
    last = next(published, Entry())
    if facts.current != last.release:  # it is no longer live, so no host can miss it
        return []
    caught_up = {one.host for one in fleet if _has_caught_up(one, last)}
    late = [host for host in last.missing.split() if host not in caught_up]
    return [f"{host}: release {last.release} was deployed without it" for host in late]


def _has_caught_up(facts: Facts, missed: Entry) -> bool:
    """Return True if a host has the release of a deploy that it missed, or its revision in a later release."""
    is_later = (facts.current or "") > missed.release
    return facts.current == missed.release or (is_later and facts.live_revision == missed.revision != "")


def _left_releases(facts: Sequence[Facts]) -> list[str]:
    """Return the releases that are left of deploys that did not finish, one sentence each."""
    left = list_names(
        (one.host, name)
        for one in facts
        for name in sorted(one.releases)
        if one.is_unfinished(name) and not one.is_being_made(name)
    )
    by_host = {one.host: one for one in facts}
    return [_describe_left(name, [by_host[host] for host in hosts]) for name, hosts in left.items()]


def _describe_left(release: str, facts: Sequence[Facts]) -> str:
    forms = group_names((one.host, "complete" if one.is_complete(release) else "half-made") for one in facts)
    where = join_with_and([f"{form} on {hosts}" for form, hosts in forms.items()])
    is_doubtful = any(one.is_being_made(release) is None for one in facts)
    unless = "unless its deploy is at work, " if is_doubtful else ""
    return f"{release} was left {where}; {unless}the next deploy that finishes removes it"


def _doubts(facts: Facts) -> list[str]:
    decisive = (entry for entry in reversed(facts.entries) if entry.event == "live" or entry.doubtful)
    last = next(decisive, Entry())
    return [
        f"{host}: the last flow did not learn whether {last.release} became live there; the table shows what is live"
        for host in last.doubtful.split()
    ]


def _warnings(facts: Facts) -> list[str]:
    """Return the warnings of the last flow, each with further lines below its first."""
    last = next((entry for entry in reversed(facts.entries) if entry.event == "finished"), Entry())
    first, *more = last.warnings.splitlines() or [""]
    lines = [f"the {last.flow} to {last.release} finished, but: {first}", *(f"  {line}" for line in more)]
    return ["\n".join(lines)] if first and last.release == facts.current else []
