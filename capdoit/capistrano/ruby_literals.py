"""Literals of Ruby, for a project that is read as text: strings, symbols, numbers, lists and hashes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TOKEN = re.compile(
    r"""\s*(?:
        (?P<words>%[wi](?:\[[^\]]*\]|\([^)]*\)|\{[^}]*\}))
      | (?P<double>"(?:[^"\\#]|\\.|\#(?!\{))*")
      | (?P<single>'(?:[^'\\]|\\.)*')
      | (?P<key>[A-Za-z_]\w*):(?!:)
      | :(?P<symbol>[A-Za-z_]\w*[?!]?|"[^"\#]*")
      | (?P<number>-?\d[\d_]*(?:\.\d+)?)\b
      | (?P<word>true|false|nil)\b
      | (?P<arrow>=>)
      | (?P<mark>[\[\]{},])
    )""",
    re.VERBOSE,
)
WORDS = {"true": True, "false": False, "nil": None}


class NotLiteralError(Exception):
    """A text that is more than literals; its value is computed."""


def read_arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a call: those without names, and those with names.

    Args:
        text: what stands behind the name of the method, with or without parentheses.

    Raises:
        NotLiteralError: an argument is computed.
    """
    stripped = text.strip()
    inner = stripped[1:-1] if stripped.startswith("(") and stripped.endswith(")") else stripped
    reader = _Reader(inner)
    found = reader.read_items("")
    named = dict(item for item in found if isinstance(item, _Pair))
    return [item for item in found if not isinstance(item, _Pair)], named


class _Pair(tuple[str, Any]):
    """A key and its value."""

    __slots__ = ()


class _Reader:
    """A reader of the tokens of a text.

    Args:
        text: the text.
    """

    def __init__(self, text: str) -> None:
        self._tokens = [*_split_tokens(text)]
        self._next = 0

    def read_items(self, end: str) -> list[Any]:
        """Return the items up to a mark; "" is the end of the text."""
        items: list[Any] = []
        while not self._takes("mark", end) if end else self._next < len(self._tokens):
            items.append(self._read_item())
            if not self._takes("mark", ",") and self._peek() != ("mark", end) and self._next < len(self._tokens):
                raise NotLiteralError
            if self._next >= len(self._tokens) and end:
                raise NotLiteralError
        return items

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "")

    def _takes(self, kind: str, text: str) -> bool:
        found = self._peek() == (kind, text)
        self._next += found
        return found

    def _read_item(self) -> Any:
        kind, text = self._peek()
        if kind == "key":
            self._next += 1
            return _Pair((text, self._read_value()))
        value = self._read_value()
        return _Pair((str(value), self._read_value())) if self._takes("arrow", "=>") else value

    def _read_value(self) -> Any:
        kind, text = self._peek()
        self._next += 1
        if (kind, text) == ("mark", "["):
            return [_plain(item) for item in self.read_items("]")]
        if (kind, text) == ("mark", "{"):
            return dict(item for item in self.read_items("}") if isinstance(item, _Pair))
        return _read_scalar(kind, text)


def _plain(item: Any) -> Any:
    return dict([item]) if isinstance(item, _Pair) else item


def _split_tokens(text: str) -> Iterator[tuple[str, str]]:
    position, end = 0, len(text.rstrip())
    while position < end:
        found = TOKEN.match(text, position)
        if not found or not found.lastgroup:
            raise NotLiteralError
        yield found.lastgroup, found[found.lastgroup]
        position = found.end()


def _read_scalar(kind: str, text: str) -> Any:
    if kind == "words":
        return text[3:-1].split()
    if kind in ("double", "single"):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if kind == "symbol":
        return text.strip('"')
    if kind == "number" and re.fullmatch(r"0[0-7]+", text):
        return text  # an octal number, such as the mode of a file
    if kind == "number":
        return float(text) if "." in text else int(text.replace("_", ""))
    if kind == "word":
        return WORDS[text]
    raise NotLiteralError
