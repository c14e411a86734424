"""The scripts that a session runs: a request, and the answer to it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Protocol

from capdoit.hosts.stream import ShowLines
from capdoit.script import Script

Progress = Callable[[int, int], None]  # bytes sent, bytes in total


class Receiver(Protocol):
    """The receiver of a script's stdout, such as an open file."""

    def write(self, piece: bytes, /) -> object:
        """Take the next bytes."""


@dataclass(frozen=True)
class Request:
    """A script, and how a session runs it.

    Attributes:
        script: the script.
        verb: the loop's verb: ``run``; ``hold``, the loop's own shell runs the script; ``feed``, the script reads
            ``source``; ``on_loss``, the script runs if the session is lost, instead of an earlier one.
        source: open file whose bytes are the script's stdin; its size is fixed when the request is sent.
        show: called with each line of output.
        capture: return stdout in the answer instead of showing it.
        into: gets stdout instead of a view.
        command: name for messages; default is the script's name.
        timeout: seconds after which the script is stopped; None for no limit.
        timeout_message: text of the error after the timeout, if a deadline set it.
        is_secret: stdout is left out of the log.
        progress: called with the bytes sent and their total while ``source`` is sent, at most ten times a second.
    """

    script: Script
    verb: str = "run"
    source: IO[bytes] | None = None
    show: ShowLines | None = None
    capture: bool = False
    into: Receiver | None = None
    timeout: float | None = None
    command: str = ""
    timeout_message: str = ""
    is_secret: bool = False
    progress: Progress | None = None

    @property
    def name(self) -> str:
        """The name of the request in messages."""
        return self.command or self.script.name

    @property
    def is_question(self) -> bool:
        """True if stdout is an answer for capdoit, which tells people nothing."""
        return self.capture and self.show is None


@dataclass(frozen=True)
class Answer:
    """The result of a script.

    Attributes:
        status: exit status.
        output: complete stdout if the request captured it, otherwise empty.
        lines: the last lines of stdout and stderr; of a question, only those of stderr.
    """

    status: int
    output: bytes
    lines: tuple[str, ...]

    @property
    def was_killed(self) -> bool:
        """True if a signal ended the script: sh reports 128 plus the signal's number. ssh itself exits with 255."""
        return 128 < self.status <= 128 + signal.SIGRTMAX

    @property
    def status_text(self) -> str:
        """The exit status or the signal, for messages."""
        return f"was killed by signal {self.status - 128}" if self.was_killed else f"exit status {self.status}"

    @property
    def text(self) -> str:
        """The output as text; bytes that are not UTF-8 become surrogates."""
        return self.output.decode("utf-8", "surrogateescape")
