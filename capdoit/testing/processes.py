"""What still runs on the hosts of a stage, which are this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path


def within(seconds: float, what: Callable[[], object]) -> bool:
    """Whether it becomes true, at most so much later."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def at_home(homes: Iterable[Path]) -> list[str]:
    """The processes that were started with one of these directories as HOME, each with its number and command."""
    marks = {f"HOME={home}".encode() for home in homes}
    return _those(lambda process: bool(marks & {*(process / "environ").read_bytes().split(b"\0")}))


def inside(directory: Path) -> list[str]:
    """The processes that are in a directory or below it, each with its number and command."""
    return _those(lambda process: (process / "cwd").readlink().is_relative_to(directory.resolve()))


def _those(of_interest: Callable[[Path], bool]) -> list[str]:
    return [shown for process in Path("/proc").glob("[0-9]*") if (shown := _shown(process, of_interest))]


def _shown(process: Path, of_interest: Callable[[Path], bool]) -> str:
    try:
        command = (process / "cmdline").read_bytes()
        # one that has ended and waits for its parent has no command any more
        found = bool(command) and of_interest(process)
    except OSError:  # it ended meanwhile, or it is somebody else's
        return ""
    return f"{process.name} ({command.replace(bytes(1), b' ').decode(errors='replace')[:100].strip()})" if found else ""
