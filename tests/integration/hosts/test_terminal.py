"""A program on the operator's own terminal."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from capdoit.config.stages import HostConfig
from capdoit.event_bus import EventBus
from capdoit.hosts.connection import Connection
from capdoit.hosts.fleet import Fleet
from capdoit.hosts.logins import Logins
from capdoit.hosts.terminal import run_on_terminal
from capdoit.layout import Layout
from capdoit.script import Script


@pytest.mark.parametrize(("line", "status"), [("exit 7", 7), ("kill -9 $$", 128 + 9)])
def test_the_exit_status_is_that_of_a_shell(tmp_path: Path, line: str, status: int) -> None:
    config = HostConfig(name="web1", hostname="", transport="local", layout=Layout(str(tmp_path)), env={})
    events = EventBus()
    connection = Connection(config, events, Logins([config]))
    with closing(Fleet([connection], events)):
        assert run_on_terminal(connection, Script("terminal", line)) == status
