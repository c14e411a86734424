"""The names of runs, as views and the log call them, from the events of their starts."""

from __future__ import annotations

from capdoit import events

VERBS = {events.CheckStarted: "check", events.DrillStarted: "drill", events.SetupStarted: "setup"}


def find_verb(event: events.RunStarted) -> str:
    """Return the name of a doit task or subcommand without its stage: ``deploy``."""
    if isinstance(event, events.FlowStarted):
        return "drill" if event.is_drill else event.flow
    if isinstance(event, events.TaskStarted | events.CommandStarted):
        return event.name
    return VERBS[type(event)]


def name_run(event: events.RunStarted) -> str:
    """Return the name of a doit task or subcommand with its stage: ``deploy:production``, ``cap exec production``."""
    if isinstance(event, events.CommandStarted):
        return f"cap {event.name} {event.stage}"
    return f"{find_verb(event)}:{event.stage}"
