"""The differences between two files with secrets: the keys of the lines that differ, and never a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial

from capdoit.text import make_printable
from capdoit.url_credentials import MASK

LONGEST_COMPARED = 1 << 18  # bytes of a file whose lines are compared
MOST_LINES = 30
CONTEXT_LINES = 1
KEY = re.compile(
    r"""\s*(?:-\s+)?(?:export\s+)?(?P<key>(?P<quote>["']?)[A-Za-z_][\w.-]{0,63}(?P=quote))"""
    r"""(?P<mark>\s*(?:=>|=|:(?=\s|$))\s*)(?P<value>.*)"""
)
BLOCK = re.compile(r"(?P<indent>\s*)(?:-\s+)*(?:\S.*:\s+)?(?:[&!]\S*\s+)*[|>][-+\d]*(?:\s+#.*)?\s*")  # of YAML
QUOTED = re.compile(r"""(?P<quote>["'])(?:\\.|(?!(?P=quote))[^\\])*(?P=quote)(?=[\s,;)\]}]|$)""")
ESCAPED = re.compile(r"\\.")


@dataclass(frozen=True)
class OpenValue:
    """A value that goes on in the next lines.

    Attributes:
        ends_with: tells whether a line is its last.
        ends_before: tells whether a line comes after it.
    """

    ends_with: Callable[[str], bool] = lambda _: False
    ends_before: Callable[[str], bool] = lambda _: False


@dataclass(frozen=True)
class MaskedLine:
    """A line of a file, as it is shown.

    Attributes:
        raw: the line itself.
        key: its key; empty if it has none, or is a part of a value of several lines.
        shown: the line without its value.
    """

    raw: str
    key: str
    shown: str


def describe_differences(old: bytes, new: bytes) -> list[str]:
    """Return the differences between two files as a unified diff without values.

    A line that begins with ``!`` has the same key in both files and another value.
    """
    if max(len(old), len(new)) > LONGEST_COMPARED:
        return [f"{len(old)} bytes there, {len(new)} bytes here"]
    try:
        before, after = (_mask_lines(content.decode()) for content in _without_common_end(old, new))
    except UnicodeDecodeError:
        return ["it is not a text file"]
    lines = [*_list_differences(before, after)]
    more = [f"… and {len(lines) - MOST_LINES} more lines"] if len(lines) > MOST_LINES else []
    return [*lines[:MOST_LINES], *more]


def _without_common_end(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """Return two contents without the end of the last line, unless only one of them has it."""
    return (old[:-1], new[:-1]) if old[-1:] == new[-1:] == b"\n" else (old, new)


def _list_differences(before: Sequence[MaskedLine], after: Sequence[MaskedLine]) -> Iterator[str]:
    matcher = SequenceMatcher(None, [line.raw for line in before], [line.raw for line in after], autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        yield f"@@ -{_range(group[0][1], group[-1][2])} +{_range(group[0][3], group[-1][4])} @@"
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                yield from (f" {line.shown}" for line in before[start:end])
            else:
                yield from _changes(before[start:end], after[new_start:new_end])


def _range(start: int, end: int) -> str:
    return f"{start + 1},{end - start}"


def _changes(removed: Sequence[MaskedLine], added: Sequence[MaskedLine]) -> Iterator[str]:
    """Yield the lines that were removed, changed and added."""
    kept = {line.key for line in removed} & {line.key for line in added} - {""}
    yield from (f"-{line.shown}" for line in removed if line.key not in kept)
    yield from (f"!{line.key} changed" if line.key in kept else f"+{line.shown}" for line in added)


def _mask_lines(text: str) -> list[MaskedLine]:
    """Return the lines of a text with everything but their keys masked. A value may have several lines."""
    lines: list[MaskedLine] = []
    value: OpenValue | None = None
    for raw in text.split("\n"):
        if value and not value.ends_before(raw):
            lines.append(MaskedLine(raw, "", MASK))
            value = None if value.ends_with(raw) else value
        else:
            lines.append(_mask_line(raw))
            value = _find_open_value(raw)
    return lines


def _mask_line(raw: str) -> MaskedLine:
    found = KEY.fullmatch(raw.rstrip())
    # The last line of a secret in base64 ends in "=", and has the form of a key without a value.
    if not raw.strip() or not found or ("=" in found["mark"] and not found["value"].strip("= ")):
        return MaskedLine(raw, "", MASK if raw.strip() else "")
    key, mark = make_printable(found["key"]), make_printable(found["mark"])
    return MaskedLine(raw, key, f"{key}{mark}{MASK if found['value'] else ''}".rstrip())


def _find_open_value(raw: str) -> OpenValue | None:
    """Return the value that begins in a line and goes on in the next; None if there is none."""
    if "-----BEGIN" in raw and "-----END" not in raw:
        return OpenValue(ends_with=lambda line: "-----END" in line)
    if block := BLOCK.fullmatch(raw):
        return OpenValue(ends_before=partial(_is_outside, len(block["indent"])))
    found = KEY.fullmatch(raw.rstrip())
    value = found["value"] if found else ""
    if value[:1] in ('"', "'") and not QUOTED.match(value) and _has_odd_quotes(value[0], value):
        return OpenValue(ends_with=partial(_has_odd_quotes, value[0]))
    return None


def _is_outside(indent: int, line: str) -> bool:
    """Return whether a line is not deeper than a block scalar's key. Blank lines belong to the block."""
    return bool(line.strip()) and len(line) - len(line.lstrip()) <= indent


def _has_odd_quotes(quote: str, text: str) -> bool:
    return ESCAPED.sub("", text).count(quote) % 2 == 1
