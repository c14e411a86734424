"""YAML whose values know their place in the file; deploy.yml is read with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import yaml

from capdoit.config.yaml_mistakes import Mistakes
from capdoit.sources import FilledText, PendingValue, Source
from capdoit.text import join_names, make_printable, suggest_name

T = TypeVar("T")
TAG_PREFIX = "tag:yaml.org,2002:"
MERGE = f"{TAG_PREFIX}merge"  # the tag of the key <<
KIND_NAMES = {
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "a boolean",
    "timestamp": "a date",
    "null": "nothing",
    "map": "a mapping",
    "seq": "a list",
}
VALUE_TAGS = ("!env", "!cmd", "!ask", "!current", "!todo")  # config/tags.py reads them
STRING_KINDS = ("str", "int", "float", "timestamp")
NOT_IN_STRINGS = re.compile("[\0\ud800-\udfff]")
ANY_SIZE = 10**9
TRUE_WORDS = ("yes", "true", "on")
FALSE_WORDS = ("no", "false", "off")


class Scope(Protocol):
    """The names that references in a text of deploy.yml may have."""

    def fill(self, value: YamlValue) -> FilledText:
        """Return the text of a value with its references replaced. Wrong references are mistakes."""
        ...

    def inside(self, host: YamlValue) -> Scope:
        """Return the names in a host."""
        ...


class YamlValue:
    """A value of the file.

    A method ``as_…`` returns the value as one type. If the value has another type, the method adds a mistake and
    returns a harmless value.

    Args:
        node: the node of the value.
        path: path to the value from the top of the file.
        mistakes: mistakes of the file.
        key: the node of the key; None if the value has no key.
        scope: the names that references in the value may have; None if references are not replaced.
    """

    def __init__(
        self,
        node: yaml.Node,
        path: str,
        mistakes: Mistakes,
        key: yaml.Node | None = None,
        scope: Scope | None = None,
    ) -> None:
        self.node, self.path, self.mistakes, self.scope = node, path, mistakes, scope
        self.key = key or node

    def in_scope(self, scope: Scope | None) -> YamlValue:
        """Return the value with the names that references in it may have."""
        return YamlValue(self.node, self.path, self.mistakes, self.key, scope)

    @property
    def place(self) -> str:
        """File, line and column of the key."""
        return self.mistakes.place(self.key)

    @property
    def kind(self) -> str:
        """YAML's name of the type: ``str``, ``map``, …; for other tags, the tag."""
        return str(self.node.tag).removeprefix(TAG_PREFIX)

    @property
    def is_number(self) -> bool:
        """True for a number that is not quoted."""
        return self.kind in ("int", "float")

    def untagged(self) -> YamlValue:
        """Return the value without its tag, as it is behind ``!env``."""
        if isinstance(self.node, yaml.ScalarNode):
            kind = "str" if self.node.value else "null"
        else:
            kind = "map" if isinstance(self.node, yaml.MappingNode) else "seq"
        node = type(self.node)(f"{TAG_PREFIX}{kind}", self.node.value, self.node.start_mark, self.node.end_mark)
        return YamlValue(node, self.path, self.mistakes, self.key, self.scope)

    def find_references(self) -> FilledText | None:
        """Return the text with its references replaced; None for a value without references."""
        is_text = self.kind == "str" and isinstance(self.node, yaml.ScalarNode)
        return self.scope.fill(self) if self.scope and is_text and "%{" in self.node.value else None

    def add_mistake(self, text: str) -> None:
        """Add a mistake; for a mapping or a list, its place is that of the key."""
        node = self.node if isinstance(self.node, yaml.ScalarNode) else self.key
        self.mistakes.add(node, self.path, text)

    def add_mismatch(self, expected: str) -> None:
        """Add the mistake that something else was expected."""
        if self.kind.startswith("!") and self.kind not in VALUE_TAGS:
            expected = f"{expected}{suggest_name(self.kind, VALUE_TAGS)}"
        self.add_mistake(f"found {self._description()}, expected {expected}")

    def as_string(self, *, may_be_empty: bool = False) -> str:
        """Return a string; numbers and dates count as strings."""
        is_string = isinstance(self.node, yaml.ScalarNode) and self.kind in STRING_KINDS
        if is_string and (self.node.value or may_be_empty) and not NOT_IN_STRINGS.search(self.node.value):
            return self._fill()
        self.add_mismatch("a string; quote it" if self.kind == "bool" else "a string")
        return ""

    def _fill(self) -> str:
        """Return the text with its references replaced.

        Raises:
            PendingValue: a value is not known yet.
        """
        filled = self.find_references()
        text = filled.find() if filled else str(self.node.value)
        if filled and text is None:
            raise PendingValue(filled)
        return text or ""

    def as_whole_number(self, least: int, most: int = ANY_SIZE) -> int:
        """Return an integer from ``least`` to ``most``."""
        if self.kind == "int" and re.fullmatch(r"[0-9]{1,10}", str(self.node.value)):
            number = int(self.node.value)
            if least <= number <= most:
                return number
        bounds = f"of at least {least}" if most == ANY_SIZE else f"from {least} to {most}"
        self.add_mismatch(f"a whole number {bounds}")
        return least

    def as_integer(self) -> int:
        """Return an integer of any sign."""
        if re.fullmatch(r"[-+]?[0-9]{1,40}", str(self.node.value)):
            return int(self.node.value)
        self.add_mismatch("a whole number such as 30; quote it if it is a text")  # YAML also has 12:30, 0x1F and 1_000
        return 0

    def as_number(self) -> float:
        """Return a number, which may have decimals."""
        try:
            return float(self.node.value)
        except ValueError:  # YAML also has 1_000.5 and 1:30.5
            self.add_mismatch("a number such as 0.5")
            return 0.0

    def as_boolean(self) -> bool:
        """Return true or false."""
        if self.kind == "bool":
            return str(self.node.value).lower() in TRUE_WORDS
        self.add_mismatch("true or false")
        return False

    def as_choice(self, choices: Iterable[str], what: str) -> str:
        """Return one of some words; ``what`` names such a word in messages."""
        text, choices = self.as_string(), list(choices)
        if text and text not in choices:
            self.add_mistake(
                f"found {make_printable(text)}, expected {what}: {join_names(choices)}{suggest_name(text, choices)}"
            )
        return text

    def as_list(self, expected: str = "a list of strings", if_empty: str = "") -> list[YamlValue]:
        """Return the items of a list; a single string is a list of one.

        Args:
            expected: what messages say that was expected.
            if_empty: the mistake if the list is empty; empty if it may be empty.
        """
        if self.kind in STRING_KINDS and self.node.value:
            return [self]
        if self.kind != "seq":
            self.add_mismatch(expected)
            return []
        if if_empty and not self.node.value:
            self.add_mistake(if_empty)
        paths = [f"{self.path}[{i}]" for i in range(len(self.node.value))]
        items = zip(self.node.value, paths, strict=True)
        return [YamlValue(node, path, self.mistakes, scope=self.scope) for node, path in items]

    def as_mapping(self, expected: str = "a mapping", if_empty: str = "") -> dict[str, YamlValue]:
        """Return the values of a mapping by key. Duplicate keys, and keys that are not strings, are mistakes.

        The merge key ``<<`` adds the entries of other mappings; the mapping's own entries win, then earlier mappings.

        Args:
            expected: what messages say that was expected.
            if_empty: the mistake if the mapping is empty; empty if it may be empty.
        """
        if self.kind != "map":
            self.add_mismatch(expected)
            return {}
        if if_empty and not self.node.value:
            self.add_mistake(if_empty)
        entries: dict[str, YamlValue] = {}
        self._add_entries(entries, set())
        return entries

    def replaced_by_mapping(self, path: str) -> YamlValue:
        """Return an empty mapping with another path in the place of this value."""
        node = yaml.MappingNode(f"{TAG_PREFIX}map", [], self.node.start_mark, self.node.end_mark)
        return YamlValue(node, path, self.mistakes, self.key, self.scope)

    def with_texts(self, texts: Mapping[str, str]) -> YamlValue:
        """Return this mapping with more entries, which its own entries override; nothing counts as an empty mapping."""
        if self.kind == "null":
            return self.replaced_by_mapping(self.path).with_texts(texts)
        if self.kind != "map" or not texts:
            return self
        own = {key.value for key, _ in self.node.value}
        more = [(self._scalar(name), self._scalar(text)) for name, text in texts.items() if name not in own]
        node = yaml.MappingNode(self.node.tag, [*more, *self.node.value], self.node.start_mark, self.node.end_mark)
        return YamlValue(node, self.path, self.mistakes, self.key, self.scope)

    def replaced_by(self, data: Any) -> YamlValue:
        """Return a value with other data, as JSON has them, in the place of this value."""
        return YamlValue(self._make_node(data), self.path, self.mistakes, self.key)

    def _make_node(self, data: Any) -> yaml.Node:
        marks = self.node.start_mark, self.node.end_mark
        if isinstance(data, dict):
            entries = [(self._make_node(str(name)), self._make_node(one)) for name, one in data.items()]
            return yaml.MappingNode(f"{TAG_PREFIX}map", entries, *marks)
        if isinstance(data, list):
            return yaml.SequenceNode(f"{TAG_PREFIX}seq", [self._make_node(one) for one in data], *marks)
        kind = "null" if data is None else type(data).__name__
        text = "" if data is None else str(data).lower() if isinstance(data, bool) else str(data)
        return yaml.ScalarNode(f"{TAG_PREFIX}{kind}", text, *marks)

    def _scalar(self, text: str) -> yaml.ScalarNode:
        """Return a node with a text, as if it were written at the place of the key."""
        kind = "int" if text.isdecimal() else "str"
        return yaml.ScalarNode(f"{TAG_PREFIX}{kind}", text, self.key.start_mark, self.key.end_mark)

    def read_fields(
        self, readers: Mapping[str, Callable[[YamlValue], T]], what: str, hints: Mapping[str, str]
    ) -> dict[str, T]:
        """Return the values of a mapping by key, as their readers return them. Unknown keys are mistakes.

        Args:
            readers: reader of each known key.
            what: what messages call a key.
            hints: what follows the mistake for some unknown keys, such as ``; it belongs in a stage``.
        """
        found: dict[str, T] = {}
        for name, value in self.as_mapping().items():
            if name in readers:
                found[name] = readers[name](value)
            else:
                hint = hints.get(name) or suggest_name(name, readers)
                self.mistakes.add(value.key, value.path, f"no such {what}{hint}")
        return found

    def _add_entries(self, entries: dict[str, YamlValue], merged: set[int]) -> None:
        """Add the entries of this mapping that are not there yet, then those of the mappings that it merges.

        Args:
            entries: gets the entries.
            merged: ids of the nodes that were added; a mapping may merge itself, or another one many times.
        """
        merged.add(id(self.node))
        own: dict[str, YamlValue] = {}
        for key, node in self.node.value:
            if key.tag != MERGE:
                self._add_entry(key, node, own)
        entries.update({name: value for name, value in own.items() if name not in entries})
        for key, node in self.node.value:
            if key.tag == MERGE:
                self._merge(key, node, entries, merged)

    def _merge(self, key: yaml.Node, node: yaml.Node, entries: dict[str, YamlValue], merged: set[int]) -> None:
        for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(one, yaml.MappingNode):
                self.mistakes.add(
                    key, self.path, "<< expects a mapping, such as an alias (*NAME), or a list of mappings"
                )
            elif id(one) not in merged:
                YamlValue(one, self.path, self.mistakes, key, self.scope)._add_entries(entries, merged)

    def _add_entry(self, key: yaml.Node, node: yaml.Node, entries: dict[str, YamlValue]) -> None:
        name = make_printable(str(key.value)) if isinstance(key, yaml.ScalarNode) else ""
        path = f"{self.path}.{name}" if self.path else name
        if not name:
            self.mistakes.add(key, self.path, "expected a name")
        elif name in entries:
            first = entries[name].place.removeprefix(f"{self.mistakes.file}:")
            self.mistakes.add(key, path, f"duplicate key; the first one is at {first}")
        else:
            entries[name] = YamlValue(node, path, self.mistakes, key, self.scope)

    def _description(self) -> str:
        """Return the value's type, and its text if it is a scalar."""
        kind = KIND_NAMES.get(self.kind, self.kind)
        if isinstance(self.node, yaml.ScalarNode) and self.node.value:
            return f"{kind} ({make_printable(str(self.node.value))})"
        return "nothing" if self.kind in ("str", "null") else kind


class ComputedValue(YamlValue):
    """A text in place of a value of the file. One from elsewhere may be secret, so mistakes do not show it.

    Args:
        value: the value of the file.
        text: the text in its place.
        source: the source of the text.
    """

    def __init__(self, value: YamlValue, text: str, source: Source) -> None:
        self._source = source
        node = yaml.ScalarNode(f"{TAG_PREFIX}str", text, value.node.start_mark, value.node.end_mark)
        super().__init__(node, value.path, value.mistakes, value.key)

    @property
    def kind(self) -> str:
        """The type that the text has in a YAML file, where readers distinguish it."""
        return "int" if re.fullmatch(r"[0-9]{1,10}", str(self.node.value)) else "str"

    @property
    def is_number(self) -> bool:
        """False: it is a text."""
        return False

    def as_boolean(self) -> bool:
        """Return true or false."""
        text = str(self.node.value).lower()
        if text not in (*TRUE_WORDS, *FALSE_WORDS):
            self.add_mismatch("true or false")
        return text in TRUE_WORDS

    def add_mistake(self, text: str) -> None:
        """Add a mistake, without the value if it comes from elsewhere."""
        if self._source.is_external:
            expected = text.partition(", expected ")[2]
            is_empty = "" if self.node.value else ", which is empty"
            text = f"found {self._source.noun}{is_empty}, expected {expected or 'another one'}"
        super().add_mistake(text)
