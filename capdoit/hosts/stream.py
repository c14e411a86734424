"""The output of a session: split into the outputs of its scripts, byte for byte, and into lines for people."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from capdoit.text import make_printable_in_color, strip_colors, take_last_lines

if TYPE_CHECKING:
    from capdoit.hosts.request import Receiver

CHUNK_BYTES = 1 << 16
MAX_LINE_BYTES = 1 << 13  # longer lines are shown cut; captured output is never cut
KEPT_LINES = 20  # of a script's output, for the report of its failure
PRINTABLE_ASCII = bytes(range(0x20, 0x7F)) + b"\n"
STATUS = re.compile(rb"[0-9]{1,3}")
GREETING = "hello"  # tag of the first line of the loop
HEARTBEAT = "beat"  # tag of the lines with which the host says that it is alive, in the middle of any output

ShowLines = Callable[[str, str], None]  # stream ("out" or "err"), lines with their colors and "\n" between them
Redact = Callable[[str], str]


class Stream:
    """One of the two outputs of a session, without the lines that the loop itself writes.

    Args:
        source: the pipe.
        nonce: word that begins each line of the loop.

    Attributes:
        is_open: False once the pipe has ended.
        greeted_at: time of the loop's greeting, by the monotonic clock; None before it.
        preamble: output before the loop's greeting: of a login profile, or ssh's error message.
        statuses: exit status by tag, of each script that has ended.
        home: the home directory of the login; empty before the greeting, and always on stderr.
    """

    def __init__(self, source: IO[bytes], nonce: str) -> None:
        self.source = source
        self.is_open = True
        self.greeted_at: float | None = None
        self.preamble = b""
        self.statuses: dict[str, int] = {}
        self.home = ""
        self._nonce = nonce.encode()
        self._unread = b""

    @property
    def has_greeted(self) -> bool:
        """True once the loop's greeting has arrived."""
        return self.greeted_at is not None

    @property
    def unread_bytes(self) -> int:
        """The size of the output that belongs to scripts whose answers are not read yet."""
        return len(self._unread)

    def has_ended(self, tag: str) -> bool:
        """Return True if the line that ends a request has arrived, also when it is not taken yet."""
        return tag in self.statuses or self._nonce + f" {tag} ".encode() in self._unread

    def read(self) -> None:
        """Wait for output, and keep it for `take_output`."""
        chunk = os.read(self.source.fileno(), CHUNK_BYTES)
        self.is_open = bool(chunk)
        self._unread += chunk

    def discard(self) -> None:
        """Wait for output, and forget it."""
        self.is_open = bool(os.read(self.source.fileno(), CHUNK_BYTES))

    def take_output(self, tag: str) -> bytes:
        """Return a script's output since the last call, and store the exit status if the script has ended.

        The loop begins the line of the end with a newline, so the output has one newline more than the script wrote.
        """
        output = self._split(tag)
        if tag not in self.statuses and not self.is_open:
            output.append(self._cut(len(self._unread)))
        elif tag not in self.statuses and len(self._unread) > CHUNK_BYTES:  # its end may be a part of the nonce
            output.append(self._cut(len(self._unread) - len(self._nonce)))
        if not self.has_greeted:
            self._add_to_preamble(output)
        return b"".join(output)

    def _split(self, tag: str) -> list[bytes]:
        """Cut off the unread output up to the line that ends a script, and return it without lines of the loop."""
        output: list[bytes] = []
        while tag not in self.statuses and self._unread:
            start = self._unread.find(self._nonce)
            if start < 0:  # the last line is incomplete and may still become a line of the loop
                output.append(self._cut(self._unread.rfind(b"\n") + 1))
                break
            output.append(self._cut(start))
            line, newline, _ = self._unread.partition(b"\n")
            if not newline:
                break
            self._read_line(self._cut(len(line) + 1), output)
        return output

    def _cut(self, length: int) -> bytes:
        head, self._unread = self._unread[:length], self._unread[length:]
        return head

    def _read_line(self, line: bytes, output: list[bytes]) -> None:
        """Read a line that begins with the nonce; it is output unless it has exactly the form of the loop's lines."""
        if not self.has_greeted and (home := line.removeprefix(self._nonce + b" home ")) != line:
            self.home = home[:-1].decode("utf-8", "surrogateescape")
            return
        words = line[:-1].split(b" ")
        tag = words[1].decode("ascii", "replace") if len(words) == 3 else ""
        if not tag or not STATUS.fullmatch(words[2]) or (tag == GREETING and self.has_greeted):
            output.append(line)
            return
        if tag == HEARTBEAT:
            return
        self.statuses[tag] = int(words[2])
        if tag == GREETING:
            self.greeted_at = time.monotonic()
            self._add_to_preamble(output)

    def _add_to_preamble(self, output: list[bytes]) -> None:
        self.preamble = (self.preamble + b"".join(output))[-CHUNK_BYTES:]
        output.clear()


class LineSplitter:
    """Splits output into lines, shows them, and keeps the last ones.

    Lines that arrive together are shown together, as one text. Most output has only printable characters, and is not
    divided into lines: a command may print a million of them.

    Args:
        stream: ``out`` or ``err``.
        show: called with one or more lines; None shows nothing.
        kept: gets the lines, without their colors.
        redact: masks the secrets of one or more lines.
    """

    def __init__(self, stream: str, show: ShowLines | None, kept: deque[str], redact: Redact = str) -> None:
        self._stream, self._show, self._kept, self._redact = stream, show, kept, redact
        self._rest = b""
        self._blank_lines = 0  # not shown yet: the last line of the output is blank and comes from the loop

    def feed(self, piece: bytes) -> None:
        """Split more output."""
        lines, newline, rest = (self._rest + piece).rpartition(b"\n")
        self._rest = rest[: MAX_LINE_BYTES + 1]
        if newline:
            self._add(lines if self._show else b"\n".join(lines.rsplit(b"\n", KEPT_LINES + 1)[-KEPT_LINES - 1 :]))

    def finish(self) -> None:
        """Show the blank lines at the end, without the loop's."""
        if self._blank_lines > 1:
            self._emit("\n" * (self._blank_lines - 2))

    def _add(self, lines: bytes) -> None:
        blank_before = self._blank_lines
        if text := lines.rstrip(b"\n"):
            self._blank_lines = len(lines) - len(text)
            self._emit("\n" * blank_before + self._printable(text))
        else:
            self._blank_lines += len(lines) + 1

    def _printable(self, lines: bytes) -> str:
        """Return lines for people, which are looked at one by one if they have more than printable characters."""
        if _is_printable(lines) and not _has_long_line(lines):
            return self._redact(lines.decode("utf-8", "backslashreplace"))
        return "\n".join(map(self._printable_line, lines.split(b"\n")))

    def _printable_line(self, line: bytes) -> str:
        ellipsis = "…" if len(line) > MAX_LINE_BYTES else ""
        text = make_printable_in_color(_cut_line(line).rstrip(b"\r")) + ellipsis
        plain, colored = self._redact(strip_colors(text)), self._redact(text)
        return colored if strip_colors(colored) == plain else plain  # colors may be in the middle of a secret

    def _emit(self, lines: str) -> None:
        self._kept.extend(map(strip_colors, take_last_lines(lines, KEPT_LINES)))
        if self._show:
            self._show(self._stream, lines)


def _is_printable(lines: bytes) -> bool:
    """Return True if no line has control characters; most output is ASCII, of which nothing is left to decode."""
    return lines.translate(None, PRINTABLE_ASCII).decode("utf-8", "backslashreplace").isprintable()


def _has_long_line(lines: bytes) -> bool:
    """Return True if a line is too long to be shown; looks for one line end in each stretch of that length."""
    start = 0
    while len(lines) - start > MAX_LINE_BYTES:
        end = lines.rfind(b"\n", start, start + MAX_LINE_BYTES + 1)
        if end < 0:
            return True
        start = end + 1
    return False


def _cut_line(line: bytes) -> bytes:
    """Return the beginning of a line that is shown; no character is cut into pieces."""
    if len(line) > MAX_LINE_BYTES:
        ends = range(MAX_LINE_BYTES, MAX_LINE_BYTES - 4, -1)
        return line[: next((end for end in ends if line[end] & 0xC0 != 0x80), MAX_LINE_BYTES)]
    return line


class Capture:
    """The stdout of a script, in memory or for a receiver.

    Args:
        target: gets the output; None keeps it in memory.
    """

    def __init__(self, target: Receiver | None) -> None:
        self._target = target
        self._last_byte = b""  # the last one of all is the newline that the loop adds
        self._pieces: list[bytes] = []
        self.size_bytes = 0  # in memory

    def add(self, piece: bytes) -> None:
        """Keep more output."""
        if self._target:
            self._target.write(self._last_byte + piece[:-1])
            self._last_byte = piece[-1:]
        else:
            self._pieces.append(piece)
            self.size_bytes += len(piece)

    def finish(self) -> bytes:
        """Remove the newline that the loop added, and return the output in memory."""
        return b"".join(self._pieces)[:-1]
