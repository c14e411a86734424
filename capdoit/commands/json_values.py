"""Values in the answers for programs, in one form each: docs/json.schema.json describes it.

An unknown value is None, never an empty text. A time is ISO 8601 in UTC, as the journal has it. A revision has all
digits that a host knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from capdoit.layout import is_release
from capdoit.records.facts import REVISION
from capdoit.records.live_periods import LivePeriod
from capdoit.units import parse_timestamp

VERSION = 1  # of all answers; another one only if a field is removed or changes its meaning


def known_values(value: Any) -> Any:
    """Return a value with None in place of empty texts, those in containers included."""
    if isinstance(value, Mapping):
        return {name: known_values(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [known_values(one) for one in value]
    return None if value == "" else value


def known_time(at: str) -> str | None:
    """Return a time of a journal; None if it is malformed."""
    return at if parse_timestamp(at) else None


def known_release(name: str) -> str | None:
    """Return the name of a release in a journal; None if it is malformed."""
    return name if is_release(name) else None


def known_revision(revision: str) -> str | None:
    """Return a revision in a journal; None if it is malformed."""
    return revision if REVISION.fullmatch(revision) else None


def period_json(period: LivePeriod) -> dict[str, Any]:
    """Return the last period in which a release was live."""
    times = {"since": known_time(period.since), "until": known_time(period.until)}
    return {**known_values(asdict(period)), **times}
