"""The closing summary of a flow, which can be pasted into a chat: what is live where, the times, how to go back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from capdoit.events import FlowFinished, FlowStarted
from capdoit.output.console import GOOD_MARK, Line, Tone
from capdoit.output.flow_display import FlowDisplay
from capdoit.output.report_lines import ReportLine
from capdoit.text import get_first_line, join_names, list_names, name_hosts, shorten_revision
from capdoit.units import format_seconds


def render_summary(display: FlowDisplay, size: os.terminal_size | None) -> Iterator[Line]:
    """Yield the lines about a flow that came to its end; none for a dry run, and for a rollback inside another task.

    Args:
        display: the state of the flow.
        size: size of the terminal; None without one, where long lines stay as they are.
    """
    started, finished = display.started, display.finished
    if not started or not finished or started.is_dry_run or started.is_drill or started.undone_release:
        return
    for line, tone in _describe_flow(display, started, finished):
        yield from ((row, tone) for row in line.wrap(size.columns if size else None))


def _describe_flow(
    display: FlowDisplay, started: FlowStarted, finished: FlowFinished
) -> Iterator[tuple[ReportLine, Tone | None]]:
    yield ReportLine(f"{GOOD_MARK} {display.name}: {_result(display, started.hosts)}"), Tone.GOOD
    message = f": {started.message}" if started.message else ""
    yield _indented(f"{_describe_code(display)}by {started.operator}{message}"), None
    yield _indented(_describe_times(display)), None
    yield from ((line, Tone.DOUBTFUL) for line in _warnings(display))
    if finished.missing:
        missing = f"NOT deployed to {join_names(finished.missing)}, which could not be reached. Once reachable, run"
        yield _indented(missing, command=f"doit deploy:{started.stage}"), Tone.DOUBTFUL
    if finished.undo:
        undo = "To go back" if started.flow == "deploy" else "To undo this rollback"
        yield _indented(undo, command=finished.undo), None
    elif display.published and started.flow == "deploy":
        yield _indented("There is no other release that every host can go back to."), None


def _indented(text: str, command: str = "") -> ReportLine:
    return ReportLine(text, command=command, indentation=2)


def _result(display: FlowDisplay, hosts: Sequence[str]) -> str:
    if not display.published:
        return f"{join_names(step.name for step in display.steps) or 'nothing'} done"
    groups = list_names(display.published.releases.items())
    return "; ".join(f"{release} is live on {name_hosts(names, len(hosts))}" for release, names in groups.items())


def _describe_code(display: FlowDisplay) -> str:
    return f"{code}, " if (code := describe_code(display)) and display.published else ""


def describe_code(display: FlowDisplay) -> str:
    """Return the branch, the revision and its subject line, as far as they are known."""
    branch = display.started.branch if display.started and display.started.flow == "deploy" else ""
    revision = shorten_revision(display.decision.revision) if display.decision else ""
    subject = f'"{display.decision.subject}"' if display.decision and display.decision.subject else ""
    return " ".join(filter(None, (branch, revision, subject)))


def describe_release(release: str, revision: str) -> str:
    """Return a release with its revision, as far as they are known; ``nothing`` for an empty release."""
    return " ".join(filter(None, (release or "nothing", revision and f"({shorten_revision(revision)})")))


def _describe_times(display: FlowDisplay) -> str:
    assert display.finished  # noqa: S101 - there is no summary before the end
    done = f"done after {format_seconds(display.finished.seconds)}"
    return f"live after {format_seconds(display.published.seconds)}, {done}" if display.published else done


def _warnings(display: FlowDisplay) -> Iterator[ReportLine]:
    if count := len(display.warnings):
        yield _indented(f"{count} warning{'s' if count > 1 else ''}:")
        yield from (_indented(get_first_line(text)).indented(2) for text in display.warnings)
