"""updating: the code arrives, and the release is made of it."""

from __future__ import annotations

from functools import partial

from capdoit.hosts.connection import Connection
from capdoit.state.run import Run
from capdoit.transfers import transfer_of


def updating(run: Run) -> None:
    """Resolve the revision once, then make a release of it on every host."""
    transfer = transfer_of(run.stage)
    code = transfer.resolve(run)
    run.revision, run.revision_time = code.revision, code.revision_time
    transfer.send(run)
    run.begun = True
    run.fleet.all(partial(_make_release, run))


def _make_release(run: Run, host: Connection) -> None:
    transfer = transfer_of(run.stage)
    files = ["steps/updating_create", *transfer.export, "steps/updating_link"]
    run.do(host, "updating", files, entry=run.entry("building"), **transfer.export_values(run.stage))
