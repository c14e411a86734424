"""A terminal with a region at its end that is drawn again and again, below all lines that were written."""

from __future__ import annotations

import io
import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.cells import cell_len

from capdoit.output.pending_text import PendingText
from capdoit.output.unfailing_stream import make_unfailing
from capdoit.text import strip_colors

DEFAULT_SIZE = os.terminal_size((80, 24))
MOST_PENDING = 1 << 16  # characters that wait for the next drawing
ERASE_TO_LINE_END, ERASE_BELOW = "\033[K", "\033[J"


@dataclass(frozen=True)
class RegionLine:
    """A line of the region.

    Attributes:
        text: the line with its colors; no wider than the terminal.
        width: number of its columns.
    """

    text: str
    width: int


class Screen(io.TextIOBase):
    """A stream that writes above the region, from any thread.

    What is written while a region is shown waits for the next drawing, so a flood of lines costs little. A line without
    its end, such as a question, hides the region until the line has ended.

    Args:
        stream: the terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lock = threading.RLock()
        self._pending = PendingText(self._write_piece)
        self._region: Sequence[RegionLine] = ()
        self._drawn: Sequence[RegionLine] = ()
        self._is_at_line_start = True
        make_unfailing(stream)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the terminal."""
        return self._stream.encoding

    @property
    def size(self) -> os.terminal_size:
        """The columns and lines of the terminal; 80 and 24 if it is gone."""
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return DEFAULT_SIZE
        return size if size.columns and size.lines else DEFAULT_SIZE

    def isatty(self) -> bool:
        """Return True for a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the file descriptor of the terminal."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Write above the region: at once without a region, else with the next drawing."""
        with self._lock:
            self._pending.add(text)
            if not self._drawn or self._pending.size > MOST_PENDING:
                self._pending.write()
        return len(text)

    def flush(self) -> None:
        """Write a line without its end at once; complete lines can wait for the next drawing."""
        with self._lock:
            if not self._pending.ends_a_line:
                self._pending.write()

    def draw(self, region: Sequence[RegionLine]) -> None:
        """Show a region instead of the one before; an empty one hides it."""
        with self._lock:
            self._region = region
            if region or self._drawn or self._pending:
                self._pending.write()

    def _write_piece(self, text: str) -> None:
        """Write a text and the region below it as one piece, so that nobody sees the screen without the region."""
        if text:
            self._is_at_line_start = text.endswith("\n")
        rows = self._count_rows()
        self._drawn = self._region if self._is_at_line_start else ()
        text += "".join(f"{line.text}\n" for line in self._drawn)
        self._stream.write(_overwrite(text, rows, self.size.columns) if rows else text)
        self._stream.flush()

    def _count_rows(self) -> int:
        """Return the number of rows of the region, whose lines a narrower terminal has wrapped."""
        columns = self.size.columns
        return sum(max(1, math.ceil(line.width / columns)) for line in self._drawn)


def _overwrite(text: str, rows: int, columns: int) -> str:
    """Return a text that overwrites the rows above the cursor.

    Each row is erased by itself: when the complete screen is erased, some terminals put it into their history.
    """
    up = f"\r\033[{rows}A"
    if not text:
        return up + f"{ERASE_TO_LINE_END}\n" * rows + up
    *overwriting, below = text.split("\n", rows)
    lines = (f"{line}{'' if _ends_at_margin(line, columns) else ERASE_TO_LINE_END}\n" for line in overwriting)
    return up + "".join(lines) + below + ERASE_BELOW


def _ends_at_margin(line: str, columns: int) -> bool:
    """Return True if a line fills its last row, where terminals such as xterm would erase its last character."""
    width = cell_len(strip_colors(line))
    return width > 0 and width % columns == 0
