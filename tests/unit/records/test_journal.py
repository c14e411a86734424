"""The journal, the revisions log and the lineage of releases."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capdoit.records.journal import Entry
from capdoit.records.lineage import Lineage, Publish, build_lineage, format_log_line, merge_publishes, parse_log_line

R = [f"2016061413332{n}" for n in range(8)]


def deploy(number: int) -> Publish:
    return Publish("deploy", R[number])


def rollback(number: int) -> Publish:
    return Publish("rollback", R[number])


def live(publish: Publish, run: str) -> Entry:
    return Entry(event="live", flow=publish.flow, release=publish.release, run=run)


def logged(publish: Publish) -> str:
    return format_log_line(publish.flow, publish.release, "1f3e", "main", "ann")


# -- one entry


@given(st.builds(Entry, branch=st.text(), by=st.text(), left=st.text(), event=st.text()))
def test_an_entry_is_one_printable_ascii_line(entry: Entry) -> None:
    assert entry.to_line().isascii()
    assert entry.to_line().isprintable()


WORD = st.text(st.characters(categories=["L", "N", "P"]), max_size=20)


@given(WORD, WORD)
def test_an_entry_is_read_back_as_it_was_written(branch: str, by: str) -> None:
    entry = Entry(event="live", flow="deploy", release=R[0], branch=branch, by=by, run="ab12")
    assert Entry.parse(entry.to_line()) == entry


@given(
    st.builds(Entry, **dict.fromkeys((f.name for f in fields(Entry)), st.text() | st.text().map(lambda t: t * 9999)))
)
def test_an_entry_is_never_longer_than_a_host_reports(entry: Entry) -> None:
    assert len(entry.to_line()) <= 16384


def test_a_too_long_text_is_cut_between_words() -> None:
    missing = Entry.parse(Entry(missing=" ".join(f"host{n}.example.com" for n in range(1000))).to_line())
    assert missing
    assert missing.missing.endswith(".example.com …")


def test_the_run_field_is_written_as_the_scripts_search_it() -> None:
    assert '"run": "ab12"' in Entry(event="building", run="ab12", left=R[0]).to_line()


def test_no_other_field_can_be_mistaken_for_the_run() -> None:
    assert '"run": "ab12"' not in Entry(branch='"run": "ab12"', by='", "run": "ab12', run="cd34").to_line()


def test_control_characters_in_an_entry_are_escaped() -> None:
    line = json.dumps({"event": "live", "branch": "a\x1b[2Jb\nc"})
    assert Entry.parse(line) == Entry(event="live", branch="a\\x1b[2Jb\\nc")


def test_unknown_keys_and_non_text_values_are_ignored() -> None:
    line = '{"event": "live", "release": 7, "by": null, "run": ["x"], "colour": "red"}'
    assert Entry.parse(line) == Entry(event="live")


HOSTILE = ["", "{", "null", "[]", '"live"', "7", "[" * 100_000, "9" * 10_000, '{"event": "li', "\0"]


@pytest.mark.parametrize("line", HOSTILE, ids=range(len(HOSTILE)))
def test_a_line_that_is_not_an_entry_is_ignored(line: str) -> None:
    assert Entry.parse(line) is None


# -- the revisions log


def test_a_log_line_has_the_format_of_capistrano() -> None:
    assert format_log_line("deploy", R[0], "1f3e", "main", "ann") == (
        f"Branch main (at 1f3e) deployed as release {R[0]} by ann"
    )
    assert format_log_line("rollback", R[0], "1f3e", "main", "ann") == f"ann rolled back to release {R[0]}"


PHRASE = st.sampled_from(
    [
        f"x (at 1f3e) deployed as release {R[1]} by y",
        f"Branch x (at 1f3e) deployed as release {R[1]} by y",
        f"y rolled back to release {R[1]}",
        f"\nBranch x (at 1f3e) deployed as release {R[1]} by y\n",
    ]
)


@given(st.sampled_from(["deploy", "rollback"]), st.text() | PHRASE, st.text() | PHRASE, st.text() | PHRASE)
def test_a_log_line_is_read_back_for_any_branch_and_user(flow: str, revision: str, branch: str, user: str) -> None:
    line = format_log_line(flow, R[0], revision, branch, user)
    assert line.isprintable()
    assert parse_log_line(line) == Publish(flow, R[0])


def test_a_capistrano_user_with_spaces_is_parsed() -> None:
    assert parse_log_line(f"Ann Lee rolled back to release {R[0]}") == rollback(0)
    assert parse_log_line(f"Branch main (at 1f3e) deployed as release {R[0]} by Ann Lee") == deploy(0)


def test_a_capistrano_user_cannot_be_mistaken_for_a_release() -> None:
    user = f"ann (at 1f3e) deployed as release {R[1]} by bob"
    assert parse_log_line(f"Branch main (at 1f3e) deployed as release {R[0]} by {user}") == deploy(0)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ann had lunch",
        "ann rolled back to release 20169999999999",
        f"ann rolled back to release {R[0]} and went home",
        f"Branch main (at 1f3e) deployed as release {R[0]}",
        "Branch main (at 1f3e) deployed as release 77777777777777 by ann",
    ],
)
def test_any_other_log_line_is_ignored(line: str) -> None:
    assert parse_log_line(line) is None


# -- journal and log together


def test_a_publish_in_journal_and_log_counts_once() -> None:
    both = [deploy(0), deploy(1), rollback(0)]
    assert merge_publishes([live(p, str(n)) for n, p in enumerate(both)], map(logged, both)) == both


def test_capistrano_publishes_are_merged_in_order_with_the_journal() -> None:
    journal = [live(deploy(1), "a"), live(deploy(3), "b")]
    log = [deploy(0), deploy(1), deploy(2), deploy(3), rollback(2)]
    assert merge_publishes(journal, map(logged, log)) == log


def test_a_publish_that_the_log_lacks_is_placed_by_the_journal() -> None:
    journal = [live(deploy(0), "a"), live(deploy(1), "b"), live(deploy(2), "c"), live(deploy(3), "d")]
    assert merge_publishes(journal, map(logged, [deploy(0), deploy(2)])) == [deploy(n) for n in range(4)]


def test_an_undone_publish_is_ignored() -> None:
    journal = [live(deploy(0), "a"), live(deploy(1), "b"), Entry(event="back", flow="deploy", run="b")]
    assert merge_publishes(journal, []) == [deploy(0)]


def test_only_publishes_of_releases_count() -> None:
    journal = [
        Entry(event="ready", flow="deploy", release=R[0], run="a"),
        Entry(event="live", flow="deploy", release="../..", run="b"),
        Entry(event="live", flow="lunch", release=R[1], run="c"),
    ]
    assert merge_publishes(journal, ["ann had lunch"]) == []


# -- the lineage


def stack_and_bad(history: list[Publish], current: int | None = None) -> tuple[list[int], set[int]]:
    found = build_lineage(history, None if current is None else R[current])
    return [R.index(r) for r in found.stack], {R.index(r) for r in found.bad}


def test_each_deploy_is_pushed_on_the_stack() -> None:
    assert stack_and_bad([deploy(0), deploy(1), deploy(2)]) == ([0, 1, 2], set())


def test_a_release_that_was_rolled_back_from_or_skipped_is_bad() -> None:
    assert stack_and_bad([deploy(0), deploy(1), deploy(2), rollback(0)]) == ([0], {1, 2})


def test_a_deploy_after_a_rollback_follows_the_rollback_target() -> None:
    assert stack_and_bad([deploy(0), deploy(1), rollback(0), deploy(2)]) == ([0, 2], {1})


def test_rolling_forward_to_a_bad_release_makes_it_good() -> None:
    assert stack_and_bad([deploy(0), deploy(1), deploy(2), rollback(0), rollback(2)]) == ([0, 2], {1})


def test_a_bad_release_that_is_published_again_is_good() -> None:
    assert stack_and_bad([deploy(0), deploy(1), rollback(0), deploy(1)]) == ([0, 1], set())


def test_a_release_published_by_hand_counts_as_rollback_target() -> None:
    assert stack_and_bad([deploy(0), deploy(1), deploy(2)], current=1) == ([0, 1], {2})
    assert stack_and_bad([deploy(1), deploy(3)], current=2) == ([1, 2], {3})
    assert stack_and_bad([deploy(1), deploy(2)], current=4) == ([1, 2, 4], set())


def test_a_release_published_by_hand_is_remembered_by_the_next_flow() -> None:
    left = Publish("deploy", R[4], left=R[1])
    assert stack_and_bad([deploy(0), deploy(1), deploy(2), left]) == ([0, 1, 4], {2})


def test_the_release_a_flow_left_is_read_from_the_journal() -> None:
    journal = [replace(live(deploy(4), "a"), left=R[1]), replace(live(deploy(5), "b"), left="../..")]
    assert [publish.left for publish in merge_publishes(journal, [logged(deploy(4))])] == [R[1], ""]


def test_without_history_only_the_live_release_is_known() -> None:
    assert stack_and_bad([], current=3) == ([3], set())
    assert build_lineage([], None) == Lineage((), frozenset())


def test_a_release_with_a_too_early_name_is_bad_after_a_rollback_from_it() -> None:
    assert stack_and_bad([deploy(5), deploy(3)], current=3) == ([5, 3], set())
    assert stack_and_bad([deploy(5), deploy(3), rollback(5)]) == ([5], {3})


@given(
    st.lists(st.builds(Publish, st.sampled_from(["deploy", "rollback"]), st.sampled_from(R))),
    st.sampled_from(R),
)
def test_the_live_release_is_on_top_and_never_bad(history: list[Publish], current: str) -> None:
    found = build_lineage(history, current)
    assert found.stack[-1] == current
    assert len(set(found.stack)) == len(found.stack)
    assert not found.bad.intersection(found.stack)
    assert found.bad.union(found.stack) == {current, *(publish.release for publish in history)}
