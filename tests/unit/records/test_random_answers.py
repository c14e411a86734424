"""Random survey answers, journal lines and log lines: none harms the controller."""

from __future__ import annotations

import json
from dataclasses import astuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capdoit.errors import HostError
from capdoit.layout import Layout, is_release
from capdoit.records.facts import REPEATED_KEYS, SINGLE_KEYS, STATE_AFTER, Facts, parse_facts
from capdoit.records.journal import Entry
from capdoit.records.lineage import parse_log_line

some = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


SHOP = Layout("/srv/shop")
RELEASES = st.sampled_from(["20160614133327", "20160614133328", "99991231235959", "00000000000000", "20161399999999"])
HARD = st.one_of(
    st.text(st.characters(exclude_characters="\n"), max_size=30),
    st.sampled_from(["\x1b[2J", "\x9b2J", "\r", "\0", "\u202e", "\u2028", "\ud800", "\udcff", "\t\t", "9" * 5000]),
    RELEASES,
    st.builds("{} {}".format, RELEASES, st.text(max_size=5).map(lambda text: text.replace("\n", ""))),
    st.builds("{}/releases/{}".format, st.sampled_from(["/srv/shop", ".", "/etc"]), RELEASES),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | RELEASES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = {
    "event": st.sampled_from([*STATE_AFTER, "live", "back", "finished", "\x1b[2J"]),
    "flow": st.sampled_from(["deploy", "rollback", "\x1b"]),
    "release": RELEASES | JSON,
    "left": RELEASES | JSON,
    "run": st.sampled_from(["a", "b"]) | JSON,
    "by": HARD,
}
ENTRIES = st.fixed_dictionaries({}, optional=FIELDS).map(json.dumps)
PUBLISHED = st.one_of(
    st.builds("Branch {} (at {}) deployed as release {} by {}".format, HARD, HARD, RELEASES, HARD),
    st.builds("{} rolled back to release {}".format, HARD, RELEASES),
)
FACTS = st.one_of(
    st.builds("{}\t{}".format, st.sampled_from(sorted(REPEATED_KEYS - {"no_file", "no_hook_tool", "no_right"})), HARD),
    st.builds("release\t{} {}".format, RELEASES, st.sampled_from(["1f3e", "", "\x1b[2J", "a" * 300])),
    st.builds("journal\t{}".format, ENTRIES),
    st.builds("log\t{}".format, PUBLISHED),
    st.builds("{}\t{}".format, st.sampled_from(["no_file", "no_hook_tool", "no_right"]), st.integers(0, 99)),
    st.builds("no_right\t{} certain {}".format, st.integers(0, 99), HARD),
)
SINGLE = st.dictionaries(st.sampled_from(sorted(SINGLE_KEYS - {"end"})), HARD | ENTRIES).map(
    lambda facts: [f"{key}\t{fact}" for key, fact in facts.items()]
)
GARBAGE = st.lists(st.one_of(HARD, FACTS, st.just("end\tyes"), st.just("no_file\t٣"), st.text(max_size=9)), max_size=4)


def all_texts(facts: Facts) -> list[str]:
    """Return every text in the facts of a host and in the states of its releases."""
    entries = [*facts.entries, *([facts.lock] if facts.lock else [])]
    lineage = facts.lineage
    releases = {*facts.releases, *facts.archives, *lineage.stack, *lineage.bad, *filter(None, [facts.current])}
    assert all(map(is_release, releases))
    return [
        *(
            facts.user,
            facts.link,
            *facts.strays,
            *facts.shared_problems,
            *facts.missing_tools,
            *facts.created_dirs,
            *facts.uncreated_dirs,
            *facts.scratch,
        ),
        *(*facts.log, *facts.releases.values(), *map(facts.state_of, releases)),
        *(text for entry in entries for text in astuple(entry)),
    ]


@some
@given(SINGLE, st.lists(FACTS, max_size=8))
def test_a_valid_random_answer_is_printable(single: list[str], often: list[str]) -> None:
    facts = parse_facts("web1", SHOP, "\n".join([*single, *often, "end\tyes\n"]))

    assert all(text.isprintable() for text in all_texts(facts))


@some
@given(SINGLE, st.lists(FACTS, max_size=4), GARBAGE, st.sampled_from(["", "\n", "end\tyes", "end\tyes\n", "end\tno"]))
def test_an_invalid_random_answer_is_a_short_error_of_its_host(
    single: list[str], often: list[str], garbage: list[str], end: str
) -> None:
    read: Facts | HostError
    try:
        read = parse_facts("web1", SHOP, "\n".join([*single, *often, *garbage, end]))
    except HostError as error:
        read = error

    texts = all_texts(read) if isinstance(read, Facts) else [str(read)]
    assert all(text.isprintable() for text in texts)
    assert read.host == "web1"
    assert isinstance(read, Facts) or len(str(read)) < 1000


LINES = st.one_of(
    ENTRIES,
    JSON.map(json.dumps),
    PUBLISHED,
    st.text(),
    st.builds(lambda line, at: line[:at], ENTRIES, st.integers(0, 60)),
    st.builds(lambda piece, times: piece * times, st.sampled_from(["[", '{"a":', "9", '"', "\x1b[2J"]), st.just(9999)),
)


@some
@given(LINES)
def test_a_random_journal_line_is_a_printable_entry_or_ignored(line: str) -> None:
    entry = Entry.parse(line)

    assert entry is None or all(isinstance(text, str) and text.isprintable() for text in astuple(entry))


@some
@given(LINES)
def test_a_random_log_line_is_a_publish_or_ignored(line: str) -> None:
    publish = parse_log_line(line)

    assert publish is None or (publish.flow in ("deploy", "rollback") and is_release(publish.release))
