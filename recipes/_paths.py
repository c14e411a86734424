"""Options that are paths in the release."""

from __future__ import annotations

import posixpath


def check_path_in_release(option: str, path: str) -> None:
    """Check that an option is the path of something in the release, in its shortest form.

    Args:
        option: its name, for the message.
        path: its value.

    Raises:
        ValueError: the path is absolute, leads out of the release, or is the release.
    """
    if path == ".":
        raise ValueError(f"{option} must be a path in the release, not {path!r}")
    check_directory_in_release(option, path)


def check_directory_in_release(option: str, path: str) -> None:
    """Check that an option is the path of a directory in the release, or ``.``; arguments and errors as above."""
    if posixpath.normpath(path) != path or path.startswith("/") or path.split("/", maxsplit=1)[0] == "..":
        raise ValueError(f"{option} must be a path in the release, not {path!r}")
