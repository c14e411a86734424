"""The lines about an error that ends a doit task: a report, or the text of the error itself."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from capdoit.errors import CapdoitError, DrillFailed, FlowAborted, SetupFailed
from capdoit.output.console import BAD_MARK
from capdoit.output.drill_report import describe_drill_failure
from capdoit.output.error_text import describe_cause, describe_error, render_advice
from capdoit.output.failure_report import describe_failure
from capdoit.output.report_lines import Kind, ReportLine, as_advice, as_lines
from capdoit.text import join_names, make_printable


def describe_task_failure(error: CapdoitError, place_in_log: str = "") -> list[ReportLine]:
    """Return the lines for the operator.

    Args:
        error: the error.
        place_in_log: file and line of the log with the details; empty for none.
    """
    place = [ReportLine(f"Log: {place_in_log}")] if place_in_log else []
    return [*_describe(error), *place]


def describe_failed_task(name: str, reason: str, output: str) -> list[ReportLine]:
    """Return the lines about a task of the project that failed.

    Args:
        name: name of the task.
        reason: the text of doit.
        output: the output of the task that was not shown yet.
    """
    cause = as_lines(f"{BAD_MARK} the task {name} failed\n{reason.rstrip()}", Kind.CAUSE)
    return [*cause, *(ReportLine(make_printable(line), Kind.OUTPUT, indentation=4) for line in output.splitlines())]


def describe_missing_start(wanted: Sequence[str], failed: Sequence[str], arguments: Sequence[str]) -> list[ReportLine]:
    """Return the lines about flows that did not begin because tasks of the project failed.

    Args:
        wanted: names of the flows.
        failed: names of the tasks.
        arguments: the arguments of doit.
    """
    sentence = f"{BAD_MARK} {join_names(wanted)} did not begin, since {join_names(failed)} failed. No host was touched."
    return [ReportLine(sentence, Kind.CAUSE), ReportLine("Once fixed, run", command=shlex.join(["doit", *arguments]))]


def _describe(error: CapdoitError) -> list[ReportLine]:
    if isinstance(error, FlowAborted) and error.report:
        return describe_failure(error.report)
    if isinstance(error, DrillFailed) and error.report:
        return describe_drill_failure(error.report)
    if isinstance(error, SetupFailed):
        return [*describe_cause(error.cause), *as_advice(render_advice(error.cause, error.command))]
    return describe_error(error)
