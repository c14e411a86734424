"""A fleet, its connections, and the hosts that hooks get."""

from __future__ import annotations

import io
import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.config.stages import load_config
from capdoit.events import Event, TransferProgress
from capdoit.hosts.connection import Connection
from capdoit.hosts.fleet import Fleet
from capdoit.hosts.stream import CHUNK_BYTES
from capdoit.operations.connections import make_fleet
from capdoit.output.console import Console
from capdoit.output.console_listener import console_events
from capdoit.testing import Project
from capdoit.transfers import TRANSFERS

FOR_HOOKS = {"name", "roles", "deploy_to", "machine", "run", "capture", "test", "upload", "download"}


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
    assert [outcome.answer for outcome in outcomes] == ["there\n"] * len(project.hosts)
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
