"""The pipes of a session's process: written and read in one loop, so that neither side can block."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from typing import IO, Protocol

from capdoit.hosts.outbox import Outbox
from capdoit.hosts.stop_signal import StopSignal
from capdoit.hosts.stream import Stream

CLOSE_SECONDS = 3.0  # that a host has to end what it was doing once its session is closed
FULL_PIPE_SECONDS = 0.001  # that a full pipe gets to become emptier, instead of a small write for each of its pages


class Process(Protocol):
    """The process of a session, leader of a process group. Processes of plumbum and subprocess fit."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]
    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Pipes:
    """The three pipes of a process.

    Args:
        process: the process.
        nonce: word that begins each line of the loop.

    Attributes:
        out: the process's stdout.
        err: the process's stderr.
        outbox: what is not written yet.
        heard_at: time of the last output, by the monotonic clock.
    """

    def __init__(self, process: Process, nonce: str) -> None:
        self.out, self.err = Stream(process.stdout, nonce), Stream(process.stderr, nonce)
        self.outbox = Outbox(process.stdin.fileno())
        self.heard_at = time.monotonic()
        self._process = process
        os.set_blocking(process.stdin.fileno(), False)

    @property
    def is_open(self) -> bool:
        """True while the process can be written to and read from."""
        return self.out.is_open and self.err.is_open and not self._process.stdin.closed

    def exchange(self, streams: Sequence[Stream], stop: StopSignal, timeout_seconds: float) -> None:
        """Wait until one of the streams can be read, and read it; write the outbox meanwhile.

        Returns early when the stop signal is set, when the outbox could be written, and after the timeout.

        Raises:
            EOFError: a file of the outbox has become shorter.
        """
        poll = select.poll()
        by_number = {stream.source.fileno(): stream for stream in streams}
        stdin = self._process.stdin.fileno()
        for number in (*by_number, stop.fileno()):
            poll.register(number, select.POLLIN)
        if self.outbox.is_pipe_full:
            self.outbox.is_pipe_full = False
            timeout_seconds = min(timeout_seconds, FULL_PIPE_SECONDS)
        elif self.outbox:
            poll.register(stdin, select.POLLOUT)
        ready = {number for number, _ in poll.poll(max(0.0, timeout_seconds) * 1000 + 1)}
        if stdin in ready:
            with contextlib.suppress(BrokenPipeError):  # the streams will say why
                self.outbox.write()
        self._read(stream for number, stream in by_number.items() if number in ready)

    def listen(self, max_unread_bytes: int) -> None:
        """Read what has arrived, without waiting, unless that many bytes are not taken yet."""
        self._read(stream for stream in self._readable() if stream.unread_bytes < max_unread_bytes)

    def is_silent(self, seconds: float) -> bool:
        """Return True if nothing has arrived for some time. Output that waits to be read has arrived."""
        return time.monotonic() > self.heard_at + seconds and not self._readable()

    def close(self, patience_seconds: float = CLOSE_SECONDS) -> None:
        """Write the rest of the outbox, close stdin, and wait until the process has ended; kill it if it does not."""
        self._close_stdin()
        end = time.monotonic() + patience_seconds
        self._drain(end)
        try:
            self._process.wait(max(0.1, end - time.monotonic()))  # its streams end a moment before it does
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # with a local host's scripts, which are in its group
            self._process.wait()
        for stream in (self.out, self.err):
            stream.is_open = False
            stream.source.close()

    def wait_for_exit(self) -> int | None:
        """Give a process whose pipes have ended a moment to exit, and return its exit status; None if it still runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(CLOSE_SECONDS)
        return None

    def _read(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            stream.read()
            self.heard_at = time.monotonic()

    def _readable(self) -> list[Stream]:
        """Return the open streams that can be read without waiting."""
        poll = select.poll()
        by_number = {stream.source.fileno(): stream for stream in (self.out, self.err) if stream.is_open}
        for number in by_number:
            poll.register(number, select.POLLIN)
        return [by_number[number] for number, _ in poll.poll(0)]

    def _close_stdin(self) -> None:
        stdin = self._process.stdin
        if not stdin.closed:
            with contextlib.suppress(OSError):
                os.set_blocking(stdin.fileno(), True)
                while self.outbox:
                    self.outbox.write()
            with contextlib.suppress(OSError):
                stdin.close()
        self.outbox.clear()

    def _drain(self, end: float) -> None:
        """Read until both streams have ended: then no script is left that could write to them."""
        while (left := end - time.monotonic()) > 0:
            streams = {s.source.fileno(): s for s in (self.out, self.err) if s.is_open and not s.source.closed}
            if not streams or self._process.poll() is not None:
                return
            poll = select.poll()
            for number in streams:
                poll.register(number, select.POLLIN)
            for number, _ in poll.poll(left * 1000):
                streams[number].discard()
