"""The report page of a flow: one HTML file that needs no network and no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit.output.failure_report import render_failure
from capdoit.output.flow_display import StepDisplay
from capdoit.output.html_text import Html, element, join
from capdoit.output.kept_output import KeptOutput, OutputBlock, OutputKind
from capdoit.output.page_data import OUTSIDE, HostTrack, PageData, Verdict
from capdoit.output.report_files import MARK
from capdoit.output.report_timeline import render_bars, render_legend, render_timeline
from capdoit.output.summary import describe_code, describe_release
from capdoit.text import group_names, join_names, join_values, make_printable, shorten_revision, strip_colors
from capdoit.units import format_seconds

if TYPE_CHECKING:
    from capdoit.records.revision_gap import Commit, Gap

STYLE = Path(__file__).with_suffix(".css")
WORDS = {
    Verdict.RUNNING: ("did not end", "bad"),
    Verdict.DONE: ("done", "good"),
    Verdict.FAILED: ("failed", "bad"),
    Verdict.UNDONE: ("failed, and was rolled back", "bad"),
    Verdict.INTERRUPTED: ("interrupted", "bad"),
    Verdict.STOPPED: ("stopped as requested", "doubtful"),
}
MOST_COMMITS = 100
LEAST_WAIT_SECONDS = 0.1
MOST_ROWS, ROWS_OF_MANY = 20, 8  # of a step that are not folded


COMMIT_DIGITS = 40  # of a commit; the checksum of an archive has 64
SCALE = "The bars of each step have a scale of their own: the full width is the time of the step."


def render_page(data: PageData, commits: Sequence[Gap], redact: Callable[[str], str], log: str) -> str:
    """Return the page.

    Args:
        data: the flow.
        commits: what it changed, as far as the controller knows these commits.
        redact: masks the secrets in the text of an error.
        log: path of the log file, for the reader; empty without a log.
    """
    title = f"{data.display.name}: {WORDS[data.verdict][0]}"
    body = (
        _verdict(data, redact),
        _facts(data),
        *_warnings(data),
        *_commits(data, commits),
        _section("Timeline", render_legend(), render_timeline(data)),
        _section("Steps", element("p", SCALE, class_="dim"), *_steps(data)),
        _footer(data, log),
    )
    return f"{MARK}\n{element('html', _head(title), element('body', *body), lang='en')}\n"


def _head(title: str) -> Html:
    style = STYLE.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Html(style)),
    )


def _section(heading: str, *content: str) -> Html:
    return element("section", element("h2", heading), *content)


# -- the verdict


def _verdict(data: PageData, redact: Callable[[str], str]) -> Html:
    word, tone = WORDS[data.verdict]
    heading = element("h1", data.display.name, " ", element("span", word, class_="word"))
    report = [element("pre", _lines(redact(render_failure(data.report))))] if data.report else []
    return element("header", heading, *_live(data), *report, class_=f"verdict {tone}")


def _live(data: PageData) -> Iterator[Html]:
    if published := data.display.published:
        for release, hosts in group_names(published.releases.items()).items():
            was = "is" if data.verdict is Verdict.DONE else "became"
            yield element("p", f"{release} {was} live on {hosts}, {format_seconds(published.seconds)} after the start")
    for host, reason in data.left_out.items():
        yield element("p", f"Without {host}: {reason}")
    if data.display.finished and (undo := data.display.finished.undo):
        yield element("p", "To go back: ", element("code", undo))


# -- who, what, why


def _facts(data: PageData) -> Html:
    rows = ((element("dt", name), element("dd", value)) for name, value in _named_facts(data) if value)
    return element("dl", *(part for row in rows for part in row))


def _named_facts(data: PageData) -> Iterator[tuple[str, str]]:
    started, decision = data.started, data.display.decision
    yield "Who", started.operator
    yield "When", f"{data.began_at:%A, %Y-%m-%d %H:%M:%S %Z}, took {format_seconds(data.seconds)}"
    yield "What", describe_code(data.display)
    yield "Why", started.message
    yield "Release", decision.release if decision else ""
    yield "Before", _live_before(data)
    yield "Hosts", join_names(started.hosts)


def _live_before(data: PageData) -> str:
    return join_values({host: describe_release(one.release, one.revision) for host, one in data.live_before.items()})


def _warnings(data: PageData) -> Iterator[Html]:
    if texts := data.display.warnings:
        yield _section("Warnings", element("ul", *(element("li", element("pre", _lines(text))) for text in texts)))


# -- commits


def _commits(data: PageData, changes: Sequence[Gap]) -> Iterator[Html]:
    if changes:
        heading = "Commits" if data.display.published else "Commits that did not go live"
        lists = (part for change in changes for part in _change(change, is_for_all=len(changes) == 1))
        yield _section(heading, *lists)
    elif reason := _why_unknown(data):
        yield _section("Commits", element("p", reason))


def _why_unknown(data: PageData) -> str:
    """Return why the page has no commits; empty if there are none, or if the code is no commit."""
    after = data.display.decision.revision if data.display.decision else ""
    before = {live.revision for live in data.live_before.values()} - {after, ""}
    if len(after) != COMMIT_DIGITS or not before:
        return ""
    names = join_names(shorten_revision(revision) for revision in sorted(before))
    return (
        f"The commits between {names} and {shorten_revision(after)} are not known: the directory of deploy.yml is not "
        "a git clone that has all of them."
    )


def _change(change: Gap, is_for_all: bool) -> Iterator[Html]:
    where = "" if is_for_all else f" on {join_names(change.hosts)}"
    for commits, what in ((change.comes, "new"), (change.goes, "taken away")):
        if commits:
            yield element(
                "p", f"{len(commits)} {what}{where}, since {shorten_revision(change.revision)}:", class_="dim"
            )
            yield element("ul", *map(_commit, commits[:MOST_COMMITS]), *_more(commits), class_="commits")


def _commit(commit: Commit) -> Html:
    revision = element("code", shorten_revision(commit.revision))
    subject = element("span", commit.subject, class_="subject")
    return element("li", revision, subject, element("span", f"{commit.author}, {commit.date}", class_="dim"))


def _more(commits: Sequence[Commit]) -> list[Html]:
    left_out = len(commits) - MOST_COMMITS
    return [element("li", f"and {left_out} more")] if left_out > 0 else []


# -- steps


def _steps(data: PageData) -> Iterator[Html]:
    for step in data.display.steps:
        yield _step(data, step, data.tracks.get(step.name, {}))
    if tracks := data.tracks.get(OUTSIDE):
        rows = (_host(element("span", host, class_="host"), track, is_open=False) for host, track in tracks.items())
        yield element("div", element("header", element("h3", "outside of the steps")), *rows, class_="part")


def _step(data: PageData, step: StepDisplay, tracks: dict[str, HostTrack]) -> Html:
    seconds = format_seconds(step.seconds) if step.seconds is not None else "did not end"
    heading = element("h3", f"{'hook ' if step.is_hook else ''}{step.name}")
    head = element("header", heading, element("span", seconds, class_="dim"), *_barrier(data, step))
    opened = next((host for host, track in tracks.items() if track.has_failed), "")
    rows = {
        host: _host(render_bars(data, step, host, track), track, is_open=host == opened)
        for host, track in tracks.items()
    }
    return element("div", head, *_rows(rows, tracks), class_="part")


def _rows(rows: Mapping[str, Html], tracks: Mapping[str, HostTrack]) -> Iterator[Html]:
    """Yield the rows of a step; of many hosts, those to look at come first, and the rest is folded."""
    if len(rows) <= MOST_ROWS:
        yield from rows.values()
        return
    by_interest = sorted(tracks, key=lambda host: (not tracks[host].reason, -tracks[host].seconds))
    yield from (rows[host] for host in by_interest[:ROWS_OF_MANY])
    folded = [rows[host] for host in tracks if host not in by_interest[:ROWS_OF_MANY]]
    more = element("span", f"{len(folded)} more hosts", class_="host dim")
    yield element("details", element("summary", more), *folded)


def _barrier(data: PageData, step: StepDisplay) -> Iterator[Html]:
    """Yield the host for which the rest waited, unless they waited for a moment only."""
    if slowest := data.slowest.get(step.name):
        tracks = data.tracks[step.name]
        waited = tracks[slowest].ended - min(track.ended for track in tracks.values() if track.spans)
        if waited >= LEAST_WAIT_SECONDS:
            yield element("span", f"the rest waited up to {format_seconds(waited)} for {slowest}", class_="dim")


def _host(row: Html, track: HostTrack, is_open: bool) -> Html:
    """Return the row of a host with its output below it, folded unless it is open."""
    reason = [element("p", track.reason, class_="reason" if track.has_failed else "dim")] if track.reason else []
    if not track.output.first:
        return join(row, *reason)
    return join(element("details", element("summary", row), _output(track.output), open=is_open), *reason)


def _output(output: KeptOutput) -> Html:
    left_out = [element("span", f"… {output.left_out} lines are left out …\n", class_="dim")] if output.left_out else []
    return element("pre", *_blocks(output.first), *left_out, *_blocks(output.last), class_="output")


def _blocks(blocks: Iterable[OutputBlock]) -> Iterator[Html]:
    """Yield an element for blocks of one kind that follow each other; commands stay apart."""
    for kind, group in groupby(blocks, key=lambda block: block.kind):
        texts = [f"{strip_colors(block.text)}\n" for block in group]
        for text in texts if kind is OutputKind.COMMAND else ["".join(texts)]:
            yield element("span", text, class_=kind.value)


def _footer(data: PageData, log: str) -> Html:
    details = f"Run {data.started.run}.{f' Everything that was sent and came back is in {log}.' if log else ''}"
    return element("footer", element("p", details, class_="dim"))


def _lines(text: str) -> str:
    return "\n".join(map(make_printable, text.splitlines()))
