"""The region of the live view, made with rich: the title of the flow, the current step, and a line for each host."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.text import Text

from capdoit.output.console import BAD_MARK, GOOD_MARK, RUNNING_MARK, Console, as_ascii
from capdoit.output.flow_display import FlowDisplay, HostWork, Upload, WorkState
from capdoit.output.screen import RegionLine
from capdoit.output.summary import describe_code
from capdoit.text import join_names, name_first, strip_colors
from capdoit.units import format_clock, format_seconds, format_size

MOST_HOSTS = 20  # of which each has a line
MOST_NAMED = 3  # of the next hosts
SLOWEST_HOSTS = 5  # that have a line if there are more
OTHER_ROWS = 5  # the title, the code, the step, the counts of hosts, and the row of the cursor
WIDE = 100  # columns from which bars are long
LOOKS = {
    WorkState.WORKING: (RUNNING_MARK, "cyan"),
    WorkState.DONE: (GOOD_MARK, "green"),
    WorkState.FAILED: (BAD_MARK, "red"),
    WorkState.STOPPED: (BAD_MARK, "yellow"),
}


def render_region(display: FlowDisplay, now: float, size: os.terminal_size, console: Console) -> list[RegionLine]:
    """Return the lines of the region.

    Args:
        display: the state of the flow.
        now: the time now.
        size: columns and lines of the terminal.
        console: says which characters and colors the terminal has.
    """
    width = size.columns - 1  # a full last column makes some terminals wrap
    parts = [*_titles(display, now, width), *_host_lines(display, now, size)]
    lines = _render(parts, width, console.has_colors).splitlines()
    texts = lines if console.has_unicode else [_to_ascii(line) for line in lines]
    return [RegionLine(text, cell_len(strip_colors(text))) for text in texts[: size.lines - 1]]


def _to_ascii(line: str) -> str:
    """Return a line in which marks are as wide as before."""
    marks = {ord(GOOD_MARK): "+", ord(BAD_MARK): "x", ord("…"): "~"}
    return as_ascii(line.translate(marks))


def _render(parts: Iterable[Text], width: int, has_colors: bool) -> str:
    target = io.StringIO()
    rich = RichConsole(
        file=target,
        force_terminal=True,
        width=width,
        color_system="standard" if has_colors else None,
        legacy_windows=False,
        highlight=False,
        _environ={},  # capdoit has decided about colors
    )
    rich.print(Text("\n").join(parts), overflow="ellipsis", no_wrap=True, crop=True)  # far cheaper than line by line
    return target.getvalue()


# -- the flow and its step


def _titles(display: FlowDisplay, now: float, width: int) -> Iterator[Text]:
    """Yield the title of the flow, in two lines if it is too long for one, and that of the step."""
    if display.name:
        title, code = _title(display, now), describe_code(display)
        fits = cell_len(f"{title}  {code}") <= width
        yield Text(f"{title}  {code}".rstrip() if fits else title, style="bold")
        yield from () if fits else [Text(f"  {code}")]
    yield Text(_step_title(display, now))


def _title(display: FlowDisplay, now: float) -> str:
    release = display.decision.release if display.decision else ""
    is_dry_run = display.started and display.started.is_dry_run
    name = f"{'dry run of ' if is_dry_run else ''}{display.name}"
    return "  ".join(filter(None, (format_clock(now - display.began), name, release, f"by {display.operator}")))


def _step_title(display: FlowDisplay, now: float) -> str:
    """Return the name of the step, its position in the flow, its duration, and the number of hosts that are done."""
    step = display.step
    name = step.name if step else _describe_other_work(display)
    number = f"({display.number(name)})" if display.number(name) else ""
    elapsed = format_clock(now - step.began) if step else ""
    pause = f"waiting before {name_first(display.next_hosts, MOST_NAMED)}" if display.next_hosts else ""
    return "  ".join(filter(None, (f"{RUNNING_MARK} {name}", number, elapsed, _count_done(display), pause)))


def _describe_other_work(display: FlowDisplay) -> str:
    """Return what hosts do outside of steps."""
    is_copying = any(work.upload for work in display.work.values())
    return "cleaning up" if display.has_failed else "copying files" if is_copying else "asking the hosts"


def _count_done(display: FlowDisplay) -> str:
    done = sum(work.state is WorkState.DONE for work in display.work.values())
    total = max(display.step.host_count if display.step else len(display.hosts), len(display.work))
    return f"{done} of {total} hosts" if total > 1 and display.work else ""


# -- the hosts


def _host_lines(display: FlowDisplay, now: float, size: os.terminal_size) -> Iterator[Text]:
    shown = _choose_hosts(display, now, size)
    name_width = max(map(cell_len, shown), default=0)
    for name in shown:
        yield _host_line(name.ljust(name_width), display.work[name], now, size.columns)
    if len(shown) < len(display.work):
        yield Text(f"  … {_count_others(display, shown)}")


def _choose_hosts(display: FlowDisplay, now: float, size: os.terminal_size) -> list[str]:
    """Return the hosts that have a line: all of them, or the slowest of many."""
    room = max(1, size.lines - OTHER_ROWS)
    if len(display.work) <= min(MOST_HOSTS, room + 1):
        return [*display.work]
    slowest = sorted(display.work, key=lambda name: _slowness(display.work[name], now), reverse=True)
    return slowest[: min(SLOWEST_HOSTS, room)]


def _slowness(work: HostWork, now: float) -> tuple[bool, bool, float]:
    """Return the sort key of a host: failed ones are first, then those at work, the slowest first."""
    return work.state is WorkState.FAILED, work.state is WorkState.WORKING, work.seconds(now)


def _count_others(display: FlowDisplay, shown: Sequence[str]) -> str:
    others = [work.state for name, work in display.work.items() if name not in shown]
    return "and " + join_names(f"{count} {state.value}" for state in WorkState if (count := others.count(state)))


def _host_line(name: str, work: HostWork, now: float, columns: int) -> Text:
    mark, color = LOOKS[work.state]
    seconds = format_seconds(work.seconds(now))
    return Text.assemble("  ", (mark, color), f" {name} {seconds:>6} ", _detail(work, now, columns))


def _detail(work: HostWork, now: float, columns: int) -> Text:
    """Return the progress of an upload, or the last line of output in its colors."""
    if work.upload and not work.upload.is_complete:
        return _upload(work.upload, now, columns)
    return Text.from_ansi(work.last_line) if work.last_line else Text()


def _upload(upload: Upload, now: float, columns: int) -> Text:
    length = 20 if columns >= WIDE else 10
    filled = int(upload.share * length)
    rate, left = upload.rate(now), upload.seconds_left(now)
    words = [
        f"{upload.share:4.0%}",
        f"of {format_size(upload.total_bytes / 1024)}",
        f"{format_size(rate / 1024)}/s" if rate else "",
        f"{format_seconds(left)} left" if left is not None else "",
    ]
    bar = Text.assemble(("█" * filled, "green"), ("░" * (length - filled), "dim"))
    return bar.append(" " + "  ".join(filter(None, words)))
