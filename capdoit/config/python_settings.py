"""Settings that dodo.py gives to `capdoit.load`: they become nodes of YAML, and are read as strictly as deploy.yml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from capdoit.config.yaml_mistakes import PythonMark
from capdoit.config.yaml_nodes import TAG_PREFIX, YamlValue
from capdoit.error_location import locate_error
from capdoit.errors import ConfigError
from capdoit.text import make_printable

Settings = Mapping[str, Any]
GivenSettings = Settings | Callable[[dict[str, Any]], Settings] | None
KINDS = {bool: "bool", int: "int", float: "float", str: "str", type(None): "null"}


@dataclass(frozen=True)
class TaggedValue:
    """A value of deploy.yml with a tag, such as ``!env NAME``, in the settings that a function of dodo.py gets."""

    node: yaml.Node

    def __repr__(self) -> str:
        shown = f" {self.node.value}" if isinstance(self.node, yaml.ScalarNode) else ""
        return f"<{self.node.tag}{shown}>"


@dataclass(frozen=True)
class PythonSettings:
    """Settings of dodo.py.

    Attributes:
        values: the settings, nested as in deploy.yml.
        is_complete: whether they replace those of deploy.yml; otherwise they are added, and win.
        place: file and line of the call that has them.
    """

    values: Settings
    is_complete: bool
    place: str

    def applied_to(self, document: YamlValue) -> YamlValue:
        """Return deploy.yml with these settings."""
        mark = PythonMark(self.place)
        return YamlValue(_merge(document, self.values, mark, self.is_complete), "", document.mistakes)


def take_settings(given: GivenSettings, document: YamlValue, place: str) -> PythonSettings | None:
    """Return the settings of dodo.py; a function is called with those of deploy.yml, and returns all settings.

    Args:
        given: what `capdoit.load` got.
        document: deploy.yml.
        place: file and line of the call.

    Raises:
        ConfigError: the function fails, or these are no settings.
    """
    if given is None:
        return None
    values = _call(given, document, place) if callable(given) else given
    if not isinstance(values, Mapping):
        noun = "the function for settings= returned" if callable(given) else "settings= is"
        raise ConfigError(f"{place}: {noun} {make_printable(repr(values))}, expected a mapping of settings")
    return PythonSettings(values, callable(given), place)


def _call(function: Callable[[dict[str, Any]], Settings], document: YamlValue, place: str) -> Settings:
    try:
        return function(_plain(document))
    except Exception as error:
        what = make_printable(f"{type(error).__name__}: {error}")
        raise ConfigError(f"{place}: the function for settings= failed: {what}{locate_error(error)}") from error


def _plain(value: YamlValue) -> Any:
    """Return a value of deploy.yml as Python has it."""
    if value.kind == "map":
        return {name: _plain(item) for name, item in value.as_mapping().items()}
    if value.kind == "seq":
        return [_plain(item) for item in value.as_list()]
    if value.kind not in KINDS.values():
        return TaggedValue(value.node) if value.kind.startswith("!") else str(value.node.value)
    return yaml.SafeLoader("").construct_object(value.node)


def _merge(old: YamlValue, new: Any, mark: PythonMark, is_complete: bool) -> yaml.Node:
    """Return the node of a setting of Python; what it leaves as it is keeps its place in deploy.yml."""
    if not (isinstance(new, Mapping) and old.kind == "map"):
        return old.node if is_complete and _plain(old) == new else _make_node(new, mark)
    entries = old.as_mapping()
    kept = {} if is_complete else {name: (item.key, item.node) for name, item in entries.items()}
    changed = {}
    for name, item in new.items():
        node = _merge(entries[name], item, mark, is_complete) if name in entries else _make_node(item, mark)
        is_of_file = name in entries and not isinstance(node.start_mark, PythonMark)
        changed[str(name)] = (entries[name].key if is_of_file else _make_node(name, mark), node)
    return yaml.MappingNode(old.node.tag, [*{**kept, **changed}.values()], old.node.start_mark, old.node.end_mark)


def _make_node(value: Any, mark: PythonMark) -> yaml.Node:
    """Return a node for a value of Python.

    Raises:
        ConfigError: YAML has no such value.
    """
    if isinstance(value, TaggedValue):
        return value.node
    if isinstance(value, Mapping):
        pairs = [(_make_node(name, mark), _make_node(item, mark)) for name, item in value.items()]
        return yaml.MappingNode(f"{TAG_PREFIX}map", pairs, mark, mark)
    if isinstance(value, (list, tuple)):
        return yaml.SequenceNode(f"{TAG_PREFIX}seq", [_make_node(item, mark) for item in value], mark, mark)
    if isinstance(value, Path):
        value = str(value)
    kind = next((KINDS[one] for one in type(value).__mro__ if one in KINDS), None)
    if kind is None:
        what = f"{type(value).__name__} {make_printable(repr(value))}"
        raise ConfigError(f"{mark.name}: settings= has a {what}, expected texts, numbers, booleans, lists and mappings")
    text = "" if value is None else str(value).lower() if kind == "bool" else str(value)
    return yaml.ScalarNode(f"{TAG_PREFIX}{kind}", text, mark, mark)
