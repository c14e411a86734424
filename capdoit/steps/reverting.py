"""reverting: the release to go back to is complete on every host."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from capdoit.errors import FleetDisagrees, HostReleases, HostsFailed, Refusal
from capdoit.hosts.connection import Connection
from capdoit.operations.integrity import check_integrity
from capdoit.records.facts import parse_revision
from capdoit.state.context import FlowContext


def reverting(context: FlowContext) -> None:
    """Verify the release on every host, unpacked where it is an archive; only then move it into releases/.

    Raises:
        HostsFailed: it is not as it was shipped, or could not be verified, with the result of every host.
        FleetDisagrees: an archive has another revision.
    """
    outcomes = context.fleet.each(partial(check_integrity, context), stop_on_failure=False)
    if not all(outcomes):
        raise HostsFailed(outcomes)
    archived_on = context.decision.archived_on
    hosts = [host for host in context.fleet.release_connections if host.name in archived_on]
    if hosts:
        unpacked = {o.host: o.answer for o in outcomes if o.answer and o.host in archived_on}
        revisions = {host: parse_revision(host, comparison.revision) for host, comparison in unpacked.items()}
        context.decide(revision=_common_revision(context, revisions))
        context.fleet.all(partial(_place, context), hosts)


def _common_revision(context: FlowContext, unpacked: Mapping[str, str]) -> str:
    """Return the revision of the release; empty in a dry run, which unpacks nothing."""
    release, known = context.decision.release, context.decision.revision
    found = {known, *unpacked.values()} - {""}
    if len(found) > 1:
        revisions = {host.name: unpacked.get(host.name, known) for host in context.fleet.release_connections}
        before = context.progress.live_before
        hosts = [HostReleases(host, before(host) or "", answer=revision) for host, revision in revisions.items()]
        raise FleetDisagrees(Refusal.DIFFERENT_REVISIONS, hosts, release)
    return found.pop() if found else ""


def _place(context: FlowContext, connection: Connection) -> None:
    context.run(connection, "reverting", "steps/reverting_place")
