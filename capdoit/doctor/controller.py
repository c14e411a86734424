"""The programs on the controller, which is the machine that runs capdoit."""

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
VERSION_OPTIONS = {"ssh": "-V", "git": "--version", "tar": "--version", "rsync": "--version"}
TIMEOUT_SECONDS = 20.0


def find_versions() -> dict[str, str | None]:
    """Return versions by program: None if it is not installed, empty if it does not print its version."""
    return {
        "python": platform.python_version(),
        "capdoit": __version__,
        "doit": importlib.metadata.version("doit"),
        "plumbum": importlib.metadata.version("plumbum"),
        **{program: _find_version(program, option) for program, option in VERSION_OPTIONS.items()},
    }


def missing_programs(versions: Mapping[str, str | None], stage: Stage) -> list[str]:
    """Return the programs that a stage needs on the controller and that are not installed."""
    needed = ["ssh"] if any(host.transport == "ssh" for host in stage.hosts) else []
    return [program for program in needed if versions[program] is None]


def _find_version(program: str, option: str) -> str | None:
    path = shutil.which(program)
    if path is None:
        return None
    command = [path, option]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    number = VERSION.search((done.stdout + done.stderr).decode("utf-8", "replace"))
    return number[0] if number else ""
