"""Stream that never makes a flow or a list of tasks fail, whatever happens to its reader, its terminal or its disk."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from typing import Any, TextIO
from weakref import WeakSet

RAISING_ERROR_HANDLERS = ("strict", "surrogateescape")  # they raise for characters that a stream cannot encode

_unfailing: WeakSet[TextIO] = WeakSet()
_incomplete: WeakSet[TextIO] = WeakSet()
_discarded: WeakSet[TextIO] = WeakSet()


def make_unfailing(stream: TextIO) -> None:
    """Let nothing that writes to a stream fail, neither capdoit nor doit nor Python.

    A flow must not fail because a terminal cannot show a character, because the reader is gone (``| head``), or
    because the disk of a log is full: that may happen just after a release became live. Only a stream of the operating
    system can fail so; other streams stay as they are, and so does a stream that has been made unfailing before.
    """
    if not isinstance(stream, io.TextIOWrapper) or stream in _unfailing:
        return
    _unfailing.add(stream)
    if stream.errors in RAISING_ERROR_HANDLERS:
        stream.reconfigure(errors="backslashreplace")
    stream.write = _with_fallback(stream, stream.write)  # type: ignore[method-assign]
    stream.flush = _with_fallback(stream, stream.flush)  # type: ignore[method-assign]


def has_lost_output(stream: TextIO) -> bool:
    """Return True if something could not be written, as on a full disk; what nobody reads any more is not lost."""
    return stream in _incomplete


def is_discarded(stream: TextIO) -> bool:
    """Return True if everything that is written is discarded, because nobody reads it or it cannot be written."""
    return stream in _discarded


def _with_fallback(stream: io.TextIOWrapper, write: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that writes, and after the first failure writes to /dev/null."""

    def write_or_discard(*args: Any) -> Any:
        try:
            return write(*args)
        except OSError as error:
            _write_to_null(stream)
            _discarded.add(stream)
            if not isinstance(error, BrokenPipeError):
                _incomplete.add(stream)
                _warn_on_stderr(f"capdoit cannot write its output: {error.strerror}; it goes on")
            return write(*args)

    return write_or_discard


def _write_to_null(stream: io.TextIOWrapper) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def _warn_on_stderr(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())
