"""A file that several processes append to, and that is renamed when it is large."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 10 << 20  # of one file
LOOK_SECONDS = 0.1  # between two looks at whether another process has renamed the open file
KEPT_FILES = 5  # FILE.1 to FILE.5


@dataclass(frozen=True)
class Position:
    """The position of a line in one of the files, which stays true when the file is renamed.

    Attributes:
        inode: number of the file in its file system.
        offset: number of bytes before the line.
    """

    inode: int
    offset: int


class RotatingFile:
    """A file of complete lines, readable by its owner only. The first line makes the file and its directory.

    Several processes may append at the same time. One call of the system writes all lines of one `append`, so lines of
    other processes are before or after them, and never among them.

    Args:
        path: path of the newest file; it may also be a device or a FIFO that is being read.
        most_bytes: size at which the file is renamed.
    """

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        self.path = path
        self._most_bytes = most_bytes
        self._fd: int | None = None
        self._inode = 0
        self._size_bytes = 0  # after the last `append`
        self._looked_at = 0.0  # time by the monotonic clock at which the path was last known to be that of the file
        self._is_cut = False  # the last line has no end, because the disk was full

    def append(self, lines: bytes) -> Position | None:
        """Append one or more complete lines.

        Returns:
            The position of the first line; None in a device or a FIFO.

        Raises:
            OSError: the lines were not written, or only a part of them.
        """
        fd = self._newest_file()
        if self._size_bytes and self._size_bytes + len(lines) > self._most_bytes:
            self._rotate(fd)
            fd = self._newest_file()
        self._write(fd, lines)
        if not self._inode:
            return None
        self._size_bytes = os.lseek(fd, 0, os.SEEK_CUR)
        return Position(self._inode, self._size_bytes - len(lines))

    def find_line(self, position: Position) -> tuple[Path, int] | None:
        """Return the file that a position is in now, and the number of its line; None if it was removed."""
        for file in (self.path, *map(self._numbered, range(1, KEPT_FILES + 1))):
            with suppress(OSError):
                if file.stat().st_ino == position.inode:
                    with file.open("rb") as source:
                        return file, source.read(position.offset).count(b"\n") + 1
        return None

    def _newest_file(self) -> int:
        """Return the descriptor of the newest file: another process may have renamed the open file."""
        now = time.monotonic()
        if self._fd is not None and now < self._looked_at + LOOK_SECONDS:
            return self._fd
        if self._fd is not None and not self._is_newest(self._fd):
            self._close(self._fd)
        if self._fd is None:
            self._fd = self._open()
        self._looked_at = now
        return self._fd

    def _open(self) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        fd = os.open(self.path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o600)  # a FIFO may have no reader
        status = os.fstat(fd)
        self._inode = status.st_ino if stat.S_ISREG(status.st_mode) else 0
        self._size_bytes = status.st_size
        return fd

    def _close(self, fd: int) -> None:
        os.close(fd)
        self._fd = None

    def _is_newest(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self.path.stat())
        except OSError:
            return False

    def _rotate(self, fd: int) -> None:
        """Rename the files, unless another process has done so. A file that cannot be renamed goes on growing."""
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
            if self._is_newest(fd):
                self._rename_all()
        self._close(fd)  # and so ends the lock

    def _rename_all(self) -> None:
        for number in range(KEPT_FILES - 1, 0, -1):
            with suppress(FileNotFoundError):
                self._numbered(number).rename(self._numbered(number + 1))
        self.path.rename(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _write(self, fd: int, lines: bytes) -> None:
        rest = memoryview(b"\n" + lines if self._is_cut else lines)
        while rest:
            written = os.write(fd, rest)
            rest = rest[written:]
            self._is_cut = bool(rest)
