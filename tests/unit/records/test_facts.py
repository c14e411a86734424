"""The facts of a host from its survey answer, and the state of its releases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capdoit.errors import HostError
from capdoit.layout import Layout
from capdoit.records.facts import Facts, parse_facts
from capdoit.records.journal import Entry

SHOP = Layout("/srv/shop")
R = [f"2016061413332{n}" for n in range(8)]


def answer(*lines: str) -> Facts:
    return parse_facts("web1", SHOP, "\n".join([*lines, "end\tyes"]) + "\n")


# -- reading the answer


def test_a_survey_answer_is_parsed_into_facts() -> None:
    entry = Entry(event="live", flow="deploy", release=R[1], run="ab12")
    assert answer(
        "user\tdeploy",
        "no_tool\tflock",
        "deploy_to\t/srv/shop",
        "shared_problem\t/mnt is not a directory",
        "made\t/srv/shop",
        "not_made\t/srv/shop/shared/log",
        "not_writable\t.",
        f"current\t/srv/shop/releases/{R[1]}",
        "no_file\t1",
        f"release\t{R[0]} ",
        f"release\t{R[1]} 1f3e",
        "release\t77777777777777 1f3e",
        "stray\tnew",
        f"archive\t{R[2]}",
        "archive\t2-tmp",
        f"lock\t{entry.to_line()}",
        "lock_is_held\tyes",
        "read_only\tyes",
        f"journal\t{entry.to_line()}",
        "journal\t{cut short",
        f"log\tann rolled back to release {R[1]}",
    ) == Facts(
        host="web1",
        layout=Layout("/srv/shop"),
        user="deploy",
        missing_tools=("flock",),
        shared_problems=("/mnt is not a directory",),
        created_dirs=("/srv/shop",),
        uncreated_dirs=("/srv/shop/shared/log",),
        unwritable=(".",),
        link=f"/srv/shop/releases/{R[1]}",
        current=R[1],
        missing_files=(1,),
        releases={R[0]: "", R[1]: "1f3e"},
        strays=("new", "77777777777777"),
        archives=frozenset({R[2]}),
        lock=entry,
        lock_is_held=True,
        is_read_only=True,
        entries=(entry,),
        log=(f"ann rolled back to release {R[1]}",),
    )


def test_a_host_without_deploy_to_has_empty_facts() -> None:
    assert answer("user\tdeploy") == Facts("web1", Layout("/srv/shop"), user="deploy", exists=False)


def test_an_empty_lock_file_means_not_locked() -> None:
    assert answer("deploy_to\t/srv/shop", "lock\t").lock is None


def test_a_current_symlink_to_another_tree_is_not_a_release() -> None:
    facts = answer("deploy_to\t/srv/shop", f"current\t/srv/other/releases/{R[0]}")
    assert (facts.link, facts.current) == (f"/srv/other/releases/{R[0]}", None)


def test_a_current_that_is_not_a_symlink_is_reported() -> None:
    assert answer("deploy_to\t/srv/shop", "current_is_no_link\tyes").current_is_not_symlink


def test_a_too_long_revision_is_ignored() -> None:
    assert answer(f"release\t{R[0]} {'f' * 200}", f"release\t{R[1]} {'f' * 201}").releases == {
        R[0]: "f" * 200,
        R[1]: "",
    }


MALFORMED = {
    "nothing at all": "",
    "no end": "user\tdeploy\n",
    "a line after the end": "end\tyes\nuser\tdeploy\n",
    "two ends": "end\tyes\nend\tyes\n",
    "an unknown key": "colour\tred\nend\tyes\n",
    "no tab": "user deploy\nend\tyes\n",
    "no fact": "user\nend\tyes\n",
    "an empty line": "\nend\tyes\n",
    "two currents": "current\ta\ncurrent\tb\nend\tyes\n",
    "a linked file that is no number": "no_file\tx\nend\tyes\n",
    "a program that is no number": "no_hook_tool\tcomposer\nend\tyes\n",
    "a linked file below zero": "no_file\t-1\nend\tyes\n",
    "a linked file of many digits": f"no_file\t{'9' * 9999}\nend\tyes\n",
    "too many lines": "stray\tx\n" * 100_000 + "end\tyes\n",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_answer_is_an_error_of_its_host(text: str) -> None:
    with pytest.raises(HostError, match=r"^web1: answered the survey with ") as caught:
        parse_facts("web1", SHOP, text)
    assert caught.value.host == "web1"
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


SINGLE = st.sampled_from(["user", "current", "lock"])
FACT = st.text(st.characters(exclude_characters="\n"))


@given(
    st.dictionaries(SINGLE, FACT),
    st.lists(st.tuples(st.sampled_from(["stray", "release", "archive", "journal", "log", "no_tool"]), FACT)),
)
def test_facts_never_contain_control_characters(one: dict[str, str], many: list[tuple[str, str]]) -> None:
    facts = answer(*(f"{key}\t{fact}" for key, fact in [*one.items(), *many]))
    texts = [facts.user, facts.link, *facts.strays, *facts.log, *facts.missing_tools, *facts.archives]
    texts += [*facts.releases, *facts.releases.values()]
    assert all(text.isprintable() for text in texts)


# -- what is known of a release


def made(number: int, event: str, flow: str = "deploy", run: str = "") -> Entry:
    return Entry(event=event, flow=flow, release=R[number], run=run or f"{flow}{number}")


def holding(*numbers: int, current: int, entries: tuple[Entry, ...] = (), **others: object) -> Facts:
    releases = {R[number]: "1f3e" for number in numbers}
    return Facts("web1", releases=releases, current=R[current], entries=entries, **others)  # type: ignore[arg-type]


def test_a_release_that_was_live_is_retired_and_one_rolled_back_from_is_bad() -> None:
    history = (made(0, "live"), made(1, "live"), made(2, "live"), made(1, "live", "rollback"))
    facts = holding(0, 1, 2, current=1, entries=history)
    assert [facts.state_of(R[n]) for n in range(3)] == ["retired", "live", "bad"]
    assert all(facts.is_complete(R[n]) for n in range(3))


@pytest.mark.parametrize(
    ("events", "state", "complete"),
    [
        ([], "unknown", True),
        (["building"], "building", False),
        (["building", "ready"], "ready", True),
        (["building", "ready", "failed"], "failed", False),
        (["building", "ready", "live", "back"], "ready", True),
        (["building", "ready", "live", "back", "failed"], "failed", False),
    ],
)
def test_the_state_of_a_release_that_was_never_live_is_its_last_event(
    events: list[str], state: str, complete: bool
) -> None:
    facts = holding(0, 1, current=0, entries=tuple(made(1, event) for event in events))
    assert (facts.state_of(R[1]), facts.is_complete(R[1])) == (state, complete)


def test_a_failed_rollback_does_not_change_the_state_of_its_target() -> None:
    entries = (made(1, "ready"), made(1, "ready", "rollback"), made(1, "failed", "rollback"))
    assert holding(0, 1, current=0, entries=entries).state_of(R[1]) == "ready"


def test_a_live_release_whose_deploy_failed_after_the_publish_is_live_and_complete() -> None:
    facts = holding(0, 1, current=1, entries=(made(1, "live"), made(1, "failed")))
    assert (facts.state_of(R[1]), facts.is_complete(R[1])) == ("live", True)


def test_a_release_without_revision_is_failed_even_when_the_log_knows_it() -> None:
    log = (f"Branch main (at 1f3e) deployed as release {R[0]} by ann",)
    facts = Facts("web1", releases={R[0]: "", R[1]: "1f3e"}, current=R[1], log=log)
    assert (facts.state_of(R[0]), facts.is_complete(R[0])) == ("failed", False)


def test_a_release_without_directory_is_archived_or_missing() -> None:
    facts = holding(0, current=0, archives=frozenset({R[1]}))
    assert (facts.state_of(R[1]), facts.state_of(R[2])) == ("archived", "missing")
    assert not facts.is_complete(R[1])


def test_a_live_release_without_directory_is_not_complete() -> None:
    facts = holding(0, current=1)
    assert (facts.state_of(R[1]), facts.is_complete(R[1])) == ("live", False)
