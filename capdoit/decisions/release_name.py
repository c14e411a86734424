"""The name of a new release."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from capdoit.errors import ConfigError, NotReady
from capdoit.layout import format_release_name, is_release, next_release_name
from capdoit.records.facts import Facts
from capdoit.records.lineage import parse_log_line
from capdoit.text import make_printable


def choose_release_name(now: datetime, facts: Sequence[Facts]) -> str:
    """Return the name of a new release, which is later than every release that any host has or had.

    Args:
        now: the time of the controller, which may be wrong.
        facts: of every host.

    Raises:
        ConfigError: a host has the last possible name.
    """
    name = format_release_name(now)
    last, host = max(((known, one.host) for one in facts for known in _known_names(one)), default=("", ""))
    if name > last:
        return name
    try:
        return next_release_name(last)
    except OverflowError:
        raise ConfigError(
            f"{host}: no release can have a name after {last}; remove that release there, its archive, "
            "and its lines in revisions.log and .capdoit/journal"
        ) from None


def accept_planned_name(planned: object, now: str, facts: Sequence[Facts]) -> str:
    """Return the release name of a plan if a deploy could have chosen it since the plan was made.

    Args:
        planned: the name, as read from the plan file.
        now: the name that a deploy without a plan would choose.
        facts: of every host.

    Raises:
        NotReady: the name is malformed, not later than every known release, or later than ``now``.
    """
    last = max((known for one in facts for known in _known_names(one)), default="")
    if not isinstance(planned, str) or not is_release(planned) or not last < planned <= now:
        raise NotReady(f"the plan's release, {make_printable(str(planned))}, cannot be made now; make a new plan")
    return planned


def _known_names(facts: Facts) -> Iterable[str]:
    journal = (name for entry in facts.entries for name in (entry.release, entry.left))
    log = (publish.release for publish in map(parse_log_line, facts.log) if publish)
    return filter(is_release, [*facts.releases, *facts.archives, facts.current or "", *journal, *log])
