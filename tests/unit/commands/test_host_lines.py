"""The lines of hosts, shown as they come, or held until the command has ended."""

from __future__ import annotations

import io
import threading

import pytest

from capdoit.commands.host_lines import HostLines
from capdoit.output.console import Console


def test_held_lines_are_not_shown_by_a_timer_that_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, has_fired, has_ended = io.StringIO(), threading.Event(), threading.Event()
    show_held = HostLines._show_held

    def show_late(lines: HostLines) -> None:
        has_fired.set()
        has_ended.wait(60)
        show_held(lines)

    monkeypatch.setattr(HostLines, "_show_held", show_late)
    with HostLines(Console(stream), ["web1"], 0.01) as lines:
        lines.show("web1", "one")
        assert has_fired.wait(60)
    has_ended.set()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(60)
    assert not lines.is_showing
    assert stream.getvalue() == "", "the caller shows the results, which have these lines"


def interrupt(lines: HostLines) -> None:
    with lines:
        lines.show("web1", "one")
        raise KeyboardInterrupt


def test_held_lines_are_shown_when_the_command_is_interrupted() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        interrupt(HostLines(Console(stream), ["web1"], 60.0))
    assert "one" in stream.getvalue()
