"""The lines that begin and end a group of lines which a CI service can fold."""

from __future__ import annotations

import re
import time

from capdoit.output.view_choice import Folding


def begin_fold(folding: Folding, name: str) -> str:
    """Return the line that begins the group of a task; empty without groups.

    Args:
        folding: the kind of groups.
        name: name of the task.
    """
    if folding is Folding.GITHUB:
        return f"::group::{name}"
    if folding is Folding.GITLAB:
        return f"\033[0Ksection_start:{int(time.time())}:{_section(name)}\r\033[0K{name}"
    return ""


def end_fold(folding: Folding, name: str) -> str:
    """Return the line that ends the group of a task; arguments as in `begin_fold`."""
    if folding is Folding.GITHUB:
        return "::endgroup::"
    if folding is Folding.GITLAB:
        return f"\033[0Ksection_end:{int(time.time())}:{_section(name)}\r\033[0K"
    return ""


def _section(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)
