"""The output and the end of a command that an operator ran on a host."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from capdoit.text import strip_colors

MOST_KEPT = 1 << 20  # characters of a host's output


@dataclass
class CommandOutput:
    """The lines that a command printed on a host. Only the last ones of a long output are kept.

    Attributes:
        lines: the last lines.
        left_out: the number of lines before them.
    """

    lines: deque[str] = field(default_factory=deque)
    left_out: int = 0

    def __post_init__(self) -> None:
        self._size = 0
        self._digest = hashlib.sha256()

    def add(self, _: str, lines: Sequence[str]) -> None:
        """Add lines of stdout or stderr, without their colors."""
        for line in map(strip_colors, lines):
            self._digest.update(f"{line}\n".encode())
            self.lines.append(line)
            self._size += len(line) + 1
        while self._size > MOST_KEPT:
            self._size -= len(self.lines.popleft()) + 1
            self.left_out += 1

    @property
    def digest(self) -> str:
        """A digest of all lines: outputs whose last lines are equal may still differ."""
        return self._digest.hexdigest()


@dataclass(frozen=True)
class CommandResult:
    """The end of a command on a host.

    Attributes:
        status: the exit status; 128 and the number of the signal that killed the command.
        ending: the exit status or the signal, for people.
        output: what the command printed.
    """

    status: int
    ending: str
    output: CommandOutput

    @property
    def has_succeeded(self) -> bool:
        """True if the exit status is 0."""
        return self.status == 0
