"""The base of all events."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """Something that happened once. Text in its fields has no secrets when a listener gets it.

    Attributes:
        run: id of the flow, check or drill that it belongs to; the bus sets it, and two events that differ only in it
            are equal. Empty outside of them.
    """

    run: str = field(default="", kw_only=True, compare=False, repr=False)
