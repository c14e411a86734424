"""Processes of this machine, and those that they started."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path


def signal_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and to those that it started."""
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            signal_tree(int(child), number)
    with suppress(ProcessLookupError):
        os.kill(pid, number)
