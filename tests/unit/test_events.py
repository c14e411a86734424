"""The bus that delivers events to listeners."""

from __future__ import annotations

import io
import os
import pkgutil
from importlib import import_module
from typing import Any, cast

import pytest

from capdoit import events
from capdoit.errors import HostError
from capdoit.event_bus import EventBus
from capdoit.events import Event
from capdoit.state.decision import Decision

TAKEN = events.LockTaken("web1")


def ignore(_: Event) -> None:
    """Keep no state."""


def test_every_event_of_a_subject_is_a_name_of_the_package() -> None:
    subjects = [import_module(f"capdoit.events.{module.name}") for module in pkgutil.iter_modules(events.__path__)]
    values = {name: value for module in subjects for name, value in vars(module).items()}
    defined = {name for name, value in values.items() if isinstance(value, type) and issubclass(value, Event)}
    assert defined <= {*events.__all__}


def test_every_listener_gets_every_event_in_the_order_of_subscription() -> None:
    bus, heard = EventBus(), list[str]()
    bus.subscribe(lambda _: heard.append("first"))
    bus.subscribe(lambda _: heard.append("second"))
    bus.emit(TAKEN)
    assert heard == ["first", "second"]


def test_events_of_a_flow_reach_the_listeners_outside() -> None:
    bus, outside, inside = EventBus(), list[Event](), list[Event]()
    bus.subscribe(outside.append)
    bus.for_flow(inside.append, "1f").emit(TAKEN)
    assert inside == outside == [TAKEN]


def test_listeners_outside_can_tell_the_events_of_two_flows_apart() -> None:
    bus, runs = EventBus(), list[str]()
    bus.subscribe(lambda event: runs.append(event.run))
    for emitting in (bus, bus.for_flow(ignore, "1f"), bus.for_flow(ignore, "2e")):
        emitting.emit(TAKEN)
    assert runs == ["", "1f", "2e"]


def test_a_flow_does_not_get_the_events_of_a_flow_that_was_started_from_it() -> None:
    """The short drill after a deploy must not change the decision of the deploy."""
    bus, outside, deploy = EventBus(), list[Event](), list[Event]()
    bus.subscribe(outside.append)
    bus.for_flow(deploy.append, "1f").for_flow(ignore, "1f").emit(TAKEN)
    assert (outside, deploy) == ([TAKEN], [])


@pytest.mark.parametrize(
    ("event", "masked"),
    [
        (events.Warned("the password is hunter22"), events.Warned("the password is ***")),
        (events.StepPlanned("updating", ("PASSWORD=hunter22",)), events.StepPlanned("updating", ("PASSWORD=***",))),
        (events.Decided(Decision("hunter22")), events.Decided(Decision("***"))),
        (events.LockAwaited({"web1": "hunter22"}, 5), events.LockAwaited({"web1": "***"}, 5)),
    ],
)
def test_no_listener_gets_a_secret(event: Event, masked: Event) -> None:
    bus, heard = EventBus(), list[Event]()
    bus.redactor.add(["hunter22"])
    bus.subscribe(heard.append)
    bus.emit(event)
    assert heard == [masked]


def test_the_state_of_a_flow_knows_hosts_by_their_names_even_if_a_secret_is_a_part_of_them() -> None:
    bus, state = EventBus(), list[Event]()
    bus.redactor.add(["web1"])
    bus.for_flow(state.append, "1f").emit(TAKEN)
    assert state == [TAKEN]


def test_a_listener_that_fails_is_reported_once_and_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    bus, heard = EventBus(), list[Event]()

    def broken(_: Event) -> None:
        raise OSError("no space left")

    bus.subscribe(broken)
    bus.subscribe(heard.append)
    bus.emit(TAKEN)
    bus.emit(TAKEN)
    assert heard == [TAKEN, TAKEN]
    assert capsys.readouterr().err.count("failed: OSError: no space left") == 1


def fail(_: Event) -> None:
    raise OSError("the password is hunter22")


def test_the_error_of_a_listener_is_shown_without_secrets_also_while_a_view_holds_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = EventBus()
    bus.redactor.add(["hunter22"])
    bus.subscribe(fail)
    held = io.StringIO()
    monkeypatch.setattr("sys.stderr", held)
    bus.emit(TAKEN)
    assert held.getvalue() == ""
    assert capsys.readouterr().err.endswith("failed: OSError: the password is ***\n")


def test_the_error_of_a_listener_ends_no_flow_also_if_nobody_reads_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    with os.fdopen(write_fd, "wb", buffering=0) as closed:
        monkeypatch.setattr("sys.stderr", io.TextIOWrapper(closed, write_through=True))
        bus, heard = EventBus(), list[Event]()
        bus.subscribe(fail)
        bus.subscribe(heard.append)
        bus.emit(TAKEN)
    assert heard == [TAKEN]


def test_an_event_that_cannot_be_masked_reaches_nobody_and_ends_no_flow(capsys: pytest.CaptureFixture[str]) -> None:
    bus, heard = EventBus(), list[Event]()
    bus.subscribe(heard.append)
    nested: list[object] = []
    nested.append(nested)
    bus.emit(events.LockAwaited(cast(Any, nested), 5))  # a mistake in a step
    assert heard == []
    assert "the masking of secrets failed: RecursionError" in capsys.readouterr().err


def test_an_error_in_the_state_of_a_flow_is_raised() -> None:
    def fold(_: Event) -> None:
        raise HostError("web1", "malformed")

    with pytest.raises(HostError):
        EventBus().for_flow(fold, "1f").emit(TAKEN)
