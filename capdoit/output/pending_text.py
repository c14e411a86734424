"""The text that waits to be written to a stream, also while the stream is being written."""

from __future__ import annotations

from collections.abc import Callable


class PendingText:
    """Text on its way to a stream, which a signal handler may write to while the code that it interrupts does so.

    Python's streams refuse that with a RuntimeError. So the text of the handler waits until the interrupted piece is
    written. The caller holds a lock that a signal handler gets in the thread that has it (`threading.RLock`).

    Args:
        write_piece: writes a text to the stream.

    Attributes:
        size: number of characters that wait.
    """

    def __init__(self, write_piece: Callable[[str], None]) -> None:
        self._write_piece = write_piece
        self._texts: list[str] = []
        self._is_writing = False
        self.size = 0

    def __bool__(self) -> bool:
        """Return True if something waits."""
        return bool(self._texts)

    @property
    def ends_a_line(self) -> bool:
        """True unless the last line is incomplete."""
        return not self._texts or self._texts[-1].endswith("\n")

    def add(self, text: str) -> None:
        """Let a text wait."""
        self._texts.append(text)
        self.size += len(text)

    def write(self) -> None:
        """Write what waits as one piece, which may be empty, and what a signal handler adds meanwhile as another."""
        if self._is_writing:
            return
        is_written = self._write_once()
        while is_written and self._texts:
            is_written = self._write_once()

    def _write_once(self) -> bool:
        """Write what waits; return False if a signal came while somebody else, such as a hook, wrote to the stream."""
        text, self._texts, self.size = "".join(self._texts), [], 0
        self._is_writing = True
        try:
            self._write_piece(text)
        except RuntimeError:
            self._texts, self.size = [text, *self._texts], self.size + len(text)
            return False
        finally:
            self._is_writing = False
        return True
