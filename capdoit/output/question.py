"""The question to the operator, on the terminal: yes, no, or no answer because of a signal."""

from __future__ import annotations

import os
import select
import sys
import termios
from contextlib import suppress
from typing import Protocol

LONGEST_LINE = 4096  # bytes; a terminal gives no longer line


class HasFileno(Protocol):
    """Something that `select` can wait for."""

    def fileno(self) -> int:
        """Return its file descriptor."""


def has_terminal() -> bool:
    """Return True if a question can be shown and answered: stdin and stdout are a terminal."""
    return all(stream is not None and not stream.closed and stream.isatty() for stream in (sys.stdin, sys.stdout))


def ask_yes_or_no(question: str, stop: HasFileno) -> bool | None:
    """Ask until the operator types yes or no; an empty answer is no, and so is the end of the terminal.

    Args:
        question: the question, in less than a line.
        stop: becomes readable when nobody must answer any more.

    Returns:
        The answer; None if ``stop`` became readable.
    """
    terminal = sys.stdin.fileno()
    with suppress(termios.error):  # keys that were typed before the question are no answer to it
        termios.tcflush(terminal, termios.TCIFLUSH)
    while True:
        sys.stdout.write(f"{question} [y/N] ")
        sys.stdout.flush()
        readable, _, _ = select.select([terminal, stop], [], [])
        if stop in readable:
            sys.stdout.write("\n")
            return None
        line = _read_line(terminal)
        if not line:
            sys.stdout.write("\n")
        answer = line.strip().lower()
        if answer in ("y", "yes"):
            return True
        if answer in ("", "n", "no"):
            return False


def ask_text(question: str, default: str) -> str:
    """Ask until the operator types an answer; an empty one means the default, if there is one.

    Returns:
        The answer; empty at the end of the terminal.
    """
    terminal, choice = sys.stdin.fileno(), f" [{default}]" if default else ""
    while True:
        sys.stdout.write(f"{question}{choice}: ")
        sys.stdout.flush()
        line = _read_line(terminal)
        if not line:
            sys.stdout.write("\n")
            return ""
        if answer := line.strip() or default:
            return answer


def _read_line(terminal: int) -> str:
    """Return the line that was typed, with its end; empty at the end of input, and if the terminal has gone."""
    try:
        return os.read(terminal, LONGEST_LINE).decode("utf-8", "replace")
    except OSError:
        return ""
