"""The releases that are removed at the end of a deploy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capdoit.decisions.cleanup import choose_removals
from capdoit.decisions.rollback_target import RollbackTarget, choose_rollback_target
from capdoit.errors import FleetDisagrees, NoTarget
from capdoit.records.facts import Facts
from capdoit.records.fleet_state import find_unfinished_work
from capdoit.records.journal import Entry
from tests.unit.decisions.fleets import (
    LATER,
    R,
    any_host,
    deployed,
    event,
    host,
    suggested,
    target_or_error,
)


def test_the_newest_complete_releases_are_kept_including_the_live_one() -> None:
    assert choose_removals(host("web1", 0, 1, 2, 3, 4), keep=3, live=R[5]) == [R[0], R[1], R[2]]


def test_nothing_is_removed_below_keep_releases() -> None:
    assert choose_removals(host("web1", 0, 1), keep=3, live=R[2]) == []


def test_with_keep_releases_one_a_rollback_stays_possible() -> None:
    assert choose_removals(host("web1", 0, 1, 2), keep=1, live=R[3]) == [R[0], R[1]]


def test_the_rollback_target_is_kept_even_when_it_is_old() -> None:
    entries = (*deployed(0, 1, 2, 3), event("live", 0, "rollback"))
    facts = host("web1", 0, 1, 2, 3, entries=entries, current=0)
    assert choose_removals(facts, keep=2, live=R[4]) == [R[1], R[2]]


def test_a_host_in_doubt_stays_in_doubt_until_a_release_is_live_there() -> None:
    doubt = replace(event("failed", 1), doubtful="web1")
    refused = Entry(event="failed", flow="rollback", run="later")
    facts = host("web2", 0, entries=(*deployed(0), doubt, refused))
    assert len(find_unfinished_work([facts])) == 1
    assert find_unfinished_work([replace(facts, entries=(*facts.entries, event("live", 2)))]) == []


def test_a_release_whose_deploy_failed_after_publish_is_not_kept_as_target() -> None:
    failed = replace(event("failed", 1), run=event("live", 1).run)
    facts = host("web1", 0, 1, entries=(*deployed(0, 1), failed))
    assert choose_removals(facts, keep=2, live=R[2]) == []
    assert choose_removals(facts, keep=1, live=R[2]) == [R[1]]


def test_the_common_target_of_all_hosts_is_kept_when_one_host_had_more_deploys() -> None:
    canary, other = host("web1", 0, 1, 2), host("web2", 0)
    assert choose_removals(canary, keep=1, live=R[3]) == [R[0], R[1]]
    assert choose_removals(canary, 1, R[3], [canary, other]) == [R[1]]
    assert choose_removals(other, 1, R[3], [canary, other]) == []


def test_the_last_release_deployed_to_all_hosts_is_kept() -> None:
    partly = (replace(entry, partly="yes") for entry in deployed(1, 2))
    facts = host("web1", 0, 1, 2, entries=(*deployed(0), *partly))
    assert choose_removals(facts, keep=1, live=R[3]) == [R[1]]


def test_a_partial_rollback_does_not_make_an_earlier_full_deploy_partial() -> None:
    back = replace(event("live", 0, "rollback"), partly="yes")
    partly = (replace(entry, partly="yes") for entry in deployed(2))
    facts = host("web1", 0, 1, 2, entries=(*deployed(0, 1), back, *partly))
    assert R[0] not in choose_removals(facts, keep=1, live=R[3])


def test_incomplete_releases_are_removed_and_not_counted() -> None:
    facts = host("web1", 0, 1, 2, 3, entries=(*deployed(0), event("building", 1), event("failed", 2), *deployed(3)))
    empty = replace(facts, releases={**facts.releases, R[4]: ""})
    assert choose_removals(empty, keep=3, live=R[5]) == [R[1], R[2], R[4]]


def test_a_complete_release_whose_deploy_died_is_removed_and_not_counted() -> None:
    undone = (event("ready", 2), replace(event("live", 2), run="died"), replace(event("back", 2), run="died"))
    facts = host("web1", 0, 1, 2, entries=(*deployed(0), event("ready", 1), *undone), current=0)
    assert choose_removals(facts, keep=2, live=R[3]) == [R[1], R[2]]


def test_an_incomplete_release_with_a_later_name_is_kept() -> None:
    facts = host("web1", 0)
    assert choose_removals(replace(facts, releases={**facts.releases, R[7]: ""}), keep=3, live=R[5]) == []


def test_a_complete_release_without_history_is_counted() -> None:
    assert choose_removals(host("web1", 0, 1, 2, entries=deployed(2)), keep=2, live=R[3]) == [R[0], R[1]]


def test_a_capistrano_release_without_revision_stays_until_there_are_enough_others() -> None:
    log = tuple(f"Branch main (at 1f3e) deployed as release {R[n]} by ann" for n in (0, 1))
    facts = Facts("web1", releases={R[0]: "", R[1]: ""}, current=R[1], log=log)
    assert choose_removals(facts, keep=2, live=R[2]) == []
    later = replace(facts, releases={**facts.releases, R[2]: "1f3e"}, current=R[2])
    assert choose_removals(later, keep=2, live=R[3]) == [R[0], R[1]]


def test_files_that_are_not_releases_are_never_removed() -> None:
    assert choose_removals(replace(host("web1", 0), strays=("new", "77777777777777")), keep=1, live=R[1]) == []


@given(any_host("web1"), st.integers(1, 5))
def test_the_live_release_and_the_target_of_a_rollback_are_never_removed(facts: Facts, keep: int) -> None:
    removed = choose_removals(facts, keep, LATER)
    assert set(removed) <= set(facts.releases)
    published = Entry(event="live", flow="deploy", release=LATER, run="now", left=facts.current or "")
    held = {**facts.releases, LATER: "1f3e"}
    after = replace(facts, releases=held, current=LATER, entries=(*facts.entries, published))
    left_over = replace(after, releases={name: of for name, of in held.items() if name not in removed})
    before, now = target_or_error([after], None), target_or_error([left_over], None)
    assert (before == now) if isinstance(before, RollbackTarget) else isinstance(now, NoTarget)


@given(any_host("web1"), st.integers(1, 5), st.sampled_from(R))
def test_the_live_release_is_never_removed_whatever_its_name(facts: Facts, keep: int, live: str) -> None:
    assert live not in choose_removals(facts, keep, live)


@given(any_host("web1"), st.integers(1, 5))
def test_at_least_keep_releases_complete_releases_stay(facts: Facts, keep: int) -> None:
    finished = {LATER, *(r for r in facts.releases if facts.is_complete(r) and not facts.is_unfinished(r))}
    assert len(finished - set(choose_removals(facts, keep, LATER))) >= min(keep, len(finished))


def test_after_an_interrupted_publish_the_release_live_everywhere_before_is_suggested() -> None:
    flipped = host("web1", 0, 1, 2)
    not_yet = host("web2", 0, 1, 2, entries=(*deployed(0, 1), event("ready", 2)), current=1)
    with pytest.raises(FleetDisagrees) as refused:
        choose_rollback_target([flipped, not_yet], None)
    assert suggested(refused.value) == R[1]
