"""Copies of files and directories between the controller and a host, with their progress."""

from __future__ import annotations

import codecs
import io
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from capdoit.errors import HostError
from capdoit.hosts.host_requests import download_request, upload_directory_request, upload_request
from capdoit.hosts.packed_directory import merge_directory, pack_directory, unpack_directory
from capdoit.hosts.session import PROGRESS_SECONDS
from capdoit.hosts.stream import CHUNK_BYTES

if TYPE_CHECKING:
    from capdoit.hosts.connection import Connection
    from capdoit.hosts.request import Progress

LocalPath = str | os.PathLike[str]
EQUAL = "equal"  # the answer of upload.sh if nothing was changed


def upload(connection: Connection, local: LocalPath | IO[Any], remote: str, mode: int | None) -> None:
    """Copy a file, a directory or an open file to a host; `Host.upload` has the details."""
    if not isinstance(local, (str, os.PathLike)):
        with _spooled(local) as source:
            connection.checked(upload_request(connection, source, remote, mode))
    elif os.path.isdir(local):
        if mode is not None:
            raise ValueError("mode= is for a file; the files of a directory keep their modes")
        with pack_directory(Path(local)) as source:
            connection.checked(upload_directory_request(connection, source, remote))
    else:
        with open(local, "rb") as source:
            own_mode = os.fstat(source.fileno()).st_mode & 0o777
            connection.checked(upload_request(connection, source, remote, own_mode if mode is None else mode))


def write(connection: Connection, content: str | bytes, remote: str, mode: int | None) -> bool:
    """Write a file of a host unless it has this content already; `Host.write` has the details."""
    data = content.encode() if isinstance(content, str) else content
    with _spooled(io.BytesIO(data)) as source:
        request = upload_request(connection, source, remote, mode, keep_equal=True)
        return connection.checked(request).text.strip() != EQUAL


def download(connection: Connection, remote: str, local: LocalPath | IO[Any]) -> None:
    """Copy a file or a directory from a host; `Host.download` has the details."""
    if isinstance(local, (str, os.PathLike)):
        _download_to_path(connection, remote, Path(local))
    else:
        _download_to_file(connection, remote, local)


@contextmanager
def _spooled(source: IO[Any]) -> Iterator[IO[bytes]]:
    """Provide the rest of an open file, of bytes or of text, as a temporary file: its size must be known."""
    with TemporaryFile() as target:
        while chunk := source.read(CHUNK_BYTES):
            target.write(chunk.encode() if isinstance(chunk, str) else chunk)
        target.seek(0)
        yield target


class Arrival:
    """A file or a tar as it arrives from a host, behind the line that download.sh writes first.

    Args:
        target: gets the bytes behind that line.
        report: called with the bytes that have arrived and their expected number, at most ten times a second.
    """

    def __init__(self, target: IO[bytes], report: Progress) -> None:
        self._target, self._report = target, report
        self._head = b""
        self._arrived_bytes, self._reported_at = 0, 0.0

    @property
    def is_directory(self) -> bool:
        """True if it is a tar of a directory."""
        return self._head.startswith(b"directory ")

    @property
    def mode(self) -> int:
        """The mode of the file or directory."""
        return int(self._head.split()[1], 8) & 0o777

    @property
    def size_bytes(self) -> int:
        """The expected size."""
        return int(self._head.split()[2])

    def write(self, piece: bytes) -> None:
        """Take what has arrived."""
        if not self._head.endswith(b"\n"):
            head, newline, piece = piece.partition(b"\n")
            self._head += head + newline
        self._target.write(piece)
        self._arrived_bytes += len(piece)
        if self._head.endswith(b"\n") and time.monotonic() - self._reported_at >= PROGRESS_SECONDS:
            self._reported_at = time.monotonic()
            self._report(min(self._arrived_bytes, self.size_bytes), self.size_bytes)

    def finish(self) -> None:
        """Report that everything has arrived."""
        self._report(self.size_bytes, self.size_bytes)


def _receive(connection: Connection, remote: str, target: IO[bytes]) -> Arrival:
    """Copy a file, or a tar of a directory, from a host to an open file."""
    arrival = Arrival(target, connection.report_progress(f"download {remote}"))
    connection.checked(download_request(connection, remote, arrival))
    arrival.finish()
    return arrival


def _download_to_path(connection: Connection, remote: str, local: Path) -> None:
    local.parent.mkdir(parents=True, exist_ok=True)
    part = local.parent / f"{local.name}.{connection.name}.capdoit-part"
    try:
        part.touch(0o600)
        with part.open("r+b") as target:
            arrival = _receive(connection, remote, target)
            if arrival.is_directory:
                part.unlink()
                _unpack(target, part, local, arrival.mode)
        if not arrival.is_directory:
            part.chmod(arrival.mode)
            part.replace(local)
    finally:
        _remove(part)


def _unpack(source: IO[bytes], part: Path, local: Path, mode: int) -> None:
    """Unpack a tar next to a directory, and then move the content into it, or the directory to its place."""
    part.mkdir(0o700)
    unpack_directory(source, part)
    part.chmod(mode)
    if local.is_dir():
        merge_directory(part, local)
    else:
        part.replace(local)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)


def _download_to_file(connection: Connection, remote: str, local: IO[Any]) -> None:
    with TemporaryFile() as target:
        if _receive(connection, remote, target).is_directory:
            raise HostError(connection.name, f"download {remote}: it is a directory, and needs a path on this machine")
        target.seek(0)
        if isinstance(local, io.TextIOBase):
            shutil.copyfileobj(codecs.getreader("utf-8")(target), local)
        else:
            shutil.copyfileobj(target, local)
