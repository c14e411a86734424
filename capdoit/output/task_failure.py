"""The lines about an error that ends a doit task: a report, or the text of the error itself."""

from __future__ import annotations

from capdoit.errors import CapdoitError, DrillFailed, FlowAborted, SetupFailed
from capdoit.output.drill_report import describe_drill_failure
from capdoit.output.error_text import describe_cause, describe_error, render_advice
from capdoit.output.failure_report import describe_failure
from capdoit.output.report_lines import ReportLine, as_advice


def describe_task_failure(error: CapdoitError, place_in_log: str = "") -> list[ReportLine]:
    """Return the lines for the operator.

    Args:
        error: the error.
        place_in_log: file and line of the log with the details; empty for none.
    """
    place = [ReportLine(f"Log: {place_in_log}")] if place_in_log else []
    return [*_describe(error), *place]


def _describe(error: CapdoitError) -> list[ReportLine]:
    if isinstance(error, FlowAborted) and error.report:
        return describe_failure(error.report)
    if isinstance(error, DrillFailed) and error.report:
        return describe_drill_failure(error.report)
    if isinstance(error, SetupFailed):
        return [*describe_cause(error.cause), *as_advice(render_advice(error.cause, error.command))]
    return describe_error(error)
