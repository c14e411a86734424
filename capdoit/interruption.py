"""Ctrl-C before doit runs anything: one line instead of a traceback.

Importing this module installs it, so that `capdoit` can do that before anything else: most of the time until a flow
begins is spent on imports.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType, TracebackType

ExceptHook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


def print_interruption(kind: type[BaseException], trace: TracebackType | None) -> bool:
    """Print that nothing was touched, if the interpreter ends by an interruption of doit that comes before its work.

    Returns:
        False if it ends for another reason, or later.
    """
    if not issubclass(kind, KeyboardInterrupt) or not _is_loading(trace):
        return False
    with suppress(OSError, AttributeError):  # a closed terminal; no stderr
        sys.stderr.write("Interrupted before anything was touched.\n")
    return True


def _is_loading(trace: TracebackType | None) -> bool:
    """Return True if doit had begun and the command had not, by the frames in which the exception was raised."""
    frames = [*_frames_of(trace)]
    is_in_doit = any(frame.f_globals.get("__name__") == "doit.doit_cmd" for frame in frames)
    return is_in_doit and not any(frame.f_code.co_name == "_execute" for frame in frames)


def _frames_of(trace: TracebackType | None) -> Iterator[FrameType]:
    while trace:
        yield trace.tb_frame
        trace = trace.tb_next


def _install(previous: ExceptHook) -> None:
    """Put the line in front of the exception hook that there is, which gets everything else."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not print_interruption(kind, trace):
            previous(kind, error, trace)

    sys.excepthook = hook


_install(sys.excepthook)
