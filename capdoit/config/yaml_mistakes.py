"""The mistakes of a YAML file, which are collected and reported together.

Each has file, line, column, the path to the value, what was found, and what was expected.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from capdoit.errors import ConfigError


class PythonMark(yaml.Mark):
    """The place of a setting that dodo.py gives.

    Args:
        place: file and line of the call that has it.
    """

    def __init__(self, place: str) -> None:
        super().__init__(place, 0, int(place.rpartition(":")[2]) - 1, 0, None, 0)


class Mistakes:
    """The mistakes of one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._found: dict[str, tuple[int, int]] = {}

    def add(self, node: yaml.Node, path: str, text: str) -> None:
        """Add a mistake.

        Args:
            node: the node with the mistake.
            path: path to that node from the top of the file.
            text: description of the mistake.
        """
        prefix = f"{path}: " if path else ""
        mark = node.start_mark
        self._found[f"{self.place(node)}: {prefix}{text}"] = (mark.line, mark.column)

    def place(self, node: yaml.Node) -> str:
        """Return file, line and column of a node; for a setting of dodo.py, file and line of the call."""
        if isinstance(node.start_mark, PythonMark):
            return str(node.start_mark.name)
        return f"{self.file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"

    def raise_if_any(self) -> None:
        """Raise ConfigError with all mistakes, in the order of the file."""
        if self._found:
            raise ConfigError(*sorted(self._found, key=self._found.__getitem__))
