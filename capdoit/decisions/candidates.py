"""The releases that hosts can go back to, and the obstacles where they cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from capdoit.errors import Candidates, HostReleases
from capdoit.records.facts import Facts
from capdoit.records.journal import DEPLOY, Entry

TARGET_STATES = ("ready", "retired", "bad", "live")


def find_previous_release(facts: Facts, fleet: Sequence[Facts] = ()) -> str | None:
    """Return the release that was live before the current one, is good, and is complete.

    Args:
        facts: of the host.
        fleet: of further hosts, on which the release must be good and complete, too.
    """
    hosts = (facts, *fleet)
    good = (release for release in reversed(facts.lineage.stack) if release != facts.current)
    return next((r for r in good if all(r in one.lineage.stack and one.is_complete(r) for one in hosts)), None)


def find_names(facts: Sequence[Facts], release: str) -> dict[str, str]:
    """Return the name of a release by host.

    A host that missed a deploy may have got the revision later, in a release of another name.
    """
    revisions = {one.releases[release] for one in facts if one.releases.get(release)}
    revision = revisions.pop() if len(revisions) == 1 else ""
    lacking = (one for one in facts if revision and release not in one.held)
    others = {one.host: _find_release_of(one, revision) for one in lacking}
    return {one.host: others.get(one.host) or release for one in facts}


def find_candidates(facts: Sequence[Facts]) -> Candidates:
    """Return the releases that every host can go to: the good ones, or the bad ones if there are no others."""
    possible = [name for name in facts[0].held if _is_possible(facts, name)]
    good = [name for name in possible if not any(name in one.lineage.bad for one in facts)]
    good.sort(key=lambda name: not all(name in one.lineage.stack for one in facts))  # first those live everywhere
    return Candidates(tuple(good or possible), are_bad=not good)


def find_obstacle(facts: Facts, release: str) -> str:
    """Return the state that keeps a host from going to a release; empty if the host can go to it."""
    state = facts.state_of(release)
    if release not in facts.releases:
        return "" if release in facts.archives else state
    return "" if facts.is_complete(release) and state in TARGET_STATES else state


def is_live_everywhere(facts: Sequence[Facts], names: Mapping[str, str]) -> bool:
    """Check that a release is live, and its files are there, on every host.

    Args:
        facts: of every host.
        names: name of the release by host.
    """
    return all(one.current == names[one.host] and one.current in one.releases for one in facts)


def collect_revisions(facts: Sequence[Facts], names: Mapping[str, str]) -> dict[str, str]:
    """Return the revision of a release by host, for the hosts that have the release as a directory.

    Arguments as in `is_live_everywhere`.
    """
    return {one.host: one.releases[names[one.host]] for one in facts if names[one.host] in one.releases}


def list_releases(facts: Sequence[Facts], answers: Mapping[str, str] | None = None) -> list[HostReleases]:
    """Return the releases of each host, for the table of an error.

    Args:
        facts: of every host.
        answers: what distinguishes each host, by its name.
    """
    answers = answers or {}
    return [
        HostReleases(one.host, one.live, {name: one.state_of(name) for name in one.held}, answers.get(one.host, ""))
        for one in facts
    ]


def simulate_deploy(facts: Facts, release: str) -> Facts:
    """Return the facts that a host will have once a deploy has made a release live."""
    entry = Entry(event="live", flow=DEPLOY, release=release, left=facts.current or "", run="now")
    return replace(facts, current=release, releases={**facts.releases, release: ""}, entries=(*facts.entries, entry))


def _is_possible(facts: Sequence[Facts], release: str) -> bool:
    names = find_names(facts, release)
    can_go = not any(find_obstacle(one, names[one.host]) for one in facts)
    is_one_revision = len(set(collect_revisions(facts, names).values())) <= 1
    return can_go and is_one_revision and not is_live_everywhere(facts, names)


def _find_release_of(facts: Facts, revision: str) -> str | None:
    """Return the release of a revision that a host can go to: a good one if possible, not the live one, the newest."""
    names = (name for name, of_name in facts.releases.items() if of_name == revision and not find_obstacle(facts, name))
    return max(names, key=lambda name: (name in facts.lineage.stack, name != facts.current, name), default=None)
