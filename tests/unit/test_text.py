"""Tables that are wider than the terminal."""

from __future__ import annotations

from capdoit.text import fit_table


def test_a_too_wide_table_loses_its_last_columns() -> None:
    assert fit_table(("a", "b", "c"), [("1", "22", "333")], 80) == "  a  b   c\n  1  22  333"
    assert fit_table(("a", "b", "c"), [("1", "22", "333")], 9) == "  a  b\n  1  22"
    assert fit_table(("a", "b", "c"), [("1", "22", "333")], 6) == "  a  b\n  1  …"
    assert fit_table(None, [("1", "22", "333333")], 10, least=3) == "  1  22  …"
    assert fit_table(None, [], 10) == ""
