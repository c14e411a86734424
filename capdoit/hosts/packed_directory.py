"""A directory of the controller, packed for its way to a host."""

from __future__ import annotations

import errno
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NoReturn

# The name of an empty file at the end: a host that unpacks it has received everything.
LAST_MEMBER = ".capdoit-complete"


@contextmanager
def pack_directory(directory: Path) -> Iterator[IO[bytes]]:
    """Provide a tar of everything in a directory, as an open temporary file.

    Modes and symlinks are kept, owners are not.

    Raises:
        OSError: something cannot be read, or is neither a file, a directory nor a symlink.
    """
    with TemporaryFile() as target:
        # GNU's format: busybox does not read long names in the format of POSIX.
        with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8") as archive:
            for path in _find_all(directory):
                _add(archive, path, str(path.relative_to(directory)))
            archive.addfile(tarfile.TarInfo(LAST_MEMBER))
        target.seek(0)
        yield target


def _find_all(directory: Path) -> Iterator[Path]:
    yield directory
    for parent, directories, files in os.walk(directory, onerror=_raise):
        yield from (Path(parent, name) for name in sorted([*directories, *files]))


def _raise(error: OSError) -> NoReturn:
    raise error


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    member = archive.gettarinfo(path, name)
    if not member or not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise OSError(errno.EINVAL, "is neither a file, a directory nor a symlink", str(path))
    member.mode &= 0o777
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    if not member.isreg():
        archive.addfile(member)
        return
    with path.open("rb") as source:
        archive.addfile(member, source)
