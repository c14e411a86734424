"""Moments, durations and sizes: one spelling for the journal, one for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

AT = "%Y-%m-%dT%H:%M:%SZ"  # ISO 8601, in UTC
LARGEST_FIRST = ((86400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True)
class Room:
    """What is free on a file system, and of how much: KiB, or inodes; the total is more than 0."""

    free: int
    total: int

    @property
    def share(self) -> float:
        """The part that is free."""
        return self.free / self.total


def stamp(moment: datetime | None = None) -> str:
    """A moment, or now, as the journal has it."""
    return f"{(moment or datetime.now(timezone.utc)).astimezone(timezone.utc):{AT}}"


def parsed(at: str) -> datetime | None:
    """The moment of a stamp; None when it is none."""
    try:
        return datetime.strptime(at, AT).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def minute(at: str) -> str:
    """The moment of a stamp as people read it, in UTC; empty when it is none."""
    moment = parsed(at)
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def duration(seconds: float) -> str:
    """A long time in its largest unit: ``3 days``."""
    for size, unit in LARGEST_FIRST:
        if count := int(seconds) // size:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"


def stopwatch(seconds: float) -> str:
    """How long something took that people waited for: ``2 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def size(kib: float) -> str:
    """So many KiB, in the unit that fits."""
    for unit in ("KiB", "MiB", "GiB"):
        if kib < 1024:
            return f"{kib:.0f} {unit}" if unit == "KiB" else f"{kib:.1f} {unit}"
        kib /= 1024
    return f"{kib:.1f} TiB"
