"""The text of the report about a flow that did not finish, made from its data."""

from __future__ import annotations

from dataclasses import replace

from capdoit.config.variables import Variables
from capdoit.errors import Damaged, HostError, HostsFailed, Interrupted, LockHeld, Outcome, Unreachable
from capdoit.output.command_line import CommandLine
from capdoit.output.failure_report import FailureReport, HostState, RollbackReport, render_failure

OLD, NEW = "20260101000000", "20260102000000"
BROKEN = HostsFailed([Outcome("web1", error=HostError("web1", "exit status 9")), Outcome("web2")])
REPORT = FailureReport(
    title="deploy:production: updating failed",
    error=BROKEN,
    hosts=(HostState("web1", OLD), HostState("web2", OLD, "not asked")),
    command=CommandLine("deploy", "production", Variables(branch="v2")),
    release=NEW,
)
LIVE = replace(REPORT, title="deploy:production: restart failed", is_published=True, way_back=OLD)


def test_a_report_has_the_cause_then_the_live_releases_then_the_command_to_type() -> None:
    assert render_failure(REPORT).splitlines() == [
        "deploy:production: updating failed:",
        "  web1: exit status 9",
        "live releases now:",
        "  host  live",
        f"  web1  {OLD}",
        f"  web2  {OLD}  not asked",
        "What is live was not changed.",
        "Once fixed, run: doit deploy:production branch=v2",
    ]


def test_the_error_of_hosts_that_were_not_reached_is_said_once() -> None:
    down = HostsFailed([Outcome(host, error=Unreachable(host, "cannot connect")) for host in ("web1", "web2")])
    hosts = [HostState(host, OLD, "not reached", is_known=False, reason="cannot connect") for host in ("web1", "web2")]
    text = render_failure(replace(REPORT, error=down, hosts=hosts))
    assert text.count("cannot connect") == 1
    assert f"  web1, web2  {OLD}  not reached\n" in text
    other = render_failure(replace(REPORT, hosts=hosts))
    assert f"  web1, web2  {OLD}  not reached\nweb1, web2: cannot connect\n" in other


def test_a_report_says_what_was_done_about_the_failure() -> None:
    hosts = [HostState(host, OLD, is_release_removed=host != "web2") for host in ("web1", "web2", "web3")]
    text = render_failure(replace(REPORT, hosts=hosts, is_flip_undone=True))
    assert f"\nHosts that had switched to {NEW} were switched back.\n" in text
    assert f"\nThe unfinished release {NEW} was removed from web1, web3.\n" in text


def test_many_hosts_with_one_state_are_one_row() -> None:
    hosts = [HostState(f"web{n}", OLD) for n in range(1, 51)]
    assert f"  all 50 hosts  {OLD}\n" in render_failure(replace(REPORT, hosts=hosts))


def test_the_first_warnings_before_a_failure_are_named() -> None:
    text = render_failure(replace(REPORT, warnings=tuple(f"web1: warning {n}\nmore" for n in range(5))))
    assert "  warned before: web1: warning 0\n  warned before: web1: warning 1\n" in text
    assert "  and 2 more warnings\n" in text


def test_a_host_without_a_live_release_has_nothing_live() -> None:
    assert "  web1  nothing" in render_failure(replace(REPORT, hosts=(HostState("web1", None),)))


def test_an_interrupted_flow_can_be_run_again() -> None:
    text = render_failure(replace(REPORT, error=Interrupted("interrupted by SIGINT in updating")))
    assert text.endswith("\nTo run it again: doit deploy:production branch=v2")


def test_unreachable_hosts_can_be_left_out() -> None:
    down = HostsFailed([Outcome("web1", error=Unreachable("web1", "cannot connect"))])
    text = render_failure(replace(REPORT, error=down, reachable=("web2",)))
    assert text.endswith("which leaves the fleet mixed: doit deploy:production branch=v2 hosts=web2")


def test_the_holder_of_a_lock_can_be_waited_for_or_unlocked() -> None:
    text = render_failure(replace(REPORT, error=LockHeld({"web1": "deploy by ann"})))
    assert "What is live was not changed.\nTo wait for it, up to 60 s: doit deploy:production branch=v2 wait=60" in text
    assert "doit cap unlock production hosts=web1" in text


def test_hosts_in_doubt_must_be_looked_at_before_anything_else() -> None:
    text = render_failure(replace(REPORT, doubtful=("web2",)))
    assert "It is not known what is live on web2. Look again: doit cap status production\n" in text
    assert text.endswith("goes back by itself within half a minute.")


def test_a_release_that_somebody_else_changed_must_be_looked_at() -> None:
    assert render_failure(replace(REPORT, changed=("web1",))).endswith("Look: doit cap status production")


def test_a_failure_after_the_publish_tells_the_way_back_and_how_to_repeat_the_hook() -> None:
    text = render_failure(replace(LIVE, not_done=("finishing", "finished"), failed_hook="restart"))
    assert text.splitlines()[-3:] == [
        f"Release {NEW} is live nevertheless. Not done because of that: finishing, finished.",
        f"To go back: doit rollback:production rollback_release={OLD}",
        "To run only restart again: doit run -s deploy:production:restart branch=v2",
    ]


def test_without_a_way_back_the_releases_can_be_looked_at() -> None:
    assert render_failure(replace(LIVE, way_back=None)).endswith("See: doit cap releases production")


def test_a_rollback_that_is_live_needs_no_way_back() -> None:
    text = render_failure(replace(LIVE, command=CommandLine("rollback", "production")))
    assert text.splitlines()[-2:] == [
        f"The rollback to {NEW} is live nevertheless.",
        "Do not repeat the rollback: it would go one release further back.",
    ]


def test_reverted_migrations_are_named_and_those_in_doubt_too() -> None:
    done = render_failure(replace(REPORT, reverted=("0002",)))
    assert "But 0002 was reverted already; a deploy applies it again." in done
    cut = render_failure(replace(REPORT, reverting=("0002",)))
    assert "But 0002 may have been reverted already" in cut


def test_a_damaged_target_can_be_gone_to_with_force() -> None:
    damage = HostsFailed([Outcome("web1", error=Damaged("web1", OLD, "1 missing"))])
    text = render_failure(replace(REPORT, error=damage, command=CommandLine("rollback", "production")))
    assert f"doit cap verify production {OLD}" in text
    assert "doit rollback:production force=yes" in text


def test_an_automatic_rollback_tells_what_is_live_instead_of_advice() -> None:
    undone = RollbackReport(NEW, {"web1": OLD, "web2": OLD})
    assert render_failure(replace(LIVE, rollback=undone)).splitlines() == [
        "deploy:production: restart failed:",
        "  web1: exit status 9",
        f"It was rolled back (on_failure): {OLD} is live on web1, web2, and {NEW} is bad.",
    ]


def test_an_automatic_rollback_that_fails_is_reported_with_what_it_left() -> None:
    failure = replace(
        REPORT, title="rollback:production: starting failed", command=CommandLine("rollback", "production")
    )
    back = {"web1": OLD}
    for rollback, state in [
        (
            RollbackReport(NEW, back, replace(failure, is_published=True)),
            f"{OLD} is live again, and {NEW} is bad.",
        ),
        (
            RollbackReport(NEW, back, replace(failure, doubtful=("web1",))),
            "Not every host reports what is live.",
        ),
        (RollbackReport(NEW, back, failure, has_surveyed=False), f"{NEW} was live when its deploy failed."),
        (RollbackReport(NEW, back, failure, is_obsolete=True), f"{NEW} is not live everywhere any more"),
        (RollbackReport(NEW, back, failure), f"{NEW} is live nevertheless."),
    ]:
        text = render_failure(replace(LIVE, rollback=rollback))
        assert f"\n{state}" in text
        assert "The automatic rollback (on_failure) failed, too:\nrollback:production: starting failed" in text
