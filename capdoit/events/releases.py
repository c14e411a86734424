"""Events of the release of a flow, from the decision to the publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit.events.event import Event

if TYPE_CHECKING:
    from capdoit.state.decision import Decision


@dataclass(frozen=True)
class Decided(Event):
    """The flow decided on its release, or learned more about it.

    Attributes:
        decision: the decision so far.
    """

    decision: Decision


@dataclass(frozen=True)
class ReleaseCreationStarted(Event):
    """From now on hosts may hold a half-made release."""


@dataclass(frozen=True)
class FlipStarted(Event):
    """The hosts are about to flip: from now on the release may be live on any of them.

    Attributes:
        hosts: names of all hosts that will flip.
    """

    hosts: tuple[str, ...]


@dataclass(frozen=True)
class FlipUndone(Event):
    """The hosts flipped back, since not all of them confirmed the flip.

    Attributes:
        doubtful: names of the hosts that did not confirm the flip back.
    """

    doubtful: tuple[str, ...]


@dataclass(frozen=True)
class PublishDoubted(Event):
    """Hosts were lost before they acknowledged that the publish is complete, so they may have undone their flips.

    Attributes:
        doubtful: names of the hosts that could not be asked again; empty when all hosts have the release live.
    """

    doubtful: tuple[str, ...]


@dataclass(frozen=True)
class Published(Event):
    """The release is live on all hosts.

    Attributes:
        releases: its name by host.
        revision: its commit or checksum.
        branch: source of the code; empty in a rollback.
        seconds: time since the flow began.
        is_drill: the release is live in the shadow of a drill only.
    """

    releases: Mapping[str, str]
    revision: str
    branch: str
    seconds: float
    is_drill: bool = False


@dataclass(frozen=True)
class WarningsJournaled(Event):
    """The journals of the hosts have all warnings up to now."""
