"""The content of an archive, as far as the controller can read its format."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path

UNKNOWN_FORMAT = (tarfile.TarError, OSError, EOFError, zlib.error)


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
