"""The protocol of a transfer: a way for code to reach hosts.

A transfer is a module of this room that defines one object, a line in the registry (``__init__.py``), and its scripts.
Modules of transfers are imported by every `doit list`, so they import what only a flow needs inside functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from capdoit.config.rules import SettingRule
from capdoit.config.settings import TransferSettings

if TYPE_CHECKING:
    from capdoit.config.stages import Stage
    from capdoit.hosts.connection import Connection
    from capdoit.state.context import FlowContext
    from capdoit.transfers.git_commits import Repository


@dataclass(frozen=True)
class ResolvedCode:
    """The code that a deploy will release.

    Attributes:
        revision: the commit, or the sha256 of the archive.
        revision_time: Unix seconds of the code as text; empty if a host finds it out itself.
        subject: subject line of the commit, for people; empty if it is not known.
    """

    revision: str
    revision_time: str = ""
    subject: str = ""

    def decide(self, context: FlowContext) -> None:
        """Complete the decision of a flow."""
        subject = context.events.redact(self.subject)  # the journal keeps it
        context.decide(revision=self.revision, revision_time=self.revision_time, subject=subject)


class CommitSource(Protocol):
    """The commits that a transfer deploys: what ``doit cap pending`` needs."""

    def find_tip(self, stage: Stage, branch: str, connection: Connection) -> str:
        """Return the commit that a deploy would release now, as one host sees it; change nothing.

        Raises:
            NotReady: the branch does not exist.
            HostError: the host cannot be asked, or cannot reach the source.
        """
        ...

    def open_repository(
        self, stage: Stage, revisions: Sequence[str], project: Path
    ) -> AbstractContextManager[Repository]:
        """Return a repository on the controller that holds these revisions, as far as they exist.

        Args:
            stage: the stage that is deployed.
            revisions: full revisions.
            project: directory of the project, which may be a clone.

        Raises:
            NotReady: the controller cannot get the commits.
        """
        ...


class Transfer(TransferSettings, Protocol):
    """A transfer. Inherit from this class: methods and attributes with a default may stay as they are.

    Attributes:
        name: value of ``transfer:`` that selects it.
        settings: its settings in deploy.yml by name.
        implied_by: the setting that selects this transfer where ``transfer:`` is not set; empty for none.
        tools: programs that hosts need for it.
        export: names of scripts, as in `shell_scripts`, that fill the directory ``$release_dir`` of a new release, with
            `export_values`. They may set ``revision`` and ``revision_time``.
        heeds_branch: whether ``branch=`` chooses the code.
        commits: its commits; None if its revisions are not commits.
    """

    name: str
    settings: Mapping[str, SettingRule]
    implied_by: str = ""
    tools: tuple[str, ...] = ()
    export: tuple[str, ...] = ()
    heeds_branch: bool = False
    commits: CommitSource | None = None

    def source(self, stage: Stage, branch: str | None) -> str:
        """Return the name of the code's source for people and for revisions.log, such as a branch.

        Args:
            stage: the stage that is deployed.
            branch: value of ``branch=``; None if it was not given.
        """
        ...

    def file_dependencies(self, stage: Stage) -> list[str]:  # noqa: ARG002
        """Return the files on the controller that a deploy needs; doit builds those that are targets of tasks."""
        return []

    def prepare(self, stage: Stage) -> None:  # noqa: ARG002
        """Check, before any host is touched, that the controller has all that a deploy needs.

        Raises:
            NotReady: something is missing.
        """
        return

    def find_sent_kib(self, stage: Stage) -> int:  # noqa: ARG002
        """Return the size in KiB of what the controller sends to each host; 0 if it sends nothing, or cannot tell."""
        return 0

    def resolve(self, context: FlowContext) -> ResolvedCode:
        """Return the code that this deploy will release on all hosts; let the hosts fetch it, if they do that.

        Raises:
            NotReady: the code does not exist.
            HostsFailed: a host that had to be asked failed, or did not receive the code.
        """
        ...

    def decide_and_make(self, context: FlowContext, make_releases: Callable[[], dict[str, str]]) -> dict[str, str]:
        """Decide which code this deploy releases, and make the release of it on all hosts.

        Args:
            context: the flow.
            make_releases: makes the releases, and returns what the `export` scripts of each host printed.

        Returns:
            What ``make_releases`` returned.

        Raises:
            NotReady: the code does not exist.
            HostsFailed: a host failed.
        """
        self.resolve(context).decide(context)
        return make_releases()

    def open_source(self, stage: Stage) -> AbstractContextManager[IO[bytes] | None]:  # noqa: ARG002
        """Return the file on the controller that the `export` scripts of a host read on their stdin; None for no file.

        Raises:
            OSError: the file cannot be read.
        """
        return nullcontext()

    def export_values(self, stage: Stage) -> Mapping[str, Any]:  # noqa: ARG002
        """Return values for the `export` scripts; they read the values of every step, too."""
        return {}

    def environment(self, stage: Stage) -> Mapping[str, str]:  # noqa: ARG002
        """Return environment variables for the `export` scripts; they may be secret."""
        return {}

    def find_remarks(self, stage: Stage, output: str) -> list[str]:  # noqa: ARG002
        """Return warnings about the code, from what the `export` scripts printed on a host."""
        return []

    def check_host(self, stage: Stage, branch: str, connection: Connection) -> None:  # noqa: ARG002
        """Check that a host can get the code.

        Raises:
            NotReady: the code does not exist.
            HostError: the host cannot reach the source.
        """
        return

    def find_omissions(self, stage: Stage, branch: str, connection: Connection) -> Sequence[str]:  # noqa: ARG002
        """Return what a release of the code would lack, as one host sees it, a sentence each.

        Raises:
            NotReady: the code does not exist.
            HostError: the host cannot be asked, or cannot reach the source.
        """
        return ()
