"""Text for people: nothing a host says can steer their terminal, and tables that fit it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence


def printable(value: str | bytes) -> str:
    """A text with every control character, and what is no UTF-8, shown as an escape; a tab becomes spaces."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if value.isprintable():
        return value
    return "".join(_shown(char) for char in value)


def first_line(value: object) -> str:
    """The first line of a text, or of an error's."""
    return str(value).partition("\n")[0]


def one_line(value: str) -> str:
    """A text as one line, for a log that has a line for each event."""
    return " ".join(value.split())


def shortened(value: str, most: int) -> str:
    """A text that takes at most so many bytes in a JSON document of ASCII, the end of one that is cut not counted.

    It is cut between words when it has any.
    """
    size = 0
    for number, char in enumerate(value):
        size += len(json.dumps(char)) - 2
        if size > most:
            return f"{value[:number].rpartition(' ')[0] or value[:number]} …"
    return value


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows under a head, in columns as wide as their widest cell."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        ("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))).rstrip()
        for line in lines
    )


def fitted(head: Sequence[str] | None, rows: Iterable[Sequence[str]], width: int, least: int = 2) -> str:
    """A table that fits a width: columns are dropped from the right, and what is too long even so is cut.

    Args:
        head: the columns' names; None for a table without.
        rows: in the order of importance of their columns.
        width: as many characters as a line may have.
        least: so many columns stay.
    """
    lines = [list(row) for row in rows]
    if not lines:
        return ""
    first, *rest = [list(head), *lines] if head else lines
    for columns in range(len(first), least - 1, -1):
        text = table(first[:columns], (line[:columns] for line in rest))
        if max(map(len, text.splitlines())) <= width:
            break
    return "\n".join(line if len(line) <= width else f"{line[: width - 1]}…" for line in text.splitlines())


def grouped(said: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The names of those of whom the same is said, with commas between them, by what is said; both in order.

    Args:
        said: pairs of a name and what is said of it.
    """
    groups: dict[str, list[str]] = {}
    for name, what in said:
        groups.setdefault(what, []).append(name)
    return {what: listed(names) for what, names in groups.items()}


def listed(values: Iterable[str]) -> str:
    """Texts with commas between them."""
    return ", ".join(values)


def _shown(char: str) -> str:
    if char == "\t":
        return "    "
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def near(name: str, names: Iterable[str], likeness: float = 0.6) -> str:
    """A suggestion for a name that does not exist, with what leads to it; empty when none is near."""
    import difflib

    close = difflib.get_close_matches(name, list(names), 1, likeness)
    return f"; did you mean {close[0]}?" if close else ""
