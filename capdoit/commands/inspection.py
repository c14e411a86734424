"""Questions to the hosts of a stage outside of a flow: `doit cap status` and others ask them. They take no lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from capdoit.commands.command_request import CommandRequest
from capdoit.config.stages import Stage
from capdoit.config.variables import select_release_hosts
from capdoit.errors import Outcome, answers
from capdoit.hosts.connection import Connection
from capdoit.operations.connections import compute_settings, find_hosts, make_fleet, without_unknown_secrets
from capdoit.operations.guards import read_note
from capdoit.operations.integrity import compare_release
from capdoit.operations.survey import survey_host
from capdoit.output.seen_releases import SeenReleases
from capdoit.records.facts import Facts
from capdoit.records.journal import Note
from capdoit.records.manifest import Comparison
from capdoit.transfers import transfer_of
from capdoit.transfers.protocol import CommitSource

T = TypeVar("T")


class Tip(NamedTuple):
    """The code that a deploy would release now.

    Attributes:
        branch: the branch, tag or commit that is deployed.
        revision: its commit as a host sees it; empty if no host answered.
    """

    branch: str
    revision: str


class Inspection:
    """The selected hosts of a stage that get releases, ready to be asked.

    Args:
        stage: the stage with all its hosts.
        request: has the variables and the console.
        flow: ``deploy`` if the needs of a deploy matter, secrets and programs included.

    Raises:
        ConfigError: no host that gets releases is selected, or a deploy's secret is not set.
    """

    def __init__(self, stage: Stage, request: CommandRequest, flow: str = "") -> None:
        chosen = select_release_hosts(find_hosts(stage), request.variables)
        selected = compute_settings(chosen, bool(flow), request.variables.branch)
        self._flow, self._message = flow, request.variables.message or ""
        self._depth = request.variables.verify or "full"
        self._stage = selected if flow else without_unknown_secrets(selected)
        self._branch = transfer_of(selected).source(selected, request.variables.branch)
        self._fleet = make_fleet(self._stage, request.events)
        self._seen_releases = SeenReleases(request.load_project().config.file, stage.name)

    def __enter__(self) -> Inspection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fleet.close()
        self._seen_releases.keep()

    @property
    def branch(self) -> str:
        """The branch, tag or commit that a deploy would release; the file of an archive."""
        return self._branch

    @property
    def message(self) -> str:
        """The operator's reason (``message=``); empty if none was given."""
        return self._message

    @property
    def connections(self) -> Sequence[Connection]:
        """Connections to the selected hosts that get releases."""
        return self._fleet.release_connections

    def ask_each(
        self, ask: Callable[[Connection], T], connections: Sequence[Connection] | None = None
    ) -> list[Outcome[T]]:
        """Ask hosts in parallel. The failure of one host does not stop the rest."""
        return self._fleet.each(ask, connections, stop_on_failure=False)

    def ask_all(self, ask: Callable[[Connection], T], connections: Sequence[Connection]) -> Mapping[str, T]:
        """Ask hosts in parallel, and return the answers by host.

        Raises:
            HostsFailed: a host failed.
        """
        return self._fleet.all(ask, connections)

    def survey(self, connection: Connection) -> Facts:
        """Return the facts of a host.

        Raises:
            HostError: the host did not answer.
        """
        facts = survey_host(connection, self._stage, self._flow)
        self._seen_releases.add(facts.held)
        return facts

    def compare_with_manifest(self, connection: Connection, release: str) -> Comparison:
        """Compare a release on a host with its manifest; contents are read unless ``verify=quick`` was typed.

        Raises:
            HostError: the release could not be compared.
        """
        return compare_release(connection, self._stage, release, self._depth)

    def find_tip(self, commits: CommitSource, connection: Connection) -> str:
        """Return the commit that a deploy would release now, as one host sees it.

        Raises:
            NotReady: the branch does not exist.
            HostError: the host cannot reach the repository.
        """
        return commits.find_tip(self._stage, self._branch, connection)


def inspect_hosts(
    stage: Stage, request: CommandRequest, ask: Callable[[Inspection, Connection], T]
) -> list[Outcome[T]]:
    """Ask every selected host that gets releases one question, and return the outcome of each host."""
    with Inspection(stage, request) as inspection:
        return inspection.ask_each(partial(ask, inspection))


def survey_hosts(stage: Stage, request: CommandRequest) -> list[Outcome[Facts]]:
    """Ask every selected host that gets releases for its facts."""
    return inspect_hosts(stage, request, Inspection.survey)


def survey_hosts_and_tip(
    stage: Stage, request: CommandRequest, commits: CommitSource
) -> tuple[list[Outcome[Facts]], Tip]:
    """Ask every selected host for its facts, and the first one that answered for what a deploy would release.

    Raises:
        NotReady: the branch does not exist.
        HostError: the host cannot reach the repository.
    """
    with Inspection(stage, request, "deploy") as inspection:
        outcomes = inspection.ask_each(inspection.survey)
        answered = [one for one, outcome in zip(inspection.connections, outcomes, strict=True) if outcome]
        revision = inspection.find_tip(commits, answered[0]) if answered else ""
        return outcomes, Tip(inspection.branch, revision)


def find_last_note(stage: Stage, request: CommandRequest) -> tuple[list[Outcome[Any]], Note | None]:
    """Ask every selected host for the note of the last deploy in its journal.

    Returns:
        The outcome of each host, and the newest note; None if there is none.
    """
    outcomes = inspect_hosts(stage, request, lambda _, connection: read_note(connection))
    notes = [note for note in answers(outcomes) if note]
    return outcomes, max(notes, key=lambda note: note.release, default=None)


def ask_every_host(stage: Stage, request: CommandRequest, ask: Callable[[Connection], T]) -> list[Outcome[T]]:
    """Ask every host of a stage, those without releases included, with the secrets of their default_env.

    Raises:
        ConfigError: a secret is not set.
    """
    stage = compute_settings(stage, is_deploy=False, branch=request.variables.branch)
    with closing(make_fleet(stage, request.events)) as fleet:
        return fleet.each(ask, fleet.connections, stop_on_failure=False)
