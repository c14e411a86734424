"""Times, durations and sizes, as the journal has them and as people read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

TIMESTAMP = "%Y-%m-%dT%H:%M:%SZ"  # ISO 8601, in UTC
SECONDS = re.compile(r"[0-9]{1,7}(\.[0-9]{1,3})?")
LARGEST_FIRST = ((86400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True)
class Capacity:
    """The free and the total amount of a file system, in KiB or in inodes.

    Attributes:
        free: the free amount.
        total: the total amount, more than 0.
    """

    free: int
    total: int

    @property
    def share(self) -> float:
        """The free share, from 0 to 1."""
        return self.free / self.total


def format_timestamp(time: datetime | None = None) -> str:
    """Return a time, or the time now, as the journal has it."""
    return f"{(time or datetime.now(timezone.utc)).astimezone(timezone.utc):{TIMESTAMP}}"


def parse_timestamp(at: str) -> datetime | None:
    """Return the time of a timestamp; None if it is malformed."""
    try:
        return datetime.strptime(at, TIMESTAMP).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def parse_seconds(text: str) -> float | None:
    """Return a number of seconds as the journal has it: ``12.3``; None if it is malformed."""
    return float(text) if SECONDS.fullmatch(text) else None


def format_minute(at: str) -> str:
    """Return the time of a timestamp in UTC, as people read it; empty if it is malformed."""
    time = parse_timestamp(at)
    return f"{time:%Y-%m-%d %H:%M}" if time else ""


def format_duration(seconds: float) -> str:
    """Return a long duration in its largest unit: ``3 days``."""
    for size, unit in LARGEST_FIRST:
        if count := int(seconds) // size:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"


def format_elapsed(seconds: float) -> str:
    """Return a short duration: ``2 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def format_seconds(seconds: float) -> str:
    """Return a duration in few characters: ``1.2s``, ``2m05s``, ``1h02m``."""
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def format_clock(seconds: float) -> str:
    """Return the time since a start as a clock shows it: ``02:05``, ``1:02:05``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def format_size(kib: float) -> str:
    """Return a size in the unit that fits: ``1.5 GiB``."""
    for unit in ("KiB", "MiB", "GiB"):
        if kib < 1024:
            return f"{kib:.0f} {unit}" if unit == "KiB" else f"{kib:.1f} {unit}"
        kib /= 1024
    return f"{kib:.1f} TiB"
