"""Tables that are wider than the terminal."""

from __future__ import annotations

from capdoit.text import fitted


def test_a_too_wide_table_loses_its_last_columns() -> None:
    assert fitted(("a", "b", "c"), [("1", "22", "333")], 80) == "  a  b   c\n  1  22  333"
    assert fitted(("a", "b", "c"), [("1", "22", "333")], 9) == "  a  b\n  1  22"
    assert fitted(("a", "b", "c"), [("1", "22", "333")], 6) == "  a  b\n  1  …"
    assert fitted(None, [("1", "22", "333333")], 10, least=3) == "  1  22  …"
    assert fitted(None, [], 10) == ""
