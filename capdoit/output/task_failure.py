"""The text of an error that ends a doit task: a report, or the text of the error itself."""

from __future__ import annotations

from capdoit.errors import CapdoitError, DrillFailed, FlowAborted
from capdoit.output.drill_report import render_drill_failure
from capdoit.output.error_text import render_error
from capdoit.output.failure_report import render_failure


def render_task_failure(error: CapdoitError) -> str:
    """Return the complete text for the operator."""
    if isinstance(error, FlowAborted) and error.report:
        return render_failure(error.report)
    if isinstance(error, DrillFailed) and error.report:
        return render_drill_failure(error.report)
    return render_error(error)
