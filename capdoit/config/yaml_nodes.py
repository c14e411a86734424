"""YAML whose every value knows its place: what deploy.yml is read with.

Mistakes are collected, not raised one by one; each says file, line, column, the path to the value,
what was found and what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from capdoit.errors import ConfigError
from capdoit.text import listed, near, printable

T = TypeVar("T")
TAG = "tag:yaml.org,2002:"
KINDS = {
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "a truth",
    "timestamp": "a date",
    "null": "nothing",
    "map": "a mapping",
    "seq": "a list",
}


# libyaml is some ten times as fast; the one in Python knows better where something is wrong.
EXACT = yaml.SafeLoader
FAST = getattr(yaml, "CSafeLoader", EXACT)
DEEPEST = 40  # levels; deploy.yml needs seven, and some thousands would end libyaml in a crash


class Mistakes:
    """The mistakes of one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._found: dict[str, tuple[int, int]] = {}

    def add(self, node: yaml.Node, path: str, text: str) -> None:
        """One more, at a node."""
        where = f"{path}: " if path else ""
        mark = node.start_mark
        self._found[f"{self.place(node)}: {where}{text}"] = (mark.line, mark.column)

    def place(self, node: yaml.Node) -> str:
        """File, line and column of a node."""
        return f"{self.file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"

    def raise_if_any(self) -> None:
        """Raise ConfigError with all of them, in the order of the file."""
        if self._found:
            raise ConfigError(*sorted(self._found, key=self._found.__getitem__))


class YamlValue:
    """A node of the file, with its path; its methods say what is expected of it.

    Args:
        node: the value itself.
        path: what leads to it, from the top of the file.
        mistakes: where what is wrong with it is noted.
        key: the node of its name; None when it has none.
    """

    def __init__(self, node: yaml.Node, path: str, mistakes: Mistakes, key: yaml.Node | None = None) -> None:
        self.node, self.path, self.mistakes = node, path, mistakes
        self.key = key or node

    @property
    def place(self) -> str:
        """File, line and column, where its name stands."""
        return self.mistakes.place(self.key)

    @property
    def kind(self) -> str:
        """YAML's word for what it is: ``str``, ``map``, …; for a tag that YAML does not know, the tag."""
        return str(self.node.tag).removeprefix(TAG)

    def add_mistake(self, text: str) -> None:
        """Add a mistake at this place; that of a mapping or a list is where its name stands."""
        where = self.node if isinstance(self.node, yaml.ScalarNode) else self.key
        self.mistakes.add(where, self.path, text)

    def add_mismatch(self, what: str) -> None:
        """Add the mistake that something else stands here."""
        self.add_mistake(f"found {self._found()}, expected {what}")

    def as_string(self, *, may_be_empty: bool = False) -> str:
        """A text, not empty unless it may be; a number is taken as it is written."""
        is_text = isinstance(self.node, yaml.ScalarNode) and self.kind in ("str", "int", "float", "timestamp")
        if is_text and (self.node.value or may_be_empty) and not re.search("[\0\ud800-\udfff]", self.node.value):
            return str(self.node.value)
        self.add_mismatch("a text; quote it" if self.kind == "bool" else "a text")
        return ""

    def as_whole_number(self, least: int, most: int = 10**9) -> int:
        """A whole number between two."""
        if self.kind == "int" and re.fullmatch(r"[0-9]{1,10}", str(self.node.value)):
            number = int(self.node.value)
            if least <= number <= most:
                return number
        bounds = f"of at least {least}" if most == 10**9 else f"from {least} to {most}"
        self.add_mismatch(f"a whole number {bounds}")
        return least

    def as_number(self) -> float:
        """A number that need not be whole."""
        try:
            return float(self.node.value)
        except ValueError:  # YAML has 1_000.5 and 1:30.5
            self.add_mismatch("a number such as 0.5")
            return 0.0

    def as_boolean(self) -> bool:
        """True or false."""
        if self.kind == "bool":
            return str(self.node.value).lower() in ("yes", "true", "on")
        self.add_mismatch("true or false")
        return False

    def as_choice(self, names: Iterable[str], what: str) -> str:
        """One of some names."""
        text, names = self.as_string(), list(names)
        if text and text not in names:
            self.add_mistake(f"found {printable(text)}, expected {what}: {listed(names)}{near(text, names)}")
        return text

    def as_list(self, what: str = "a list of texts") -> list[YamlValue]:
        """The items of a list."""
        if self.kind != "seq":
            self.add_mismatch(what)
            return []
        return [YamlValue(node, f"{self.path}[{i}]", self.mistakes) for i, node in enumerate(self.node.value)]

    def as_mapping(self, what: str = "a mapping", empty: str = "") -> dict[str, YamlValue]:
        """A mapping's values by their keys, which are texts; a key that stands twice is a mistake.

        Args:
            what: what is expected here, in words.
            empty: the mistake that an empty mapping is; nothing when it is none.
        """
        if self.kind != "map":
            self.add_mismatch(what)
            return {}
        if empty and not self.node.value:
            self.add_mistake(empty)
        entries: dict[str, YamlValue] = {}
        for key, node in self.node.value:
            self._entry(key, node, entries)
        return entries

    def read_fields(
        self, readers: Mapping[str, Callable[[YamlValue], T]], what: str, elsewhere: Mapping[str, str]
    ) -> dict[str, T]:
        """A mapping whose keys are known, each with what reads its value.

        Args:
            readers: what reads the value of each.
            what: what a key is, in words.
            elsewhere: where keys belong that are not for here, in words.
        """
        read: dict[str, T] = {}
        for name, value in self.as_mapping().items():
            if name in readers:
                read[name] = readers[name](value)
            else:
                hint = f"; it belongs {elsewhere[name]}" if name in elsewhere else near(name, readers)
                self.mistakes.add(value.key, value.path, f"no such {what}{hint}")
        return read

    def _entry(self, key: yaml.Node, node: yaml.Node, entries: dict[str, YamlValue]) -> None:
        name = printable(str(key.value)) if isinstance(key, yaml.ScalarNode) else ""
        path = f"{self.path}.{name}" if self.path else name
        if not name or key.tag == f"{TAG}merge":
            self.mistakes.add(key, self.path, "expected a name")
        elif name in entries:
            first = entries[name].place.removeprefix(f"{self.mistakes.file}:")
            self.mistakes.add(key, path, f"stands here for the second time; the first is at {first}")
        else:
            entries[name] = YamlValue(node, path, self.mistakes, key)

    def _found(self) -> str:
        """What stands here, in words."""
        kind = KINDS.get(self.kind, self.kind)
        if isinstance(self.node, yaml.ScalarNode) and self.node.value:
            return f"{kind} ({printable(str(self.node.value))})"
        return "nothing" if self.kind in ("str", "null") else kind


def read_yaml(file: Path, loader: Any) -> YamlValue:
    """The whole of a YAML file, loaded safely: no tag makes an object.

    Args:
        file: its path.
        loader: `FAST` or `EXACT`.

    Raises:
        ConfigError: it cannot be read or is no YAML; with line and column.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; `doit cap install` writes an example") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 at byte {error.start}") from None
    node = _compose(file, text, loader)
    if node is None:
        raise ConfigError(f"{file}: is empty; remove it, and `doit cap install` writes an example")
    return YamlValue(node, "", Mistakes(file))


def _compose(file: Path, text: str, loader: Any) -> yaml.Node | None:
    try:
        _refuse_depths(file, text, loader)
        return yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        place = _at(error.problem_mark or error.context_mark)
        raise ConfigError(f"{file}{place}: not YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        *lines, last = text[: error.position].split("\n")
        raise ConfigError(f"{file}:{len(lines) + 1}:{len(last) + 1}: not YAML: {error.reason}") from None


def _refuse_depths(file: Path, text: str, loader: Any) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ConfigError(f"{file}{_at(event.start_mark)}: is nested more than {DEEPEST} levels deep")


def _at(mark: Any) -> str:
    return f":{mark.line + 1}:{mark.column + 1}" if mark else ""
