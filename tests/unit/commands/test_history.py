"""The table of `doit cap history`."""

from __future__ import annotations

from capdoit.commands.history import _notes, _row
from capdoit.records.facts import Facts
from capdoit.records.history import FlowRecord, build_history
from tests.unit.journals import R, deployed, entries, host


def shown(*facts: Facts) -> tuple[str, ...]:
    return _row(build_history(facts)[0])


def test_a_failed_flow_names_its_kind_in_its_row() -> None:
    row = shown(host("web1", *entries("a", 2, "failed", flow="rollback", seconds="71.4")))
    assert row[:6] == ("2016-06-14 13:02", "failed rollback", "not live", R[2], "ann", "1 min 11 s")


def test_a_value_that_hosts_disagree_on_is_shown_as_differs() -> None:
    one, two = deployed(2, left=R[1]), deployed(2, left=R[0])
    assert "differs" in shown(host("web1", *one), host("web2", *two))


def notes(found: FlowRecord, *hosts: str) -> list[str]:
    return list(_notes(found, hosts))


def test_a_note_names_the_hosts_when_a_flow_did_not_run_on_all() -> None:
    (found,) = build_history([host("web1", *deployed(2)), host("web2", *deployed(2))])
    assert notes(found, "web1", "web2") == []
    assert notes(found, "web1", "web2", "web3") == ["not on web3"]
    assert notes(found, "web1", "web2", "web3", "web4") == ["only on web1, web2"]


def test_notes_tell_the_failed_step_the_differences_and_the_message() -> None:
    failed = entries("a", 2, "live", "back", "failed", step="publishing", message="a fix")
    (found,) = build_history([host("web1", *failed), host("web2", *failed[2:])])
    assert notes(found, "web1", "web2") == ["in publishing", "undone on web1; not live on web2", "why: a fix"]
