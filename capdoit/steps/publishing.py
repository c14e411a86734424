"""publishing, in two phases: every host prepares and verifies; only when all have does any flip."""

from __future__ import annotations

from functools import partial

from capdoit.errors import HostError, HostsFailed, Outcome
from capdoit.hosts.connection import Connection
from capdoit.operations.guards import probe
from capdoit.state.run import Run

# A flip is a rename: a host that has not answered by then is in doubt, and the others must not wait for it.
FLIP_SECONDS = 10


def publishing(run: Run) -> None:
    """Make the release live on all hosts, or leave all hosts as they were.

    Raises:
        HostsFailed: a host refused, or did not confirm; the others were flipped back.
    """
    probe(run)
    run.fleet.all(partial(_prepare, run))
    if run.plan is None:
        run.flipped = {host.name for host in run.fleet.release_connections}
    outcomes = run.fleet.each(partial(_go, run), stop_on_failure=False)
    if all(outcomes):
        run.published = run.plan is None
        return
    run.flipped = {outcome.host for outcome in _flip_back(run) if outcome.error}
    raise HostsFailed(outcomes)


def _prepare(run: Run, host: Connection) -> None:
    deploying = run.flow == "deploy"
    entry = run.entry("ready") if deploying else ""
    file = "steps/publishing_prepare"
    run.do(host, "publishing (prepare)", file, entry=entry, is_new=deploying, hooks_ran=run.is_hooked)


def _go(run: Run, host: Connection) -> None:
    entry = "\n".join(filter(None, (run.entry("live", host), run.note())))
    run.do(host, "publishing", "steps/publishing_flip", FLIP_SECONDS, entry=entry)


def _flip_back(run: Run) -> list[Outcome[None]]:
    """Hosts that were lost are asked again: they may have flipped before they went."""
    return run.fleet.uninterrupted(partial(_go_back, run))


def _go_back(run: Run, host: Connection) -> None:
    try:
        _undo(run, host)
    except HostError:
        if host.is_connected:
            raise
        _undo(run, host)  # its session had died since it flipped; there can be another


def _undo(run: Run, host: Connection) -> None:
    before, entry = run.facts[host.name].link, run.entry("back", host)
    run.do(host, "flip back", "steps/publishing_undo", FLIP_SECONDS, previous_target=before, entry=entry)
