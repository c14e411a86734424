"""The fixtures, which pytest finds by itself where capdoit is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing.sshd import Fleet
from capdoit.testing.stage import Stages


@pytest.fixture
def stage(tmp_path: Path) -> Stages:
    """Makes stages whose hosts are directories of the test; see `Stages.__call__` and `StageUnderTest`."""
    return Stages(tmp_path)


@pytest.fixture
def ssh_stage(tmp_path: Path, sshds: Fleet) -> Stages:
    """Makes stages of at most five hosts that real sshd's on the loopback interface lead to."""
    return Stages(tmp_path, sshds)


@pytest.fixture(scope="session")
def sshds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Five sshd's; whoever stops one starts it again."""
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), 5)
    try:
        fleet.start_all()
        yield fleet
    finally:
        fleet.stop_all()
