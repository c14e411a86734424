"""The output that `doit cap exec` keeps and compares."""

from __future__ import annotations

from capdoit.commands.command_output import MOST_KEPT, CommandOutput


def output(*lines: str) -> CommandOutput:
    made = CommandOutput()
    for line in lines:
        made.add(line)
    return made


def test_long_output_keeps_its_end_and_counts_the_omitted_lines() -> None:
    line = "x" * 999
    kept = output("first", *[line] * (MOST_KEPT // 1000), "x" * 999, "last")
    assert (kept.lines[-1], kept.left_out, len(kept.lines)) == ("last", 1, MOST_KEPT // 1000 + 2)
    assert sum(len(line) + 1 for line in kept.lines[1:]) < MOST_KEPT


def test_outputs_with_equal_ends_but_different_starts_are_different() -> None:
    rest = ["x" * 999] * (MOST_KEPT // 1000 + 1)
    one, other = output("one", *rest), output("two", *rest)
    assert one.lines == other.lines
    assert one.digest != other.digest
