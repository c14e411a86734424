"""The output of one host in a step, of which a report page has the beginning and the end."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from capdoit.output.kept_output import MOST_OF_HOST, KeptOutput, OutputBlock, OutputKind


def size_of(blocks: Iterable[OutputBlock]) -> int:
    return sum(block.size for block in blocks)


def lines_of(blocks: Iterable[OutputBlock]) -> list[str]:
    return [line for block in blocks for line in block.text.split("\n")]


@pytest.mark.parametrize("lines_at_once", [1, 7, 700])
def test_of_output_in_large_pieces_no_more_is_kept(lines_at_once: int) -> None:
    output = KeptOutput(4000)
    for _ in range(0, 7000, lines_at_once):
        output.add(OutputKind.OUTPUT, "\n".join(["x" * 99] * lines_at_once))
    assert (size_of(output.first), size_of(output.last)) == (1000, 3000)
    assert (
        len(lines_of(output.first)) + output.left_out + len(lines_of(output.last))
        == 7000 // lines_at_once * lines_at_once
    )


def test_a_line_that_is_longer_than_what_is_kept_leaves_out_all_before_it() -> None:
    output = KeptOutput(100)
    output.add(OutputKind.OUTPUT, "\n".join(["a" * 50, *"bcd", "e" * 500]))
    assert [line.text[0] for line in (*output.first, *output.last)] == ["a", "e"]


def test_of_a_long_output_the_beginning_and_the_end_are_kept() -> None:
    output = KeptOutput()
    lines = [f"line {number:06}" for number in range(100_000)]
    for start in range(0, len(lines), 100):
        output.add(OutputKind.OUTPUT, "\n".join(lines[start : start + 100]))
    kept_first, kept_last = lines_of(output.first), lines_of(output.last)
    assert kept_first == lines[: len(kept_first)]
    assert kept_last == lines[-len(kept_last) :]
    assert len(kept_first) + len(kept_last) + output.left_out == len(lines)
    first, last = size_of(output.first), size_of(output.last)
    assert MOST_OF_HOST - 12 < first + last < MOST_OF_HOST + 2 * 12
    assert 2 * first < last < 4 * first


def test_a_short_output_is_kept_completely() -> None:
    output = KeptOutput()
    for text in ("a" * (MOST_OF_HOST // 4), "b", "c" * (MOST_OF_HOST * 3 // 4 - 3)):
        output.add(OutputKind.OUTPUT, text)
    assert [line.text[0] for line in (*output.first, *output.last)] == ["a", "b", "c"]
    assert output.left_out == 0
