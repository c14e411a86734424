"""The lines of the log file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from capdoit import events
from capdoit.errors import CapdoitError
from capdoit.event_bus import EventBus
from capdoit.events import Event
from capdoit.output.command_line import CommandLine
from capdoit.output.failure_report import FailureReport
from capdoit.output.log_file import LogFile, write_log

RUN = "3f2a9c1d00112233"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}[+-][0-9]{2}:[0-9]{2}"


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def log(bus: EventBus, tmp_path: Path) -> LogFile:
    return write_log(tmp_path / "a.log", bus, tmp_path)


def lines(tmp_path: Path, bus: EventBus, *happened: Event, run: str = RUN) -> list[str]:
    """Emit events of a flow, and return the lines of the log with TIME instead of their times."""
    flow = bus.for_flow(lambda _: None, run)
    for event in happened:
        flow.emit(event)
    return [re.sub(f"^{TIME} ", "TIME ", line) for line in (tmp_path / "a.log").read_text().splitlines()]


def sent(host: str, body: str = "echo $a\ndate\n") -> events.RequestSent:
    return events.RequestSent(host, "say", "run", f"a='{host}'\n", body)


@pytest.mark.usefixtures("log")
def test_everything_of_a_step_is_logged_with_time_run_step_and_host(bus: EventBus, tmp_path: Path) -> None:
    found = lines(
        tmp_path,
        bus,
        events.FlowStarted("production", ("web1", "web2"), "ann", "deploy", "main", "fixes the login", run=RUN),
        events.StepStarted("updating", is_hook=False),
        sent("web1"),
        events.HostOutput("web1", "err", "careful"),
        events.RequestAnswered("web1", "say", 0, 0.25, "web1\nMonday\n"),
        events.StepFinished("updating", is_hook=False, seconds=0.5),
    )
    details = f"run {RUN}, by ann, on web1, web2, branch main, message: fixes the login"
    assert found == [
        f"TIME 3f2a9c1d - - deploy:production started: {details}",
        "TIME 3f2a9c1d updating - started",
        "TIME 3f2a9c1d updating web1 sent: say",
        "3f2a9c1d | a='web1'",
        "3f2a9c1d | echo $a",
        "3f2a9c1d | date",
        "TIME 3f2a9c1d updating web1 output: careful",
        "TIME 3f2a9c1d updating web1 answered: say: exit status 0 after 0.250 s",
        "3f2a9c1d | web1",
        "3f2a9c1d | Monday",
        "TIME 3f2a9c1d updating - done after 0.500 s",
    ]


@pytest.mark.usefixtures("log")
def test_lines_of_output_that_arrive_together_have_one_time_and_each_has_the_host(
    bus: EventBus, tmp_path: Path
) -> None:
    found = lines(
        tmp_path, bus, events.HostOutput("web1", "out", "one\n\nthree"), events.HostOutput("web2", "out", "four")
    )
    assert found == [
        "TIME 3f2a9c1d - web1 output: one",
        "3f2a9c1d web1 | ",
        "3f2a9c1d web1 | three",
        "TIME 3f2a9c1d - web2 output: four",
    ]


@pytest.mark.usefixtures("log")
def test_a_script_is_logged_once_in_each_run(bus: EventBus, tmp_path: Path) -> None:
    lines(tmp_path, bus, sent("web1"), sent("web2"), sent("web1", "ls\n"), events.LockTaken("web1"))
    found = lines(tmp_path, bus, sent("web1"), run="other")
    assert [line for line in found if "TIME" not in line] == [
        *("3f2a9c1d | a='web1'", "3f2a9c1d | echo $a", "3f2a9c1d | date"),
        *("3f2a9c1d | a='web2'", "3f2a9c1d | (the script is above)"),
        *("3f2a9c1d | a='web1'", "3f2a9c1d | ls"),
        *("other | a='web1'", "other | echo $a", "other | date"),
    ]


@pytest.mark.usefixtures("log")
def test_a_file_that_is_sent_is_named_with_its_size(bus: EventBus, tmp_path: Path) -> None:
    event = events.RequestSent("web1", "upload a", "feed", "", "", "dist/a.tar.gz", 1234)
    assert lines(tmp_path, bus, event) == [
        "TIME 3f2a9c1d - web1 sent: upload a (feed), with 1234 bytes of dist/a.tar.gz"
    ]


@pytest.mark.usefixtures("log")
def test_output_of_hosts_cannot_make_lines_of_the_log_or_control_a_terminal(bus: EventBus, tmp_path: Path) -> None:
    output = "\x1b]0;title\x07\r2026-11-29 3f2a9c1d - - flow finished\x85\udcff\n"
    found = lines(tmp_path, bus, events.RequestAnswered("web1", "say", 0, 0.25, output))
    assert len(found) == 4
    assert all(line.isprintable() for line in found)
    assert found[2] == "3f2a9c1d | 2026-11-29 3f2a9c1d - - flow finished"


@dataclass(frozen=True)
class CoffeeServed(Event):
    host: str
    cups: tuple[str, ...]
    seconds: float
    milk: str = ""


@pytest.mark.usefixtures("log")
def test_an_event_without_a_text_of_its_own_is_logged_with_its_fields(bus: EventBus, tmp_path: Path) -> None:
    assert lines(tmp_path, bus, CoffeeServed("web1", ("ann", "bob"), 1 / 3)) == [
        "TIME 3f2a9c1d - web1 coffee served: cups ann, bob, seconds 0.333"
    ]


@pytest.mark.usefixtures("log")
def test_secrets_in_the_report_of_a_failure_are_masked(bus: EventBus, tmp_path: Path) -> None:
    bus.redactor.add(["hunter22"])
    error = CapdoitError("the password is hunter22")
    report = FailureReport("deploy:production: updating failed", error, (), CommandLine("deploy", "production"))
    assert "3f2a9c1d | deploy:production: updating failed: the password is ***" in lines(
        tmp_path, bus, events.FlowFailed(report)
    )


def test_the_first_host_that_failed_is_found_by_file_and_line(log: LogFile, bus: EventBus, tmp_path: Path) -> None:
    found = lines(
        tmp_path,
        bus,
        events.StepStarted("starting", is_hook=False),
        events.WorkFinished("web9", 0.1, "web9: cannot connect"),  # and the deploy goes on without it
        events.StepStarted("updating", is_hook=False),
        events.WorkFinished("web1", 0.1, "stopped", is_cancelled=True),
        events.WorkFinished("web2", 0.1, "web2: say: exit status 1"),
        events.WorkFinished("web3", 0.1, "web3: say: exit status 1"),
        events.StepFailed("updating", "", "web2, web3: say: exit status 1"),
        events.WorkFinished("web2", 0.1, "web2: cleanup: exit status 1"),
        events.StepFailed("reverting", "", "the automatic rollback failed, too"),
    )
    assert log.take_failure() == "a.log:5"
    assert found[4] == "TIME 3f2a9c1d updating web2 failed after 0.100 s: say: exit status 1"
    assert log.take_failure() == ""


def test_a_failure_without_a_host_is_the_line_of_its_step(log: LogFile, bus: EventBus, tmp_path: Path) -> None:
    lines(tmp_path, bus, events.StepStarted("starting", is_hook=False), events.StepFailed("starting", "", "no release"))
    assert log.take_failure() == "a.log:2"


def test_a_log_that_cannot_be_written_warns_once(bus: EventBus, tmp_path: Path) -> None:
    (tmp_path / "a.log").mkdir()
    log, heard = write_log(tmp_path / "a.log", bus, tmp_path), list[Event]()
    bus.subscribe(heard.append)
    bus.emit(events.LockTaken("web1"))
    bus.emit(events.StepFailed("starting", "", "no release"))
    warning = events.Warned("a.log cannot be written: Is a directory (log: in deploy.yml)")
    assert [event for event in heard if isinstance(event, events.Warned)] == [warning]
    assert log.take_failure() == ""
