"""The arguments of hooks: the release on one host, the flow, and its failure."""

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
    """The release of a flow, on one host.

    Attributes:
        name: name of the release, 14 digits.
        path: its directory on the host.
        revision: the commit, or the sha256 of the archive; empty before ``updating``.
        previous: name of the release that was live before the flow; None if there was none.
        left: in a rollback, name of the release that was live before it.
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
        """The directory of the previous release; empty if there is none."""
        return self.beside(self.previous) if self.previous else ""

    def beside(self, name: str) -> str:
        """Return the directory of another release, such as ``left``."""
        return f"{dirname(self.path)}/{name}"


@dataclass(frozen=True)
class Flow:
    """The flow that a hook belongs to, in its current state.

    Attributes:
        name: ``deploy``, ``rollback``, or the name of a task on demand.
        stage: name of the stage.
        application: name of the application.
        release: name of the release; empty until it is chosen.
        revision: the commit, or the sha256 of the archive; empty until it is known.
        branch: the branch, tag or commit (``branch=``, or else the setting), or the path of the archive; empty in a
            rollback or a task on demand if its setting is a command or a question, which they do not need.
        hosts: names of the hosts that get releases.
        by: the operator.
        message: the operator's reason (``message=``).
        started: start of the flow, by the controller's monotonic clock.
        variables: other variables of the command line by name: those of recipes and of the project.
        warn: reports a problem without failing the flow; `doit cap status` shows it until a later flow has finished.
        drill: True in a drill.
        vars: values of ``vars`` in deploy.yml that apply to the stage, by name.
        skipped: names of the hooks that ``skip=`` omits.
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
    vars: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """The seconds since the start of the flow."""
        return time.monotonic() - self.started


@dataclass(frozen=True)
class Failure:
    """The failure of a flow, for ``on_failed`` hooks.

    Attributes:
        flow: ``deploy`` or ``rollback``.
        stage: name of the stage.
        step: name of the step or hook that failed.
        hosts: the hosts that failed; all hosts of the flow if the failure was on no host.
        outcomes: the outcome of each host, as far as it is known.
        error: the error.
        reason: first line of the error, without secrets.
        fleet: all hosts of the flow.
        release: name of the release; empty if none was chosen.
        published: True if the release is live on all hosts despite the failure.
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
