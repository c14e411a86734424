"""The signal that ends all current work of a fleet."""

from __future__ import annotations

import os


class StopSignal:
    """A flag that sessions can wait for with ``poll``. Each step has a new one."""

    def __init__(self) -> None:
        self._read_fd, self._write_fd = os.pipe()
        self._is_set = False

    def __bool__(self) -> bool:
        """Return True once it is set."""
        return self._is_set

    def set(self) -> None:
        """End the work. Safe in any thread and in a signal handler, and when it is set already."""
        if not self._is_set:
            self._is_set = True
            os.write(self._write_fd, b"!")

    def fileno(self) -> int:
        """Return a file descriptor that becomes readable when the signal is set."""
        return self._read_fd

    def close(self) -> None:
        """Close the pipe; a later `set` does nothing."""
        self._is_set = True
        os.close(self._read_fd)
        os.close(self._write_fd)
