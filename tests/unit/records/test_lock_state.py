"""The holder of a lock, for people."""

from __future__ import annotations

import pytest

from capdoit.records.journal import Entry
from capdoit.records.lock_state import describe_holder

ENTRY = Entry(flow="deploy", by="ann", origin="laptop", at="2026-11-25T18:00:00Z")
FLOW = "deploy by ann from laptop since 2026-11-25 18:00 UTC"


@pytest.mark.parametrize(
    ("entry", "is_held", "process", "holder"),
    [
        (None, False, "", ""),
        (None, None, "", ""),
        (None, True, "", "an unknown process"),
        (None, True, "7 (flock) of bob", "process 7 (flock) of bob, which is not a flow"),
        (ENTRY, True, "", FLOW),
        (ENTRY, True, "7 (flock) of bob", FLOW),
        (ENTRY, False, "", f"{FLOW}; stale: that flow died"),
        (ENTRY, None, "", f"{FLOW}; stale if that flow died"),
    ],
)
def test_a_holder_is_a_flow_or_a_process(entry: Entry | None, is_held: bool | None, process: str, holder: str) -> None:
    assert describe_holder(entry, is_held, process) == holder
