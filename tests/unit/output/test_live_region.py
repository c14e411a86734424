"""The region of the live view: what is shown of a flow on terminals of several sizes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable

import pytest

from capdoit import events
from capdoit.events import Event
from capdoit.output.console import Console
from capdoit.output.flow_display import FlowDisplay
from capdoit.output.live_region import render_region
from capdoit.state.decision import Decision
from tests.support import further

RELEASE, SHA = "20160614133327", "1f3e" * 10
SIZE = os.terminal_size((80, 24))


def show(
    hosts: Iterable[str], *happened: Event, size: os.terminal_size = SIZE, now: float = 65, subject: str = "Fix it"
) -> list[str]:
    """Return the region while a step works on hosts; the flow began at 0 and the step at 60."""
    display = FlowDisplay(0)
    started = events.FlowStarted("production", tuple(hosts), "ann", "deploy", "main", "", tasks=("updating",), run="r")
    decided = events.Decided(Decision(RELEASE, SHA, subject=subject))
    step: list[Event] = [events.StepStarted("updating", is_hook=False), *map(events.WorkStarted, hosts)]
    for second, some in ((0, (started, decided)), (60, (*step, *happened))):
        for event in some:
            display.apply(event, second)
    lines = render_region(display, now, size, Console(io.StringIO()))
    assert all(line.width == len(line.text) < size.columns for line in lines)
    return [line.text.rstrip() for line in lines]


def test_the_title_has_the_flow_its_release_and_code_and_who_does_it() -> None:
    title, step, _, _ = show(("web1", "web2"))
    assert title == f'01:05  deploy:production  {RELEASE}  by ann  main {SHA[:12]} "Fix it"'
    assert step == "▸ updating  (1 of 1)  00:05  0 of 2 hosts"


def test_a_hook_counts_the_hosts_that_it_is_called_on() -> None:
    hook = (events.StepStarted("restart", is_hook=True, host_count=2), events.WorkStarted("web1"))
    _, step, _ = show(("web1", "web2", "db1"), events.StepFinished("updating", False, 1), *hook)
    assert step.endswith("0 of 2 hosts")


@pytest.mark.parametrize("columns", [120, *further(80)])
def test_a_long_subject_has_a_line_of_its_own(columns: int) -> None:
    subject = "Fix the login form of the shop, which forgot the person"
    title, code, step, *_ = show(("web1", "web2"), size=os.terminal_size((columns, 24)), subject=subject)
    assert title == f"01:05  deploy:production  {RELEASE}  by ann"
    assert code == f'  main {SHA[:12]} "{subject}"'
    assert step.startswith("▸ updating")


def test_a_host_has_its_state_its_time_and_its_last_line() -> None:
    done, failed = events.WorkFinished("web1", 2.5), events.WorkFinished("web3", 1, "disk full")
    output = events.HostOutput("web2", "out", "first\nlast")
    _, step, *hosts = show(("web1", "web2", "web3"), done, failed, output)
    assert step.endswith("1 of 3 hosts")
    assert hosts == ["  ✔ web1   2.5s", "  ▸ web2   5.0s last", "  ✘ web3   1.0s"]


def test_a_pause_between_two_hosts_names_the_next_one() -> None:
    done = events.WorkFinished("web1", 2.5)
    paused = events.HookPaused("restart", 5.0, ("web2",))
    assert show(("web1",), done, paused)[1].endswith("waiting before web2")
    assert "waiting" not in show(("web1",), done, paused, events.WorkStarted("web2"))[1]


def test_an_upload_has_a_bar_with_its_rate_and_the_time_left() -> None:
    half = events.TransferProgress("web1", "archive", 150 << 20, 300 << 20)
    _, _, line = show(("web1",), events.TransferProgress("web1", "archive", 0, 300 << 20), half, now=60)
    assert line == "  ▸ web1   0.0s █████░░░░░  50%  of 300.0 MiB"
    display = FlowDisplay(0)
    for second, sent in enumerate((0, 75, 150)):
        display.apply(events.TransferProgress("web1", "archive", sent << 20, 300 << 20), second)
    line = render_region(display, 2, SIZE, Console(io.StringIO()))[-1].text.rstrip()
    assert line.endswith("█████░░░░░  50%  of 300.0 MiB  75.0 MiB/s  2.0s left")


@pytest.mark.parametrize("size", [(60, 24), *further(((20, 24),), ((200, 24),))])
def test_a_long_line_is_cut_at_the_width_of_the_terminal(size: tuple[int, int]) -> None:
    lines = show(("web1",), events.HostOutput("web1", "out", "long " * 60), size=os.terminal_size(size))
    assert lines[-1].endswith("…")
    assert len(lines[-1]) in (size[0] - 1, size[0] - 2)
    assert len(lines) == (3 if size[0] == 200 else 4)


def test_of_more_than_20_hosts_the_slowest_have_a_line_and_the_others_are_counted() -> None:
    names = [f"web{number}" for number in range(1, 41)]
    done = [events.WorkFinished(name, 1.0) for name in names[:30]]
    failed = events.WorkFinished("web40", 3.0, "disk full")
    _, step, *hosts = show(names, *done, failed)
    assert step.endswith("30 of 40 hosts")
    assert [host.split()[1] for host in hosts[:5]] == ["web40", "web31", "web32", "web33", "web34"]
    assert [host.split() for host in hosts[5:]] == [["…", "and", "5", "working,", "30", "done"]]


def test_20_hosts_have_a_line_each_if_the_terminal_has_room() -> None:
    names = [f"web{number}" for number in range(1, 21)]
    assert len(show(names)) == 22
    low = show(names, size=os.terminal_size((80, 12)))
    assert len(low) == 8
    assert low[-1].endswith("and 15 working")


def test_the_region_leaves_room_on_a_terminal_of_a_few_lines() -> None:
    assert len(show(("web1", "web2", "web3"), size=os.terminal_size((80, 4)))) == 3


def test_without_unicode_marks_are_ascii_and_as_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    upload = events.TransferProgress("web1", "archive", 150 << 20, 300 << 20)
    assert all(line.isascii() for line in show(("web1", "web2"), upload, events.WorkFinished("web2", 1.0)))


def test_outside_of_a_flow_the_hosts_at_work_are_shown() -> None:
    display = FlowDisplay(0)
    display.apply(events.CheckStarted("production", ("web1",), "ann"), 0)
    display.apply(events.WorkStarted("web1"), 0)
    texts = [line.text.rstrip() for line in render_region(display, 3, SIZE, Console(io.StringIO()))]
    assert texts == ["00:03  check:production  by ann", "▸ asking the hosts", "  ▸ web1   3.0s"]


def test_files_that_a_setup_copies_have_bars() -> None:
    display = FlowDisplay(0)
    display.apply(events.TransferProgress("web1", "upload .env", 1, 4), 1)
    first, *_ = render_region(display, 3, SIZE, Console(io.StringIO()))
    assert first.text.rstrip() == "▸ copying files"
