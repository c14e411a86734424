"""The output and the end of a command that an operator ran on a host."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from capdoit.output.kept_output import KeptOutput, OutputKind
from capdoit.text import strip_colors

MOST_KEPT = 1 << 20  # characters of a host's output


class CommandOutput:
    """The lines that a command printed on a host, without their colors; only the last ones of a long output."""

    def __init__(self) -> None:
        self._kept = KeptOutput(MOST_KEPT, share_at_start=0)
        self._digest = hashlib.sha256()

    @property
    def lines(self) -> list[str]:
        """The last lines."""
        return [line for block in self._kept.last for line in block.text.split("\n")]

    @property
    def left_out(self) -> int:
        """The number of lines before them."""
        return self._kept.left_out

    def add(self, text: str) -> None:
        """Add lines of stdout or stderr."""
        text = strip_colors(text)
        self._digest.update(f"{text}\n".encode())
        self._kept.add(OutputKind.OUTPUT, text)

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
