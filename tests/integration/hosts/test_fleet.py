"""A fleet, its connections, and the hosts that hooks get."""

from __future__ import annotations

import io
import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.config.deploy_file import load_config
from capdoit.errors import HostError
from capdoit.events import (
    LONGEST_LOGGED_OUTPUT,
    Event,
    RequestAnswered,
    RequestFailed,
    RequestSent,
    TransferProgress,
    WorkFinished,
    WorkStarted,
)
from capdoit.hosts.connection import Connection
from capdoit.hosts.fleet import Fleet
from capdoit.hosts.stream import CHUNK_BYTES
from capdoit.operations.connections import make_fleet
from capdoit.output.console import Console
from capdoit.output.console_listener import console_events
from capdoit.testing import Project
from capdoit.transfers import TRANSFERS

FOR_HOOKS = {
    "name",
    "vars",
    "roles",
    "deploy_to",
    "machine",
    "run",
    "capture",
    "test",
    "upload",
    "write",
    "template",
    "download",
    "with_env",
    "mask",
}


@pytest.fixture
def fleet(project: Project) -> Iterator[Fleet]:
    """Yield the fleet of a stage, without a flow."""
    stage = load_config(project.path / "deploy.yml", TRANSFERS).stages["production"]
    fleet = make_fleet(stage, console_events(Console(io.StringIO())))
    yield fleet
    fleet.close()


def test_a_signal_after_the_sessions_ended_has_no_effect(project: Project) -> None:
    stage = load_config(project.path / "deploy.yml", TRANSFERS).stages["production"]
    fleet = make_fleet(stage, console_events(Console(io.StringIO())))
    outcomes = fleet.each(lambda connection: connection.host.capture("echo there"))
    assert [outcome.answer for outcome in outcomes] == ["there"] * len(project.hosts)
    fleet.close()
    ear, mouth = os.pipe()  # may well have the numbers that the fleet's own pipe had
    try:
        fleet.stop()
        assert not select.select([ear], [], [], 0)[0]
    finally:
        os.close(ear)
        os.close(mouth)


def test_a_host_shows_hooks_nothing_of_the_engine(fleet: Fleet) -> None:
    for connection in fleet.connections:
        assert {name for name in dir(connection.host) if not name.startswith("_")} == FOR_HOOKS
        assert connection.host is connection.host
        assert (str(connection.host), repr(connection.host)) == (connection.name, f"Host('{connection.name}')")


def test_an_upload_reports_its_progress_at_most_ten_times_a_second(tmp_path: Path, fleet: Fleet) -> None:
    events: list[Event] = []
    connection = fleet.connections[0]
    connection._events.subscribe(events.append)
    size = 40 * CHUNK_BYTES + 1
    (tmp_path / "file").write_bytes(bytes(size))

    def upload(connection: Connection) -> None:
        connection.host.upload(tmp_path / "file", str(tmp_path / "copy"))

    fleet.all(upload, [connection])
    progress = [event for event in events if isinstance(event, TransferProgress)]
    assert (tmp_path / "copy").stat().st_size == size
    assert progress[-1] == TransferProgress(connection.name, f"upload {tmp_path}/copy", size, size)
    assert [event.sent_bytes for event in progress] == sorted({event.sent_bytes for event in progress})
    assert len(progress) < 20


def test_a_host_tells_when_it_begins_and_ends_its_work(fleet: Fleet) -> None:
    events = events_of(fleet)
    failing = fleet.connections[0].name

    def work(connection: Connection) -> None:
        if connection.name == failing:
            raise HostError(failing, "out of luck")

    fleet.each(work, stop_on_failure=False)
    assert {event.host for event in events if isinstance(event, WorkStarted)} == {*names_of(fleet)}
    ends = {event.host: event for event in events if isinstance(event, WorkFinished)}
    assert ends.keys() == {*names_of(fleet)}
    assert {host: end.reason for host, end in ends.items() if end.reason} == {failing: f"{failing}: out of luck"}
    assert not any(end.is_cancelled for end in ends.values())


def test_work_that_is_stopped_is_told_from_work_that_failed(fleet: Fleet) -> None:
    events = events_of(fleet)
    failing, *others = names_of(fleet)

    def work(connection: Connection) -> None:
        connection.host.run("exit 3" if connection.name == failing else "sleep 60")

    fleet.each(work)
    ends = {event.host: event.is_cancelled for event in events if isinstance(event, WorkFinished)}
    assert ends == {failing: False, **dict.fromkeys(others, True)}


def test_every_request_and_its_answer_are_told_without_secrets(fleet: Fleet) -> None:
    events = events_of(fleet)
    connection = fleet.connections[0]
    connection._events.redactor.add(["pass-word-7"])
    fleet.all(lambda one: one.host.test("echo $TOKEN; exit 4", env={"TOKEN": "pass-word-7"}), [connection])
    sent = next(event for event in events if isinstance(event, RequestSent))
    answered = next(event for event in events if isinstance(event, RequestAnswered))
    assert (sent.host, sent.name, sent.verb) == (connection.name, "echo $TOKEN; exit 4", "run")
    assert "TOKEN=" in sent.values
    assert (answered.host, answered.name, answered.status) == (connection.name, sent.name, 4)
    assert answered.output == "***\n"
    assert "pass-word-7" not in repr(events)


def test_a_long_answer_is_cut_for_listeners_but_not_for_hooks(fleet: Fleet) -> None:
    events = events_of(fleet)
    size = LONGEST_LOGGED_OUTPUT + 1000
    answers = fleet.all(lambda one: one.host.capture(f"head -c {size} /dev/zero | tr '\\0' x"), fleet.connections[:1])
    assert [len(answer) for answer in answers.values()] == [size]
    (answered,) = (event for event in events if isinstance(event, RequestAnswered))
    assert len(answered.output) == LONGEST_LOGGED_OUTPUT + len("…")


def test_a_request_without_an_answer_is_told(fleet: Fleet) -> None:
    events = events_of(fleet)
    (outcome,) = fleet.each(lambda one: one.host.run("sleep 60", timeout=0.2), fleet.connections[:1])
    assert isinstance(outcome.error, HostError)
    (failed,) = (event for event in events if isinstance(event, RequestFailed))
    assert (failed.host, failed.name) == (outcome.host, "sleep 60")
    assert "took longer than 0.2 s" in failed.reason
    assert not any(isinstance(event, RequestAnswered) for event in events)


def events_of(fleet: Fleet) -> list[Event]:
    """Return the list that gets all later events of a fleet."""
    events: list[Event] = []
    fleet.connections[0]._events.subscribe(events.append)
    return events


def names_of(fleet: Fleet) -> list[str]:
    return [connection.name for connection in fleet.connections]
