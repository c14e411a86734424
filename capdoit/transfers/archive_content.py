"""The content of an archive, as far as the controller can read its format."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path

UNKNOWN_FORMAT = (tarfile.TarError, OSError, EOFError, zlib.error)

# Where a tar file says that it is one. It begins with the name of its first file, which may be BZhang.txt.
TAR_MAGIC = slice(257, 262), b"ustar"

# The first bytes of compressed files, and the option with which tar reads such a file from a pipe. GNU tar finds it out
# only where it can read the beginning twice.
TAR_OPTIONS = {
    b"\x1f\x8b": "-z",
    b"BZh": "-j",
    b"\xfd7zXZ": "-J",
    b"\x28\xb5\x2f\xfd": "--zstd",
    b"\x5d\x00\x00": "--lzma",
    b"LZIP": "--lzip",
    b"\x89LZO": "--lzop",
    b"\x1f\x9d": "-Z",
}


def find_tar_option(file: Path) -> str:
    """Return the option with which tar unpacks an archive from a pipe; empty if it is not compressed.

    Raises:
        OSError: the file cannot be read.
    """
    with file.open("rb") as source:
        beginning = source.read(tarfile.BLOCKSIZE)
    place, magic = TAR_MAGIC
    if beginning[place] == magic:
        return ""
    return next((option for magic, option in TAR_OPTIONS.items() if beginning.startswith(magic)), "")


def is_empty(file: Path) -> bool:
    """Check that an archive has no files. It counts as not empty if only tar on the hosts can read it.

    Raises:
        OSError: the file cannot be read.
    """
    with file.open("rb") as source:
        if not source.read(1):
            return True
    return _is_gzip_of_nothing(file) or _has_no_members(file)


def _is_gzip_of_nothing(file: Path) -> bool:
    try:
        with gzip.open(file) as content:
            return not content.read(1)
    except UNKNOWN_FORMAT:
        return False


def _has_no_members(file: Path) -> bool:
    try:
        with tarfile.open(file) as archive:
            return all(member.name in ("", ".") for member in archive)
    except UNKNOWN_FORMAT:
        return False
