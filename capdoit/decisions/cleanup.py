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
        keep: number of complete releases to keep, without those whose deploys did not finish.
        live: the release that was published.
        fleet: facts of all hosts, from before the publish.

    Returns:
        Sorted names. Never among them: the live release, the release that a rollback of this host or of all hosts
        would now choose, and the last release that was deployed to all hosts.
    """
    unfinished = {*filter(facts.is_unfinished, facts.releases)}
    finished = sorted({live, *filter(facts.is_complete, facts.releases)} - (unfinished - {live}))
    oldest_kept = finished[-keep] if len(finished) >= keep else ""
    now = simulate_deploy(facts, live)
    fleet_target = find_previous_release(now, [simulate_deploy(one, live) for one in fleet])
    spared = {live, find_previous_release(now), fleet_target, _last_deployed_everywhere(now)}
    return [
        name
        for name in sorted(facts.releases)
        if name not in spared and (name < oldest_kept or (name < live and name in unfinished))
    ]


def _last_deployed_everywhere(facts: Facts) -> str | None:
    """Return the last good release that was deployed to all hosts: hosts that take no part may have none newer."""
    partial = {
        entry.release for entry in facts.entries if entry.event == "live" and entry.flow == DEPLOY and entry.partly
    }
    good = (r for r in reversed(facts.lineage.stack) if r != facts.current and facts.is_complete(r))
    return next((release for release in good if release not in partial), None)
