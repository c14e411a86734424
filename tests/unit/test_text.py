"""Tables that are wider than the terminal, and colors of the output of hosts."""

from __future__ import annotations

import pytest

from capdoit.text import fit_table, make_printable, make_printable_in_color, strip_colors
from tests.support import further


def test_a_too_wide_table_loses_its_last_columns() -> None:
    assert fit_table(("a", "b", "c"), [("1", "22", "333")], 80) == "  a  b   c\n  1  22  333"
    assert fit_table(("a", "b", "c"), [("1", "22", "333")], 9) == "  a  b\n  1  22"
    assert fit_table(("a", "b", "c"), [("1", "22", "333")], 6) == "  a  b\n  1  …"
    assert fit_table(None, [("1", "22", "333333")], 10, least=3) == "  1  22  …"
    assert fit_table(None, [], 10) == ""


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("\033[31mred\033[0m", "\033[31mred\033[0m\033[0m"),
        ("\033[1;38;5;208mloud", "\033[1;38;5;208mloud\033[0m"),
        ("\033[2J\033[31mred", "\033[31mred\033[0m"),
        *further(
            ("\033[01;31m\033[Kmatch\033[m\033[K", "\033[01;31mmatch\033[m\033[0m"),  # of grep
            ("\033]0;title\007shop\033]8;;http://x\033\\", "shop"),
            ("\033[5A up", " up"),
            ("\033[?25l", ""),
            ("\033]0;no end", "\\x1b]0;no end"),
            ("\033[31", "\\x1b[31"),
            (b"\033[32m\xff", "\033[32m\\xff\033[0m"),
            ("plain\t.", "plain    ."),
        ),
    ],
)
def test_output_keeps_its_colors_and_no_other_control_sequence(output: str | bytes, shown: str) -> None:
    assert make_printable_in_color(output) == shown
    assert strip_colors(shown).isprintable()


def test_a_text_without_colors_is_like_any_printable_text() -> None:
    assert make_printable_in_color("\007a") == make_printable("\007a")
    assert strip_colors("a\033[31mb\033[0m") == "ab"
