"""Text that a signal handler writes while the code that it interrupts writes to the stream."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

import pytest

from capdoit.event_bus import EventBus
from capdoit.events import StopRequested, Warned
from capdoit.output.console import Console
from capdoit.output.view import FlowView
from capdoit.output.view_choice import ViewRequest

PIPE_BYTES = 1 << 16


class SlowReader:
    """A pipe whose reader begins to read when somebody has been waiting for it for a moment."""

    def __init__(self) -> None:
        self._read_fd, write_fd = os.pipe()
        self.stream = os.fdopen(write_fd, "w")
        self._shown = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        time.sleep(0.5)
        while piece := os.read(self._read_fd, PIPE_BYTES):
            self._shown += piece

    def finish(self) -> str:
        """Return what was written."""
        self.stream.close()
        self._thread.join(60)
        os.close(self._read_fd)
        return self._shown.decode()


@pytest.fixture
def interrupt_with() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Return a function that lets a signal handler call another function in a moment."""
    before = signal.getsignal(signal.SIGALRM)

    def interrupt(call: Callable[[], None]) -> None:
        signal.signal(signal.SIGALRM, lambda *_: call())
        signal.setitimer(signal.ITIMER_REAL, 0.2)

    yield interrupt
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


Interrupt = Callable[[Callable[[], None]], None]


def test_a_signal_in_the_middle_of_a_write_to_a_slow_reader_has_its_line(interrupt_with: Interrupt) -> None:
    pipe = SlowReader()
    console = Console(pipe.stream)
    interrupt_with(lambda: console.write("SIGINT"))
    console.write("x" * 2 * PIPE_BYTES)
    assert pipe.finish() == "x" * 2 * PIPE_BYTES + "\nSIGINT\n"


def test_a_signal_while_a_hook_prints_has_its_line_with_the_next_one(interrupt_with: Interrupt) -> None:
    pipe = SlowReader()
    console = Console(pipe.stream)
    interrupt_with(lambda: console.write("SIGINT"))
    print("x" * 2 * PIPE_BYTES, file=pipe.stream)
    console.write("stopped")
    assert pipe.finish() == "x" * 2 * PIPE_BYTES + "\nSIGINT\nstopped\n"


def test_a_flow_says_that_it_stops_while_its_output_is_waited_for(
    interrupt_with: Interrupt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = SlowReader()
    stdout: TextIO = pipe.stream
    monkeypatch.setattr("sys.stdout", stdout)
    bus = EventBus()
    bus.subscribe(FlowView(bus, ViewRequest(2)))
    interrupt_with(lambda: bus.emit(StopRequested("SIGINT")))
    bus.emit(Warned("x" * 2 * PIPE_BYTES))
    assert "SIGINT: stopping in order" in pipe.finish()
    assert capsys.readouterr().err == ""
