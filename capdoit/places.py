"""YAML whose every value knows its place: what deploy.yml is read with.

Mistakes are collected, not raised one by one; each says file, line, column, the path to the value,
what was found and what was expected.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import yaml

from capdoit.errors import ConfigError
from capdoit.text import listed

T = TypeVar("T")
TAG = "tag:yaml.org,2002:"
KINDS = {"str": "a text", "int": "a number", "float": "a number", "bool": "a truth", "null": "nothing"}
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mistakes:
    """The mistakes of one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: list[str] = []

    def add(self, node: yaml.Node, path: str, text: str) -> None:
        """One more, at a node."""
        mark = node.start_mark
        where = f"{path}: " if path else ""
        self.found.append(f"{self.file}:{mark.line + 1}:{mark.column + 1}: {where}{text}")

    def raise_if_any(self) -> None:
        """Raise ConfigError with all of them, in the order of the file."""
        if self.found:
            raise ConfigError(*sorted(set(self.found), key=lambda m: [int(n) for n in re.findall(r":(\d+)", m)[:2]]))


class Value:
    """A node of the file, with its path; its methods say what is expected of it."""

    def __init__(self, node: yaml.Node, path: str, mistakes: Mistakes) -> None:
        self.node, self.path, self.mistakes = node, path, mistakes

    def wrong(self, text: str) -> None:
        """Add a mistake at this place."""
        self.mistakes.add(self.node, self.path, text)

    def found(self) -> str:
        """What stands here, in words."""
        if isinstance(self.node, yaml.MappingNode):
            return "a mapping"
        if isinstance(self.node, yaml.SequenceNode):
            return "a list"
        kind = self.node.tag.removeprefix(TAG)
        return f"{KINDS.get(kind, kind)} ({self.node.value})" if self.node.value else "nothing"

    def text(self) -> str:
        """A text; a number is taken as it is written."""
        kind = self.node.tag.removeprefix(TAG)
        if isinstance(self.node, yaml.ScalarNode) and kind in ("str", "int", "float", "timestamp"):
            if self.node.value and "\0" not in self.node.value:
                return str(self.node.value)
        quote = "; quote it" if kind == "bool" else ""
        self.wrong(f"found {self.found()}, expected a text{quote}")
        return ""

    def number(self, least: int, most: int = 10**9) -> int:
        """A whole number between two."""
        if self.node.tag == f"{TAG}int" and re.fullmatch(r"[0-9]+", str(self.node.value)):
            number = int(self.node.value)
            if least <= number <= most:
                return number
        bounds = f"of at least {least}" if most == 10**9 else f"from {least} to {most}"
        self.wrong(f"found {self.found()}, expected a whole number {bounds}")
        return least

    def truth(self) -> bool:
        """True or false."""
        if self.node.tag == f"{TAG}bool":
            return str(self.node.value).lower() in ("yes", "true", "on")
        self.wrong(f"found {self.found()}, expected true or false")
        return False

    def choice(self, names: Iterable[str], what: str) -> str:
        """One of some names."""
        text, names = self.text(), list(names)
        if text and text not in names:
            self.wrong(f"found {text}, expected {what}: {listed(names)}{near(text, names)}")
        return text

    def items(self, what: str = "a list") -> list[Value]:
        """The items of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.wrong(f"found {self.found()}, expected {what}")
            return []
        return [Value(node, f"{self.path}[{i}]", self.mistakes) for i, node in enumerate(self.node.value)]

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(item.text() for item in self.items("a list of texts"))

    def entries(self, what: str = "a mapping") -> dict[str, Value]:
        """A mapping's values by their keys, which are texts; a key that stands twice is a mistake."""
        if not isinstance(self.node, yaml.MappingNode):
            self.wrong(f"found {self.found()}, expected {what}")
            return {}
        entries: dict[str, Value] = {}
        for key, node in self.node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            path = f"{self.path}.{name}" if self.path else name
            if not name or key.tag == f"{TAG}merge":
                self.mistakes.add(key, self.path, "expected a name")
            elif name in entries:
                first = entries[name].node.start_mark.line + 1
                self.mistakes.add(key, path, f"stands here for the second time; the first is in line {first}")
            else:
                entries[name] = Value(node, path, self.mistakes)
                entries[name].key = key
        return entries

    key: yaml.Node | None = None

    def fields(self, readers: Mapping[str, Callable[[Value], T]], what: str) -> dict[str, T]:
        """A mapping whose keys are known, each with what reads its value."""
        read: dict[str, T] = {}
        for name, value in self.entries().items():
            if name in readers:
                read[name] = readers[name](value)
            else:
                self.mistakes.add(value.key or value.node, value.path, f"no such {what}{near(name, readers)}")
        return read


def read(file: Path) -> Value:
    """The whole of a YAML file, loaded safely: no tag makes an object.

    Raises:
        ConfigError: it cannot be read or is no YAML; with line and column.
    """
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=Loader)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; `doit cap install` writes an example") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 at byte {error.start}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ConfigError(f"{file}{place}: not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not YAML: {error}") from None
    if node is None:
        raise ConfigError(f"{file}: is empty; `doit cap install` writes an example")
    return Value(node, "", Mistakes(file))


def near(name: str, names: Iterable[str]) -> str:
    """A suggestion for a name that does not exist, with what leads to it; empty when none is near."""
    close = difflib.get_close_matches(name, list(names), 1, 0.6)
    return f"; did you mean {close[0]}?" if close else ""
