"""Events of setups."""

from __future__ import annotations

from dataclasses import dataclass

from capdoit.events.event import Event
from capdoit.events.runs import RunStarted


@dataclass(frozen=True)
class SetupStarted(RunStarted):
    """The setup of the hosts of a stage began."""


@dataclass(frozen=True)
class LinkedFileUploaded(Event):
    """A setup uploaded a linked file, or would upload it.

    Attributes:
        path: the path below ``shared``.
        source: the file on the controller, as people know it.
        hosts: names of the hosts that got it.
        is_new: false if another file was replaced.
        is_dry_run: whether it was only planned.
        lines: the differences from a file that would be replaced, without the values in the files.
    """

    path: str
    source: str
    hosts: tuple[str, ...]
    is_new: bool
    is_dry_run: bool
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class LinkedFileDiffers(Event):
    """A setup found a linked file that is not equal to the file on the controller, and leaves it as it is.

    Attributes:
        path: the path below ``shared``.
        source: the file on the controller, as people know it.
        hosts: names of the hosts on which it differs in the same lines.
        lines: the differences, without the values in the files.
        command: the command that replaces the file.
    """

    path: str
    source: str
    hosts: tuple[str, ...]
    lines: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class SetupAborted(Event):
    """A setup did not come to its end.

    Attributes:
        reason: cause in one line.
    """

    reason: str


@dataclass(frozen=True)
class SetupFinished(Event):
    """A setup is done.

    Attributes:
        stage: name of the stage.
        hosts: number of hosts.
        has_created: whether a directory was created.
        has_uploaded: whether a linked file was uploaded.
        has_differences: whether a linked file differs and stays as it is.
        is_dry_run: whether it was a dry run.
    """

    stage: str
    hosts: int
    has_created: bool
    has_uploaded: bool
    has_differences: bool
    is_dry_run: bool
