"""The console as a listener of events, for the subcommands of `doit cap`; flows have a view."""

from __future__ import annotations

from capdoit import events
from capdoit.event_bus import EventBus
from capdoit.events import Event
from capdoit.output.console import Console
from capdoit.output.messages import write_message


class ConsoleListener:
    """Writes events to a console, one or more lines for each event that an operator wants to see.

    Args:
        console: the console.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: Event) -> None:
        """Write the lines of an event; events without a message are not shown."""
        if isinstance(event, events.HostOutput):
            self._console.write_output(event.host, event.text)
        else:
            write_message(self._console, event)


def console_events(console: Console) -> EventBus:
    """Return a bus whose events are shown on a console, masked by its redactor."""
    bus = EventBus(console.redactor)
    bus.subscribe(ConsoleListener(console))
    return bus
