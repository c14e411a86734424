"""The doit reporter `capdoit`: leaves steps and hooks to the view of the flow, and begins a failure with its cause.

doit loads this module for each run of tasks in any project, so it imports only what every run needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doit.reporter import ConsoleReporter

if TYPE_CHECKING:
    from doit.exceptions import BaseFail
    from doit.task import Task

    from capdoit.output.console import Line


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

        if _is_of_capdoit(task) and isinstance(fail, UnmetDependency):
            return  # an earlier step of the flow has the report
        if _is_of_capdoit(task):
            self._write_lines(_describe_failed_flow(fail))
        else:
            super().add_failure(task, fail)

    def _write_failure(self, result: dict[str, Any], write_exception: bool = True) -> None:
        self._write_lines(_describe_failed_task(result["task"], result["exception"], write_exception))

    def _write_lines(self, lines: list[Line]) -> None:
        from capdoit.output.console import Console

        console = Console(self.outstream)
        for text, tone in lines:
            console.write(text, tone)


def _describe_failed_flow(fail: BaseFail) -> list[Line]:
    from capdoit.output.console import Tone

    cause, newline, rest = fail.get_msg().rstrip("\n").partition("\n")
    return [(cause, Tone.BAD), *([(rest, None)] if newline else [])]


def _describe_failed_task(task: Task, fail: BaseFail, with_message: bool) -> list[Line]:
    from capdoit.output.console import BAD_MARK, Tone

    message = fail.get_msg().rstrip("\n")
    return [(f"{BAD_MARK} the task {task.name} failed", Tone.BAD), *([(message, None)] if with_message else [])]


def _is_of_capdoit(task: Task) -> bool:
    from capdoit.doit_command import is_of_capdoit

    return is_of_capdoit(task)
