"""The live release of each host, and the release that a rollback would choose, as commands show them."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.config.stages import Stage
from capdoit.decisions.readiness import find_rollback_problems
from capdoit.decisions.rollback_target import choose_rollback_target
from capdoit.errors import ReleaseNotChosen
from capdoit.records.facts import Facts

REVISION_DIGITS = 12  # of a revision in a table


def find_live_release(facts: Facts) -> tuple[str, str]:
    """Return the live release of a host and its revision; each is empty if there is none."""
    return facts.live, facts.releases.get(facts.current or "", "")


def have_same_live_release(facts: Sequence[Facts]) -> bool:
    """Check whether all hosts have one live release of one revision."""
    return len({find_live_release(one) for one in facts}) <= 1


def preview_rollback(facts: Sequence[Facts], stage: Stage) -> tuple[str | None, str]:
    """Return the release that a rollback of these hosts would choose, or why it would be refused.

    Returns:
        the release and an empty text; or None and the reason, in one line.
    """
    if problems := find_rollback_problems(facts, stage):
        return None, str(problems[0])
    try:
        return (choose_rollback_target(facts).release, "") if facts else (None, "")
    except ReleaseNotChosen as error:
        return None, str(error)
