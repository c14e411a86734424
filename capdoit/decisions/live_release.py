"""The live release, for a single hook and for read-only commands."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.decisions.candidates import find_candidates, list_releases
from capdoit.errors import FleetDisagrees, NoTarget, Refusal
from capdoit.records.facts import Facts
from capdoit.records.fleet_state import have_same_live


def choose_live_release(facts: Sequence[Facts]) -> tuple[dict[str, str], str]:
    """Return the live release of each host, and its revision, which is equal on all hosts.

    Args:
        facts: of every host.

    Raises:
        NoTarget: no release is live.
        FleetDisagrees: the hosts have neither one release nor one revision live.
    """
    if not have_same_live(facts):
        raise FleetDisagrees(Refusal.DIFFERENT_LIVE, list_releases(facts), candidates=find_candidates(facts))
    releases = {one.host: one.current for one in facts if one.current}
    if not releases:
        raise NoTarget(Refusal.NOTHING_LIVE)
    return releases, facts[0].live_revision


def find_live_releases(facts: Sequence[Facts]) -> tuple[dict[str, str], str]:
    """Return the live release of each host, and the revision that they share; empty if hosts have different revisions.

    Args:
        facts: of every host.

    Raises:
        NoTarget: no release is live on at least one host.
    """
    live = {one.host: one.current for one in facts if one.current and not one.current_is_broken}
    if len(live) < len(facts):
        raise NoTarget(Refusal.NOTHING_LIVE, list_releases(facts))
    revisions = {one.live_revision for one in facts}
    return live, revisions.pop() if len(revisions) == 1 else ""


def choose_release_to_verify(facts: Sequence[Facts], wanted: str | None) -> dict[str, str]:
    """Return, by host, the requested release, or the live release if none was requested.

    Args:
        facts: of every host that answered.
        wanted: the release that was requested.

    Raises:
        NoTarget: no host has the release, or no release is live.
        FleetDisagrees: no release was requested, and the hosts have neither one release nor one revision live.
    """
    if wanted:
        if not any(wanted in one.held for one in facts):
            raise NoTarget(Refusal.UNKNOWN_RELEASE, list_releases(facts), wanted)
        return {one.host: wanted for one in facts}
    live = {one.host: one.current for one in facts if one.current}
    is_one_release = len(live) == len(facts) and len({*live.values()}) == 1  # its files may be gone on a host
    return live if is_one_release else choose_live_release(facts)[0]
