"""The summary of a dry run: it fits one screen, and shows hosts together that would do the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capdoit.output.dry_run_summary import DryRunSummary, HostRoom, PlannedTask, render_dry_run
from capdoit.records.revision_gap import Commit, Gap
from tests.support import unwrap

HOSTS = ("web1", "web2", "db1")
COMMITS = tuple(Commit(f"{number:040}", "2016-06-14", "Ann", f"Change {number}") for number in range(40))
SUMMARY = DryRunSummary(
    name="deploy:production",
    hosts=HOSTS,
    source="main",
    revision="b" * 40,
    live=dict.fromkeys(HOSTS, "20160614133327 (aaaaaaaaaaaa)"),
    target=dict.fromkeys(HOSTS, "20160615133327 (bbbbbbbbbbbb, main)"),
    gaps=(Gap(HOSTS, "a" * 40, COMMITS),),
    tasks=(
        PlannedTask("starting", dict.fromkeys(HOSTS, "takes the lock")),
        PlannedTask("assets", {"web1": "", "web2": ""}, is_hook=True),
        PlannedTask("migrate", {"db1": "is called once"}, is_hook=True),
        PlannedTask("restart", dict.fromkeys(HOSTS, ""), is_hook=True),
        PlannedTask(
            "finishing", {"web1": "deletes 20160101000000", "web2": "deletes nothing", "db1": "deletes nothing"}
        ),
    ),
    rooms=(HostRoom("web1", 1 << 20, 1 << 10), HostRoom("web2", 1 << 22, 1 << 10), HostRoom("db1")),
)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_many_commits_are_cut_so_that_the_summary_and_a_question_fit_one_screen(width: int) -> None:
    lines = render_dry_run(SUMMARY, width)
    assert len(lines) <= 22
    assert max(map(len, lines)) <= width
    assert "Change 0" in "\n".join(lines)
    shown = sum("Change" in line for line in lines)
    assert f"  … and {len(COMMITS) - shown} more, which doit cap pending lists" in "\n".join(lines)


def test_a_rollback_does_not_name_pending_which_lists_other_commits() -> None:
    back = replace(SUMMARY, name="rollback:production", gaps=(Gap(HOSTS, "a" * 40, (), COMMITS),))
    lines = render_dry_run(back, 80)
    assert any(line.endswith(" more") for line in lines)
    assert "pending" not in "\n".join(lines)


def test_hosts_with_different_live_revisions_share_the_lines_for_commits() -> None:
    gaps = tuple(Gap((f"web{number}",), f"{number}" * 40, COMMITS) for number in range(5))
    text = "\n".join(render_dry_run(replace(SUMMARY, gaps=gaps), 80))
    assert text.count("  … and 40 more, which doit cap pending lists") == 5


def test_few_commits_are_all_shown() -> None:
    lines = render_dry_run(replace(SUMMARY, gaps=(Gap(HOSTS, "a" * 40, COMMITS[:3]),)), 80)
    assert sum("Change" in line for line in lines) == 3
    assert "more" not in "\n".join(lines)


def test_hosts_that_would_do_the_same_share_a_text_and_all_hosts_have_no_names() -> None:
    lines = [unwrap(line) for line in render_dry_run(SUMMARY, 120)]
    assert "starting takes the lock" in lines
    assert "assets on web1, web2" in lines
    assert "migrate is called once on db1" in lines
    assert "restart on all hosts" in lines
    assert "finishing deletes 20160101000000 on web1; deletes nothing on web2, db1" in lines


def test_many_hosts_are_counted_and_fit_one_screen() -> None:
    hosts = [f"web{number}.example.com" for number in range(20)]
    live, target = dict.fromkeys(hosts, "20160614133327"), dict.fromkeys(hosts, "20160615133327")
    tasks = (
        PlannedTask("starting", dict.fromkeys(hosts, "takes the lock")),
        PlannedTask("assets", dict.fromkeys(hosts[1:], ""), is_hook=True),
    )
    gaps = (Gap(tuple(hosts), "a" * 40, COMMITS),)
    many = replace(SUMMARY, hosts=tuple(hosts), live=live, target=target, tasks=tasks, gaps=gaps, rooms=())
    lines = render_dry_run(many, 80)
    assert lines[0] == "deploy:production on 20 hosts would do this:"
    assert len(lines) <= 22
    assert max(map(len, lines)) <= 80
    text = unwrap("\n".join(lines))
    assert "assets on web1.example.com, web2.example.com, web3.example.com, web4.example.com and 15 more" in text
    assert "main is 40 commits ahead of what is live on all hosts:" in text


def test_the_free_space_is_that_of_the_host_with_the_least() -> None:
    lines = [unwrap(line) for line in render_dry_run(SUMMARY, 120)]
    assert "free disk 1.0 GiB on web1, which has the least; the live release takes 1.0 MiB; not known on db1" in lines


def test_obstacles_and_differences_have_a_line_each() -> None:
    found = replace(SUMMARY, differences=("web1 is odd",), obstacles=("web1: locked by ann", "db1: no space"))
    lines = [unwrap(line) for line in render_dry_run(found, 120)]
    assert "hosts differ web1 is odd" in lines
    assert "would stop it web1: locked by ann; db1: no space" in lines
    assert "would stop it nothing that is known now" in [unwrap(line) for line in render_dry_run(SUMMARY, 120)]


def test_unknown_commits_have_a_reason() -> None:
    lines = [unwrap(line) for line in render_dry_run(replace(SUMMARY, gaps=(), why_no_commits="no git here"), 80)]
    assert "commits no git here" in lines
