"""The name of a new release."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capdoit.decisions.release_name import choose_release_name
from capdoit.errors import ConfigError
from capdoit.layout import is_release
from capdoit.records.facts import Facts
from capdoit.records.journal import Entry
from tests.unit.decisions.fleets import (
    NOW,
    host,
)


def test_a_release_is_named_after_the_current_time() -> None:
    assert choose_release_name(NOW, [host("web1", 0, 1)]) == "20160614133327"


def test_a_release_name_is_later_than_those_of_a_host_with_a_fast_clock() -> None:
    ahead = Facts("web2", releases={"20160614235959": ""})
    assert choose_release_name(NOW, [host("web1", 0, 1), ahead]) == "20160615000000"


@pytest.mark.parametrize(
    "facts",
    [
        Facts("web1", archives=frozenset({"20170101000000"})),
        Facts("web1", current="20170101000000"),
        Facts("web1", entries=(Entry(event="failed", release="20170101000000"),)),
        Facts("web1", entries=(Entry(event="live", left="20170101000000"),)),
        Facts("web1", log=("ann rolled back to release 20170101000000",)),
    ],
    ids=["an archive", "the link", "the journal", "what was left", "the log"],
)
def test_a_release_known_only_from_journal_log_or_archive_is_counted(facts: Facts) -> None:
    assert choose_release_name(NOW, [facts]) == "20170101000001"


def test_journal_entries_without_a_release_are_ignored() -> None:
    assert choose_release_name(NOW, [Facts("web1", entries=(Entry(release="zzz"),))]) == "20160614133327"


def test_there_is_no_release_name_after_the_last_one() -> None:
    with pytest.raises(ConfigError, match=r"^web2: .* 99991231235959"):
        choose_release_name(NOW, [host("web1", 0), Facts("web2", releases={"99991231235959": ""})])


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc)),
    st.lists(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map("{:%Y%m%d%H%M%S}".format)),
)
def test_a_release_name_is_later_than_every_known_release(now: datetime, names: list[str]) -> None:
    fleet = [
        Facts("web1", releases=dict.fromkeys(names[::2], "")),
        Facts("web2", archives=frozenset(names[1::2])),
    ]
    name = choose_release_name(now, fleet)
    assert is_release(name)
    assert all(name > other for other in names)
