"""An open shell on one host: scripts go in as frames, their output and exit statuses come out.

A frame is ``run TAG LINES`` and that many lines of script; ``feed TAG LINES BYTES``, the script, and the bytes of
its stdin, then ``fed`` after the script has ended; ``hold TAG LINES`` for a script that the loop's own shell runs,
so that files that it opens (the lock) stay open as long as the session; or ``on_loss TAG LINES`` for a script that the
host runs if the session is lost. The loop reports the end of a script on stdout and on stderr with a line
``NONCE TAG STATUS``. The nonce is random, so no script's output looks like this.

There is no background thread: `Session.ask` waits, and reads both streams as output arrives, so no amount of output
blocks a script.
"""

from __future__ import annotations

import itertools
import math
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from capdoit.errors import Cancelled, HostError, TimedOut, Unreachable
from capdoit.hosts.login_failure import explain_failed_login
from capdoit.hosts.outbox import FilePart
from capdoit.hosts.pipes import Pipes, Process
from capdoit.hosts.request import Answer, Request
from capdoit.hosts.stop_signal import StopSignal
from capdoit.hosts.stream import KEPT_LINES, Capture, LineSplitter, Redact, Stream
from capdoit.shell_scripts import script_text
from capdoit.text import make_printable

LOOP = script_text("hosts/loop")
MAX_CAPTURED_BYTES = 1 << 26  # 64 MiB: larger than any expected answer, and fits into the controller's memory
MAX_UNREAD_BYTES = 1 << 22  # of later requests; then the host has to wait. ssh's window for both streams is smaller
HEARTBEAT_SECONDS = 5.0
HEARTBEAT_TIMEOUT_SECONDS = 20  # without a heartbeat, after which a host ends the session
HOST_HEARTBEAT_SECONDS = 5
SILENCE_TIMEOUT_SECONDS = 20.0  # without any output, heartbeats included, after which a host counts as lost
GREETING_TIMEOUT_SECONDS = 60.0  # from the connection's start to the loop's greeting, a slow login included
PART_BYTES = 1 << 18  # of a file between two reports or heartbeats
PROGRESS_SECONDS = 0.1  # between two reports of a transfer


@dataclass
class Exchange:
    """A request that was sent, and its answer as far as it has arrived.

    Attributes:
        request: the request.
        tag: the request's number in the session.
        parts: the rest of the script's stdin.
        expires_at: time of the timeout, by the monotonic clock.
        last_lines: the last lines of output.
    """

    request: Request
    tag: str
    parts: Iterator[FilePart]
    expires_at: float = math.inf
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))


class Session:
    """An open shell on a host.

    Args:
        host: the host's name, for errors.
        process: a shell that runs `LOOP`, or the ssh client that connects to it; its three streams are pipes of bytes.
        on_greeting: called once, when the loop has greeted: the login is over.
        redact: masks the secrets of a line of output.
        greeting_timeout_seconds: time from now to the loop's greeting; None for a time that suits a slow login.
        preface: lines of stdin for the program that starts the loop.

    Attributes:
        host: the host's name.
        frames: number of requests that were sent and whose answers were awaited.
        was_silent: True if the session was given up because the host did not greet, or became silent.
    """

    _stop: StopSignal  # of the requests in progress

    def __init__(
        self,
        host: str,
        process: Process,
        on_greeting: Callable[[], None] | None = None,
        redact: Redact = str,
        greeting_timeout_seconds: float | None = None,
        preface: str = "",
    ) -> None:
        nonce = secrets.token_hex(16)
        self.host = host
        self.frames = 0
        self._last_tag = 0
        self._redact = redact
        self.was_silent = False
        self._greeting_timeout_seconds = greeting_timeout_seconds or GREETING_TIMEOUT_SECONDS
        self._pipes = Pipes(process, nonce)
        self._out, self._err = self._pipes.out, self._pipes.err
        self._outbox = self._pipes.outbox
        watch = f"watch {HEARTBEAT_TIMEOUT_SECONDS} {HOST_HEARTBEAT_SECONDS}\n"
        self._outbox.add(f"{preface}{nonce}\n".encode(), watch.encode())
        self._opened_at = self._heartbeat_at = time.monotonic()
        self._on_greeting = on_greeting
        self._in_use = threading.Lock()

    @property
    def is_open(self) -> bool:
        """True while requests can be sent."""
        return self._pipes.is_open

    @property
    def greeting_seconds(self) -> float:
        """The time that the host took to greet; 0 if it did not."""
        return self._out.greeted_at - self._opened_at if self._out.greeted_at else 0.0

    @property
    def home(self) -> str:
        """The home directory of the login; empty before the first answer."""
        return self._out.home

    def ask(self, requests: Sequence[Request], stop: StopSignal) -> list[Answer]:
        """Send all requests at once, then wait for their answers: one round trip.

        A request after a ``hold`` begins when the ``hold`` has ended; other requests run in parallel. Only the last
        request may be a ``feed``.

        Raises:
            Cancelled: the stop signal was set; what ran on the host was ended.
            HostError: the connection could not be made or was lost, or a request took too long.
        """
        with self._in_use:
            self._stop = stop
            self.frames += len(requests)
            exchanges = [self._send(request) for request in requests]
            answers = [self._receive(exchange) for exchange in exchanges]
            if any(request.source for request in requests):
                self._outbox.add(b"fed\n")
            return answers

    def tell(self, request: Request) -> str:
        """Send a request whose answer is not awaited, and return its tag for `has_answered`."""
        with self._in_use:
            tag = self._send(request).tag
            self._flush()
            return tag

    def has_answered(self, tag: str) -> bool:
        """Return True if the host has answered a request of `tell`, as far as its output was read."""
        return self._err.has_ended(tag)

    def is_alive(self) -> bool:
        """Return True unless the host has ended the session, or is silent. Read what has arrived."""
        with self._in_use:
            if self.is_open:
                self._pipes.listen(MAX_UNREAD_BYTES)
            return self.is_open and not self._pipes.is_silent(SILENCE_TIMEOUT_SECONDS)

    def send_heartbeat(self) -> None:
        """Tell the host that the controller is alive, and read the host's heartbeats. Safe in any thread.

        A request in progress does both itself.
        """
        if self._in_use.acquire(blocking=False):
            try:
                self._pipes.listen(MAX_UNREAD_BYTES)
                if not self._outbox:
                    self._queue_heartbeat()
                self._flush()
            finally:
                self._in_use.release()

    def close(self, last_request: Request | None = None) -> None:
        """End the session after a last request, whose answer is not read. Processes that scripts left keep running."""
        with self._in_use:  # a heartbeat may be in progress
            if last_request:
                self._send(last_request)
            self._outbox.add(b"bye\n")
            self._pipes.close()

    def abort(self) -> None:
        """End the session and every process that it started. Do not wait for a host that is silent already."""
        if self._pipes.is_silent(2 * HOST_HEARTBEAT_SECONDS):
            self.give_up()
            return
        self._outbox.clear()
        self._pipes.close()

    def give_up(self) -> None:
        """End a session whose host does not answer: nothing that it does now would be heard."""
        self.was_silent = True
        self._outbox.clear()
        self._pipes.close(patience_seconds=0)

    # -- sending

    def _send(self, request: Request) -> Exchange:
        self._last_tag += 1
        tag = str(self._last_tag)
        text = request.script.frame()
        text = text if not text or text.endswith("\n") else text + "\n"
        head = [request.verb, tag, str(text.count("\n"))]
        parts: Iterator[FilePart] = iter(())
        if request.source:
            size = os.fstat(request.source.fileno()).st_size
            head.append(str(size))
            parts = self._parts(request, size)
        self._outbox.add((" ".join(head) + "\n" + text).encode("utf-8", "surrogateescape"))
        return Exchange(request, tag, parts)

    def _parts(self, request: Request, size: int) -> Iterator[FilePart]:
        """Return exactly the announced bytes of the request's file: the loop would read anything more as a frame."""
        sent, reported_at = 0, 0.0
        while request.source and sent < size:
            part = FilePart(request.source, sent, min(PART_BYTES, size - sent))
            yield part
            sent += part.size_bytes
            if request.progress and (sent == size or time.monotonic() - reported_at >= PROGRESS_SECONDS):
                request.progress(sent, size)
                reported_at = time.monotonic()

    def _flush(self) -> None:
        """Write what the pipe takes without blocking. The rest, or the reason of an error, comes with a request."""
        with suppress(OSError):
            while self._outbox and self.is_open:
                self._outbox.write()

    def _queue_heartbeat(self) -> None:
        if self._out.has_greeted:
            self._outbox.add(b"beat\n")
        self._heartbeat_at = time.monotonic()

    # -- receiving

    def _receive(self, exchange: Exchange) -> Answer:
        request = exchange.request
        if request.timeout is not None:
            exchange.expires_at = time.monotonic() + request.timeout
        capture = Capture(request.into) if request.into or request.capture else None
        said = deque[str](maxlen=0) if request.is_question else exchange.last_lines
        lines = {
            self._out: LineSplitter("out", None if capture else request.show, said, self._redact),
            self._err: LineSplitter("err", request.show, exchange.last_lines, self._redact),
        }
        for stream, piece in self._pieces(exchange):
            lines[stream].feed(piece)
            if capture and stream is self._out:
                self._add(piece, capture, request)
        for splitter in lines.values():
            splitter.finish()
        output = capture.finish() if capture else b""
        return Answer(self._out.statuses.pop(exchange.tag), output, tuple(exchange.last_lines))

    def _add(self, piece: bytes, capture: Capture, request: Request) -> None:
        capture.add(piece)
        if capture.size_bytes > MAX_CAPTURED_BYTES:
            self.abort()
            limit = f"{MAX_CAPTURED_BYTES >> 20} MiB"
            raise HostError(self.host, f"answered more than {limit}", request.script.name)

    def _pieces(self, exchange: Exchange) -> Iterator[tuple[Stream, bytes]]:
        """Yield output of both streams until the script has ended on both."""
        tag = exchange.tag
        while True:
            for stream in (self._out, self._err):
                if piece := stream.take_output(tag):
                    yield stream, piece
            if tag in self._out.statuses and tag in self._err.statuses:
                break
            self._note_greeting()
            self._check(exchange)
            self._wait(exchange)
        self._err.statuses.pop(tag)

    def _note_greeting(self) -> None:
        if self._on_greeting and self._out.has_greeted:
            self._on_greeting()
            self._on_greeting = None

    def _wait(self, exchange: Exchange) -> None:
        """Wait for output, feed the script's stdin, and send a heartbeat when one is due.

        The source of a script is not read before the login is over: a login that fails may be tried again.
        """
        streams = [
            stream
            for stream in (self._out, self._err)
            if exchange.tag not in stream.statuses or stream.unread_bytes < MAX_UNREAD_BYTES
        ]
        if not self._outbox and self._out.has_greeted:
            self._outbox.add(*itertools.islice(exchange.parts, 1))
        now = time.monotonic()
        if not self._outbox and now > self._heartbeat_at + HEARTBEAT_SECONDS:
            self._queue_heartbeat()
        until = min(self._heartbeat_at + HEARTBEAT_SECONDS, exchange.expires_at)
        try:
            self._pipes.exchange(streams, self._stop, until - now)
        except EOFError:
            self.abort()
            name = exchange.request.name
            raise HostError(self.host, "the file became shorter while it was sent", name) from None

    # -- errors

    def _check(self, exchange: Exchange) -> None:
        """Raise an error if the answer will not come, or if waiting for it must end."""
        if not self.is_open:
            raise self._connection_error(exchange)
        if self._stop:
            self.abort()
            raise Cancelled(self.host, "stopped")
        now = time.monotonic()
        if now > exchange.expires_at:
            self.abort()
            raise self._timeout_error(exchange)
        if not self._out.has_greeted and now > self._opened_at + self._greeting_timeout_seconds:
            self.give_up()
            raise self._greeting_error()
        if self._out.has_greeted and self._pipes.is_silent(SILENCE_TIMEOUT_SECONDS):
            self.give_up()
            raise self._silence_error(exchange)

    def _timeout_error(self, exchange: Exchange) -> HostError:
        request = exchange.request
        why = request.timeout_message or f"took longer than {request.timeout:g} s"
        message = f"{request.name}: {why} and was stopped"
        return TimedOut(self.host, message, request.name, lines=tuple(exchange.last_lines))

    def _greeting_error(self) -> Unreachable:
        why = f"no shell answered within {self._greeting_timeout_seconds:g} s"
        hint = "does a start-up file of its user wait for something, or is a shared connection (ControlMaster) dead?"
        return Unreachable(self.host, f"cannot connect: {why}; {hint}")

    def _silence_error(self, exchange: Exchange) -> HostError:
        name = exchange.request.name
        why = f"{name}: the connection was lost: nothing was heard from the host for {SILENCE_TIMEOUT_SECONDS:g} s"
        return HostError(self.host, why, name, lines=tuple(exchange.last_lines))

    def _connection_error(self, exchange: Exchange) -> HostError:
        """Return the error of a connection that was lost, or that could not be made."""
        exit_status = self._pipes.wait_for_exit()
        self._pipes.close()
        name = exchange.request.name
        if self._out.has_greeted:
            why = f"{name}: the connection was lost, or the shell on it was killed"
            return HostError(self.host, why, name, lines=exchange.last_lines)
        output = [self._redact(make_printable(line)) for line in self._err.preamble.splitlines() if line.strip()]
        return explain_failed_login(self.host, output, exit_status)
