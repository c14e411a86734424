"""Signals of a doit that runs flows: the first one ends the flows in order, and a second one the process at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from capdoit.interruption import print_interruption

if TYPE_CHECKING:
    from types import FrameType

    from capdoit.event_bus import EventBus

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Run(Protocol):
    """Work that a signal can end in order, such as a flow or a drill."""

    @property
    def is_at_work(self) -> bool:
        """True if a signal must let it end in order."""

    def interrupt(self, signal: str) -> bool:
        """End it because of a signal; return True if it will report that itself."""


def end_runs_on_signals(runs: Sequence[Run], events: EventBus) -> None:
    """Let signals end runs from now on; only the main thread can do that.

    Args:
        runs: the runs, of which more may follow.
        events: bus that tells of a signal.
    """
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
                signal.signal(number, partial(_end_runs, runs, events))


def _end_runs(runs: Sequence[Run], events: EventBus, number: int, _: FrameType | None) -> None:
    from capdoit.events import StopRequested

    signal.signal(number, _exit_at_once)
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    active = [run for run in runs if run.is_at_work]
    will_report = [run.interrupt(name) for run in active]
    if active:  # at last, since it waits for the reader of stdout, who may pause
        events.emit(StopRequested(name))
    if not any(will_report):
        sys.excepthook = _explain_exception
        raise KeyboardInterrupt


def _exit_at_once(number: int, _: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, b"   stopped at once. To see what is live: doit cap status\n")
    os._exit(128 + number)


def _explain_exception(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Print the traceback of an exception; of KeyboardInterrupt only that nothing was touched, if that is so."""
    if not print_interruption(kind, trace) and not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
