"""A directory, packed for its way to a host or from it."""

from __future__ import annotations

import errno
import os
import subprocess
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


def unpack_directory(source: IO[bytes], directory: Path) -> None:
    """Unpack an open tar of a host into a new directory, with the modes. The program tar writes nothing outside of it.

    Raises:
        OSError: something cannot be written.
    """
    source.seek(0)
    command = ["tar", "-xpf", "-", "--no-same-owner", "-C", str(directory)]
    done = subprocess.run(command, stdin=source, capture_output=True, check=False)
    if done.returncode:
        raise OSError(errno.EIO, done.stderr.decode(errors="replace").strip(), str(directory))


def merge_directory(source: Path, target: Path) -> None:
    """Move everything in a directory into another directory, which keeps what only it has.

    Raises:
        OSError: a directory and a file have one name, or something cannot be moved.
    """
    for path in source.iterdir():
        to = target / path.name
        if path.is_dir() and not path.is_symlink() and to.is_dir():
            merge_directory(path, to)
        else:
            path.replace(to)


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
