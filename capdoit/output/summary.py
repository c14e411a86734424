"""The closing summary of a flow, which can be pasted into a chat: what is live where, the times, how to go back."""

from __future__ import annotations

from collections.abc import Iterator

from capdoit.output.console import GOOD_MARK, Line, Tone
from capdoit.output.flow_display import FlowDisplay
from capdoit.text import get_first_line, group_names, join_names, shorten_revision
from capdoit.units import format_seconds


def render_summary(display: FlowDisplay) -> Iterator[Line]:
    """Yield the lines about a flow that came to its end; none for a dry run, and for a rollback inside another task."""
    started, finished = display.started, display.finished
    if not started or not finished or started.is_dry_run or started.is_drill or display.is_automatic_rollback:
        return
    yield f"{GOOD_MARK} {display.name}: {_result(display)}", Tone.GOOD
    yield f"  {_describe_code(display)}by {started.operator}{f': {started.message}' if started.message else ''}", None
    yield f"  {_describe_times(display)}", None
    yield from _warnings(display)
    if finished.missing:
        missing = f"{join_names(finished.missing)}, which could not be reached"
        advice = f"Once reachable, run: doit deploy:{started.stage}"
        yield f"  NOT deployed to {missing}. {advice}", Tone.DOUBTFUL
    if finished.undo:
        yield f"  {'To go back' if started.flow == 'deploy' else 'To undo this rollback'}: {finished.undo}", None


def _result(display: FlowDisplay) -> str:
    if not display.published:
        return f"{join_names(step.name for step in display.steps) or 'nothing'} done"
    releases = group_names(display.published.releases.items())
    return "; ".join(f"{release} is live on {hosts}" for release, hosts in releases.items())


def _describe_code(display: FlowDisplay) -> str:
    return f"{code}, " if (code := describe_code(display)) and display.published else ""


def describe_code(display: FlowDisplay) -> str:
    """Return the branch, the revision and its subject line, as far as they are known."""
    branch = display.started.branch if display.started and display.started.flow == "deploy" else ""
    revision = shorten_revision(display.decision.revision) if display.decision else ""
    subject = f'"{display.decision.subject}"' if display.decision and display.decision.subject else ""
    return " ".join(filter(None, (branch, revision, subject)))


def _describe_times(display: FlowDisplay) -> str:
    assert display.finished  # noqa: S101 - there is no summary before the end
    done = f"done after {format_seconds(display.finished.seconds)}"
    return f"live after {format_seconds(display.published.seconds)}, {done}" if display.published else done


def _warnings(display: FlowDisplay) -> Iterator[Line]:
    if count := len(display.warnings):
        yield f"  {count} warning{'s' if count > 1 else ''}:", Tone.DOUBTFUL
        for text in display.warnings:
            yield f"    {get_first_line(text)}", Tone.DOUBTFUL
