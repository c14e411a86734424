"""The output of one host in a step, of which a report page has the beginning and the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum
from itertools import accumulate
from typing import NamedTuple

MOST_OF_HOST = 32_000  # characters that are kept of a host in a step; the log has all of them
SHARE_AT_START = 0.25  # of these characters; the rest is the end


class OutputKind(Enum):
    """The kind of a line of output."""

    COMMAND = "command"
    OUTPUT = "output"
    RESULT = "result"


class OutputLine(NamedTuple):
    """A line of output, or the command before it, or its result after it. It may have colors."""

    kind: OutputKind
    text: str


class OutputBlock(NamedTuple):
    """Lines that arrived together, and the number of their characters."""

    kind: OutputKind
    lines: Sequence[str]
    size: int

    @classmethod
    def of(cls, kind: OutputKind, lines: Sequence[str]) -> OutputBlock:
        """Return the block of some lines."""
        return cls(kind, lines, sum(map(len, lines)) + len(lines))

    def without_first(self, size: int) -> OutputBlock:
        """Return the block without those of its first lines that have no more characters than a number."""
        sizes = accumulate(len(line) + 1 for line in self.lines)
        number = next((number for number, sum_of_sizes in enumerate(sizes) if sum_of_sizes > size), len(self.lines))
        return OutputBlock.of(self.kind, self.lines[number:]) if number else self


class KeptOutput:
    """The first and the last lines of an output.

    A command may print a million lines, so the end is kept in the blocks in which it arrives.

    Args:
        most: number of characters that are kept; and one more line at the start, and at the end.

    Attributes:
        first: the first lines.
        left_out: number of lines between the first and the last ones.
    """

    def __init__(self, most: int = MOST_OF_HOST) -> None:
        self.first: list[OutputLine] = []
        self.left_out = 0
        self._last: deque[OutputBlock] = deque()
        self._most_at_start = int(most * SHARE_AT_START)
        self._least_at_end = most - self._most_at_start
        self._size_of_first = self._size_of_last = 0

    @property
    def last(self) -> list[OutputLine]:
        """The last lines."""
        return [OutputLine(block.kind, line) for block in self._last for line in block.lines]

    def add(self, kind: OutputKind, *lines: str) -> None:
        """Add lines."""
        taken = 0
        for line in lines:
            if self._size_of_first >= self._most_at_start:
                break
            self.first.append(OutputLine(kind, line))
            self._size_of_first += len(line) + 1
            taken += 1
        if rest := lines[taken:]:
            self._add_last(OutputBlock.of(kind, rest))

    def _add_last(self, block: OutputBlock) -> None:
        self._last.append(block)
        self._size_of_last += block.size
        while self._last and (surplus := self._size_of_last - self._least_at_end) > 0:
            oldest = self._last.popleft()
            rest = oldest.without_first(surplus)
            self._size_of_last -= oldest.size - rest.size
            self.left_out += len(oldest.lines) - len(rest.lines)
            if rest.lines:
                self._last.appendleft(rest)
                break
