"""A doit on a terminal whose screen a test can read."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyte

from capdoit.testing import Project
from tests.typist import Typist

SIZE = (24, 80)


class Terminal(Typist):
    """A running doit on a terminal, and somebody who looks at its screen and types.

    Args:
        project: the project.
        env: environment variables.
        *words: arguments of doit.
        size: lines and columns.
        before: a program and its arguments that start doit, such as nohup.
    """

    def __init__(
        self,
        project: Project,
        env: Mapping[str, str],
        *words: str,
        size: tuple[int, int] = SIZE,
        before: Sequence[str] = (),
    ) -> None:
        lines, columns = size
        self._emulator = pyte.HistoryScreen(columns, lines, history=10_000, ratio=0.5)
        self._stream = pyte.ByteStream(self._emulator)
        self._seen = 0
        super().__init__([*before, sys.executable, "-m", "doit", *words], project.path, env, size)

    def __enter__(self) -> Terminal:
        return self

    @property
    def screen_text(self) -> str:
        """The text on the screen now, without blank lines at its end."""
        return "\n".join(line.rstrip() for line in self._emulator.display).rstrip()

    @property
    def paper(self) -> str:
        """The text on the screen, and everything that was scrolled out of it."""
        columns = range(self._emulator.columns)
        above = ["".join(line[column].data for column in columns).rstrip() for line in self._emulator.history.top]
        return "\n".join([*above, self.screen_text])

    def colors_of(self, text: str) -> set[str]:
        """Return the colors of a text on the screen."""
        row, line = next((number, line) for number, line in enumerate(self._emulator.display) if text in line)
        cells: Any = self._emulator.buffer[row]
        return {cells[column].fg for column in range(line.index(text), line.index(text) + len(text))}

    def look_for(self, condition: str | Callable[[str], object], seconds: float = 60) -> str:
        """Wait until a text is on the screen, or until a condition holds for it; return the screen."""
        end = time.monotonic() + seconds
        while not (condition in self.screen_text if isinstance(condition, str) else condition(self.screen_text)):
            is_over = self.process.poll() is not None
            found = self._read(0.1)
            assert found or not is_over, f"doit has ended before {condition}, and left:\n{self.paper}"
            assert time.monotonic() < end, f"waited for {condition}, and saw:\n{self.paper}"
        return self.screen_text

    def resize(self, lines: int, columns: int) -> None:
        """Change the size of the terminal."""
        super().resize(lines, columns)
        self._emulator.resize(lines, columns)

    def _read(self, seconds: float) -> bool:
        found = super()._read(seconds)
        self._stream.feed(self._shown[self._seen :])
        self._seen = len(self._shown)
        return found
