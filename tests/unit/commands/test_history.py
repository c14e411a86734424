"""The table of `doit cap history`."""

from __future__ import annotations

from capdoit.commands.history import _notes, _row
from capdoit.records.facts import Facts
from capdoit.records.history import Happening, happenings
from tests.unit.journals import R, deployed, entries, host


def shown(*facts: Facts) -> tuple[str, ...]:
    return _row(happenings(facts)[0])


def test_a_flow_that_did_not_end_well_says_which_it_was() -> None:
    row = shown(host("web1", *entries("a", 2, "failed", flow="rollback", seconds="71.4")))
    assert row[:6] == ("2016-06-14 13:02", "failed rollback", "not live", R[2], "ann", "1 min 11 s")


def test_what_is_not_the_same_on_all_hosts_differs() -> None:
    one, two = deployed(2, left=R[1]), deployed(2, left=R[0])
    assert "differs" in shown(host("web1", *one), host("web2", *two))


def notes(found: Happening, *hosts: str) -> list[str]:
    return list(_notes(found, hosts))


def test_below_the_line_stands_where_it_happened_when_that_is_not_everywhere() -> None:
    (found,) = happenings([host("web1", *deployed(2)), host("web2", *deployed(2))])
    assert notes(found, "web1", "web2") == []
    assert notes(found, "web1", "web2", "web3") == ["not on web3"]
    assert notes(found, "web1", "web2", "web3", "web4") == ["only on web1, web2"]


def test_below_the_line_stand_the_ending_the_differences_and_the_reason() -> None:
    failed = entries("a", 2, "live", "back", "failed", step="publishing", message="a fix")
    (found,) = happenings([host("web1", *failed), host("web2", *failed[2:])])
    assert notes(found, "web1", "web2") == ["in publishing", "undone on web1; not live on web2", "why: a fix"]
