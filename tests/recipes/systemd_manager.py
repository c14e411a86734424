"""A real service manager of systemd in a namespace of its own, for tests of recipes with units."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The manager of a user, since that of the machine would clean /tmp. Its mounts are visible only in its namespace.
MANAGER = """
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system
mount -t tmpfs cgroup /sys/fs/cgroup && mkdir /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
mkdir -p "/sys/fs/cgroup/systemd/$NAME" && echo $$ >"/sys/fs/cgroup/systemd/$NAME/cgroup.procs"
"$SYSTEMD" --user --unit=basic.target &
wait # a user's manager cannot be a namespace's first process
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

    def write_unit(self, name: str, text: str) -> None:
        """Write a unit, and let the manager read it."""
        (self._units / name).write_text(text)
        self._reload()

    def link_unit(self, name: str, file: Path) -> None:
        """Make a unit a symlink to a file, which may not exist yet, and let the manager read it."""
        (self._units / name).symlink_to(file)
        self._reload()

    @property
    def _units(self) -> Path:
        return self.place / "config/systemd/user"

    def _reload(self) -> None:
        subprocess.run(["sh", "-c", self.systemctl, "systemctl", "--user", "daemon-reload"], check=True)


@contextmanager
def running_manager() -> Iterator[Manager]:
    """Run a manager, and end it with all its units."""
    with tempfile.TemporaryDirectory(prefix="sd") as short:  # a socket's path has little room
        yield from _started(Path(short))


def _started(tmp_path: Path) -> Iterator[Manager]:
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
