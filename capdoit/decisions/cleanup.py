"""The releases that a host removes after a deploy."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.decisions.candidates import find_previous_release, simulate_deploy
from capdoit.records.facts import Facts
from capdoit.records.journal import DEPLOY


def choose_removals(facts: Facts, keep: int, live: str, fleet: Sequence[Facts] = ()) -> list[str]:
    """Return the releases that a host removes after a deploy.

    Args:
        facts: of the host, from before the publish.
        keep: number of complete releases to keep.
        live: the release that was published.
        fleet: facts of all hosts, from before the publish.

    Returns:
        Sorted names. Never among them: the live release, the release that a rollback of this host or of all hosts
        would now choose, and the last release that was deployed to all hosts.
    """
    complete = sorted({live, *filter(facts.is_complete, facts.releases)})
    oldest_kept = complete[-keep] if len(complete) >= keep else ""
    now = simulate_deploy(facts, live)
    fleet_target = find_previous_release(now, [simulate_deploy(one, live) for one in fleet])
    spared = {live, find_previous_release(now), fleet_target, _last_deployed_everywhere(now)}
    return [
        name
        for name in sorted(facts.releases)
        if name not in spared and (name < oldest_kept or (name < live and _is_half_made(facts, name)))
    ]


def _last_deployed_everywhere(facts: Facts) -> str | None:
    """Return the last good release that was deployed to all hosts: hosts that take no part may have none newer."""
    partial = {
        entry.release for entry in facts.entries if entry.event == "live" and entry.flow == DEPLOY and entry.partly
    }
    good = (r for r in reversed(facts.lineage.stack) if r != facts.current and facts.is_complete(r))
    return next((release for release in good if release not in partial), None)


def _is_half_made(facts: Facts, release: str) -> bool:
    # A release that Capistrano had live counts as made, even without a REVISION.
    was_live = release in facts.lineage.stack or release in facts.lineage.bad
    return not was_live and not facts.is_complete(release) and facts.state_of(release) != "unreadable"
