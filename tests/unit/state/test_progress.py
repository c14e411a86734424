"""The progress of a flow is the sum of its events."""

from __future__ import annotations

from capdoit import events
from capdoit.events import Event
from capdoit.records.facts import Facts
from capdoit.state.decision import Decision
from capdoit.state.progress import Progress


def after(*happened: Event) -> Progress:
    """Return the progress after some events."""
    progress = Progress()
    for event in happened:
        progress.apply(event)
    return progress


def test_nothing_has_happened_at_first() -> None:
    assert after() == Progress()


def test_an_event_that_changes_nothing_is_ignored() -> None:
    assert after(events.HostOutput("web1", "out", "hello")) == Progress()


def test_the_survey_tells_what_was_live_before() -> None:
    progress = after(events.HostSurveyed(Facts("web1", current="20260101000000")))
    assert progress.live_before("web1") == "20260101000000"
    assert progress.live_before("web2") is None


def test_a_lock_that_was_given_back_is_not_held() -> None:
    progress = after(events.LockTaken("web1"), events.LockTaken("web2"), events.LockReleased("web1"))
    assert progress.locked == {"web2"}


def test_hosts_left_out_are_missing_in_the_order_in_which_they_failed() -> None:
    assert after(events.HostLeftOut("web2", "down"), events.HostLeftOut("web1", "down")).missing == ("web2", "web1")


def test_a_decision_replaces_the_one_before() -> None:
    first, second = Decision("20260101000000"), Decision("20260101000000", "abc")
    assert after(events.Decided(first), events.Decided(second)).decision == second


def test_every_host_that_was_told_to_flip_may_have_flipped() -> None:
    assert after(events.FlipStarted(("web1", "web2"))).flipped == {"web1", "web2"}


def test_after_the_flip_back_only_hosts_that_did_not_confirm_it_are_in_doubt() -> None:
    progress = after(events.FlipStarted(("web1", "web2")), events.FlipUndone(("web2",)))
    assert progress.flipped == {"web2"}
    assert not progress.is_published


def test_a_hook_that_was_cut_short_may_have_reverted_something() -> None:
    assert after(events.RevertStarted(("0002",))).reverting == ("0002",)


def test_what_a_hook_reverted_is_remembered_in_order() -> None:
    started = [events.RevertStarted(("0002",)), events.RevertFinished(("0002",)), events.RevertStarted(("0001",))]
    progress = after(*started, events.RevertFinished(("0001",)))
    assert (progress.reverted, progress.reverting) == (("0002", "0001"), ())


def test_warnings_about_the_fleet_are_warnings_about_each_host() -> None:
    progress = after(events.Warned("slow", "web1"), events.Warned("old key"))
    assert progress.warnings_about("web1") == ["slow", "old key"]
    assert progress.warnings_about("web2") == ["old key"]
    assert progress.warning_count == 2


def test_only_warnings_after_the_journal_was_written_are_new() -> None:
    progress = after(events.Warned("slow", "web1"), events.WarningsJournaled(), events.Warned("late", "web1"))
    assert (progress.warning_count, progress.journaled_warnings) == (2, 1)
