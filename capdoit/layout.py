"""What lies where below ``deploy_to``: Capistrano's layout, and ``.capdoit`` beside it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

FOURTEEN_DIGITS = re.compile(r"[0-9]{14}")


# In .capdoit; what a flow or a drill needs while it is at work.
SCRATCH = ("next", "incoming", "unpack", "manifest", "archive.tar.gz", "removed", "drill")


@dataclass(frozen=True)
class Layout:
    """The paths of one host.

    Attributes:
        deploy_to: absolute, without a slash at its end.
    """

    deploy_to: str

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
        """The directory of a release."""
        return f"{self.releases}/{name}"

    def release_of(self, link: str) -> str | None:
        """The release that a link such as ``current`` points to; None when it is no release of this tree."""
        place, _, name = link.rstrip("/").rpartition("/")
        ours = place in (self.releases, "releases", "./releases")
        return name if ours and is_release(name) else None


def is_release(name: str) -> bool:
    """Whether a name is a release's: fourteen digits that are a moment in time."""
    return bool(FOURTEEN_DIGITS.fullmatch(name)) and _moment(name) is not None


def is_inside(path: str) -> bool:
    """Whether a relative path, without a slash at its end, stays inside the directory that it starts from."""
    return path.partition("/")[0] not in ("", ".", "..") and posixpath.normpath(path) == path


def release_time(name: str) -> datetime:
    """The moment in a release's name.

    Raises:
        ValueError: the name is not a release's.
    """
    moment = _moment(name)
    if moment is None:
        raise ValueError(f"not the name of a release: {name!r}")
    return moment


def release_name(moment: datetime) -> str:
    """The name of a release made at that moment."""
    return f"{moment.astimezone(timezone.utc):%Y%m%d%H%M%S}"


def next_name(name: str) -> str:
    """The first name after that release's.

    Raises:
        OverflowError: there is none.
    """
    return release_name(release_time(name) + timedelta(seconds=1))


def _moment(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
