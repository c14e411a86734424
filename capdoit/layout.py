"""The paths below ``deploy_to``: Capistrano's layout, and ``.capdoit`` next to it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

FOURTEEN_DIGITS = re.compile(r"[0-9]{14}")
NEXT_CURRENT = "next/current"  # in .capdoit: the symlink that a flow renames over current
# Names in .capdoit that a flow or a drill uses only while it is at work.
SCRATCH = (NEXT_CURRENT, "incoming", "unpack", "manifest", "archive.tar.gz", "drill")
# The directory in .capdoit of trees that are being deleted, or cannot be deleted.
REMOVED = "removed"


@dataclass(frozen=True)
class Layout:
    """The paths of one host.

    Attributes:
        deploy_to: absolute path without a slash at its end, or ``~/`` and a path below the home directory of the login.
    """

    deploy_to: str

    @property
    def is_below_home(self) -> bool:
        """True if deploy_to is below the home directory of the login, which only the host knows."""
        return self.deploy_to.startswith("~/")

    def expanded(self, home: str) -> Layout:
        """Return the layout with absolute paths.

        Args:
            home: the home directory of the login.
        """
        return Layout(home.rstrip("/") + self.deploy_to[1:]) if self.is_below_home else self

    @property
    def current(self) -> str:
        return f"{self.deploy_to}/current"

    @property
    def releases(self) -> str:
        return f"{self.deploy_to}/releases"

    @property
    def shared(self) -> str:
        return f"{self.deploy_to}/shared"

    @property
    def repo(self) -> str:
        return f"{self.deploy_to}/repo"

    def release(self, name: str) -> str:
        """Return the directory of a release."""
        return f"{self.releases}/{name}"

    def release_of(self, target: str) -> str | None:
        """Return the release that a symlink points to; None if its target is not a release of this layout."""
        directory, _, name = target.rstrip("/").rpartition("/")
        is_below = directory in (self.releases, "releases", "./releases")
        return name if is_below and is_release(name) else None


def is_release(name: str) -> bool:
    """Check that a name is a release name: fourteen digits that are a valid time."""
    return bool(FOURTEEN_DIGITS.fullmatch(name)) and _parse_time(name) is not None


def is_inside(path: str) -> bool:
    """Check that a relative path, without a slash at its end, stays inside the directory that it starts from."""
    return path.partition("/")[0] not in ("", ".", "..") and posixpath.normpath(path) == path


def release_time(name: str) -> datetime:
    """Return the time in a release name.

    Raises:
        ValueError: the name is not a release name.
    """
    time = _parse_time(name)
    if time is None:
        raise ValueError(f"not the name of a release: {name!r}")
    return time


def format_release_name(time: datetime) -> str:
    """Return the name of a release that is made at a time."""
    return f"{time.astimezone(timezone.utc):%Y%m%d%H%M%S}"


def next_release_name(name: str) -> str:
    """Return the first release name after another one.

    Raises:
        OverflowError: there is none.
    """
    return format_release_name(release_time(name) + timedelta(seconds=1))


def _parse_time(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
