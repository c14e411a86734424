"""The recipe systemd with a real service manager in a namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing import Stages, StageUnderTest

pytestmark = pytest.mark.real
# The manager of a user, since that of the machine would clean /tmp. Its mounts are visible only in its namespace.
MANAGER = """
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system
mount -t tmpfs cgroup /sys/fs/cgroup && mkdir /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
mkdir -p "/sys/fs/cgroup/systemd/$NAME" && echo $$ >"/sys/fs/cgroup/systemd/$NAME/cgroup.procs"
"$SYSTEMD" --user --unit=basic.target &
wait # a user's manager cannot be a namespace's first process
"""
UNIT = """
[Service]
ExecStart=/bin/sh -c 'cat {current}/app.txt >{said}; {then}'
"""


class Manager:
    """A user's service manager and its units."""

    def __init__(self, place: Path, pid: int) -> None:
        self.place, self.pid = place, pid

    @property
    def systemctl(self) -> str:
        """Return sh that calls the real systemctl in the namespace with the given arguments."""
        enter = f"nsenter --target {self.pid} --mount --pid"
        return f'exec {enter} env XDG_RUNTIME_DIR={self.place}/run {shutil.which("systemctl")} "$@"'

    def unit(self, shop: StageUnderTest, then: str) -> None:
        """Write shop.service, which logs the release that it serves and then runs a command."""
        current, said = shop.host().deploy_to / "current", self.place / "said"
        folder = self.place / "config/systemd/user"
        (folder / "shop.service").write_text(UNIT.format(current=current, said=said, then=then))
        subprocess.run(["sh", "-c", self.systemctl, "systemctl", "--user", "daemon-reload"], check=True)

    @property
    def said(self) -> str:
        return (self.place / "said").read_text()


@pytest.fixture
def manager() -> Iterator[Manager]:
    with tempfile.TemporaryDirectory(prefix="sd") as short:  # a socket's path has little room
        yield from started(Path(short))


def started(tmp_path: Path) -> Iterator[Manager]:
    program = Path("/usr/lib/systemd/systemd")
    assert program.exists() and shutil.which("systemctl"), "this test needs systemd: apt-get install systemd"  # noqa: PT018
    assert os.geteuid() == 0, "this test creates a mount namespace, which needs root"
    for folder in ("run", "config/systemd/user"):
        (tmp_path / folder).mkdir(parents=True, mode=0o700)
    env = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "SYSTEMD": str(program),
        "NAME": tmp_path.name,
    }
    command = ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child", "sh", "-c", MANAGER]
    with subprocess.Popen(command, env=env) as unshare:
        try:
            yield Manager(tmp_path, _child(unshare.pid, tmp_path))
        finally:
            unshare.kill()


def _child(parent: int, place: Path) -> int:
    """Return the pid of the manager, once it answers."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    for _ in range(200):
        if children.read_text().split() and (place / "run/systemd/private").exists():
            return int(children.read_text().split()[0])
        time.sleep(0.1)
    raise AssertionError("the manager does not start")


@pytest.fixture
def shop(stage: Stages, manager: Manager) -> StageUnderTest:
    made = stage(hosts=1, recipes={"systemd": {"units": ["shop.service"], "user_units": True, "settle": 0.5}})
    made.stand_in("systemctl", script=manager.systemctl)
    return made


def test_a_real_unit_serves_each_live_release(shop: StageUnderTest, manager: Manager) -> None:
    manager.unit(shop, "exec sleep 1000")
    shop.deploy().ok()
    assert manager.said == "first\n"
    shop.commit({"app.txt": "second\n"})
    shop.deploy().ok()
    assert manager.said == "second\n"
    shop.rollback().ok()
    assert manager.said == "first\n"


def test_a_real_unit_that_dies_after_its_start_fails_the_flow(shop: StageUnderTest, manager: Manager) -> None:
    manager.unit(shop, "sleep 0.2; exit 3")
    done = shop.deploy().failed()
    assert "shop.service is failed" in done.out
    assert shop.live
    shop.assert_healthy()


def test_an_unknown_unit_fails_the_flow(shop: StageUnderTest) -> None:
    assert "Unit shop.service not found" in shop.deploy().failed().out
