"""The output of a doit that runs flows: view, log, report pages, and failures as doit's reporter shows them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capdoit.config.deploy_file import Config
    from capdoit.config.variables import Variables
    from capdoit.errors import CapdoitError
    from capdoit.event_bus import EventBus
    from capdoit.output.log_file import LogFile
    from capdoit.records.revision_gap import Gap


class DoitOutput:
    """The event bus of a doit that runs flows, and its listeners.

    Args:
        config: content of deploy.yml.
        typed_in: the directory in which the operator typed the command.
    """

    def __init__(self, config: Config, typed_in: Path) -> None:
        self._config, self._typed_in = config, typed_in
        self._log: LogFile | None = None
        self._options: Mapping[str, Any] = {}  # of doit's run command

    @cached_property
    def events(self) -> EventBus:
        """The bus of everything that people see; `doit list` does not pay for its imports."""
        from capdoit.event_bus import EventBus
        from capdoit.output.log_file import write_log
        from capdoit.output.seen_releases import ReleaseWatcher

        events = EventBus()
        events.subscribe(ReleaseWatcher(self._config.file))
        if self._config.log:
            self._log = write_log(self._config.log, events, self._typed_in)
        return events

    def open_view(self, variables: Variables, options: Mapping[str, Any]) -> None:
        """Show the events of flows as doit's options say."""
        from capdoit.output.view import FlowView
        from capdoit.output.view_choice import ViewRequest

        self._options = options
        reporter = options.get("reporter", "console")
        request = ViewRequest(
            verbosity=options.get("verbosity"),
            reporter=reporter if isinstance(reporter, str) else "",
            is_parallel=bool(options.get("num_process")),
            is_dry_run=bool(variables.dry_run),
        )
        self.events.subscribe(FlowView(self.events, request))
        self._write_pages(variables)  # after the view: the summary does not wait for the page

    def _write_pages(self, variables: Variables) -> None:
        """Write a report page of each flow, unless there is no log and no ``report=``."""
        from capdoit.output.report_pages import PageTargets, ReportPages

        targets = PageTargets(self._config.log, Path(variables.report) if variables.report else None)
        if targets.log or targets.file:
            self.events.subscribe(ReportPages(targets, self.events, self._find_commits))

    def _find_commits(self, before: Mapping[str, str], after: str) -> Sequence[Gap]:
        from capdoit.transfers.git_commits import find_known_changes

        return find_known_changes(self._config.file.parent, before, after)

    def render_failure(self, error: CapdoitError) -> str:
        """Return the text of an error as doit's reporter shows it: on a terminal, in the file of ``-o``, or in JSON."""
        from capdoit.output.console import Console
        from capdoit.output.report_lines import as_text, render_lines
        from capdoit.output.task_failure import describe_task_failure

        lines = describe_task_failure(error, self._find_place_in_log())
        if self._options.get("reporter") == "json":
            return self.events.redact_message(as_text(lines))
        return render_lines(Console(self._options.get("outfile", sys.stdout), self.events.redactor), lines)

    def report_teardown_failure(self, error: CapdoitError) -> None:
        """Report an error while doit ends, when doit does not print errors any more."""
        from capdoit.events import TeardownFailed
        from capdoit.output.report_lines import as_text
        from capdoit.output.task_failure import describe_task_failure

        self.events.emit(TeardownFailed(as_text(describe_task_failure(error, self._find_place_in_log()))))

    def _find_place_in_log(self) -> str:
        """Return file and line where the log has the failure that was just reported; empty if it does not."""
        return self._log.take_failure() if self._log else ""
