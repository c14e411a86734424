"""The fixtures; pytest finds them where capdoit is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing.sshd import SshdFleet
from capdoit.testing.stage import Stages


@pytest.fixture
def stage(tmp_path: Path) -> Stages:
    """Return a function that makes stages whose hosts are directories; see `Stages.__call__` and `StageUnderTest`."""
    return Stages(tmp_path)


@pytest.fixture
def ssh_stage(tmp_path: Path, sshds: SshdFleet) -> Stages:
    """Return a function that makes stages of at most five hosts, with real sshd's on the loopback interface."""
    return Stages(tmp_path, sshds)


@pytest.fixture(scope="session")
def sshds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    """Yield five running sshd's. A test that stops one must start it again."""
    with SshdFleet(tmp_path_factory.mktemp("fleet"), 5).running() as fleet:
        yield fleet
