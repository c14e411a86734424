"""Sessions with real shells. Run as a program, this module is a controller that waits until it is killed."""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

from capdoit.hosts.pipes import Process
from capdoit.hosts.request import Answer, Request
from capdoit.hosts.session import LOOP, Session
from capdoit.hosts.stop_signal import StopSignal
from capdoit.script import Script

AT_ONCE = 3.0  # seconds in which what was stopped has to be gone


def session_of(*command: str, host: str = "web1") -> Session:
    return Session(host, cast(Process, started(*command)))


def started(*command: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, bufsize=0, start_new_session=True, stdin=pipe, stdout=pipe, stderr=pipe)


def request(text: str, **settings: Any) -> Request:
    return Request(Script("test", text), **settings)


def ask(session: Session, text: str, **settings: Any) -> Answer:
    return ask_all(session, request(text, **{"capture": True, "timeout": 60, **settings}))[0]


def ask_all(session: Session, *requests: Request) -> list[Answer]:
    with closing(StopSignal()) as stop:
        return session.ask(requests, stop)


class Sleeper:
    """A sleep with a duration that no other process has."""

    def __init__(self) -> None:
        self.seconds = str(random.randrange(10**7, 10**8))  # noqa: S311 - no secret
        self.command = f"sleep {self.seconds}"

    def runs(self) -> list[int]:
        """Return the pids of its processes."""
        return [int(p.parent.name) for p in Path("/proc").glob("[0-9]*/cmdline") if self._is_one(p)]

    def wait_until_it_runs(self) -> None:
        assert wait_until(self.runs, 60), "it never began"

    def is_gone(self) -> bool:
        return wait_until(lambda: not self.runs(), AT_ONCE)

    def kill(self) -> None:
        for number in self.runs():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def _is_one(self, command_line: Path) -> bool:
        with suppress(OSError):  # it ended meanwhile
            return command_line.read_bytes().split(b"\0")[-3:] == [b"sleep", self.seconds.encode(), b""]
        return False


def kill_all(pids: Iterable[str]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def wait_until(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (fulfilled := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(fulfilled)


REMOTE = f"exec sh -c {shlex.quote(LOOP)}"


def controller() -> None:
    """Run a script as a controller, and wait until the controller is killed."""
    script, *command = sys.argv[1:]
    command = [*command[:-1], REMOTE] if command[-1] == "--remote" else [*command, "-c", LOOP]
    ask(session_of(*command), script, timeout=None)


if __name__ == "__main__":
    controller()
