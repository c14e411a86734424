"""Made-up facts of a fleet, and hypothesis strategies that make any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

from hypothesis import strategies as st

from capdoit.decisions.rollback_target import RollbackTarget, choose_rollback_target
from capdoit.errors import ReleaseNotChosen
from capdoit.records.facts import Facts
from capdoit.records.journal import Entry

NOW = datetime(2016, 6, 14, 13, 33, 27, tzinfo=timezone.utc)
R = [f"2016061413332{n}" for n in range(8)]
LATER = "20160614133330"


def event(event: str, number: int, flow: str = "deploy") -> Entry:
    return Entry(event=event, flow=flow, release=R[number], run=f"{event}{flow}{number}")


def deployed(*numbers: int) -> tuple[Entry, ...]:
    return tuple(event("live", number) for number in numbers)


def host(name: str, *numbers: int, entries: tuple[Entry, ...] | None = None, current: int | None = None) -> Facts:
    """Return a host that deployed these releases, one after the other."""
    return Facts(
        name,
        releases={R[number]: f"commit {number}" for number in numbers},
        entries=deployed(*numbers) if entries is None else entries,
        current=R[numbers[-1] if current is None else current],
    )


def without(facts: Facts, *numbers: int) -> Facts:
    gone = {R[number] for number in numbers}
    return replace(facts, releases={name: of for name, of in facts.releases.items() if name not in gone})


# Random mixtures of complete and incomplete releases, journals, archives and symlinks.
ENTRIES = st.builds(
    Entry,
    event=st.sampled_from(["building", "ready", "live", "live", "live", "back", "failed", "finished"]),
    flow=st.sampled_from(["deploy", "rollback"]),
    release=st.sampled_from(R),
    run=st.sampled_from("abcdef"),
)
LOG = st.builds("ann rolled back to release {}".format, st.sampled_from(R)) | st.builds(
    "Branch main (at 1f3e) deployed as release {} by ann".format, st.sampled_from(R)
)
HELD = st.dictionaries(st.sampled_from(R), st.sampled_from(["", "1f3e", "1f3e", "1f3e", "2b4c"]))


def any_host(name: str) -> st.SearchStrategy[Facts]:
    return st.builds(
        Facts,
        host=st.just(name),
        releases=HELD,
        archives=st.frozensets(st.sampled_from(R)),
        current=st.none() | st.sampled_from(R),
        entries=st.lists(ENTRIES, max_size=12).map(tuple),
        log=st.lists(LOG, max_size=6).map(tuple),
    )


TWINS = any_host("web1").map(lambda one: (one, replace(one, host="web2")))
FLEET = TWINS | st.tuples(any_host("web1"), any_host("web2"))


def suggested(error: ReleaseNotChosen) -> str | None:
    return error.candidates.releases[0] if error.candidates and error.candidates.releases else None


def target_or_error(fleet: Sequence[Facts], wanted: str | None = None) -> RollbackTarget | ReleaseNotChosen:
    try:
        return choose_rollback_target(fleet, wanted)
    except ReleaseNotChosen as error:
        return error
