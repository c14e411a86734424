"""Random output of hosts: the result does not depend on how it is split, and it cannot harm the controller."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capdoit.hosts.stream import CHUNK_BYTES, LineSplitter, Stream
from tests.support import further

some = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NONCE = "0123456789abcdef" * 2
OURS = NONCE.encode()
TAGS = ("1", "2", "3")


# -- the stream of a session


@contextmanager
def stream_of_a_pipe() -> Iterator[tuple[Stream, int]]:
    """Yield a stream, and the end of the pipe to which a host would write."""
    ear, mouth = os.pipe()
    with open(ear, "rb", buffering=0) as source, open(mouth, "wb", buffering=0) as host:
        yield Stream(source, NONCE), host.fileno()


def received(pieces: Sequence[bytes]) -> tuple[list[bytes], dict[str, int], bytes]:
    """Return the output of each tag, the ends and the noise in these pieces."""
    outputs = [b""] * len(TAGS)
    with stream_of_a_pipe() as (stream, host):
        at = 0
        for piece in pieces:
            os.write(host, piece)
            stream.read()
            while at < len(TAGS):
                outputs[at] += stream.take_output(TAGS[at])
                if TAGS[at] not in stream.statuses:
                    break
                at += 1
        return outputs, stream.statuses, stream.preamble


def cut(content: bytes, places: Sequence[int]) -> list[bytes]:
    """Split the content into pieces that are not empty."""
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
def test_every_byte_of_output_arrives_and_only_status_lines_of_the_loop_end_it(
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
def test_the_result_does_not_depend_on_how_the_bytes_are_split(content: bytes, places: list[int], greets: bool) -> None:
    content = (line_of_loop("hello", 0) if greets else b"") + content + b"\n"

    assert received(cut(content, places)) == received(cut(content, range(len(content))))


@some
@given(st.binary(min_size=1, max_size=60), st.lists(st.integers(0, 60), max_size=4), PLACES)
def test_heartbeats_in_the_middle_of_output_are_no_output(output: bytes, at: list[int], places: list[int]) -> None:
    content = line_of_loop("hello", 0)
    for start, end in pairwise(sorted({0, len(output), *(place % len(output) for place in at)})):
        content += output[start:end] + f"{NONCE} beat 0\n".encode()

    arrived, ends, _ = received(cut(content + line_of_loop("1", 0), places))

    assert arrived[0] == output + b"\n"
    assert ends == {"hello": 0, "1": 0}


def test_a_heartbeat_that_arrives_in_two_parts_behind_much_output_is_no_output() -> None:
    output = b"x" * (CHUNK_BYTES - 100)
    heartbeat = f"{NONCE} beat 0\n".encode()
    with stream_of_a_pipe() as (stream, host):
        arrived = b""
        for piece in (line_of_loop("hello", 0), output, output + heartbeat[:20], heartbeat[20:] + b"y"):
            os.write(host, piece)
            stream.read()
            stream.read() if len(piece) > CHUNK_BYTES else None
            arrived += stream.take_output("1")
        os.write(host, line_of_loop("1", 0))
        stream.read()
        arrived += stream.take_output("1")
    assert arrived == output * 2 + b"y\n"


@settings(some, max_examples=10)
@given(st.sampled_from([b"x", b"\n", b"x\n", OURS, OURS + b" ", OURS + b"\n", OURS + b" 9 0", b"\0"]), st.booleans())
def test_endless_output_is_passed_on_without_filling_memory(pattern: bytes, greets: bool) -> None:
    flood = (pattern * CHUNK_BYTES)[: CHUNK_BYTES // 2]  # the pipe holds a CHUNK_BYTES
    written = passed = 0
    with stream_of_a_pipe() as (stream, host):
        os.write(host, line_of_loop("hello", 0) if greets else b"")
        for _ in range(16):
            written += os.write(host, flood)
            stream.read()
            passed += len(stream.take_output("1"))
            assert len(stream.preamble) <= CHUNK_BYTES
            if greets:
                assert written - passed <= 2 * CHUNK_BYTES


# -- the lines of a script


def split(output: bytes, secret: str, size: int = CHUNK_BYTES) -> tuple[list[str], list[str]]:
    """Return the lines that are shown, and those that are kept, of output that arrives in pieces of a size."""
    shown, kept = list[str](), deque[str](maxlen=20)
    splitter = LineSplitter("out", lambda _, text: shown.append(text), kept, lambda text: text.replace(secret, "***"))
    output += b"\n"
    for start in range(0, len(output), size):
        splitter.feed(output[start : start + size])
    splitter.finish()
    return "\n".join(shown).split("\n"), [*kept]


def test_a_shown_line_keeps_its_colors_and_a_kept_line_does_not() -> None:
    assert split(b"\033[31mred\n", "hunter22") == (["\033[31mred\033[0m"], ["red"])


def test_a_secret_with_colors_in_its_middle_is_masked() -> None:
    assert split(b"the \033[1mhunt\033[0mer22\n", "hunter22") == (["the ***"], ["the ***"])
    assert split(b"\033[1mhunter22\033[0m\n", "hunter22") == (["\033[1m***\033[0m\033[0m"], ["***"])


@pytest.mark.parametrize("length", [8192, 8193, *further(8191, 9000)])
@pytest.mark.parametrize("character", ["a", *further("\u00e4", "\x1b[1m", "\t", "\r", "\xff")])
def test_lines_are_the_same_however_they_arrive(character: str, length: int) -> None:
    """Most output is not looked at line by line, unless a character or the length of a line needs it."""
    raw = b"\xff" if character == "\xff" else character.encode()
    output = b"\none " + raw + b"\n\n\nhunter22\n" + b"x" * length + b"\nlast\n\n\n"
    shown, kept = split(output, "hunter22")
    assert (shown, kept) == split(output, "hunter22", size=1)
    assert [line[:4] for line in shown] == ["", "one ", "", "", "***", "xxxx", "last", "", ""]
    assert shown[5].endswith("…") == (length > 8192)
