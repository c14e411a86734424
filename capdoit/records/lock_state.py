"""The state of the lock of a host, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capdoit.records.journal import Entry

# Keys that report_lock in sh/lock_state.sh prints.
LOCK_KEYS = {"lock", "lock_is_held", "lock_process"}
# By whether the lock is held; None if that is unknown.
STATES = {True: "", False: "; stale: that flow died", None: "; stale if that flow died"}


def parse_is_held(found: Mapping[str, Sequence[str]]) -> bool | None:
    """Return True if a process holds the lock; None if the host cannot tell."""
    return {"yes": True, "no": False}.get("".join(found["lock_is_held"]))


def describe_holder(entry: Entry | None, is_held: bool | None, process: str = "") -> str:
    """Return the flow or the process that holds the lock, or the flow that left it behind; empty if the lock is free.

    Args:
        entry: the content of the lock; None without an entry.
        is_held: whether a process holds the lock; None if unknown.
        process: the process that took the lock, as the host names it; empty if unknown.
    """
    if entry:
        return f"{entry.holder}{STATES[is_held]}"
    return (f"process {process}, which is not a flow" if process else "an unknown process") if is_held else ""
