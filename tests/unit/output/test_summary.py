"""The closing summary of a flow."""

from __future__ import annotations

import os
from dataclasses import replace

from capdoit import events
from capdoit.output.flow_display import FlowDisplay
from capdoit.output.summary import render_summary
from capdoit.state.decision import Decision

NEW, OLD, SHA = "20160614133327", "20160613133327", "1f3e" * 10
STARTED = events.FlowStarted("production", ("web1", "web2"), "ann", "deploy", "main", "the sale begins", run="r")
PUBLISHED = events.Published({"web1": NEW, "web2": NEW}, SHA, "main", 12.34)
FINISHED = events.FlowFinished("deploy:production", (), 0, 75.2, f"doit rollback:production rollback_release={OLD}")


def summary(
    finished: events.FlowFinished = FINISHED,
    started: events.FlowStarted = STARTED,
    published: events.Published | None = PUBLISHED,
    warnings: tuple[str, ...] = (),
    columns: int | None = None,
) -> list[str]:
    display = FlowDisplay(0)
    happened = [started, events.Decided(Decision(NEW, SHA, subject="Fix the login")), published, finished]
    for event in (*map(events.Warned, warnings), *filter(None, happened)):
        display.apply(event, 0)
    return [text for text, _ in render_summary(display, os.terminal_size((columns, 24)) if columns else None)]


def test_a_deploy_says_what_is_live_how_long_it_took_and_how_to_go_back() -> None:
    assert summary() == [
        f"✔ deploy:production: {NEW} is live on web1, web2",
        '  main 1f3e1f3e1f3e "Fix the login", by ann: the sale begins',
        "  live after 12.3s, done after 1m15s",
        f"  To go back: doit rollback:production rollback_release={OLD}",
    ]


def test_a_rollback_that_undoes_a_deploy_has_no_summary_and_a_flow_after_it_has_one() -> None:
    assert summary(started=replace(STARTED, flow="rollback", undone_release=NEW)) == []
    assert len(summary()) == 4


def test_a_rollback_says_how_to_undo_it() -> None:
    lines = summary(started=replace(STARTED, flow="rollback", message=""))
    assert lines[1] == '  1f3e1f3e1f3e "Fix the login", by ann'
    assert lines[-1] == f"  To undo this rollback: doit rollback:production rollback_release={OLD}"


def test_warnings_and_hosts_that_were_left_out_are_repeated() -> None:
    lines = summary(replace(FINISHED, missing=("web3",), undo=""), warnings=("slow\nvery slow", "cold"))
    assert lines[3:] == [
        "  2 warnings:",
        "    slow",
        "    cold",
        "  NOT deployed to web3, which could not be reached. Once reachable, run: doit deploy:production",
        "  There is no other release that every host can go back to.",
    ]


def test_hosts_with_another_name_of_the_release_are_named_apart() -> None:
    published = replace(PUBLISHED, releases={"web1": NEW, "web2": OLD})
    assert summary(published=published)[0] == f"✔ deploy:production: {NEW} is live on web1; {OLD} is live on web2"


def test_on_a_narrow_terminal_lines_break_between_words_and_the_command_stays_in_one_piece() -> None:
    assert summary(columns=50) == [
        "✔ deploy:production: 20160614133327 is live on",
        "web1, web2",
        '  main 1f3e1f3e1f3e "Fix the login", by ann: the',
        "  sale begins",
        "  live after 12.3s, done after 1m15s",
        "  To go back:",
        f"    doit rollback:production rollback_release={OLD}",
    ]


def test_many_hosts_are_counted_if_they_are_all_hosts() -> None:
    names = tuple(f"web{number}" for number in range(25))
    published = replace(PUBLISHED, releases=dict.fromkeys(names, NEW))
    assert summary(started=replace(STARTED, hosts=names), published=published)[0].endswith("is live on all 25 hosts")


def test_a_first_deploy_says_that_there_is_nothing_to_go_back_to() -> None:
    assert summary(replace(FINISHED, undo=""))[-1] == "  There is no other release that every host can go back to."


def test_a_dry_run_and_a_rehearsed_rollback_have_no_summary() -> None:
    assert summary(started=replace(STARTED, is_dry_run=True)) == []
    assert summary(started=replace(STARTED, is_drill=True)) == []
