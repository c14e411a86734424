"""What a host sends, made up at random: however it is cut, it is read the same, and it harms nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capdoit.errors import HostError
from capdoit.hosts.stream import CHUNK, Stream
from capdoit.layout import Layout, is_release
from capdoit.records.facts import MADE, OFTEN, ONCE, Facts, parse
from capdoit.records.journal import Entry, parse_log

some = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NONCE = "0123456789abcdef" * 2
OURS = NONCE.encode()
TAGS = ("1", "2", "3")


# -- the stream of a session


@contextmanager
def stream_of_a_pipe() -> Iterator[tuple[Stream, int]]:
    """A stream, and the end of the pipe that a host would write to."""
    ear, mouth = os.pipe()
    with open(ear, "rb", buffering=0) as source, open(mouth, "wb", buffering=0) as host:
        yield Stream(source, NONCE), host.fileno()


def received(pieces: Sequence[bytes]) -> tuple[list[bytes], dict[str, int], bytes]:
    """The output of each tag in turn, the ends and the noise, of what came in these pieces."""
    outputs = [b""] * len(TAGS)
    with stream_of_a_pipe() as (stream, host):
        at = 0
        for piece in pieces:
            os.write(host, piece)
            stream.read()
            while at < len(TAGS):
                outputs[at] += stream.take(TAGS[at])
                if TAGS[at] not in stream.ends:
                    break
                at += 1
        return outputs, stream.ends, stream.noise


def cut(content: bytes, places: Sequence[int]) -> list[bytes]:
    """The content in pieces, none of which is empty."""
    at = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    return [content[start:end] for start, end in pairwise(at)]


def line_of_loop(tag: str, status: int) -> bytes:
    return f"\n{NONCE} {tag} {status}\n".encode()


PLACES = st.lists(st.integers(0, 10_000), max_size=12)
STATUS = st.integers(0, 255)
# All begin as the loop's line does, or nearly so; none is one.
NEARLY = st.sampled_from(
    [
        OURS,
        OURS + b"\n",
        OURS + b" 1\n",
        OURS + b" 1 \n",
        OURS + b" 1 x\n",
        OURS + b" 1 -1\n",
        OURS + b" 1 0 \n",
        OURS + b"  1 0\n",
        OURS + b"\t1\t0\n",
        OURS + b" 1 0\r\n",
        OURS + b" 1 \xb2\n",
        OURS + OURS + b" 1 \n",
        OURS[:-1] + b" 1 0\n",
        OURS.upper() + b" 1 0\n",
        OURS[:20],
        b"run 1 1\n",
        b"hello 0\n",
    ]
)
OUTPUT = st.lists(st.one_of(NEARLY, st.binary(max_size=20), st.just(b"\n")), max_size=8).map(b"\n".join)
LOOPS = st.builds(line_of_loop, st.sampled_from([*TAGS, "99", "\x1b[2J"]), STATUS)
ANYTHING = st.lists(st.one_of(OUTPUT, LOOPS), max_size=10).map(b"".join)


@some
@given(st.tuples(OUTPUT, OUTPUT, OUTPUT), st.tuples(STATUS, STATUS, STATUS), st.binary(max_size=30), PLACES)
def test_every_byte_of_output_arrives_and_only_the_loops_own_lines_end_it(
    outputs: tuple[bytes, ...], statuses: tuple[int, ...], noise: bytes, places: list[int]
) -> None:
    content = noise + line_of_loop("hello", 0)
    for tag, output, status in zip(TAGS, outputs, statuses, strict=True):
        content += output + line_of_loop(tag, status)

    arrived, ends, kept = received(cut(content, places))

    assert arrived == [output + b"\n" for output in outputs]
    assert ends == {"hello": 0, **dict(zip(TAGS, statuses, strict=True))}
    assert kept == noise + b"\n"


@some
@given(ANYTHING, PLACES, st.booleans())
def test_whatever_comes_is_read_the_same_however_it_is_cut(content: bytes, places: list[int], greets: bool) -> None:
    content = (line_of_loop("hello", 0) if greets else b"") + content + b"\n"

    assert received(cut(content, places)) == received(cut(content, range(len(content))))


@settings(some, max_examples=10)
@given(st.sampled_from([b"x", b"\n", b"x\n", OURS, OURS + b" ", OURS + b"\n", OURS + b" 9 0", b"\0"]), st.booleans())
def test_what_never_ends_is_passed_on_and_not_kept(pattern: bytes, greets: bool) -> None:
    flood = (pattern * CHUNK)[: CHUNK // 2]  # the pipe holds a CHUNK
    written = passed = 0
    with stream_of_a_pipe() as (stream, host):
        os.write(host, line_of_loop("hello", 0) if greets else b"")
        for _ in range(16):
            written += os.write(host, flood)
            stream.read()
            passed += len(stream.take("1"))
            assert len(stream.noise) <= CHUNK
            if greets:
                assert written - passed <= 2 * CHUNK


# -- the answer to the survey

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
    "event": st.sampled_from([*MADE, "live", "back", "finished", "\x1b[2J"]),
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
    st.builds("{}\t{}".format, st.sampled_from(sorted(OFTEN - {"no_file"})), HARD),
    st.builds("release\t{} {}".format, RELEASES, st.sampled_from(["1f3e", "", "\x1b[2J", "a" * 300])),
    st.builds("journal\t{}".format, ENTRIES),
    st.builds("log\t{}".format, PUBLISHED),
    st.builds("no_file\t{}".format, st.integers(0, 99)),
)
SINGLE = st.dictionaries(st.sampled_from(sorted(ONCE - {"end"})), HARD | ENTRIES).map(
    lambda facts: [f"{key}\t{fact}" for key, fact in facts.items()]
)
GARBAGE = st.lists(st.one_of(HARD, FACTS, st.just("end\tyes"), st.just("no_file\t٣"), st.text(max_size=9)), max_size=4)


def all_texts(facts: Facts) -> list[str]:
    """Every text in the facts of a host, and all that is said of its releases."""
    entries = [*facts.entries, *([facts.lock] if facts.lock else [])]
    lineage = facts.lineage
    releases = {*facts.releases, *facts.archives, *lineage.stack, *lineage.bad, *filter(None, [facts.current])}
    assert all(map(is_release, releases))
    return [
        *(facts.user, facts.link, *facts.strays, *facts.links, *facts.no_tools, *facts.not_made, *facts.scratch),
        *(*facts.log, *facts.releases.values(), *map(facts.state, releases)),
        *(text for entry in entries for text in astuple(entry)),
    ]


@some
@given(SINGLE, st.lists(FACTS, max_size=8))
def test_what_a_host_says_in_the_right_form_can_steer_no_terminal(single: list[str], often: list[str]) -> None:
    facts = parse("web1", SHOP, "\n".join([*single, *often, "end\tyes\n"]))

    assert all(text.isprintable() for text in all_texts(facts))


@some
@given(SINGLE, st.lists(FACTS, max_size=4), GARBAGE, st.sampled_from(["", "\n", "end\tyes", "end\tyes\n", "end\tno"]))
def test_any_other_answer_is_the_failure_of_its_host_in_one_short_line(
    single: list[str], often: list[str], garbage: list[str], end: str
) -> None:
    read: Facts | HostError
    try:
        read = parse("web1", SHOP, "\n".join([*single, *often, *garbage, end]))
    except HostError as error:
        read = error

    texts = all_texts(read) if isinstance(read, Facts) else [str(read)]
    assert all(text.isprintable() for text in texts)
    assert read.host == "web1"
    assert isinstance(read, Facts) or len(str(read)) < 1000


# -- the journal and the log

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
def test_any_line_of_the_journal_is_an_entry_of_plain_text_or_none(line: str) -> None:
    entry = Entry.parse(line)

    assert entry is None or all(isinstance(text, str) and text.isprintable() for text in astuple(entry))


@some
@given(LINES)
def test_any_line_of_the_log_is_a_publish_of_a_release_or_none(line: str) -> None:
    publish = parse_log(line)

    assert publish is None or (publish.flow in ("deploy", "rollback") and is_release(publish.release))
