"""The target of a rollback, chosen from made-up facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capdoit.decisions.rollback_target import RollbackTarget, choose_rollback_target
from capdoit.errors import Candidates, FleetDisagrees, NoTarget, Refusal, ReleaseNotChosen
from capdoit.records.facts import Facts
from tests.unit.decisions.fleets import (
    FLEET,
    R,
    deployed,
    event,
    host,
    suggested,
    target_or_error,
    without,
)

# -- the target, when none is named


def test_the_default_target_is_the_release_that_was_live_before() -> None:
    fleet = [host("web1", 0, 1, 2), host("web2", 0, 1, 2)]
    names = {"web1": R[1], "web2": R[1]}
    assert choose_rollback_target(fleet) == RollbackTarget(R[1], "commit 1", frozenset(), names)


def test_a_release_that_was_never_live_is_not_a_default_target() -> None:
    entries = (*deployed(0), event("ready", 1), event("failed", 2), *deployed(3))
    facts = host("web1", 0, 1, 2, 3, entries=entries)
    assert choose_rollback_target([facts]).release == R[0]


def test_a_release_that_was_rolled_back_from_is_not_a_default_target() -> None:
    facts = host("web1", 0, 1, 2, 3, entries=(*deployed(0, 1, 2), event("live", 1, "rollback"), *deployed(3)))
    assert choose_rollback_target([facts]).release == R[1]


def test_an_incomplete_release_is_not_a_default_target() -> None:
    facts = host("web1", 0, 1, 2, 3)
    broken = replace(facts, releases={**facts.releases, R[1]: ""})
    assert choose_rollback_target([without(broken, 2)], None).release == R[0]


def test_in_a_capistrano_tree_the_target_comes_from_revisions_log() -> None:
    log = tuple(f"Branch main (at 1f3e) deployed as release {R[n]} by ann" for n in (0, 2, 3))
    facts = replace(host("web1", 0, 1, 2, 3, entries=()), log=log)
    assert choose_rollback_target([facts]).release == R[2]


def test_without_current_the_target_is_the_release_that_was_live_last() -> None:
    facts = replace(host("web1", 0, 1), current=None)
    assert choose_rollback_target([facts]) == RollbackTarget(R[1], "commit 1", frozenset(), {"web1": R[1]})


def test_hosts_with_different_targets_disagree_and_a_table_shows_their_releases() -> None:
    fleet = [host("web1", 0, 1, 2), without(host("web2", 0, 1, 2), 1)]
    with pytest.raises(FleetDisagrees) as caught:
        choose_rollback_target(fleet)
    assert caught.value.reason is Refusal.DIFFERENT_TARGETS
    assert [(one.host, one.live, one.answer, one.held) for one in caught.value.hosts] == [
        ("web1", R[2], R[1], {R[2]: "live", R[1]: "retired", R[0]: "retired"}),
        ("web2", R[2], R[0], {R[2]: "live", R[0]: "retired"}),
    ]
    assert suggested(caught.value) == R[0]


def test_a_host_without_an_older_release_is_a_disagreement() -> None:
    with pytest.raises(FleetDisagrees) as caught:
        choose_rollback_target([host("web1", 0, 1), host("web2", 1)], None)
    assert [one.answer for one in caught.value.hosts] == [R[0], ""]


def test_without_older_releases_a_deploy_is_suggested() -> None:
    with pytest.raises(NoTarget, match="no older releases to roll back to") as caught:
        choose_rollback_target([host("web1", 0), host("web2", 0)], None)
    assert suggested(caught.value) is None


def test_a_bad_release_is_offered_only_as_bad() -> None:
    facts = host("web1", 0, 1, entries=(*deployed(0, 1), event("live", 0, "rollback")), current=0)
    with pytest.raises(NoTarget) as caught:
        choose_rollback_target([facts])
    assert caught.value.candidates == Candidates((R[1],), are_bad=True)


def test_an_older_good_release_is_offered_before_a_newer_bad_one() -> None:
    entries = (*deployed(0, 1, 2), event("live", 1, "rollback"))
    one = host("web1", 0, 1, 2, entries=entries, current=1)
    two = host("web2", 0, 1, 2, entries=(*deployed(2), event("ready", 0)), current=2)
    with pytest.raises(FleetDisagrees) as caught:
        choose_rollback_target([one, two], None)
    assert suggested(caught.value) == R[0]


@pytest.mark.parametrize("deploys", range(1, 7))
def test_each_rollback_goes_one_further_back_until_there_is_none(deploys: int) -> None:
    facts = host("web1", *range(deploys))
    for number in reversed(range(deploys - 1)):
        target = choose_rollback_target([facts])
        assert target.release == R[number]
        gone_to = event("live", number, "rollback")
        facts = replace(facts, current=R[number], entries=(*facts.entries, gone_to))
    with pytest.raises(NoTarget):
        choose_rollback_target([facts])


def test_hosts_that_got_one_revision_as_different_releases_go_back_to_it() -> None:
    caught_up = {R[0]: "commit 0", R[2]: "commit 1", R[3]: "commit 3"}
    fleet = [host("web1", 0, 1, 3), replace(host("web2", 0, 2, 3), releases=caught_up)]
    expected = RollbackTarget(R[2], "commit 1", frozenset(), {"web1": R[1], "web2": R[2]})
    assert choose_rollback_target(fleet) == choose_rollback_target(fleet, R[2]) == expected
    assert choose_rollback_target(fleet, R[1]) == replace(expected, release=R[1])


# -- the target, when it is named


def test_a_bad_release_can_be_named_as_target() -> None:
    facts = host("web1", 0, 1, entries=(*deployed(0, 1), event("live", 0, "rollback")), current=0)
    assert choose_rollback_target([facts], R[1]).release == R[1]


def test_an_archived_target_is_unpacked_on_the_hosts_that_lack_it() -> None:
    fleet = [host("web1", 0, 1), replace(without(host("web2", 0, 1), 0), archives=frozenset({R[0]}))]
    assert choose_rollback_target(fleet, R[0]) == RollbackTarget(
        R[0], "commit 0", frozenset({"web2"}), dict.fromkeys(("web1", "web2"), R[0])
    )


def test_a_target_that_is_archived_everywhere_has_no_known_revision() -> None:
    facts = replace(host("web1", 1), archives=frozenset({R[0]}))
    assert choose_rollback_target([facts], R[0]) == RollbackTarget(R[0], "", frozenset({"web1"}), {"web1": R[0]})


def test_a_target_that_is_live_on_some_hosts_is_the_target_of_all() -> None:
    fleet = [host("web1", 0, 1), host("web2", 0, 1, current=0)]
    assert choose_rollback_target(fleet, R[0]).release == R[0]


def test_a_target_that_is_live_everywhere_is_refused() -> None:
    with pytest.raises(NoTarget, match=f"{R[1]} is already live on all hosts"):
        choose_rollback_target([host("web1", 0, 1), host("web2", 0, 1)], R[1])


def test_a_live_release_that_exists_only_as_archive_is_unpacked() -> None:
    facts = replace(host("web1", 0, current=1), archives=frozenset({R[1]}))
    assert choose_rollback_target([facts], R[1]).archived == {"web1"}


def test_a_misspelled_release_is_refused_with_a_suggestion() -> None:
    with pytest.raises(NoTarget, match=f"did you mean {R[1]}") as caught:
        choose_rollback_target([host("web1", 1, 2)], R[1].replace("2016", "2061"))
    assert suggested(caught.value) == R[1]


@pytest.mark.parametrize("wanted", ["", "current", "../..", "77777777777777", "\x1b[2J", R[5]])
def test_a_name_that_no_host_has_as_release_is_refused(wanted: str) -> None:
    with pytest.raises(NoTarget, match="no host has a release") as caught:
        choose_rollback_target([host("web1", 0, 1)], wanted)
    assert "\x1b" not in str(caught.value)


def test_hosts_that_lack_the_named_release_are_listed() -> None:
    with pytest.raises(FleetDisagrees, match=f"not every host can go to {R[1]}") as caught:
        choose_rollback_target([host("web1", 0, 1, 2), without(host("web2", 0, 1, 2), 1)], R[1])
    assert [one.answer for one in caught.value.hosts] == ["", "missing"]
    assert suggested(caught.value) == R[0]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (["building"], "building"),
        (["building", "failed"], "failed"),
        ([], "unknown"),
    ],
)
def test_an_unfinished_release_is_refused_with_the_reason(events: list[str], state: str) -> None:
    facts = host("web1", 0, 1, 2, entries=(*deployed(0), *(event(e, 1) for e in events), *deployed(2)))
    with pytest.raises(NoTarget) as caught:
        choose_rollback_target([facts], R[1])
    assert caught.value.reason is Refusal.IMPOSSIBLE
    assert [one.answer for one in caught.value.hosts] == [state]


def test_an_incomplete_release_is_refused_even_with_an_archive_of_its_name() -> None:
    facts = host("web1", 0, 1)
    broken = replace(facts, releases={**facts.releases, R[0]: ""}, archives=frozenset({R[0]}))
    with pytest.raises(NoTarget):
        choose_rollback_target([broken], R[0])


@pytest.mark.parametrize("wanted", [None, R[0]])
def test_one_release_name_with_two_revisions_is_a_disagreement(wanted: str | None) -> None:
    other = host("web2", 0, 1)
    other = replace(other, releases={**other.releases, R[0]: "another commit"})
    with pytest.raises(FleetDisagrees, match="has different revisions on the hosts") as caught:
        choose_rollback_target([host("web1", 0, 1), other], wanted)
    assert suggested(caught.value) is None


@given(FLEET, st.none() | st.sampled_from(R))
def test_a_target_is_complete_or_archived_on_every_host(fleet: Sequence[Facts], wanted: str | None) -> None:
    target = target_or_error(fleet, wanted)
    if not isinstance(target, RollbackTarget):
        return
    for one in fleet:
        release = target.names[one.host]
        archived = release not in one.releases and release in one.archives
        assert one.is_complete(release) != archived
        assert archived == (one.host in target.archived)
        assert archived or one.releases[release] == target.revision
        assert release == target.release or target.release not in one.held


@given(FLEET)
def test_a_default_target_was_live_before_and_is_good_on_every_host(fleet: Sequence[Facts]) -> None:
    target = target_or_error(fleet, None)
    if isinstance(target, RollbackTarget):
        assert {one.state_of(target.names[one.host]) for one in fleet} == {"retired"}
        assert target_or_error(fleet, target.release) == target


@given(FLEET, st.none() | st.sampled_from(R))
def test_the_release_that_a_refusal_suggests_is_accepted(fleet: Sequence[Facts], wanted: str | None) -> None:
    error = target_or_error(fleet, wanted)
    release = suggested(error) if isinstance(error, ReleaseNotChosen) else None
    if release:
        assert isinstance(target_or_error(fleet, release), RollbackTarget)
