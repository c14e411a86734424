"""The room for one more release on a host, compared with the room that the live release takes."""

from __future__ import annotations

from dataclasses import dataclass

from capdoit.errors import HostError, Unreachable
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.records.fact_lines import parse_fact_lines
from capdoit.units import format_size

TIMEOUT_SECONDS = 60  # the live release may be too large to be measured in time
LEAST_KIB = 1024  # for a first release, whose size is not known
KEYS = {"free_kib", "free_inodes", "live_kib", "live_inodes", "end"}


@dataclass(frozen=True)
class ReleaseRoom:
    """The room for one more release.

    Attributes:
        free_kib: free KiB; None if the host does not tell.
        free_inodes: free inodes; None if the host does not tell, or if its file system makes them on demand.
        live_kib: KiB of the live release; None if there is none, or if it could not be measured.
        live_inodes: number of files and directories of the live release; None as for KiB.
    """

    free_kib: int | None = None
    free_inodes: int | None = None
    live_kib: int | None = None
    live_inodes: int | None = None

    def __str__(self) -> str:
        if self.free_kib is None:
            return "its free disk space is not known"
        live = "" if self.live_kib is None else f", the live release takes {format_size(self.live_kib)}"
        return f"{format_size(self.free_kib)} are free{live}"

    @property
    def shortage(self) -> str:
        """The reason why another release as large as the live one does not fit; empty if it fits."""
        needed_kib = LEAST_KIB if self.live_kib is None else self.live_kib
        if self.free_kib is not None and self.free_kib < needed_kib:
            return f"not enough space for another release: {self}"
        if self.free_inodes is not None and self.free_inodes < (self.live_inodes or 0):
            free, taken = self.free_inodes, self.live_inodes
            return f"not enough inodes for another release: {free} are free, the live release takes {taken}"
        return ""


def measure_release_room(connection: Connection) -> ReleaseRoom:
    """Return the room for one more release on a host; changes nothing.

    Raises:
        Unreachable: the host could not be reached.
    """
    script = connection.script("disk space", "operations/release_room", {})
    try:
        text = connection.checked(Request(script, capture=True, timeout=TIMEOUT_SECONDS)).text
        return parse_release_room(connection.name, text)
    except Unreachable:
        raise
    except HostError:
        return ReleaseRoom()


def parse_release_room(host: str, text: str) -> ReleaseRoom:
    """Return the room in the answer of ``release_room.sh``.

    Raises:
        HostError: the text is not an answer of that script.
    """
    found = parse_fact_lines(host, text, KEYS, set(), "disk space")
    values = {key: "".join(found[key]) for key in sorted(KEYS - {"end"})}
    numbers = {key: int(value) if value.isdecimal() and len(value) < 19 else None for key, value in values.items()}
    if not numbers["free_inodes"]:  # file systems that make inodes on demand report 0 of 0
        numbers["free_inodes"] = None
    return ReleaseRoom(**numbers)
