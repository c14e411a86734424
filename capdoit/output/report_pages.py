"""The writer of report pages as a listener of events: a page for each deploy and rollback that ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit.event_bus import EventBus
from capdoit.events import Event, FlowStarted, Warned
from capdoit.output.page_data import PageData, Verdict

if TYPE_CHECKING:
    from capdoit.records.revision_gap import Gap


@dataclass(frozen=True)
class PageTargets:
    """The places that pages are written to.

    Attributes:
        log: path of the log file; None without a log, and then no page is kept.
        file: the file of ``report=``; None without it.
    """

    log: Path | None
    file: Path | None


class ReportPages:
    """Writes a page when a deploy or rollback ends. A page that cannot be written makes no flow fail.

    Args:
        targets: where to write it.
        events: the bus; its redactor masks secrets, and it gets a warning about a page that cannot be written.
        find_commits: returns the commits between the live revisions, by host, and a revision.
    """

    def __init__(
        self,
        targets: PageTargets,
        events: EventBus,
        find_commits: Callable[[Mapping[str, str], str], Sequence[Gap]],
    ) -> None:
        self._targets, self._events, self._find_commits = targets, events, find_commits
        self._data: dict[str, PageData] = {}

    def __call__(self, event: Event) -> None:
        """Take an event into account, and write the page with the last one of a flow."""
        now = time.monotonic()
        if isinstance(event, FlowStarted) and not (event.is_drill or event.is_dry_run):
            self._data[event.run] = PageData.begin(event, now)
        elif data := self._data.get(event.run):
            data.apply(event, now)
            if data.verdict is not Verdict.RUNNING:
                del self._data[event.run]
                self._write(data)

    def _write(self, data: PageData) -> None:
        from capdoit.output.report_files import keep_page, report_folder, write_page

        page = self._render(data)
        if file := self._targets.file:
            self._warn_of_failure(file, partial(write_page, file, page))
        if folder := report_folder(self._targets.log):
            self._warn_of_failure(folder, partial(keep_page, folder, data, page))

    def _warn_of_failure(self, place: Path, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._events.emit(Warned(f"the report page cannot be written: {error.filename or place}: {error.strerror}"))

    def _render(self, data: PageData) -> str:
        from capdoit.output.report_page import render_page

        decision, before = data.display.decision, data.live_before
        revisions = {host: live.revision for host, live in before.items()}
        found = self._find_commits(revisions, decision.revision) if decision else ()
        commits = self._events.redactor.redact_all(found)  # git read them just now: no event had them
        log = str(self._targets.log) if self._targets.log else ""
        return render_page(data, commits, self._events.redact_message, log)
