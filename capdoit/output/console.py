"""The one writer of what happens: whole lines, each output line with its host, secrets masked."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, TextIO

from capdoit.redaction import Redactor

RAISING = ("strict", "surrogateescape")  # what streams may do with what they cannot encode


class Tone(Enum):
    """How what is said is meant; a terminal shows it as a colour, by the number that ECMA-48 has for it."""

    GOOD = "32"
    DOUBTFUL = "33"
    BAD = "31"
    HEAD = "1"


MEANT = {
    **dict.fromkeys(("live", "works"), Tone.GOOD),
    **dict.fromkeys(("missing", "nothing", "building", "interrupted", "differs", "?"), Tone.DOUBTFUL),
    **dict.fromkeys(("bad", "failed", "fails"), Tone.BAD),
}
CELL = re.compile(rf"(?<=  )({'|'.join(map(re.escape, MEANT))})(?=  |$)", re.MULTILINE)


class Console:
    """Writes lines, from any thread, one at a time.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        if isinstance(stream, io.TextIOWrapper):
            self._go_on(stream)
        self.is_lost = False  # what was said, for want of room
        self._stream = stream
        self._lock = threading.RLock()  # a signal handler may write while its thread writes
        self.redactor = Redactor()
        self._width = 0

    def redact(self, text: str) -> str:
        """Return a text with every secret masked."""
        return self.redactor.redact(text)

    def align(self, hosts: Iterable[str]) -> None:
        """Make room for the names of these hosts."""
        self._width = max([self._width, *map(len, hosts)])

    @property
    def width(self) -> int:
        """How many characters fit into a line: the terminal's, or 80 when there is none."""
        return shutil.get_terminal_size().columns if self._stream.isatty() else 80

    @property
    def has_colours(self) -> bool:
        """Whether what is said is coloured: on a terminal that can, unless NO_COLOR is set (no-color.org)."""
        return self._stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"

    def show_output(self, host: str, line: str) -> None:
        """Write a line of output of a host, which has no secrets any more."""
        self._write(f"   {host.ljust(self._width)} | {line}")

    def say(self, text: str, tone: Tone | None = None) -> None:
        """Lines of our own."""
        self._write(self._coloured(self.redact(text), tone))

    def say_json(self, text: str) -> None:
        """JSON, whose texts have no secrets any more: masking it would make something else of it."""
        self._write(text)

    def say_table(self, text: str) -> None:
        """A table, its first line a head; cells that are words of MEANT are told apart."""
        head, newline, rows = self.redact(text).partition("\n")
        rows = CELL.sub(lambda cell: self._coloured(cell[0], MEANT[cell[0]]), rows)
        self._write(f"{self._coloured(head, Tone.HEAD)}{newline}{rows}")

    def _coloured(self, text: str, tone: Tone | None) -> str:
        return f"\033[{tone.value}m{text}\033[0m" if tone and self.has_colours else text

    def _write(self, text: str) -> None:
        with self._lock:
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def _go_on(self, stream: io.TextIOWrapper) -> None:
        """Have all that writes to a stream, doit and Python themselves among it, go on whatever becomes of it.

        A flow must not fail because of what a terminal cannot show, nor because nobody reads it any more, as behind
        ``| head``, or because the disk of its log is full: that may be just after it made a release live.
        """
        if stream.errors in RAISING:
            stream.reconfigure(errors="backslashreplace")
        stream.write = self._or_nowhere(stream, stream.write)  # type: ignore[method-assign]
        stream.flush = self._or_nowhere(stream, stream.flush)  # type: ignore[method-assign]

    def _or_nowhere(self, stream: io.TextIOWrapper, write: Callable[..., Any]) -> Callable[..., Any]:
        def written(*args: Any) -> Any:
            try:
                return write(*args)
            except OSError as error:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
                if not isinstance(error, BrokenPipeError):
                    self.is_lost = True
                    _complain(f"capdoit cannot write what it has to say: {error.strerror}; it goes on")
                return write(*args)

        return written


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())
