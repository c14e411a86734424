"""The timeline of a report page: the work of each host in each step, as SVG in percent of the width."""

from __future__ import annotations

from collections.abc import Iterator

from capdoit.output.flow_display import Ending, StepDisplay
from capdoit.output.html_text import Html, element
from capdoit.output.page_data import OUTSIDE, HostTrack, PageData, Span
from capdoit.units import format_seconds

KINDS = {Ending.FAILED: "failed", Ending.INTERRUPTED: "stopped"}
LEAST_PERCENT = 0.15  # of a bar, which would be invisible otherwise


class Axis:
    """The time from the left edge of a picture to its right edge.

    Args:
        began: time at the left edge.
        seconds: time between the two edges.
    """

    def __init__(self, began: float, seconds: float) -> None:
        self._began, self._seconds = began, max(seconds, 0.001)

    def place(self, time: float) -> str:
        """Return the distance of a time from the left edge."""
        return f"{self._percent(time - self._began):.3f}%"

    def width(self, seconds: float) -> str:
        """Return the width of a duration."""
        return f"{max(self._percent(seconds), LEAST_PERCENT):.3f}%"

    def _percent(self, seconds: float) -> float:
        return min(max(100 * seconds / self._seconds, 0.0), 100.0)


def render_timeline(data: PageData) -> Html:
    """Return the timeline of the flow: a row for each step, and a row for each host. All rows have one scale."""
    axis = Axis(data.display.began, data.seconds)
    steps = (_step_row(data, axis, step) for step in data.display.steps if step.name in data.tracks or step.is_hook)
    hosts = (_host_row(data, axis, host) for host in data.started.hosts)
    scale = element("p", f"All rows: the full width is {format_seconds(data.seconds)}.", class_="dim")
    return element("div", scale, *steps, *hosts, class_="timeline")


def render_bars(data: PageData, step: StepDisplay, host: str, track: HostTrack) -> Html:
    """Return the row of a host in a step, on an axis that ends at the barrier of the step."""
    axis = Axis(step.began, step.seconds or data.ended - step.began)
    marks = [_slowest_mark(axis, track)] if host == data.slowest.get(step.name) else []
    idle = element("rect", x="0", y="40%", width="100%", height="20%", class_="track")
    bars = (_bar(axis, _kind(step, span), step.name, span) for span in track.spans)
    seconds = format_seconds(track.seconds) if track.spans else ""
    barrier = _line("100%", "barrier")
    return _row(
        host, _picture(f"{host}: {seconds}", idle, *bars, barrier, *marks), element("span", seconds, class_="value")
    )


def render_legend() -> Html:
    """Return the meaning of the signs."""
    signs = [
        (element("rect", width="100%", height="100%", class_="step"), "step"),
        (element("rect", width="100%", height="100%", class_="hook"), "hook"),
        (element("rect", width="100%", height="100%", class_="failed"), "failed"),
        (element("rect", width="100%", height="100%", class_="stopped"), "stopped"),
        (element("rect", width="100%", height="100%", class_="outside"), "outside of the steps"),
        (_line("50%", "barrier"), "barrier: all hosts are done"),
        (_line("50%", "flip"), "live on all hosts"),
        (element("circle", cx="50%", cy="50%", r="5", class_="slowest"), "slowest host of the step"),
    ]
    shown = (element("span", element("svg", sign, aria_hidden="true"), text) for sign, text in signs)
    return element("p", *shown, class_="legend")


def _host_row(data: PageData, axis: Axis, host: str) -> Html:
    return _row(host, _picture(_describe_host(data, host), *_host_marks(data, axis, host)))


def _host_marks(data: PageData, axis: Axis, host: str) -> Iterator[Html]:
    """Yield the bars of a host, and the barriers, which continue from row to row."""
    outside = data.tracks.get(OUTSIDE, {}).get(host, HostTrack())
    yield from (_bar(axis, "outside", "outside of the steps", span) for span in outside.spans)
    for step in data.display.steps:
        track = data.tracks.get(step.name, {}).get(host, HostTrack())
        yield from (_bar(axis, _kind(step, span), step.name, span) for span in track.spans)
        if step.seconds is not None and data.tracks.get(step.name):
            yield _line(axis.place(step.began + step.seconds), "barrier")
        if host == data.slowest.get(step.name):
            yield _slowest_mark(axis, track)
    if published := data.display.published:
        yield _line(axis.place(data.display.began + published.seconds), "flip")


def _step_row(data: PageData, axis: Axis, step: StepDisplay) -> Html:
    """Return the row of a step, with its complete name next to the picture: a short bar has no room for it."""
    seconds = step.seconds or data.ended - step.began
    kind = KINDS.get(step.ending, "hook" if step.is_hook else "step")
    bar = element("rect", x=axis.place(step.began), y="35%", width=axis.width(seconds), height="30%", class_=kind)
    return _row(step.name, _picture(f"{step.name}: {format_seconds(seconds)}", bar))


def _kind(step: StepDisplay, span: Span) -> str:
    if span.reason:
        return "stopped" if span.is_cancelled else "failed"
    return "hook" if step.is_hook else "step"


def _bar(axis: Axis, kind: str, name: str, span: Span) -> Html:
    seconds = span.seconds or 0.0
    title = element("title", f"{name}: {format_seconds(seconds)}")
    place = {"x": axis.place(span.began), "y": "20%", "width": axis.width(seconds), "height": "60%"}
    return element("rect", title, **place, class_=kind)


def _slowest_mark(axis: Axis, track: HostTrack) -> Html:
    last = track.spans[-1]
    end = axis.place(last.began + (last.seconds or 0.0))
    return element(
        "circle", element("title", "the slowest host of the step"), cx=end, cy="50%", r="4", class_="slowest"
    )


def _line(x: str, kind: str) -> Html:
    return element("line", x1=x, x2=x, y1="0", y2="100%", class_=kind)


def _picture(description: str, *marks: Html) -> Html:
    return element("svg", *marks, role="img", aria_label=description)


def _row(name: str, *content: Html) -> Html:
    return element("div", element("span", name, class_="host", title=name), *content, class_="row")


def _describe_host(data: PageData, host: str) -> str:
    """Return the picture of a host in words, for readers who do not see it."""
    parts = []
    for step in data.display.steps:
        if track := data.tracks.get(step.name, {}).get(host):
            is_slowest = host == data.slowest.get(step.name)
            parts.append(f"{step.name} {format_seconds(track.seconds)}{' (slowest)' if is_slowest else ''}")
    return f"{host}: {', '.join(parts)}"
