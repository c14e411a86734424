"""The release that a rollback goes back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from capdoit.decisions.candidates import (
    collect_revisions,
    find_candidates,
    find_names,
    find_obstacle,
    find_previous_release,
    is_live_everywhere,
    list_releases,
    simulate_deploy,
)
from capdoit.errors import FleetDisagrees, NoTarget, Refusal, ReleaseNotChosen
from capdoit.records.facts import Facts


@dataclass(frozen=True)
class RollbackTarget:
    """The release that a rollback makes live on every host.

    Attributes:
        release: name of the release; the newest one, if hosts have its revision in releases of different names.
        revision: revision of the release; empty if every host has it as an archive only.
        archived: names of the hosts that have it as an archive only.
        names: name of the release by host.
    """

    release: str
    revision: str
    archived: frozenset[str]
    names: Mapping[str, str]


def choose_rollback_target(facts: Sequence[Facts], wanted: str | None = None) -> RollbackTarget:
    """Return the release to which a rollback brings every host.

    Args:
        facts: of every host.
        wanted: the release that was requested; None for the release that was live before the current one.

    Raises:
        NoTarget: the release does not exist, or no host can go to it.
        FleetDisagrees: some hosts can go to it and others cannot, or the hosts have it with different revisions.
    """
    release = _choose_previous(facts) if wanted is None else wanted
    names = find_names(facts, release)
    if wanted is not None:
        _check_wanted(facts, release, names)
    revisions = collect_revisions(facts, names)
    if len(set(revisions.values())) > 1:
        raise _refuse(FleetDisagrees, Refusal.DIFFERENT_REVISIONS, facts, release, revisions)
    archived = frozenset(one.host for one in facts if names[one.host] not in one.releases)
    return RollbackTarget(release, next(iter(revisions.values()), ""), archived, names)


def predict_rollback_target(facts: Sequence[Facts], release: str) -> str | None:
    """Return the release that a rollback will choose once a new release is live; None if it will be refused.

    Args:
        facts: of every host, from before the deploy.
        release: the new release.
    """
    try:
        return choose_rollback_target([simulate_deploy(one, release) for one in facts]).release
    except ReleaseNotChosen:
        return None


def _choose_previous(facts: Sequence[Facts]) -> str:
    """Return the release that was live before on all hosts; the newest of its names."""
    previous = {one.host: find_previous_release(one) or "" for one in facts}
    newest = max(previous.values(), default="")
    if not newest:
        raise _refuse(NoTarget, Refusal.NO_OLDER_RELEASE, facts)
    if previous != find_names(facts, newest):
        raise _refuse(FleetDisagrees, Refusal.DIFFERENT_TARGETS, facts, answers=previous)
    return newest


def _check_wanted(facts: Sequence[Facts], release: str, names: Mapping[str, str]) -> None:
    if not any(release in one.held for one in facts):
        raise _refuse(NoTarget, Refusal.UNKNOWN_RELEASE, facts, release)
    obstacles = {one.host: find_obstacle(one, names[one.host]) for one in facts}
    if all(obstacles.values()):
        raise _refuse(NoTarget, Refusal.IMPOSSIBLE, facts, release, obstacles)
    if any(obstacles.values()):
        raise _refuse(FleetDisagrees, Refusal.NOT_ON_EVERY_HOST, facts, release, obstacles)
    if is_live_everywhere(facts, names):
        raise NoTarget(Refusal.ALREADY_LIVE, release=release)


def _refuse(
    kind: type[ReleaseNotChosen],
    reason: Refusal,
    facts: Sequence[Facts],
    release: str = "",
    answers: Mapping[str, str] | None = None,
) -> ReleaseNotChosen:
    return kind(reason, list_releases(facts, answers), release, find_candidates(facts))
