"""A program on a terminal of its own, and somebody who types there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Z0-9]|[=>78])")


class Typist:
    """A program in a pseudo-terminal. Use it in a `with`, which kills what is left of the program at the end.

    Args:
        command: the program and its arguments.
        folder: working directory.
        env: environment variables.
        size: lines and columns.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, env: Mapping[str, str], size: tuple[int, int] = (24, 80)
    ) -> None:
        self._terminal, theirs = pty.openpty()
        self.resize(*size)
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={"TERM": "xterm", **env},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - the child only calls the kernel
        )
        os.close(theirs)
        self._shown = b""

    def __enter__(self) -> Typist:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.hang_up()

    @property
    def text(self) -> str:
        """Everything that was shown so far, without control sequences."""
        return SEQUENCE.sub("", self._shown.decode("utf-8", "replace")).replace("\r", "")

    @property
    def screen(self) -> pyte.Screen:
        """The screen after everything that was shown so far."""
        lines, columns = self._size
        screen = pyte.Screen(columns, lines)
        pyte.ByteStream(screen).feed(self._shown)
        return screen

    def resize(self, lines: int, columns: int) -> None:
        """Change the size of the terminal."""
        self._size = lines, columns
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the terminal: programs on it get SIGHUP."""
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    def type(self, keys: str) -> None:
        """Type some keys."""
        os.write(self._terminal, keys.encode())

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """Wait until a text was shown, and return everything that was shown."""
        end = time.monotonic() + seconds
        while text not in self.text:
            assert self._read(end - time.monotonic()), f"{text!r} was not shown, but:\n{self.text}"
        return self.text

    def wait_for_end(self, seconds: float = 60) -> int:
        """Wait until the program has ended, and return its exit status."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            self._read(min(0.1, end - time.monotonic()))
            assert time.monotonic() < end, f"the program has not ended:\n{self.text}"
        while self._read(0):
            pass
        return self.process.returncode

    def _read(self, seconds: float) -> bool:
        """Wait for output, read it, and return True; return False if there is none."""
        if not select.select([self._terminal], [], [], max(0.0, seconds))[0]:
            return False
        try:
            self._shown += (chunk := os.read(self._terminal, 1 << 16))
        except OSError:  # nobody has the other end any more
            return False
        return bool(chunk)


def _take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
