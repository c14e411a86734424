"""The console: writes complete lines from any thread, with secrets masked and colors where the terminal has them."""

from __future__ import annotations

import math
import os
import re
import shutil
import threading
from collections.abc import Iterable
from enum import Enum
from typing import TextIO

from capdoit.output.pending_text import PendingText
from capdoit.output.unfailing_stream import has_lost_output, is_discarded, make_unfailing
from capdoit.redaction import Redactor
from capdoit.text import strip_colors, wrap_text

DEFAULT_WIDTH = 80
GOOD_MARK, BAD_MARK, RUNNING_MARK = "✔", "✘", "▸"
ASCII = str.maketrans(
    {
        GOOD_MARK: "ok",
        BAD_MARK: "FAILED",
        RUNNING_MARK: ">",
        "…": "...",
        "█": "#",
        "░": "-",
        "±": "+-",
        **dict.fromkeys("\N{EN DASH}\N{EM DASH}", "-"),
        **dict.fromkeys("„“”«»", '"'),
        **dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", "'"),
    }
)


class Tone(Enum):
    """The tone of a line; its value is the color parameter of ECMA-48."""

    GOOD = "32"
    DOUBTFUL = "33"
    BAD = "31"
    HEAD = "1"


Line = tuple[str, Tone | None]
TONES_BY_WORD = {
    **dict.fromkeys(("live", "works"), Tone.GOOD),
    **dict.fromkeys(("missing", "nothing", "building", "interrupted", "differs", "?"), Tone.DOUBTFUL),
    **dict.fromkeys(("bad", "failed", "fails"), Tone.BAD),
}
COLORED_CELL = re.compile(rf"(?<=  )({'|'.join(map(re.escape, TONES_BY_WORD))})(?=  |$)", re.MULTILINE)


def as_ascii(text: str) -> str:
    """Return a text without characters that a terminal without Unicode cannot show; letters of others are escaped."""
    return text.translate(ASCII).encode("ascii", "backslashreplace").decode()


class Console:
    """A stream for people that never makes a flow fail.

    Args:
        stream: the stream, usually stdout.
        redactor: masks secrets in everything that is written; a new one by default.

    Attributes:
        redactor: masks secrets in everything that is written.
    """

    def __init__(self, stream: TextIO, redactor: Redactor | None = None) -> None:
        self.redactor = redactor or Redactor()
        self._stream = stream
        self._lock = threading.RLock()  # a signal handler may write while the thread that it interrupts writes
        self._pending = PendingText(self._write_piece)
        self._host_width = 0
        make_unfailing(stream)

    @property
    def has_lost_output(self) -> bool:
        """True if something could not be written, for example because the disk is full."""
        return has_lost_output(self._stream)

    @property
    def is_discarded(self) -> bool:
        """True if nobody reads it any more, or if something could not be written."""
        return is_discarded(self._stream)

    @property
    def is_terminal(self) -> bool:
        """True if a person reads it on a terminal."""
        return self._stream.isatty()

    @property
    def size(self) -> os.terminal_size | None:
        """The columns and lines of the terminal; None without a terminal."""
        return shutil.get_terminal_size() if self.is_terminal else None

    @property
    def width(self) -> int:
        """The number of characters in a line: that of the terminal, or 80 without a terminal."""
        size = self.size
        return size.columns if size else DEFAULT_WIDTH

    @property
    def table_width(self) -> float:
        """The number of characters in a line of a table; infinite without a terminal, since programs read all of it."""
        size = self.size
        return size.columns if size else math.inf

    @property
    def has_colors(self) -> bool:
        """True on a terminal with colors, and with FORCE_COLOR, but not with NO_COLOR (no-color.org)."""
        if os.environ.get("NO_COLOR"):
            return False
        is_forced = os.environ.get("FORCE_COLOR", "0") not in ("", "0")
        return is_forced or (self._stream.isatty() and os.environ.get("TERM", "dumb") != "dumb")

    @property
    def has_unicode(self) -> bool:
        """True if the locale is UTF-8, also for a stream in memory, which has no encoding."""
        names = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
        is_plain = next(filter(None, names), "") in ("C", "POSIX")
        return not is_plain and "utf" in (getattr(self._stream, "encoding", None) or "utf-8").lower()

    def redact(self, text: str) -> str:
        """Return a text of capdoit with secrets masked, but no word that capdoit itself writes."""
        return self.redactor.redact_message(text)

    def reserve_width(self, hosts: Iterable[str]) -> None:
        """Align output of hosts to the longest of these names."""
        self._host_width = max([self._host_width, *map(len, hosts)])

    def write(self, text: str, tone: Tone | None = None) -> None:
        """Write one or more lines."""
        self._write(self.colored(self.redact(text), tone))

    def write_sentence(self, text: str, tone: Tone | None = None) -> None:
        """Write a text in lines that fit a terminal, divided between words; in one line where there is no terminal."""
        for line in wrap_text(self.redact(text), self.table_width):
            self.write(line, tone)

    def write_output(self, host: str, text: str, front: str = "   ") -> None:
        """Write lines of output of a host.

        Args:
            host: name of the host.
            text: the lines, with secrets masked; they may have colors, which are left out if the stream has none.
            front: text before each line.
        """
        front = f"{front}{host.ljust(self._host_width)} | "
        text = front + text.replace("\n", f"\n{front}")
        self._write(text if "\033" not in text or self.has_colors else strip_colors(text))

    def write_control(self, line: str) -> None:
        """Write a line for a program that reads the output, such as a CI service; nothing if it is empty."""
        if line:
            self._write(line)

    def write_table(self, text: str) -> None:
        """Write a table; its first line is the head, and cells that are a state have the color of that state."""
        head, newline, rows = self.redact(text).partition("\n")
        rows = COLORED_CELL.sub(lambda cell: self.colored(cell[0], TONES_BY_WORD[cell[0]]), rows)
        self._write(f"{self.colored(head, Tone.HEAD)}{newline}{rows}")

    def write_json(self, text: str) -> None:
        """Write JSON; secrets in its strings must be masked already, since masking the text could break it."""
        self._write_as_it_is(text)

    def colored(self, text: str, tone: Tone | None) -> str:
        """Return a text in the color of a tone, if the stream has colors, and in ASCII if it has no more."""
        text = text if self.has_unicode else as_ascii(text)
        return f"\033[{tone.value}m{text}\033[0m" if tone and self.has_colors else text

    def _write(self, text: str) -> None:
        self._write_as_it_is(text if self.has_unicode else as_ascii(text))

    def _write_as_it_is(self, text: str) -> None:
        with self._lock:
            self._pending.add(f"{text}\n")
            self._pending.write()

    def _write_piece(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
