"""The live release, for a single hook and for read-only commands."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.decisions.candidates import collect_revisions, find_candidates, list_releases
from capdoit.errors import FleetDisagrees, NoTarget, Refusal
from capdoit.records.facts import Facts


def choose_live_release(facts: Sequence[Facts]) -> tuple[str, str]:
    """Return name and revision of the live release, the same on all hosts.

    Args:
        facts: of every host.

    Raises:
        NoTarget: no release is live.
        FleetDisagrees: the hosts do not have the same release live.
    """
    live = {one.current for one in facts}
    if len(live) > 1:
        raise FleetDisagrees(Refusal.DIFFERENT_LIVE, list_releases(facts), candidates=find_candidates(facts))
    release = live.pop()
    if release is None:
        raise NoTarget(Refusal.NOTHING_LIVE)
    return release, next(iter(collect_revisions(facts, release).values()), "")


def choose_release_to_verify(facts: Sequence[Facts], wanted: str | None) -> str:
    """Return the requested release, or the live release if none was requested.

    Args:
        facts: of every host that answered.
        wanted: the release that was requested.

    Raises:
        NoTarget: no host has the release, or no release is live.
        FleetDisagrees: no release was requested, and the hosts do not have the same one live.
    """
    if wanted:
        if not any(wanted in one.held for one in facts):
            raise NoTarget(Refusal.UNKNOWN_RELEASE, list_releases(facts), wanted)
        return wanted
    live = {one.current for one in facts}
    if len(live) > 1:
        raise FleetDisagrees(Refusal.DIFFERENT_LIVE, list_releases(facts))
    release = live.pop()
    if release is None:
        raise NoTarget(Refusal.NOTHING_LIVE)
    return release
