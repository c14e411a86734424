"""reverting: the release to go back to is whole on every host."""

from __future__ import annotations

from functools import partial

from capdoit.errors import FleetDisagrees, HostReleases, HostsFailed, Outcome, Refusal
from capdoit.hosts.connection import Connection
from capdoit.operations.integrity import whole
from capdoit.records.facts import parse_revision
from capdoit.records.manifest import Comparison
from capdoit.state.run import Run

UNPACK = "steps/reverting_unpack"


def reverting(run: Run) -> None:
    """Verify the release on every host, unpacked where it is an archive; only then does it appear among the others.

    Raises:
        HostsFailed: it is not as it was shipped, or could not be verified; with what every host found.
        FleetDisagrees: an archive has another revision.
    """
    outcomes = run.fleet.each(partial(_verify, run), stop_on_failure=False)
    if not all(outcomes):
        raise HostsFailed(outcomes)
    hosts = [host for host in run.fleet.release_connections if host.name in run.archived]
    if hosts:
        if run.plan is None:  # else nothing was unpacked
            _agree(run, outcomes)
        run.fleet.all(partial(_place, run), hosts)


def _verify(run: Run, host: Connection) -> Comparison:
    return whole(run, host, [UNPACK] if host.name in run.archived else [])


def _agree(run: Run, outcomes: list[Outcome[Comparison]]) -> None:
    found = {o.host: _revision(run, o) for o in outcomes if o.answer}
    revisions = {run.revision, *found.values()} - {""}
    if len(revisions) != 1:
        hosts = [HostReleases(host, run.before(host) or "", answer=revision) for host, revision in found.items()]
        raise FleetDisagrees(Refusal.DIFFERENT_REVISIONS, hosts, run.release)
    run.revision = revisions.pop()


def _revision(run: Run, outcome: Outcome[Comparison]) -> str:
    if outcome.answer is None or outcome.host not in run.archived:
        return run.revision
    return parse_revision(outcome.host, outcome.answer.revision)


def _place(run: Run, host: Connection) -> None:
    run.do(host, "reverting", "steps/reverting_place")
