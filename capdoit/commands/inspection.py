"""Questions to the hosts of a stage outside of a flow: `doit cap status` and others ask them. Takes no lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from capdoit.commands.request import CommandRequest
from capdoit.config.stages import Stage
from capdoit.errors import Outcome, answers
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.operations.guards import note_of
from capdoit.operations.integrity import compare
from capdoit.operations.survey import ask_facts
from capdoit.records.facts import Facts
from capdoit.records.journal import Note
from capdoit.records.manifest import Comparison
from capdoit.state.run import begin, fleet_of
from capdoit.transfers.protocol import CommitSource

T = TypeVar("T")


class Inspection:
    """The selected hosts of a stage that get releases, ready to be asked.

    This is the only place where commands touch the state of a flow.

    Args:
        stage: with all its hosts.
        request: holds the variables and the console.
        flow: ``deploy`` if what a deploy needs matters, secrets and programs included.

    Raises:
        ConfigError: no host that gets releases is selected.
    """

    def __init__(self, stage: Stage, request: CommandRequest, flow: str = "") -> None:
        self._run = begin(flow, stage, request.variables, request.console)

    def __enter__(self) -> Inspection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run.fleet.close()

    @property
    def hosts(self) -> Sequence[Connection]:
        """The selected hosts that get releases."""
        return self._run.fleet.release_connections

    def ask_each(self, ask: Callable[[Connection], T], hosts: Sequence[Connection] | None = None) -> list[Outcome[T]]:
        """Ask hosts in parallel. The failure of one host does not stop the rest."""
        return self._run.fleet.each(ask, hosts, stop_on_failure=False)

    def ask_all(self, ask: Callable[[Connection], T], hosts: Sequence[Connection]) -> Mapping[str, Any]:
        """Ask hosts in parallel, and return the answers by host.

        Raises:
            HostsFailed: a host failed.
        """
        return self._run.fleet.all(ask, hosts)

    def survey(self, host: Connection) -> Facts:
        """Return the facts of a host.

        Raises:
            HostError: the host could not answer.
        """
        return ask_facts(self._run, host)

    def compare_with_manifest(self, host: Connection, release: str) -> Comparison:
        """Compare a release on a host with its manifest.

        Raises:
            HostError: the release could not be compared.
        """
        return compare(replace(self._run, release=release), host)

    def read_output(self, host: Connection, name: str, body: str, release: str, **values: Any) -> str:
        """Return the stdout of a script that changes nothing.

        Raises:
            HostError: the script failed.
        """
        script = replace(self._run, release=release).script(host, name, body, **values)
        return host.checked(Request(script, capture=True)).text

    def write_journal(self, host: Connection, name: str, body: str, event: str) -> str:
        """Run a script that writes an entry into the journal; return its stdout.

        Raises:
            HostError: the script failed.
        """
        return self._run.do(host, name, body, entry=self._run.entry(event))

    def find_tip(self, host: Connection, commits: CommitSource) -> str:
        """Return the commit that a deploy would release now, as a host sees it.

        Raises:
            NotReady: the repository does not have the branch.
            HostError: the host cannot ask the repository.
        """
        return commits.find_tip(self._run, host)


def inspect_hosts(
    stage: Stage, request: CommandRequest, ask: Callable[[Inspection, Connection], T]
) -> list[Outcome[T]]:
    """Ask every selected host that gets releases one question.

    Returns:
        an outcome for each host.
    """
    with Inspection(stage, request) as inspection:
        return inspection.ask_each(partial(ask, inspection))


def survey_hosts(stage: Stage, request: CommandRequest) -> list[Outcome[Facts]]:
    """Ask every selected host that gets releases for its facts."""
    return inspect_hosts(stage, request, Inspection.survey)


def survey_hosts_and_tip(
    stage: Stage, request: CommandRequest, commits: CommitSource
) -> tuple[list[Outcome[Facts]], str]:
    """Ask every selected host for its facts, and one of them for the commit that a deploy would release.

    Returns:
        an outcome for each host, and the commit as the first host that answered sees it; empty if none answered.

    Raises:
        NotReady: the repository does not have the branch.
        HostError: the host cannot ask the repository.
    """
    with Inspection(stage, request, "deploy") as inspection:
        outcomes = inspection.ask_each(inspection.survey)
        answered = [host for host, outcome in zip(inspection.hosts, outcomes, strict=True) if outcome]
        return outcomes, inspection.find_tip(answered[0], commits) if answered else ""


def find_last_note(stage: Stage, request: CommandRequest) -> tuple[list[Outcome[Note | None]], Note | None]:
    """Ask every selected host for the note of the last deploy in its journal.

    Returns:
        an outcome for each host, and the newest note; None if there is none.
    """
    outcomes = inspect_hosts(stage, request, lambda _, host: note_of(host))
    notes = [note for note in answers(outcomes) if note]
    return outcomes, max(notes, key=lambda note: note.release, default=None)


def ask_every_host(stage: Stage, request: CommandRequest, ask: Callable[[Connection], T]) -> list[Outcome[T]]:
    """Ask every host of a stage, those without releases included, with the secrets of their default_env.

    Raises:
        ConfigError: a secret is not set.
    """
    with closing(fleet_of(stage, request.console)) as fleet:
        return fleet.each(ask, fleet.connections, stop_on_failure=False)
