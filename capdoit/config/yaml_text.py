"""The text of a deploy.yml: entries with comments, laid out as people write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from capdoit.questions import Question
from capdoit.sources import EnvironmentVariable, Source, ToFillIn

MOST_CHARACTERS = 110
# Texts that need no quotes, in a list or mapping on one line, too.
PLAIN = re.compile(r"(?:[A-Za-z_/]|\.(?=[A-Za-z_]))[A-Za-z0-9_./~@+*=-]*(?::[A-Za-z0-9_./~@+*=-]+)*")
RESERVED = re.compile(r"true|false|yes|no|on|off|y|n|null", re.IGNORECASE)


@dataclass(frozen=True)
class YamlEntry:
    """A key with its value.

    Attributes:
        key: the key.
        value: a value as JSON has it, `EnvironmentVariable`, or a tuple of entries.
        comment: text behind the value; empty for none.
        is_active: False for an entry that is written as a comment.
    """

    key: str
    value: Any
    comment: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class Remark:
    """Lines of comment between entries."""

    lines: tuple[str, ...]


def format_entries(entries: Iterable[YamlEntry | Remark], indent: int = 0) -> Iterator[str]:
    """Yield the lines of a mapping."""
    pad = " " * indent
    for entry in entries:
        if isinstance(entry, Remark):
            yield from (f"{pad}# {line}".rstrip() for line in entry.lines)
            continue
        lines = _format_entry(entry, indent)
        yield from lines if entry.is_active else (f"{pad}# {line[indent:]}" for line in lines)


def _format_entry(entry: YamlEntry, indent: int) -> Iterator[str]:
    head, tail = f"{' ' * indent}{format_value(entry.key)}:", f"  # {entry.comment}" if entry.comment else ""
    if isinstance(entry.value, tuple):
        yield f"{head}{tail}"
        yield from format_entries(entry.value, indent + 2)
        return
    text = format_value(entry.value)
    is_long = len(head) + len(text) + 1 > MOST_CHARACTERS
    if is_long and isinstance(entry.value, list):
        yield f"{head}{tail}"
        yield from (f"{' ' * indent}  - {format_value(item)}" for item in entry.value)
    elif is_long and isinstance(entry.value, Mapping):
        yield f"{head}{tail}"
        yield from format_entries((YamlEntry(key, value) for key, value in entry.value.items()), indent + 2)
    elif entry.comment and len(head) + len(text) + len(tail) > MOST_CHARACTERS:
        yield f"{' ' * indent}# {entry.comment}"
        yield f"{head} {text}"
    else:
        yield f"{head} {text}{tail}"


def format_value(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, Source):
        return _format_source(value)
    if isinstance(value, float):
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))  # in YAML 1.1, a number with an exponent has a dot
    if isinstance(value, str):
        is_plain = PLAIN.fullmatch(value) and not RESERVED.fullmatch(value)
        return value if is_plain else json.dumps(value.replace("%{", "%%{"), ensure_ascii=False)  # no reference
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{format_value(key)}: {format_value(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(format_value, value))}]"
    return json.dumps(value)


def _format_source(source: Source) -> str:
    """Return a value that deploy.yml takes from elsewhere."""
    if isinstance(source, EnvironmentVariable) and source.default is not None:
        return f"!env {{name: {source.variable}, default: {_format_default(source.default)}}}"
    if isinstance(source, Question):
        return "!ask" if source.default is None else f"!ask {{default: {_format_default(source.default)}}}"
    if isinstance(source, ToFillIn):
        return f"!todo {json.dumps(source.wanted, ensure_ascii=False)}"
    return source.tag


def _format_default(value: Any) -> str:
    return f"{format_value(value)} " if isinstance(value, Source) else format_value(value)  # a tag ends at a space
