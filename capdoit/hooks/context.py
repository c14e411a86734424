"""What hooks are given: the release on one host, the flow, and why it failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from posixpath import dirname
from typing import TYPE_CHECKING, Any

from capdoit.errors import Outcome

if TYPE_CHECKING:
    from capdoit.hosts.host import Host


@dataclass(frozen=True)
class Release:
    """The release a flow is about, on one host.

    Attributes:
        name: fourteen digits.
        path: its directory on the host.
        revision: the commit, or the sha256 of the archive; empty before ``updating``.
        previous: the name of the release that was live before the flow; None when none was.
        left: in a rollback, the release rolled back from.
    """

    name: str
    path: str
    revision: str
    previous: str | None
    left: str | None = None

    @property
    def deploy_to(self) -> str:
        """The directory that holds ``releases``, ``shared`` and ``current``."""
        return dirname(dirname(self.path))

    @property
    def shared(self) -> str:
        """The directory that all releases share."""
        return f"{self.deploy_to}/shared"

    @property
    def previous_path(self) -> str:
        """The directory of ``previous``; empty when there is none."""
        return self.beside(self.previous) if self.previous else ""

    def beside(self, name: str) -> str:
        """The directory of another release, such as ``left``."""
        return f"{dirname(self.path)}/{name}"


@dataclass(frozen=True)
class Flow:
    """The flow that a hook is part of, as far as it has come.

    Attributes:
        name: ``deploy`` or ``rollback``.
        stage: the stage's name.
        application: what is deployed.
        release: the release's name; empty while none is chosen.
        revision: its commit, or its archive's sha256; empty while none is known.
        branch: what the commit was chosen by; empty in a rollback.
        hosts: the names of the hosts that get code.
        by: who started it.
        message: why, in the operator's words (``message=``).
        started: when it began, by the controller's monotonic clock.
        variables: what else the command line says, by name: the recipes' variables and the project's own.
        warn: say what went wrong without making the flow fail; when it finishes, `doit cap status` has it until the
            next flow is done.
        drill: whether it is only rehearsed.
    """

    name: str
    stage: str
    application: str
    release: str
    revision: str
    branch: str
    hosts: tuple[str, ...]
    by: str
    message: str
    started: float
    variables: Mapping[str, str]
    warn: Callable[[str], None] = field(compare=False)
    drill: bool = False

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self.started


@dataclass(frozen=True)
class Failure:
    """Why a flow did not finish; what an ``on_failed`` hook is given.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        stage: the stage's name.
        step: the step, or hook, in which it failed.
        hosts: the hosts that failed; all of them when it was no host's fault.
        outcomes: what each host answered, as far as it is known.
        error: the error.
        reason: its first line, without secrets.
        fleet: all hosts of the flow.
        release: the release's name; empty when none was chosen yet.
        published: whether the release is live all the same.
    """

    flow: str
    stage: str
    step: str
    hosts: tuple[Host, ...]
    outcomes: tuple[Outcome[Any], ...]
    error: BaseException
    reason: str
    fleet: tuple[Host, ...]
    release: str
    published: bool = False
