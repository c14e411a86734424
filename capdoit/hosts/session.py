"""One open shell on one host: a script goes in as a frame, its output and exit status come out.

A frame is ``run TAG LINES`` and that many lines of script; ``feed TAG LINES BYTES`` and the bytes of
the script's stdin behind it, and ``fed`` once it ended; ``hold TAG LINES`` for a script that the loop
itself runs, so that what it opens stays open as long as the session lives (the lock). The loop answers on
stdout and on stderr with a line ``NONCE TAG STATUS`` of its own; the nonce is random, so no output is
mistaken for it.

Nothing runs in the background here: who asks waits, reading both streams as they come, so no amount
of output on either can block the other.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import select
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Protocol

from capdoit.errors import Cancelled, HostError, Unreachable
from capdoit.hosts.stream import CHUNK, KEPT_LINES, Sink, Stream, Tail
from capdoit.script import Script, body_of, script_file
from capdoit.text import printable

LOOP = body_of(script_file("hosts/loop"))
MOST_CAPTURED = 1 << 26  # 64 MiB: more than any answer of ours, less than the controller's memory
MOST_WAITING = 1 << 22  # of later answers, before the host has to wait; ssh's window, which both share, is less
PATIENCE = 20  # seconds without a beat after which a host takes its controller for gone
BEAT = 5.0  # seconds between two
GREETING = 60.0  # seconds from the connection's start to the loop's first word, a slow login included
GRACE = 3.0  # seconds that a host has to end what it was doing once its session is closed
PROGRESS_SECONDS = 0.1  # between two reports of a transfer

Progress = Callable[[int, int], None]  # bytes sent, bytes in total


@dataclass(frozen=True)
class Answer:
    """How a script ended.

    Attributes:
        status: its exit status.
        output: its stdout, every byte, when it was captured; else empty.
        lines: the last lines that it wrote, of both streams, as text.
    """

    status: int
    output: bytes
    lines: tuple[str, ...]

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended it: sh says so by 128 and the signal's number; 255 is ssh's and others' own."""
        return 128 < self.status <= 128 + signal.SIGRTMAX

    @property
    def how(self) -> str:
        """How it ended, for people."""
        return f"was killed by signal {self.status - 128}" if self.was_killed else f"exit status {self.status}"

    @property
    def text(self) -> str:
        """The output as text; bytes that are no UTF-8 are kept as surrogates."""
        return self.output.decode("utf-8", "surrogateescape")


class Stop:
    """Says to all sessions that wait with it: end now. Made anew for each step."""

    def __init__(self) -> None:
        self._ear, self._mouth = os.pipe()
        self._said = False

    def __bool__(self) -> bool:
        """Whether it was said."""
        return self._said

    def say(self) -> None:
        """End the work; may be said from any thread and from a signal handler, more than once."""
        if not self._said:
            self._said = True
            os.write(self._mouth, b"!")

    def fileno(self) -> int:
        """Readable once it was said."""
        return self._ear

    def close(self) -> None:
        """Give the pipe back; nobody is told any more."""
        self._said = True
        os.close(self._ear)
        os.close(self._mouth)


class Process(Protocol):
    """What a session needs of a process, which leads a session of its own: plumbum's and subprocess's have it."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]
    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


@dataclass(frozen=True)
class Request:
    """One script for a session, and how to run it.

    Attributes:
        script: what to run.
        verb: ``run``; ``hold`` for the loop itself to run it; ``feed`` when it reads ``source``.
        source: an open file whose bytes, as many as it has now, are the script's stdin.
        show: called with each line of output as it comes.
        capture: whether stdout is kept for the answer instead of shown.
        into: an open file that stdout goes to, instead of being shown.
        command: what people call it, when that is not the script's name.
        timeout: seconds after which the script counts as hanging and is killed; None is never.
        timeout_message: text of the error after the timeout, if a deadline set it.
        progress: called with the bytes sent and their total while ``source`` is sent, at most ten times a second.
    """

    script: Script
    verb: str = "run"
    source: IO[bytes] | None = None
    show: Sink | None = None
    capture: bool = False
    into: IO[bytes] | None = None
    timeout: float | None = None
    command: str = ""
    timeout_message: str = ""
    progress: Progress | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.command or self.script.name


class Session:
    """An open shell on a host.

    Args:
        host: the host's name, for errors.
        process: the shell's, or the ssh client's; runs ``LOOP``, its three streams are pipes of bytes.
    """

    def __init__(self, host: str, process: Process) -> None:
        self.host = host
        self.frames = 0  # sent so far
        self._process = process
        nonce = secrets.token_hex(16)
        self._out, self._err = Stream(process.stdout, nonce), Stream(process.stderr, nonce)
        self._outbox: deque[bytes] = deque([f"{nonce}\n".encode(), f"watch {PATIENCE}\n".encode()])
        self._opened = self._beaten = time.monotonic()
        self._asking = threading.Lock()
        os.set_blocking(process.stdin.fileno(), False)

    def ask(self, requests: Sequence[Request], stop: Stop) -> list[Answer]:
        """Send all the requests at once, then wait for their answers: one round trip.

        Only a ``hold`` is done before what follows it begins; only the last may be a ``feed``.

        Raises:
            Cancelled: ``stop`` was said; what ran on the host was ended.
            HostError: the connection could not be made or was lost, or a request took too long.
        """
        with self._asking:
            sources = [self._send(request) for request in requests]
            answers = [
                self._answer(request, tag, source, stop)
                for request, (tag, source) in zip(requests, sources, strict=True)
            ]
            if any(request.source for request in requests):
                self._outbox.append(b"fed\n")
            return answers

    def beat(self) -> None:
        """Say that the controller is there, unless a request that is going on does so; from any thread."""
        if self._asking.acquire(blocking=False):
            try:
                self._beat()
                while self._outbox and self.is_open:
                    self._write()
            except OSError:  # the next request tells why
                self._outbox.clear()
            finally:
                self._asking.release()

    def bye(self, farewell: Request | None = None) -> None:
        """End the session, after a last request whose answer nobody needs; what its scripts left running goes on."""
        with self._asking:  # a beat may be on its way
            if farewell:
                self._send(farewell)
            self._outbox.append(b"bye\n")
            self._close()

    def cut(self) -> None:
        """End the session and everything that runs in it."""
        self._outbox.clear()
        self._close()

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent."""
        return self._out.open and self._err.open and not self._process.stdin.closed

    # -- sending

    def _send(self, request: Request) -> tuple[str, Iterator[bytes]]:
        self.frames += 1
        tag = str(self.frames)
        text = request.script.frame()
        text = text if text.endswith("\n") else text + "\n"
        head = [request.verb, tag, str(text.count("\n"))]
        chunks: Iterator[bytes] = iter(())
        if request.source:
            size = os.fstat(request.source.fileno()).st_size
            head.append(str(size))
            chunks = self._chunks(request, size)
        self._outbox.append((" ".join(head) + "\n" + text).encode("utf-8", "surrogateescape"))
        return tag, chunks

    def _chunks(self, request: Request, size: int) -> Iterator[bytes]:
        """So many bytes, in pieces: the far end waits for no less and takes what is more for a frame."""
        sent, reported_at = 0, 0.0
        while request.source and sent < size:
            chunk = request.source.read(min(CHUNK, size - sent))
            if not chunk:
                self.cut()
                raise HostError(self.host, "the file became shorter while it was sent", request.script.name)
            yield chunk
            sent += len(chunk)
            if request.progress and (sent == size or time.monotonic() - reported_at >= PROGRESS_SECONDS):
                request.progress(sent, size)
                reported_at = time.monotonic()

    def _beat(self) -> None:
        if "hello" in self._out.ends:
            self._outbox.append(b"beat\n")
        self._beaten = time.monotonic()

    def _write(self) -> None:
        """Write what the pipe takes."""
        written = os.write(self._process.stdin.fileno(), self._outbox[0])
        if rest := self._outbox.popleft()[written:]:
            self._outbox.appendleft(rest)

    # -- receiving

    def _answer(self, request: Request, tag: str, source: Iterator[bytes], stop: Stop) -> Answer:
        kept: deque[str] = deque(maxlen=KEPT_LINES)
        quiet = request.capture or request.into
        out = Tail("out", None if quiet else request.show, kept)
        err = Tail("err", request.show, kept)
        captured: list[bytes] = []
        size = 0
        for stream, piece in self._until(tag, source, stop, request, kept):
            (out if stream is self._out else err).take(piece)
            if request.into and stream is self._out:
                request.into.write(piece)
            elif request.capture and stream is self._out:
                captured.append(piece)
                size += len(piece)
                if size > MOST_CAPTURED:
                    self.cut()
                    raise HostError(self.host, f"answered more than {MOST_CAPTURED >> 20} MiB", request.script.name)
        out.end()
        err.end()
        if request.into:
            request.into.seek(-1, os.SEEK_END)
            request.into.truncate()
        return Answer(self._out.ends.pop(tag), b"".join(captured)[:-1], tuple(kept))

    def _until(
        self, tag: str, source: Iterator[bytes], stop: Stop, request: Request, kept: Sequence[str]
    ) -> Iterator[tuple[Stream, bytes]]:
        """What comes on both streams until both have said that the script ended."""
        deadline = None if request.timeout is None else time.monotonic() + request.timeout
        while True:
            for stream in (self._out, self._err):
                if piece := stream.take(tag):
                    yield stream, piece
            if tag in self._out.ends and tag in self._err.ends:
                break
            self._end_if_it_must(request, stop, deadline, kept)
            streams = [s for s in (self._out, self._err) if tag not in s.ends or s.waiting < MOST_WAITING]
            for stream in self._wait(streams, source, stop, deadline):
                stream.read()
        self._err.ends.pop(tag)

    def _end_if_it_must(self, request: Request, stop: Stop, deadline: float | None, kept: Sequence[str]) -> None:
        """See whether there is a reason to wait no longer."""
        if not self.is_open:
            raise self._lost(request, kept)
        if stop:
            self.cut()
            raise Cancelled(self.host, "stopped")
        now = time.monotonic()
        if deadline is not None and now > deadline:
            self.cut()
            what = request.timeout_message or f"took longer than {request.timeout:g} s"
            raise HostError(self.host, f"{request.name}: {what} and was stopped", request.name, lines=tuple(kept))
        if "hello" not in self._out.ends and now > self._opened + GREETING:
            self.cut()
            why = f"no shell answered within {GREETING:g} s; does a start-up file of its user wait for something?"
            raise Unreachable(self.host, f"cannot connect: {why}")

    def _wait(
        self, streams: Sequence[Stream], source: Iterator[bytes], stop: Stop, deadline: float | None
    ) -> list[Stream]:
        """Wait until one of the streams can be read; write meanwhile what can be written."""
        poll = select.poll()
        numbers = {stream.source.fileno(): stream for stream in streams}
        for number in numbers:
            poll.register(number, select.POLLIN)
        poll.register(stop.fileno(), select.POLLIN)
        stdin = self._process.stdin.fileno()
        if not self._outbox:
            self._outbox.extend(chunk for chunk in [next(source, b"")] if chunk)
        now = time.monotonic()
        if not self._outbox and now > self._beaten + BEAT:
            self._beat()
        if self._outbox:
            poll.register(stdin, select.POLLOUT)
        ends = min(self._beaten + BEAT, deadline or math.inf)
        ready = {number for number, _ in poll.poll(max(0.0, ends - now) * 1000 + 1)}
        if stdin in ready:
            with contextlib.suppress(BrokenPipeError):  # the streams tell why
                self._write()
        return [stream for number, stream in numbers.items() if number in ready]

    def _lost(self, request: Request, kept: Sequence[str]) -> HostError:
        """Why there is no session (any more)."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        self._close()
        if "hello" in self._out.ends:
            why = f"{request.name}: the connection was lost, or the shell on it was killed"
            return HostError(self.host, why, request.name, lines=kept)
        said = [printable(line) for line in self._err.noise.splitlines() if line.strip()]
        return Unreachable(self.host, "cannot connect" + (f": {said[-1]}" if said else ""), lines=said[-KEPT_LINES:-1])

    # -- ending

    def _close(self) -> None:
        """Close stdin, and give the far end time to end what it started."""
        stdin = self._process.stdin
        if not stdin.closed:
            with contextlib.suppress(OSError):
                os.set_blocking(stdin.fileno(), True)
                for data in self._outbox:
                    stdin.write(data)
                stdin.flush()
            with contextlib.suppress(OSError):
                stdin.close()
        self._outbox.clear()
        end = time.monotonic() + GRACE
        self._drain(end)
        try:
            self._process.wait(max(0.1, end - time.monotonic()))  # its streams end a moment before it does
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # with a local host's scripts, which are in its group
            self._process.wait()
        for stream in (self._out, self._err):
            stream.open = False
            stream.source.close()

    def _drain(self, deadline: float) -> None:
        """Read until both streams end: then nothing is left that could write to them."""
        while (left := deadline - time.monotonic()) > 0:
            streams = {s.source.fileno(): s for s in (self._out, self._err) if s.open and not s.source.closed}
            if not streams or self._process.poll() is not None:
                return
            poll = select.poll()
            for number in streams:
                poll.register(number, select.POLLIN)
            for number, _ in poll.poll(left * 1000):
                streams[number].skip()
