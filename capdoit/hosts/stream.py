"""What comes back through a session: without the loop's own lines, byte for byte, and cut into lines for people."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable
from typing import IO

from capdoit.text import printable

CHUNK = 1 << 16
LONGEST_LINE = 1 << 13  # longer ones are shown cut; a captured output is never cut
KEPT_LINES = 20  # of a script's output, for the report of its failure
STATUS = re.compile(rb"[0-9]{1,3}")

Sink = Callable[[str, str], None]  # stream ("out" or "err"), line


class Stream:
    """One of the two outputs of a session; takes the loop's own lines out of it, byte for byte."""

    def __init__(self, source: IO[bytes], nonce: str) -> None:
        self.source = source
        self.open = True
        self.noise = b""  # what came before the loop's greeting: a profile's, or ssh's complaint
        self.ends: dict[str, int] = {}
        self._nonce = nonce.encode()
        self._unread = b""

    @property
    def waiting(self) -> int:
        """How many bytes have come of scripts that nobody asks about yet."""
        return len(self._unread)

    def read(self) -> None:
        """Wait for more, and keep it for `take`."""
        chunk = os.read(self.source.fileno(), CHUNK)
        self.open = bool(chunk)
        self._unread += chunk

    def skip(self) -> None:
        """Wait for more, and forget it."""
        self.open = bool(os.read(self.source.fileno(), CHUNK))

    def take(self, tag: str) -> bytes:
        """The output that has come, up to the loop's line that ends a script; none once that came.

        The loop begins its line with a newline, so in the end there is one newline more than was written.
        """
        output: list[bytes] = []
        while tag not in self.ends and self._unread:
            start = self._unread.find(self._nonce)
            if start < 0:  # nothing of the loop's in it; the last line may become so
                start = self._unread.rfind(b"\n") + 1
                output.append(self._cut(start))
                break
            output.append(self._cut(start))
            line, newline, _ = self._unread.partition(b"\n")
            if not newline:
                break
            self._line(self._cut(len(line) + 1), output)
        if tag not in self.ends and (len(self._unread) > CHUNK or not self.open):
            output.append(self._cut(len(self._unread)))
        if "hello" not in self.ends:
            self.noise = (self.noise + b"".join(output))[-CHUNK:]
            return b""
        return b"".join(output)

    def _cut(self, length: int) -> bytes:
        head, self._unread = self._unread[:length], self._unread[length:]
        return head

    def _line(self, line: bytes, output: list[bytes]) -> None:
        """A line that begins with the nonce: the loop's, if it is all that the loop writes in one."""
        words = line[:-1].split(b" ")
        tag = words[1].decode("ascii", "replace") if len(words) == 3 else ""
        if not tag or not STATUS.fullmatch(words[2]) or (tag == "hello" and tag in self.ends):
            output.append(line)
            return
        self.ends[tag] = int(words[2])
        if tag == "hello":
            self.noise = (self.noise + b"".join(output))[-CHUNK:]
            output.clear()


class Tail:
    """Cuts output into lines, shows each at once and remembers the last ones."""

    def __init__(self, stream: str, show: Sink | None, kept: deque[str]) -> None:
        self._stream, self._show, self._kept = stream, show, kept
        self._rest = b""
        self._blanks = 0  # empty lines that wait for another line: the last of them is the loop's

    def take(self, piece: bytes) -> None:
        """More output."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines if self._show else lines[-KEPT_LINES - 1 :]:
            self._line(line)
        self._rest = self._rest[: LONGEST_LINE + 1]  # what a longer line has beyond that is left out

    def end(self) -> None:
        """No more output."""
        for _ in range(self._blanks - 1):
            self._tell("")

    def _line(self, line: bytes) -> None:
        if not line:
            self._blanks += 1
            return
        for _ in range(self._blanks):
            self._tell("")
        self._blanks = 0
        cut = "…" if len(line) > LONGEST_LINE else ""
        self._tell(printable(line[:LONGEST_LINE].rstrip(b"\r")) + cut)

    def _tell(self, text: str) -> None:
        self._kept.append(text)
        if self._show:
            self._show(self._stream, text)
