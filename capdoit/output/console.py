"""The console: writes complete lines from any thread, with secrets masked and colors where the terminal has them."""

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

RAISING_ERROR_HANDLERS = ("strict", "surrogateescape")  # they raise for characters that a stream cannot encode
DEFAULT_WIDTH = 80


class Tone(Enum):
    """The tone of a line; its value is the color parameter of ECMA-48."""

    GOOD = "32"
    DOUBTFUL = "33"
    BAD = "31"
    HEAD = "1"


TONES_BY_WORD = {
    **dict.fromkeys(("live", "works"), Tone.GOOD),
    **dict.fromkeys(("missing", "nothing", "building", "interrupted", "differs", "?"), Tone.DOUBTFUL),
    **dict.fromkeys(("bad", "failed", "fails"), Tone.BAD),
}
COLORED_CELL = re.compile(rf"(?<=  )({'|'.join(map(re.escape, TONES_BY_WORD))})(?=  |$)", re.MULTILINE)


class Console:
    """A stream for people that never makes a flow fail.

    Args:
        stream: the stream, usually stdout.

    Attributes:
        redactor: masks secrets in everything that is written.
        has_lost_output: something could not be written, for example because the disk is full.
    """

    def __init__(self, stream: TextIO) -> None:
        self.redactor = Redactor()
        self.has_lost_output = False
        self._stream = stream
        self._lock = threading.RLock()  # a signal handler may write while its own thread writes
        self._host_width = 0
        if isinstance(stream, io.TextIOWrapper):
            self._make_unfailing(stream)

    @property
    def width(self) -> int:
        """The number of characters in a line: that of the terminal, or 80 without a terminal."""
        return shutil.get_terminal_size().columns if self._stream.isatty() else DEFAULT_WIDTH

    @property
    def has_colors(self) -> bool:
        """True on a terminal with colors, unless NO_COLOR is set (no-color.org)."""
        return self._stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"

    def redact(self, text: str) -> str:
        """Return a text with every secret masked."""
        return self.redactor.redact(text)

    def reserve_width(self, hosts: Iterable[str]) -> None:
        """Align output of hosts to the longest of these names."""
        self._host_width = max([self._host_width, *map(len, hosts)])

    def write(self, text: str, tone: Tone | None = None) -> None:
        """Write one or more lines."""
        self._write(self._colored(self.redact(text), tone))

    def write_output(self, host: str, line: str) -> None:
        """Write a line of output of a host; its secrets must be masked already."""
        self._write(f"   {host.ljust(self._host_width)} | {line}")

    def write_table(self, text: str) -> None:
        """Write a table; its first line is the head, and cells that are a state have the color of that state."""
        head, newline, rows = self.redact(text).partition("\n")
        rows = COLORED_CELL.sub(lambda cell: self._colored(cell[0], TONES_BY_WORD[cell[0]]), rows)
        self._write(f"{self._colored(head, Tone.HEAD)}{newline}{rows}")

    def write_json(self, text: str) -> None:
        """Write JSON; secrets in its strings must be masked already, since masking the text could break it."""
        self._write(text)

    def _colored(self, text: str, tone: Tone | None) -> str:
        return f"\033[{tone.value}m{text}\033[0m" if tone and self.has_colors else text

    def _write(self, text: str) -> None:
        with self._lock:
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def _make_unfailing(self, stream: io.TextIOWrapper) -> None:
        """Let nothing that writes to the stream fail, neither capdoit nor doit nor Python.

        A flow must not fail because a terminal cannot show a character, because the reader is gone (``| head``), or
        because the disk of a log is full: that may happen just after a release became live.
        """
        if stream.errors in RAISING_ERROR_HANDLERS:
            stream.reconfigure(errors="backslashreplace")
        stream.write = self._with_fallback(stream, stream.write)  # type: ignore[method-assign]
        stream.flush = self._with_fallback(stream, stream.flush)  # type: ignore[method-assign]

    def _with_fallback(self, stream: io.TextIOWrapper, write: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that writes, and after the first failure writes to /dev/null."""

        def write_or_discard(*args: Any) -> Any:
            try:
                return write(*args)
            except OSError as error:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
                if not isinstance(error, BrokenPipeError):
                    self.has_lost_output = True
                    _warn_on_stderr(f"capdoit cannot write its output: {error.strerror}; it goes on")
                return write(*args)

        return write_or_discard


def _warn_on_stderr(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())
