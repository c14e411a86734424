"""The writer of report pages as a listener of events."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit import events
from capdoit.event_bus import EventBus
from capdoit.output.report_pages import PageTargets, ReportPages
from capdoit.records.revision_gap import Commit, Gap
from capdoit.state.decision import Decision
from tests.support import largest_file

RUN = "1f" * 8


def finish_flow(bus: EventBus, file: Path, subject: str = "change") -> list[str]:
    """Let a deploy finish whose page goes to a file, and return its warnings."""
    gap = Gap(("web1",), "ab" * 20, (Commit("cd" * 20, "2026-11-28T10:00:00Z", "Ann", subject),))
    warnings: list[str] = []
    bus.subscribe(lambda event: warnings.append(event.text) if isinstance(event, events.Warned) else None)
    bus.subscribe(ReportPages(PageTargets(None, file), bus, lambda *_: [gap]))
    bus.emit(events.FlowStarted("production", ("web1",), "ann", "deploy", "main", "", run=RUN))
    bus.emit(events.Decided(Decision("20261128120000", "cd" * 20), run=RUN))
    bus.emit(events.FlowFinished("deploy:production", (), 0, 1.0, run=RUN))
    return warnings


def test_secrets_in_commits_are_not_on_the_page(tmp_path: Path) -> None:
    bus, file = EventBus(), tmp_path / "report.html"
    bus.redactor.add(["hunter22"])
    assert finish_flow(bus, file, "use hunter22 at https://ann:passw0rd@host/shop.git") == []
    assert "use *** at https://ann:***@host/shop.git" in file.read_text()


def test_a_page_that_does_not_fit_the_disk_is_named_in_a_warning(tmp_path: Path) -> None:
    with largest_file(1000):
        (warning,) = finish_flow(EventBus(), tmp_path / "report.html")
    assert warning == f"the report page cannot be written: {tmp_path}/report.html: File too large"


@pytest.mark.parametrize("name", ["missing/report.html", "folder"])
def test_a_page_that_cannot_be_written_is_named_in_a_warning(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (warning,) = finish_flow(EventBus(), tmp_path / name)
    assert warning.startswith(f"the report page cannot be written: {tmp_path}")
