"""The live release of each host, as commands show it."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.records.facts import Facts
from capdoit.records.fleet_state import find_wrong_symlinks

REVISION_DIGITS = 12  # of a revision in a table


def find_live_release(facts: Facts) -> tuple[str, str]:
    """Return the live release of a host and its revision; each is empty if there is none."""
    return facts.live, facts.releases.get(facts.current or "", "")


def have_same_live_release(facts: Sequence[Facts]) -> bool:
    """Check whether all hosts have one live release of one revision, or none of them has any."""
    return len({find_live_release(one) for one in facts}) <= 1 and not find_wrong_symlinks(facts)
