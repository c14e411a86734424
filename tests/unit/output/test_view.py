"""The view of a flow on a terminal that fails."""

from __future__ import annotations

import io
import sys
from typing import NoReturn

import pytest

from capdoit import events
from capdoit.event_bus import EventBus
from capdoit.output.screen import Screen
from capdoit.output.view import FlowView
from capdoit.output.view_choice import ViewRequest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fail(*_: object) -> NoReturn:
    raise RuntimeError("no drawing")


@pytest.mark.parametrize("broken", ["capdoit.output.live_view.render_region", "capdoit.output.screen.Screen.draw"])
def test_lines_go_on_where_the_live_view_fails(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, errors = Terminal(), io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("sys.stderr", errors)
    monkeypatch.setattr("sys.stdout", terminal)
    bus = EventBus()
    bus.subscribe(FlowView(bus, ViewRequest()))
    bus.emit(events.FlowStarted("a", ("web1",), "ann", "deploy", "main", "", run="r"))
    monkeypatch.setattr(broken, fail)
    bus.emit(events.StepStarted("starting", is_hook=False, run="r"))
    for number in range(3):
        bus.emit(events.Warned(f"warning {number}", run="r"))
    bus.emit(events.FlowFinished("deploy:a", (), 0, 1.0, run="r"))
    assert errors.getvalue() == "capdoit: the view of the flow failed: RuntimeError: no drawing\n"
    assert not isinstance(sys.stdout, Screen)
    assert "warning 1\n" in terminal.getvalue()
    assert "deploy:a: starting done" in terminal.getvalue()
