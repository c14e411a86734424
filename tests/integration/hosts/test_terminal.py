"""A program on the operator's own terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.config.stages import HostConfig
from capdoit.hosts.terminal import run_on_terminal
from capdoit.layout import Layout


@pytest.mark.parametrize(("line", "status"), [("exit 7", 7), ("kill -9 $$", 128 + 9)])
def test_the_exit_status_is_that_of_a_shell(tmp_path: Path, line: str, status: int) -> None:
    assert (
        run_on_terminal(
            HostConfig(name="web1", hostname="", transport="local", layout=Layout(str(tmp_path)), env={}), line
        )
        == status
    )
