"""The processes that run on the hosts of a stage, which are this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path


def wait_until(timeout_seconds: float, condition: Callable[[], object]) -> bool:
    """Wait until a condition is true, and return True; return False after the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def find_processes_with_home(homes: Iterable[Path]) -> list[str]:
    """Return the processes whose HOME is one of these directories, each as its id and command."""
    variables = {f"HOME={home}".encode() for home in homes}
    return _matching(lambda process: bool(variables & {*(process / "environ").read_bytes().split(b"\0")}))


def find_processes_in(directory: Path) -> list[str]:
    """Return the processes whose working directory is this one or below it, each as its id and command."""
    return _matching(lambda process: (process / "cwd").readlink().is_relative_to(directory.resolve()))


def _matching(matches: Callable[[Path], bool]) -> list[str]:
    return [text for process in Path("/proc").glob("[0-9]*") if (text := _describe(process, matches))]


def _describe(process: Path, matches: Callable[[Path], bool]) -> str:
    """Return the id and the command of a process that matches; an empty string for another."""
    try:
        command = (process / "cmdline").read_bytes()
        is_found = bool(command) and matches(process)  # a zombie has no command
    except OSError:  # it has ended, or belongs to another user
        return ""
    text = command.replace(b"\0", b" ").decode(errors="replace")[:100].strip()
    return f"{process.name} ({text})" if is_found else ""
