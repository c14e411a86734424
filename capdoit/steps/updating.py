"""updating: the code arrives, and the release is made of it."""

from __future__ import annotations

from functools import partial

from capdoit.hosts.connection import Connection
from capdoit.script import script_file
from capdoit.state.run import Run
from capdoit.transfers import transfer_of

CREATE = script_file("steps/updating_create")
LINK = script_file("steps/updating_link")


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
    bodies = [CREATE, *transfer.export, LINK]
    run.do(host, "updating", bodies, entry=run.entry("building"), **transfer.export_values(run.stage))
