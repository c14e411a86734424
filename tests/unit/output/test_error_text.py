"""The text of errors, rendered from their data."""

from __future__ import annotations

import re

import pytest

from capdoit.config.variables import Variables
from capdoit.errors import (
    Cancelled,
    Candidates,
    CapdoitError,
    Damaged,
    FleetDisagrees,
    GuardRefused,
    HostError,
    HostReleases,
    HostsFailed,
    Interrupted,
    LockHeld,
    NoTarget,
    NotReady,
    Outcome,
    PlanOutdated,
    Problem,
    Refusal,
)
from capdoit.output.command_line import CommandLine
from capdoit.output.error_text import render_advice, render_cause, render_error

ROLLBACK = CommandLine("rollback", "production", Variables(hosts=("web1", "web2"), message="why not"))
DRILL = CommandLine("drill", "production")
R = [f"2016061413332{n}" for n in range(3)]
DIFFERENT = FleetDisagrees(
    Refusal.DIFFERENT_TARGETS,
    [
        HostReleases("web1", R[2], {R[2]: "live", R[1]: "retired", R[0]: "retired"}, R[1]),
        HostReleases("web2", R[2], {R[2]: "live"}),
    ],
    candidates=Candidates((R[0],)),
)


def failed(*errors: HostError) -> HostsFailed:
    return HostsFailed([Outcome(error.host, error=error) for error in errors])


def rows(text: str) -> list[list[str]]:
    return [re.split(" {2,}", line.strip()) for line in text.splitlines()]


def test_hosts_that_differ_are_a_table_and_the_operator_sees_what_to_type() -> None:
    text = render_error(DIFFERENT, ROLLBACK)
    assert rows(text)[:4] == [
        ["the hosts would go back to different releases"],
        ["host", "live", "would go to", "has"],
        ["web1", R[2], R[1], f"{R[2]} (live), {R[1]} (retired), {R[0]} (retired)"],
        ["web2", R[2], "nothing", f"{R[2]} (live)"],
    ]
    assert text.splitlines()[4:] == [
        f"Every host can go to: {R[0]}. Choose one:",
        f"  doit rollback:production hosts=web1,web2 rollback_release={R[0]}",
    ]


def test_a_drill_is_advised_to_rehearse() -> None:
    assert f"doit drill:production rollback_release={R[0]}" in render_advice(DIFFERENT, DRILL)


def test_bad_candidates_are_offered_as_such_and_without_any_a_deploy_is_advised() -> None:
    bad = NoTarget(Refusal.NO_OLDER_RELEASE, candidates=Candidates((R[0],), are_bad=True))
    assert "they are bad" in render_advice(bad, ROLLBACK)
    none = NoTarget(Refusal.NO_OLDER_RELEASE, candidates=Candidates())
    assert render_advice(none, ROLLBACK).endswith("\n  doit deploy:production hosts=web1,web2")


def test_the_reason_why_a_host_cannot_go_to_a_release_is_in_words() -> None:
    hosts = [HostReleases("web1", R[1], {R[0]: "retired"}), HostReleases("web2", "", {}, "missing")]
    text = render_cause(FleetDisagrees(Refusal.NOT_ON_EVERY_HOST, hosts, R[0], Candidates()))
    assert rows(text)[2:] == [
        ["web1", R[1], "yes", f"{R[0]} (retired)"],
        ["web2", "nothing", "no: it is not there", "nothing"],
    ]


def test_a_long_list_of_releases_is_cut() -> None:
    held = {f"201606141334{n:02}": "unknown" for n in range(20)}
    error = NoTarget(Refusal.NO_OLDER_RELEASE, [HostReleases("web1", "", held)], candidates=Candidates())
    assert "and 12 more" in render_cause(error)


def test_a_release_that_no_host_has_is_printable_and_gets_a_suggestion() -> None:
    hosts = [HostReleases("web1", R[1], {R[1]: "live", R[0]: "retired"})]
    assert str(NoTarget(Refusal.UNKNOWN_RELEASE, hosts, R[1].replace("2016", "2061"))).endswith(f"did you mean {R[1]}?")
    assert "\x1b" not in str(NoTarget(Refusal.UNKNOWN_RELEASE, hosts, "\x1b[2J"))


def test_hosts_with_the_same_failure_stand_together() -> None:
    same = (HostError(name, "exit status 1", lines=["no rights"]) for name in ("web1", "web3"))
    error = failed(*same, HostError("web2", "exit status 2"), Cancelled("web4", "stopped"))
    assert render_cause(error).splitlines() == [
        "web1, web3: exit status 1",
        "    no rights",
        "web2: exit status 2",
        "stopped because of that: web4",
    ]
    assert str(error) == "web1, web3: exit status 1; web2: exit status 2"


def test_an_error_of_a_hook_names_its_host_and_its_type() -> None:
    error = HostsFailed([Outcome("web1", error=ValueError("odd\x1b"))])
    assert render_cause(error) == "web1: ValueError: odd\\x1b"


def test_problems_are_grouped_and_a_check_says_which_flow_would_fail() -> None:
    problems = [Problem("git is not installed", "web1"), Problem("git is not installed", "web2"), Problem("no archive")]
    assert render_cause(NotReady(*problems)).splitlines() == ["web1, web2: git is not installed", "no archive"]
    checked = render_error(NotReady(*problems, checked_flow="deploy"))
    assert checked.splitlines()[:2] == ["a deploy would fail:", "  web1, web2: git is not installed"]


def test_a_held_lock_names_the_flow_once_and_says_how_to_wait_and_to_unlock() -> None:
    held = LockHeld({"web1": "deploy by ann", "web2": "deploy by ann"})
    assert render_cause(held).splitlines() == ["the hosts are locked:", "  web1, web2: deploy by ann"]
    assert render_advice(held, DRILL).splitlines() == [
        "To wait for it, up to 60 s: doit drill:production wait=60",
        "To free the lock by force, which ends that flow: doit cap unlock production hosts=web1,web2",
    ]
    assert render_advice(LockHeld(held.holders, is_whole_stage=True), DRILL).endswith("doit cap unlock production")


def test_a_guard_names_the_changes_and_what_can_be_done_about_them() -> None:
    error = GuardRefused("rails", R[0], "web1", ["0002"], meaning="It has migrations.", can_revert=True)
    assert render_cause(error).splitlines() == [
        f"recipe rails: web1 has changes that release {R[0]} does not know (It has migrations.):",
        "  0002",
    ]
    assert re.findall("migrations=[a-z]+", render_advice(error, DRILL)) == ["migrations=back", "migrations=keep"]
    blocked = GuardRefused("rails", R[0], "web1", ["0002"], obstacle="the recipe cannot revert them")
    assert render_cause(blocked).endswith("\nmigrations=back is impossible: the recipe cannot revert them")
    assert re.findall("migrations=[a-z]+", render_advice(blocked, DRILL)) == ["migrations=keep"]


def test_a_guard_that_cannot_tell_says_why() -> None:
    error = GuardRefused("rails", R[0], "web1", cause=failed(HostError("web1", "exit status 1", lines=["no database"])))
    text = f"recipe rails cannot tell which changes release {R[0]} does not know: web1: exit status 1"
    assert render_cause(error) == f"{text}\n    no database"
    assert str(error) == text


def test_an_outdated_plan_is_made_again() -> None:
    error = PlanOutdated("web1: current was a, and is b")
    applied = CommandLine("deploy", "production", Variables(apply="plan.json", branch="main"))
    assert render_cause(error).splitlines() == ["the plan is outdated:", "  web1: current was a, and is b"]
    assert render_advice(error, applied) == "To make a new plan: doit deploy:production branch=main plan=plan.json"


def test_a_damaged_release_can_be_looked_at_unless_it_is_an_archive() -> None:
    damaged = failed(Damaged("web1", R[0], "1 changed"))
    assert f"doit cap verify production hosts=web1,web2 {R[0]}" in render_advice(damaged, ROLLBACK)
    assert "force=yes" in render_advice(damaged, ROLLBACK)
    archived = failed(Damaged("web1", R[0], "1 changed", is_archive=True))
    assert "cap verify" not in render_advice(archived, ROLLBACK)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (CapdoitError("broken"), "Once fixed, run: doit rollback:production hosts=web1,web2 'message=why not'"),
        (Interrupted("SIGINT"), "To run it again: doit rollback:production hosts=web1,web2 'message=why not'"),
    ],
)
def test_other_errors_advise_the_same_command_again(error: CapdoitError, advice: str) -> None:
    assert render_advice(error, ROLLBACK) == advice


def test_a_hook_that_was_run_alone_is_run_alone_again() -> None:
    command = CommandLine("deploy", "production", hook="rails.migrate")
    assert (
        render_advice(CapdoitError("broken"), command) == "Once fixed, run: doit run -s deploy:production:rails.migrate"
    )
    assert "doit deploy:production" in render_advice(NoTarget(Refusal.NOTHING_LIVE), command)


def test_without_a_command_none_is_advised() -> None:
    assert render_error(CapdoitError("broken")) == "broken"
    assert render_error(FleetDisagrees(Refusal.DIFFERENT_LIVE)).endswith("\nName a release.")
