"""The doit reporter `capdoit`: leaves steps and hooks to the view of the flow, and begins a failure with its cause.

doit loads this module for each run of tasks in any project, so it imports only what every run needs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from doit.reporter import ConsoleReporter

if TYPE_CHECKING:
    from doit.exceptions import BaseFail
    from doit.task import Task

    from capdoit.output.report_lines import ReportLine

STDERR_SHOWN, STDOUT_SHOWN = 1, 2  # the verbosity of a task from which doit shows its output at once


class CapdoitReporter(ConsoleReporter):  # type: ignore[misc]
    """doit's console reporter for the tasks of the project, and failures of flows without doit's words around them."""

    desc = "console output for deploys and rollbacks with capdoit"

    def initialize(self, tasks: Mapping[str, Task], selected_tasks: Sequence[str]) -> None:
        """Note which flows and other tasks of capdoit are wanted."""
        super().initialize(tasks, selected_tasks)
        self._wanted = [name for name in selected_tasks if name in tasks and _is_of_capdoit(tasks[name])]
        self._failed: list[str] = []

    def execute_task(self, task: Task) -> None:
        """Name a task of the project; the view of the flow names steps and hooks."""
        if _is_of_capdoit(task):
            self._wanted = []  # something of capdoit has begun, and reports its end itself
        else:
            super().execute_task(task)

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """Write why a task failed, at once."""
        from doit.exceptions import UnmetDependency

        if isinstance(fail, UnmetDependency):  # the task that failed has told why
            return
        if _is_of_capdoit(task):
            self.write(f"{fail.get_msg().rstrip()}\n")
        else:
            self._failed.append(task.name)
            self._show_failed_task(task, fail)

    def _show_failed_task(self, task: Task, fail: BaseFail) -> None:
        """Write why a task of the project failed, and its output unless doit has shown it."""
        from capdoit.output.task_failure import describe_failed_task

        err = "".join(action.err or "" for action in task.actions) if task.verbosity < STDERR_SHOWN else ""
        out = "".join(action.out or "" for action in task.actions) if task.verbosity < STDOUT_SHOWN else ""
        self._write_lines(describe_failed_task(task.name, fail.get_msg(), out + err))

    def _write_lines(self, lines: Sequence[ReportLine]) -> None:
        from capdoit.output.console import Console
        from capdoit.output.report_lines import render_lines

        self.write(f"{render_lines(Console(self.outstream), lines)}\n")

    def complete_run(self) -> None:
        """Say which flows did not begin, and write the errors of doit itself; those of tasks are shown already."""
        from capdoit.output.task_failure import describe_missing_start

        if self._failed and self._wanted:
            self._write_lines(describe_missing_start(self._wanted, self._failed, sys.argv[1:]))
        self.failures: list[dict[str, Any]] = []
        super().complete_run()


def _is_of_capdoit(task: Task) -> bool:
    from capdoit.doit_command import is_of_capdoit

    return is_of_capdoit(task)
