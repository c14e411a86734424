"""The doit reporter `capdoit`: leaves steps and hooks to the view of the flow, and begins a failure with its cause.

doit loads this module for each run of tasks in any project, so it imports only what every run needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doit.reporter import ConsoleReporter

if TYPE_CHECKING:
    from doit.exceptions import BaseFail
    from doit.task import Task


class CapdoitReporter(ConsoleReporter):  # type: ignore[misc]
    """doit's console reporter for the tasks of the project, and failures of flows without doit's words around them."""

    desc = "console output for deploys and rollbacks with capdoit"

    def execute_task(self, task: Task) -> None:
        """Name a task of the project; the view of the flow names steps and hooks."""
        if not _is_of_capdoit(task):
            super().execute_task(task)

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """Write why a task failed, at once."""
        from doit.exceptions import UnmetDependency

        if not _is_of_capdoit(task):
            super().add_failure(task, fail)
        elif not isinstance(fail, UnmetDependency):  # then an earlier step of the flow has the report
            self.write(f"{fail.get_msg().rstrip()}\n")

    def _write_failure(self, result: dict[str, Any], write_exception: bool = True) -> None:
        from capdoit.output.console import BAD_MARK, Console, Tone

        console = Console(self.outstream)
        console.write(f"{BAD_MARK} the task {result['task'].name} failed", Tone.BAD)
        if write_exception:
            console.write(result["exception"].get_msg().rstrip())


def _is_of_capdoit(task: Task) -> bool:
    from capdoit.doit_command import is_of_capdoit

    return is_of_capdoit(task)
