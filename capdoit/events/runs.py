"""Events of everything that runs on hosts: beginnings, warnings and signals."""

from __future__ import annotations

from dataclasses import dataclass

from capdoit.events.event import Event


@dataclass(frozen=True)
class RunStarted(Event):
    """A flow, a drill, a check, a setup, a task on demand or a command began; no host was touched yet.

    Attributes:
        stage: name of the stage.
        hosts: names of the selected hosts.
        operator: user who started it.
    """

    stage: str
    hosts: tuple[str, ...]
    operator: str


@dataclass(frozen=True)
class CommandStarted(RunStarted):
    """A command of `doit cap` that may change hosts began.

    Attributes:
        name: name of the subcommand.
    """

    name: str


@dataclass(frozen=True)
class TaskStarted(RunStarted):
    """A task on demand began; its hosts are those that it runs on.

    Attributes:
        name: name of the task.
        is_interactive: its commands have the operator's terminal.
    """

    name: str
    is_interactive: bool = False


@dataclass(frozen=True)
class TaskFinished(Event):
    """A task on demand came to its end.

    Attributes:
        name: task and stage, such as ``cache_clear:production``.
        hosts: names of the hosts that it ran on.
        seconds: duration.
    """

    name: str
    hosts: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Warned(Event):
    """Something went wrong, and the flow goes on.

    Attributes:
        text: the warning.
        host: name of the host that it concerns; empty when it concerns the fleet.
    """

    text: str
    host: str = ""


@dataclass(frozen=True)
class SecretsNotMasked(Event):
    """Some secrets are so short that they are not masked.

    Attributes:
        variables: the environment variables that hold them.
    """

    variables: tuple[str, ...]


@dataclass(frozen=True)
class StopRequested(Event):
    """A signal asked the running flows to stop in order.

    Attributes:
        signal: its name for people: ``Ctrl-C``, ``SIGTERM``.
    """

    signal: str
