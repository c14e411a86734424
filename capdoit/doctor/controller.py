"""The programs of the machine that capdoit itself runs on."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping

from capdoit import __version__
from capdoit.config.stages import Stage

VERSION = re.compile(r"[0-9]+(\.[0-9]+)+\w*")
PROGRAMS = {"ssh": "-V", "git": "--version", "tar": "--version", "rsync": "--version"}
SECONDS = 20.0


def versions() -> dict[str, str | None]:
    """Versions by name; None for a program that is not there, empty for one that does not tell."""
    return {
        "python": platform.python_version(),
        "capdoit": __version__,
        "doit": importlib.metadata.version("doit"),
        "plumbum": importlib.metadata.version("plumbum"),
        **{program: _version(program, option) for program, option in PROGRAMS.items()},
    }


def lacking(found: Mapping[str, str | None], stage: Stage) -> list[str]:
    """The programs that are not there and that a stage needs."""
    needed = ["ssh"] if any(host.transport == "ssh" for host in stage.hosts) else []
    return [program for program in needed if found[program] is None]


def _version(program: str, option: str) -> str | None:
    path = shutil.which(program)
    if path is None:
        return None
    try:
        said = subprocess.run(
            [path, option], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    number = VERSION.search((said.stdout + said.stderr).decode("utf-8", "replace"))
    return number[0] if number else ""
