"""The outbox of a session: bytes and parts of files that wait to be written to its process."""

from __future__ import annotations

import errno
import fcntl
import os
from collections import deque
from contextlib import suppress
from typing import IO, NamedTuple

CHUNK_BYTES = 1 << 16
WIDE_PIPE_BYTES = 1 << 20
# os.sendfile does not write to pipes on systems other than Linux, and does not read from every file system.
CANNOT_SEND_FILE = (errno.EINVAL, errno.ENOTSOCK, errno.ENOTSUP, errno.ENOSYS)


class FilePart(NamedTuple):
    """Bytes of an open file.

    Attributes:
        file: the file.
        offset: position of the first byte.
        size_bytes: number of bytes.
    """

    file: IO[bytes]
    offset: int
    size_bytes: int


class Outbox:
    """Bytes and parts of files that are not written yet, in order. It is true if there are some.

    Args:
        pipe: file descriptor of a pipe that does not block.

    Attributes:
        is_pipe_full: the pipe was wide and took only a part of a file's bytes. A pipe counts as writable as soon as one
            page of it is free, so the next write should be a moment later.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._entries: deque[bytes | FilePart] = deque()
        self._is_wide = False
        self.is_pipe_full = False

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, *entries: bytes | FilePart) -> None:
        """Add something behind the rest."""
        self._entries.extend(entries)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def write(self) -> None:
        """Write as much of the first entry as the pipe takes.

        Raises:
            OSError: the other end of the pipe is closed, or the file cannot be read.
            EOFError: the file has become shorter.
        """
        entry = self._entries[0]
        rest = self._send(entry) if isinstance(entry, FilePart) else entry[os.write(self._pipe, entry) :]
        self._entries.popleft()
        if rest:
            self._entries.appendleft(rest)

    def _send(self, part: FilePart) -> FilePart | None:
        """Write bytes of a file, and return the rest of the part; None if nothing is left."""
        self._widen_pipe()
        sent = self._copy(part)
        if not sent:
            raise EOFError
        self.is_pipe_full = self._is_wide and sent < part.size_bytes
        return FilePart(part.file, part.offset + sent, part.size_bytes - sent) if sent < part.size_bytes else None

    def _copy(self, part: FilePart) -> int:
        """Write bytes of a file, and return how many the pipe took; the kernel copies them where it can."""
        try:
            return os.sendfile(self._pipe, part.file.fileno(), part.offset, part.size_bytes)
        except OSError as error:
            if error.errno not in CANNOT_SEND_FILE:
                raise
        return os.write(self._pipe, os.pread(part.file.fileno(), min(CHUNK_BYTES, part.size_bytes), part.offset))

    def _widen_pipe(self) -> None:
        """Make the pipe larger for the bytes of a file: fewer writes are needed. A system may not allow it."""
        if not self._is_wide:
            with suppress(OSError, AttributeError):
                self._is_wide = fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, WIDE_PIPE_BYTES) >= WIDE_PIPE_BYTES
