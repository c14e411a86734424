"""The output of one host in a step, of which a report page has the beginning and the end."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import NamedTuple

MOST_OF_HOST = 32_000  # characters that are kept of a host in a step; the log has all of them
SHARE_AT_START = 0.25  # of these characters; the rest is the end


class OutputKind(Enum):
    """The kind of a block of output."""

    COMMAND = "command"
    OUTPUT = "output"
    RESULT = "result"


class OutputBlock(NamedTuple):
    """Lines of output that arrived together, or the command before them, or its result after them.

    Attributes:
        kind: the kind of the block.
        text: one or more lines with line ends between them; they may have colors.
    """

    kind: OutputKind
    text: str

    @property
    def size(self) -> int:
        """The number of characters, line ends included."""
        return len(self.text) + 1

    @property
    def lines(self) -> int:
        """The number of lines."""
        return self.text.count("\n") + 1


class KeptOutput:
    """The first and the last lines of an output.

    They are kept in the blocks in which they arrive, and not looked at one by one: a command may print a million lines.

    Args:
        most: number of characters that are kept; and one more line at the start, and at the end.
        share_at_start: the share of these characters that is kept of the start.

    Attributes:
        first: the first lines.
        last: the last lines.
        left_out: number of lines between the first and the last ones.
    """

    def __init__(self, most: int = MOST_OF_HOST, share_at_start: float = SHARE_AT_START) -> None:
        self.first: list[OutputBlock] = []
        self.last: deque[OutputBlock] = deque()
        self.left_out = 0
        self._room_at_start = int(most * share_at_start)
        self._least_at_end = most - self._room_at_start
        self._size_of_last = 0

    def add(self, kind: OutputKind, text: str) -> None:
        """Add one or more lines."""
        if self._room_at_start > 0:
            end = text.find("\n", self._room_at_start - 1)
            head = OutputBlock(kind, text if end < 0 else text[:end])
            self.first.append(head)
            self._room_at_start -= head.size
            text = text[head.size :]
            if end < 0:
                return
        self._add_last(OutputBlock(kind, text))

    def _add_last(self, block: OutputBlock) -> None:
        self.last.append(block)
        self._size_of_last += block.size
        while (surplus := self._size_of_last - self._least_at_end) >= self.last[0].size:
            self._drop(self.last.popleft())
        if start := self.last[0].text.rfind("\n", 0, max(0, surplus)) + 1:
            kind, text = self.last.popleft()
            self._drop(OutputBlock(kind, text[: start - 1]))
            self.last.appendleft(OutputBlock(kind, text[start:]))

    def _drop(self, block: OutputBlock) -> None:
        self._size_of_last -= block.size
        self.left_out += block.lines
