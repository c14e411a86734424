"""Text for people: escaped, shortened, listed, and in tables that fit the terminal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

V = TypeVar("V", bound=Hashable)

# Colors and styles of ECMA-48 (SGR), which change nothing but the look of the text after them.
COLOR = re.compile(r"\033\[[0-9;:]*m")
END_OF_COLORS = "\033[0m"
# Sequences that move the cursor, erase, or set a title: CSI up to its last byte, and OSC up to BEL or ST (ECMA-48).
CONTROL = re.compile(r"\033(?:\[[0-?]*[ -/]*[@-~]|\][^\007\033]*(?:\007|\033\\))")
REVISION_DIGITS = 12  # of a revision that people read; JSON has all digits
MOST_NAMES = 8  # of hosts; more of them that are all hosts are only counted
RUN_DIGITS = 8  # of the id of a run that people read: enough to tell the runs of a log apart


def make_printable(value: str | bytes) -> str:
    """Return a text in which control characters and malformed UTF-8 are escaped, and a tab is spaces.

    So no output of a host can control the terminal.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    value = value.replace("\t", "    ")
    if value.isprintable():  # most text is, and need not be looked at character by character
        return value
    return "".join(map(_escape, value))


def make_printable_in_color(value: str | bytes) -> str:
    """Return a text like `make_printable`, but with its colors, which end with the text.

    A terminal that gets it changes no more than the look of this text: every other sequence is left out.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if "\033" not in value:
        return make_printable(value)
    value = CONTROL.sub(lambda found: found[0] if COLOR.fullmatch(found[0]) else "", value)
    colors = [*COLOR.findall(value), END_OF_COLORS]
    parts = map(make_printable, COLOR.split(value))
    text = "".join(part + color for part, color in zip(parts, colors, strict=True))
    return text if COLOR.search(value) else text.removesuffix(END_OF_COLORS)


def strip_colors(value: str) -> str:
    """Return a text without its colors."""
    return COLOR.sub("", value) if "\033" in value else value


def get_first_line(value: object) -> str:
    """Return the first line of a text, or of the text of an error."""
    return str(value).partition("\n")[0]


def take_last_lines(value: str, most: int) -> list[str]:
    """Return the last lines of a text, whose earlier lines are not looked at."""
    return value.rsplit("\n", most)[-most:]


def join_lines(value: str) -> str:
    """Return a text as one line, for a log that has a line for each event."""
    return " ".join(value.split())


def shorten(value: str, most: int) -> str:
    """Return a text that is cut, between words if possible, to a number of bytes.

    Args:
        value: the text.
        most: number of bytes in a JSON document of ASCII, without the mark at the end of a cut text.
    """
    size = 0
    for number, char in enumerate(value):
        size += len(json.dumps(char)) - 2
        if size > most:
            return f"{value[:number].rpartition(' ')[0] or value[:number]} …"
    return value


def cut(value: str, most: int) -> str:
    """Return a text that is cut to a number of characters, with a mark that lets a secret at the cut be masked."""
    return value if len(value) <= most else f"{value[:most]}…"


def shorten_revision(revision: str) -> str:
    """Return a commit or checksum as people read it: its first 12 digits."""
    return revision[:REVISION_DIGITS]


def shorten_run(run: str) -> str:
    """Return the id of a run as people read it: its first 8 digits."""
    return run[:RUN_DIGITS]


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a head, in columns as wide as their widest cell."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        ("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))).rstrip()
        for line in lines
    )


def fit_table(head: Sequence[str] | None, rows: Iterable[Sequence[str]], width: float, least: int = 2) -> str:
    """Return a table that fits a width: columns are dropped from the right, then long lines are cut.

    Args:
        head: names of the columns; None for a table without a head.
        rows: the rows; the most important columns come first.
        width: number of characters in a line; infinite for a table that is complete.
        least: number of columns that stay.
    """
    lines = [list(row) for row in rows]
    if not lines:
        return ""
    first, *rest = [list(head), *lines] if head else lines
    for columns in range(len(first), least - 1, -1):
        text = format_table(first[:columns], (line[:columns] for line in rest))
        if max(map(len, text.splitlines())) <= width:
            break
    return "\n".join(line if len(line) <= width else f"{line[: int(width) - 1]}…" for line in text.splitlines())


def wrap_text(value: str, width: float, indentation: str = "") -> list[str]:
    """Return the lines of a text that fit a width if its words do; words, such as paths, are never divided.

    Args:
        value: the text.
        width: number of characters in a line; infinite for one line.
        indentation: what each line begins with.
    """
    import textwrap

    if math.isinf(width):
        return [f"{indentation}{value}"]
    wrapper = textwrap.TextWrapper(int(width), indentation, indentation, break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(value)


def list_names(pairs: Iterable[tuple[str, V]]) -> dict[V, list[str]]:
    """Group names by value, in first-seen order.

    Args:
        pairs: a name and its value each.
    """
    groups: dict[V, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(value, []).append(name)
    return groups


def group_names(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Group names by value as `list_names`, each group as one text: ``{value: "a, b"}``."""
    return {value: join_names(names) for value, names in list_names(pairs).items()}


def join_values(values: Mapping[str, str]) -> str:
    """Return the value that all names share, or else each value with its names: ``a on web1; b on web2, web3``.

    Args:
        values: by name.
    """
    groups = group_names(values.items())
    return "; ".join(groups if len(groups) == 1 else (f"{value} on {names}" for value, names in groups.items()))


def name_hosts(names: Sequence[str], number: int) -> str:
    """Return the names of hosts; if they are all hosts, and many, only their number.

    Args:
        names: names of some or all hosts.
        number: number of all hosts.
    """
    return f"all {number} hosts" if len(names) == number > MOST_NAMES else join_names(names)


def name_first(names: Sequence[str], most: int) -> str:
    """Return the names; of many only the first ones, and the number of the others: ``web1, web2 and 18 more``."""
    left = len(names) - most
    return join_names(names[:most]) + (f" and {left} more" if left > 0 else "")


def join_names(values: Iterable[str]) -> str:
    """Return texts with commas between them."""
    return ", ".join(values)


def count_hosts(number: int) -> str:
    """Return a number of hosts for people, such as ``2 hosts``."""
    return "1 host" if number == 1 else f"{number} hosts"


def join_with_and(values: Sequence[str]) -> str:
    """Return texts, at least one, with commas between them and ``and`` before the last."""
    *first, last = values
    return f"{', '.join(first)} and {last}" if first else last


def compare_names(before: Iterable[str], now: Iterable[str]) -> Iterator[str]:
    """Return the changes in a list of names, a line each: ``+ new``, ``- gone``; a moved name has both."""
    from difflib import ndiff

    return (line for line in ndiff([*before], [*now]) if line.startswith(("+ ", "- ")))


def _escape(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def suggest_name(name: str, names: Iterable[str], likeness: float = 0.6) -> str:
    """Return a suggestion, such as ``; did you mean web1?``; empty if no name is similar.

    Args:
        name: the name that does not exist.
        names: the names that exist.
        likeness: similarity from which a name is suggested, from 0 to 1.
    """
    close = find_similar_name(name, names, likeness)
    return f"; did you mean {close}?" if close else ""


def find_meant_name(name: str, names: Iterable[str]) -> str:
    """Return the name that is similar to another one, or the only one that begins with it; else an empty text."""
    known = list(names)
    longer = [one for one in known if name and one.startswith(name)]
    return find_similar_name(name, known) or (longer[0] if len(longer) == 1 else "")


def find_similar_name(name: str, names: Iterable[str], likeness: float = 0.6) -> str:
    """Return the most similar name, if it is similar enough, else an empty text; arguments as in `suggest_name`."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(names), 1, likeness)), "")
