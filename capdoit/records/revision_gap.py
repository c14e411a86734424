"""The commits between the revision that is live on some hosts and another revision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from capdoit.records.facts import Facts


@dataclass(frozen=True)
class Commit:
    """One commit; every field is printable.

    Attributes:
        revision: its full sha.
        at: time of the commit in UTC, as the journal has it.
        author: name of its author.
        subject: first line of its message.
    """

    revision: str
    at: str
    author: str
    subject: str

    @property
    def date(self) -> str:
        """The day of the commit in UTC."""
        return self.at.partition("T")[0]


@dataclass(frozen=True)
class Gap:
    """The commits between the live revision of some hosts and the revision that a flow would bring.

    Attributes:
        hosts: all hosts with that live revision.
        revision: the live revision; empty if nothing is live, or the live release has no revision.
        comes: the commits that the flow would bring, newest first; None if git does not know the revision.
        goes: the commits that the flow would take away.
    """

    hosts: tuple[str, ...]
    revision: str
    comes: tuple[Commit, ...] | None = None
    goes: tuple[Commit, ...] = ()


def group_by_live_revision(facts: Iterable[Facts]) -> dict[str, tuple[str, ...]]:
    """Return the names of the hosts by their live revision, which is empty where nothing is live."""
    hosts: dict[str, tuple[str, ...]] = {}
    for one in facts:
        hosts[one.live_revision] = (*hosts.get(one.live_revision, ()), one.host)
    return hosts
