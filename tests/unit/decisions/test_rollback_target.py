"""What the fleet does, decided from made-up facts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capdoit.config.stages import HostConfig, Stage
from capdoit.decisions.rollback_target import (
    Target,
    problems,
    release_name,
    removals,
    rollback_problems,
    rollback_target,
)
from capdoit.errors import CapdoitError, ConfigError, FleetDisagrees, NoTarget
from capdoit.layout import Layout, is_release
from capdoit.records.facts import Facts
from capdoit.records.fleet_state import unfinished
from capdoit.records.journal import Entry

NOW = datetime(2016, 6, 14, 13, 33, 27, tzinfo=timezone.utc)
R = [f"2016061413332{n}" for n in range(8)]
LATER = "20160614133330"


def event(event: str, number: int, flow: str = "deploy") -> Entry:
    return Entry(event=event, flow=flow, release=R[number], run=f"{event}{flow}{number}")


def deployed(*numbers: int) -> tuple[Entry, ...]:
    return tuple(event("live", number) for number in numbers)


def host(name: str, *numbers: int, entries: tuple[Entry, ...] | None = None, current: int | None = None) -> Facts:
    """A host that deployed these releases, one after the other."""
    return Facts(
        name,
        releases={R[number]: f"commit {number}" for number in numbers},
        entries=deployed(*numbers) if entries is None else entries,
        current=R[numbers[-1] if current is None else current],
    )


def without(facts: Facts, *numbers: int) -> Facts:
    gone = {R[number] for number in numbers}
    return replace(facts, releases={name: of for name, of in facts.releases.items() if name not in gone})


def suggested(error: CapdoitError) -> str | None:
    found = re.search(r"^  doit rollback:production rollback_release=(\d{14})$", str(error), re.M)
    return found[1] if found else None


# Any mixture of releases, whole and half, journals, archives and links.
ENTRIES = st.builds(
    Entry,
    event=st.sampled_from(["building", "ready", "live", "live", "live", "back", "failed", "finished"]),
    flow=st.sampled_from(["deploy", "rollback"]),
    release=st.sampled_from(R),
    run=st.sampled_from("abcdef"),
)
LOG = st.builds("ann rolled back to release {}".format, st.sampled_from(R)) | st.builds(
    "Branch main (at 1f3e) deployed as release {} by ann".format, st.sampled_from(R)
)
HELD = st.dictionaries(st.sampled_from(R), st.sampled_from(["", "1f3e", "1f3e", "1f3e", "2b4c"]))


def any_host(name: str) -> st.SearchStrategy[Facts]:
    return st.builds(
        Facts,
        host=st.just(name),
        releases=HELD,
        archives=st.frozensets(st.sampled_from(R)),
        current=st.none() | st.sampled_from(R),
        entries=st.lists(ENTRIES, max_size=12).map(tuple),
        log=st.lists(LOG, max_size=6).map(tuple),
    )


TWINS = any_host("web1").map(lambda one: (one, replace(one, host="web2")))
FLEET = TWINS | st.tuples(any_host("web1"), any_host("web2"))


# -- the name of a release


def test_a_release_is_named_after_the_time() -> None:
    assert release_name(NOW, [host("web1", 0, 1)]) == "20160614133327"


def test_a_clock_that_is_behind_one_host_does_not_matter() -> None:
    ahead = Facts("web2", releases={"20160614235959": ""})
    assert release_name(NOW, [host("web1", 0, 1), ahead]) == "20160615000000"


@pytest.mark.parametrize(
    "facts",
    [
        Facts("web1", archives=frozenset({"20170101000000"})),
        Facts("web1", current="20170101000000"),
        Facts("web1", entries=(Entry(event="failed", release="20170101000000"),)),
        Facts("web1", entries=(Entry(event="live", left="20170101000000"),)),
        Facts("web1", log=("ann rolled back to release 20170101000000",)),
    ],
    ids=["an archive", "the link", "the journal", "what was left", "the log"],
)
def test_a_release_that_is_only_remembered_counts(facts: Facts) -> None:
    assert release_name(NOW, [facts]) == "20170101000001"


def test_a_journal_that_speaks_of_no_release_does_not_count() -> None:
    assert release_name(NOW, [Facts("web1", entries=(Entry(release="zzz"),))]) == "20160614133327"


def test_the_last_name_of_all_has_none_after_it() -> None:
    with pytest.raises(ConfigError, match=r"^web2: .* 99991231235959"):
        release_name(NOW, [host("web1", 0), Facts("web2", releases={"99991231235959": ""})])


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc)),
    st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map("{:%Y%m%d%H%M%S}".format)),
)
def test_a_name_is_later_than_everything(now: datetime, names: list[str]) -> None:
    fleet = [
        Facts("web1", releases=dict.fromkeys(names[::2], "")),
        Facts("web2", archives=frozenset(names[1::2])),
    ]
    name = release_name(now, fleet)
    assert is_release(name)
    assert all(name > other for other in names)


# -- problems


def stage(*names: str) -> Stage:
    hosts = tuple(
        HostConfig(name, name, (), False, False, "ssh", None, None, Layout(f"/srv/{name}"), {}, (), None)
        for name in names
    )
    return Stage("production", hosts, "git", linked_files=("a.yml", "b/c.yml"))


def test_a_good_fleet_has_no_problems() -> None:
    fleet = [host("web1", 0), host("web2", 0)]
    assert problems(fleet, stage("web1", "web2")) == []
    assert rollback_problems(fleet, stage("web1", "web2")) == []


def test_every_missing_linked_file_of_every_host_is_named_and_only_a_deploy_minds() -> None:
    fleet = [replace(host("web1", 0), no_files=(0, 1)), replace(host("web2", 0), no_files=(1, 99))]
    assert problems(fleet, stage("web1", "web2")) == [
        "web1: linked file a.yml does not exist in /srv/web1/shared",
        "web1: linked file b/c.yml does not exist in /srv/web1/shared",
        "web2: linked file b/c.yml does not exist in /srv/web2/shared",
    ]
    assert rollback_problems(fleet, stage("web1", "web2")) == []


UNUSABLE: list[tuple[Mapping[str, object], str]] = [
    ({"no_tools": ("flock",)}, "web1: flock is not installed"),
    ({"links": ("shared",)}, "web1: /srv/web1/shared is a link; it has to be a directory"),
    ({"not_writable": (".",), "user": "deploy"}, "web1: /srv/web1 cannot be written to by deploy"),
    ({"current_is_no_link": True}, "web1: /srv/web1/current is no link; move it away"),
]


@pytest.mark.parametrize(("facts", "problem"), UNUSABLE)
def test_what_stands_in_the_way_of_either_flow_is_said_by_both(facts: dict[str, object], problem: str) -> None:
    fleet = [replace(host("web1", 0), **facts)]  # type: ignore[arg-type]
    assert problems(fleet, stage("web1")) == [problem]
    assert rollback_problems(fleet, stage("web1")) == [problem]


def test_a_directory_that_could_not_be_made_is_named() -> None:
    fleet = [replace(host("web1", 0), not_made=("/srv/web1/shared/log",))]
    assert problems(fleet, stage("web1")) == ["web1: /srv/web1/shared/log could not be made"]


def test_without_deploy_to_there_is_nothing_to_roll_back_and_a_deploy_lacks_its_linked_files() -> None:
    fleet = [Facts("web1", user="deploy", exists=False)]
    assert rollback_problems(fleet, stage("web1")) == ["web1: /srv/web1 does not exist, or deploy cannot enter it"]
    assert len(problems(fleet, stage("web1"))) == 2


# -- the target, when none is named


def test_a_rollback_goes_to_what_was_live_before() -> None:
    fleet = [host("web1", 0, 1, 2), host("web2", 0, 1, 2)]
    assert rollback_target(fleet, None, "production") == Target(R[1], "commit 1", frozenset())


def test_what_was_never_live_is_not_gone_to() -> None:
    entries = (*deployed(0), event("ready", 1), event("failed", 2), *deployed(3))
    facts = host("web1", 0, 1, 2, 3, entries=entries)
    assert rollback_target([facts], None, "production").release == R[0]


def test_what_was_rolled_back_from_is_not_gone_to() -> None:
    facts = host("web1", 0, 1, 2, 3, entries=(*deployed(0, 1, 2), event("live", 1, "rollback"), *deployed(3)))
    assert rollback_target([facts], None, "production").release == R[1]


def test_what_is_no_longer_whole_is_passed_over() -> None:
    facts = host("web1", 0, 1, 2, 3)
    broken = replace(facts, releases={**facts.releases, R[1]: ""})
    assert rollback_target([without(broken, 2)], None, "production").release == R[0]


def test_a_tree_of_capistranos_goes_by_its_log() -> None:
    log = tuple(f"Branch main (at 1f3e) deployed as release {R[n]} by ann" for n in (0, 2, 3))
    facts = replace(host("web1", 0, 1, 2, 3, entries=()), log=log)
    assert rollback_target([facts], None, "production").release == R[2]


def test_when_the_link_is_gone_what_was_live_last_is_gone_to() -> None:
    facts = replace(host("web1", 0, 1), current=None)
    assert rollback_target([facts], None, "production") == Target(R[1], "commit 1", frozenset())


def test_hosts_that_would_go_to_different_releases_disagree_and_see_who_has_what() -> None:
    fleet = [host("web1", 0, 1, 2), without(host("web2", 0, 1, 2), 1)]
    with pytest.raises(FleetDisagrees) as caught:
        rollback_target(fleet, None, "production")
    shown = [re.split(" {2,}", line.strip()) for line in str(caught.value).splitlines()[1:4]]
    assert shown == [
        ["host", "live", "would go to", "has"],
        ["web1", R[2], R[1], f"{R[2]} (live), {R[1]} (retired), {R[0]} (retired)"],
        ["web2", R[2], R[0], f"{R[2]} (live), {R[0]} (retired)"],
    ]
    assert suggested(caught.value) == R[0]


def test_one_host_without_any_older_release_is_a_disagreement_too() -> None:
    with pytest.raises(FleetDisagrees, match=r"web2 .* nothing"):
        rollback_target([host("web1", 0, 1), host("web2", 1)], None, "production")


def test_without_older_releases_there_is_no_target_and_a_deploy_is_suggested() -> None:
    with pytest.raises(NoTarget, match="no older releases to roll back to") as caught:
        rollback_target([host("web1", 0), host("web2", 0)], None, "production")
    assert str(caught.value).endswith("\n  doit deploy:production")


def test_a_bad_release_is_only_offered_as_such() -> None:
    facts = host("web1", 0, 1, entries=(*deployed(0, 1), event("live", 0, "rollback")), current=0)
    with pytest.raises(NoTarget, match="they are bad") as caught:
        rollback_target([facts], None, "production")
    assert suggested(caught.value) == R[1]


def test_a_good_release_is_offered_before_a_later_bad_one() -> None:
    entries = (*deployed(0, 1, 2), event("live", 1, "rollback"))
    one = host("web1", 0, 1, 2, entries=entries, current=1)
    two = host("web2", 0, 1, 2, entries=(*deployed(2), event("ready", 0)), current=2)
    with pytest.raises(FleetDisagrees) as caught:
        rollback_target([one, two], None, "production")
    assert suggested(caught.value) == R[0]


def test_many_releases_are_not_all_listed() -> None:
    names = [f"201606141334{n:02}" for n in range(20)]
    facts = Facts("web1", releases=dict.fromkeys(names, "1f3e"), current=names[-1])
    with pytest.raises(NoTarget, match="and 12 more"):
        rollback_target([facts], None, "production")


@pytest.mark.parametrize("deploys", range(1, 7))
def test_each_rollback_goes_one_further_back_until_there_is_none(deploys: int) -> None:
    facts = host("web1", *range(deploys))
    for number in reversed(range(deploys - 1)):
        target = rollback_target([facts], None, "production")
        assert target.release == R[number]
        gone_to = event("live", number, "rollback")
        facts = replace(facts, current=R[number], entries=(*facts.entries, gone_to))
    with pytest.raises(NoTarget):
        rollback_target([facts], None, "production")


# -- the target, when it is named


def test_a_named_release_is_gone_to_even_when_it_is_bad() -> None:
    facts = host("web1", 0, 1, entries=(*deployed(0, 1), event("live", 0, "rollback")), current=0)
    assert rollback_target([facts], R[1], "production").release == R[1]


def test_an_archived_release_is_unpacked_where_it_has_to_be() -> None:
    fleet = [host("web1", 0, 1), replace(without(host("web2", 0, 1), 0), archives=frozenset({R[0]}))]
    assert rollback_target(fleet, R[0], "production") == Target(R[0], "commit 0", frozenset({"web2"}))


def test_a_release_that_all_hosts_archived_tells_no_revision() -> None:
    facts = replace(host("web1", 1), archives=frozenset({R[0]}))
    assert rollback_target([facts], R[0], "production") == Target(R[0], "", frozenset({"web1"}))


def test_a_release_that_is_live_on_some_hosts_is_gone_to_by_all() -> None:
    fleet = [host("web1", 0, 1), host("web2", 0, 1, current=0)]
    assert rollback_target(fleet, R[0], "production").release == R[0]


def test_a_release_that_is_live_everywhere_leaves_nothing_to_do() -> None:
    with pytest.raises(NoTarget, match=f"{R[1]} is already live on all hosts; nothing to do"):
        rollback_target([host("web1", 0, 1), host("web2", 0, 1)], R[1], "production")


def test_a_release_that_the_link_names_but_only_the_archive_holds_is_unpacked() -> None:
    facts = replace(host("web1", 0, current=1), archives=frozenset({R[1]}))
    assert rollback_target([facts], R[1], "production").archived == {"web1"}


def test_a_misspelt_release_is_refused_with_what_it_may_have_been() -> None:
    with pytest.raises(NoTarget, match=f"did you mean {R[1]}") as caught:
        rollback_target([host("web1", 1, 2)], R[1].replace("2016", "2061"), "production")
    assert suggested(caught.value) == R[1]


@pytest.mark.parametrize("wanted", ["", "current", "../..", "77777777777777", "\x1b[2J", R[5]])
def test_what_is_no_release_of_any_host_is_refused(wanted: str) -> None:
    with pytest.raises(NoTarget, match="no host has a release") as caught:
        rollback_target([host("web1", 0, 1)], wanted, "production")
    assert "\x1b" not in str(caught.value)


def test_hosts_that_lack_a_named_release_are_shown() -> None:
    with pytest.raises(FleetDisagrees, match=r"web2 .* no: it is not there") as caught:
        rollback_target([host("web1", 0, 1, 2), without(host("web2", 0, 1, 2), 1)], R[1], "production")
    assert suggested(caught.value) == R[0]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        (["building"], "its deploy was cut short"),
        (["building", "failed"], "its deploy failed"),
        ([], "neither the journal nor revisions.log"),
    ],
)
def test_a_release_that_was_never_finished_is_refused_and_why(events: list[str], why: str) -> None:
    facts = host("web1", 0, 1, 2, entries=(*deployed(0), *(event(e, 1) for e in events), *deployed(2)))
    with pytest.raises(NoTarget, match=why):
        rollback_target([facts], R[1], "production")


def test_a_broken_directory_is_not_saved_by_an_archive_of_its_name() -> None:
    facts = host("web1", 0, 1)
    broken = replace(facts, releases={**facts.releases, R[0]: ""}, archives=frozenset({R[0]}))
    with pytest.raises(NoTarget):
        rollback_target([broken], R[0], "production")


@pytest.mark.parametrize("wanted", [None, R[0]])
def test_one_name_for_two_revisions_is_a_disagreement(wanted: str | None) -> None:
    other = host("web2", 0, 1)
    other = replace(other, releases={**other.releases, R[0]: "another commit"})
    with pytest.raises(FleetDisagrees, match="not of the same revision") as caught:
        rollback_target([host("web1", 0, 1), other], wanted, "production")
    assert suggested(caught.value) is None


def target_or_error(fleet: Sequence[Facts], wanted: str | None) -> Target | CapdoitError:
    try:
        return rollback_target(fleet, wanted, "production")
    except (NoTarget, FleetDisagrees) as error:
        return error


@given(FLEET, st.none() | st.sampled_from(R))
def test_a_target_is_whole_or_archived_on_every_host(fleet: Sequence[Facts], wanted: str | None) -> None:
    target = target_or_error(fleet, wanted)
    for one in fleet if isinstance(target, Target) else ():
        archived = target.release not in one.releases and target.release in one.archives
        assert one.complete(target.release) != archived
        assert archived == (one.host in target.archived)
        assert archived or one.releases[target.release] == target.revision


@given(FLEET)
def test_a_target_that_nobody_named_was_live_before_and_is_good_on_every_host(fleet: Sequence[Facts]) -> None:
    target = target_or_error(fleet, None)
    if isinstance(target, Target):
        assert {one.state(target.release) for one in fleet} == {"retired"}


@given(FLEET, st.none() | st.sampled_from(R))
def test_what_a_refusal_suggests_works(fleet: Sequence[Facts], wanted: str | None) -> None:
    error = target_or_error(fleet, wanted)
    release = suggested(error) if isinstance(error, CapdoitError) else None
    if release:
        assert isinstance(target_or_error(fleet, release), Target)


# -- what is removed after a deploy


def test_the_newest_complete_releases_are_kept_the_live_one_counted() -> None:
    assert removals(host("web1", 0, 1, 2, 3, 4), keep=3, live=R[5]) == [R[0], R[1], R[2]]


def test_nothing_is_removed_while_there_are_few() -> None:
    assert removals(host("web1", 0, 1), keep=3, live=R[2]) == []


def test_a_rollback_stays_possible_even_when_one_release_is_kept() -> None:
    assert removals(host("web1", 0, 1, 2), keep=1, live=R[3]) == [R[0], R[1]]


def test_the_rollback_target_is_kept_even_when_it_is_old() -> None:
    entries = (*deployed(0, 1, 2, 3), event("live", 0, "rollback"))
    facts = host("web1", 0, 1, 2, 3, entries=entries, current=0)
    assert removals(facts, keep=2, live=R[4]) == [R[1], R[2]]


def test_a_host_in_doubt_stays_so_until_something_is_live_there() -> None:
    doubt = replace(event("failed", 1), doubtful="web1")
    refused = Entry(event="failed", flow="rollback", run="later")
    facts = host("web2", 0, entries=(*deployed(0), doubt, refused))
    assert len(unfinished([facts])) == 1
    assert unfinished([replace(facts, entries=(*facts.entries, event("live", 2)))]) == []


def test_a_release_whose_deploy_failed_once_it_was_live_is_no_target_to_keep() -> None:
    failed = replace(event("failed", 1), run=event("live", 1).run)
    facts = host("web1", 0, 1, entries=(*deployed(0, 1), failed))
    assert removals(facts, keep=2, live=R[2]) == []
    assert removals(facts, keep=1, live=R[2]) == [R[1]]


def test_what_all_hosts_can_go_back_to_together_is_kept_though_one_had_others_since() -> None:
    canary, other = host("web1", 0, 1, 2), host("web2", 0)
    assert removals(canary, keep=1, live=R[3]) == [R[0], R[1]]
    assert removals(canary, 1, R[3], [canary, other]) == [R[1]]
    assert removals(other, 1, R[3], [canary, other]) == []


def test_the_last_release_that_all_hosts_were_given_is_kept_whatever_some_had_since() -> None:
    partly = (replace(entry, partly="yes") for entry in deployed(1, 2))
    facts = host("web1", 0, 1, 2, entries=(*deployed(0), *partly))
    assert removals(facts, keep=1, live=R[3]) == [R[1]]


def test_a_rollback_of_some_hosts_makes_no_deploy_to_all_one_to_some() -> None:
    back = replace(event("live", 0, "rollback"), partly="yes")
    partly = (replace(entry, partly="yes") for entry in deployed(2))
    facts = host("web1", 0, 1, 2, entries=(*deployed(0, 1), back, *partly))
    assert R[0] not in removals(facts, keep=1, live=R[3])


def test_half_made_releases_go_and_do_not_count() -> None:
    facts = host("web1", 0, 1, 2, 3, entries=(*deployed(0), event("building", 1), event("failed", 2), *deployed(3)))
    empty = replace(facts, releases={**facts.releases, R[4]: ""})
    assert removals(empty, keep=3, live=R[5]) == [R[1], R[2], R[4]]


def test_a_half_made_release_with_a_later_name_is_left_alone() -> None:
    facts = host("web1", 0)
    assert removals(replace(facts, releases={**facts.releases, R[7]: ""}), keep=3, live=R[5]) == []


def test_a_complete_release_that_nothing_tells_of_counts() -> None:
    assert removals(host("web1", 0, 1, 2, entries=deployed(2)), keep=2, live=R[3]) == [R[0], R[1]]


def test_what_capistrano_had_live_without_a_revision_stays_until_there_are_enough_others() -> None:
    log = tuple(f"Branch main (at 1f3e) deployed as release {R[n]} by ann" for n in (0, 1))
    facts = Facts("web1", releases={R[0]: "", R[1]: ""}, current=R[1], log=log)
    assert removals(facts, keep=2, live=R[2]) == []
    later = replace(facts, releases={**facts.releases, R[2]: "1f3e"}, current=R[2])
    assert removals(later, keep=2, live=R[3]) == [R[0], R[1]]


def test_strays_are_not_ours_to_remove() -> None:
    assert removals(replace(host("web1", 0), strays=("new", "77777777777777")), keep=1, live=R[1]) == []


@given(any_host("web1"), st.integers(1, 5))
def test_the_live_release_and_the_target_of_a_rollback_are_never_removed(facts: Facts, keep: int) -> None:
    removed = removals(facts, keep, LATER)
    assert set(removed) <= set(facts.releases)
    published = Entry(event="live", flow="deploy", release=LATER, run="now", left=facts.current or "")
    held = {**facts.releases, LATER: "1f3e"}
    after = replace(facts, releases=held, current=LATER, entries=(*facts.entries, published))
    left_over = replace(after, releases={name: of for name, of in held.items() if name not in removed})
    before, now = target_or_error([after], None), target_or_error([left_over], None)
    assert (before == now) if isinstance(before, Target) else isinstance(now, NoTarget)


@given(any_host("web1"), st.integers(1, 5), st.sampled_from(R))
def test_what_is_live_is_never_removed_whatever_its_name(facts: Facts, keep: int, live: str) -> None:
    assert live not in removals(facts, keep, live)


@given(any_host("web1"), st.integers(1, 5))
def test_as_many_complete_releases_stay_as_were_asked_for(facts: Facts, keep: int) -> None:
    whole = {LATER, *(release for release in facts.releases if facts.complete(release))}
    assert len(whole - set(removals(facts, keep, LATER))) >= min(keep, len(whole))


def test_after_a_publish_that_was_cut_short_the_release_that_was_live_everywhere_is_suggested():
    flipped = host("web1", 0, 1, 2)
    not_yet = host("web2", 0, 1, 2, entries=(*deployed(0, 1), event("ready", 2)), current=1)
    with pytest.raises(FleetDisagrees) as refused:
        rollback_target([flipped, not_yet], None, "production")
    assert suggested(refused.value) == R[1]
