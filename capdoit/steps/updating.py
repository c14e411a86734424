"""updating: the code arrives, and the release is made of it."""

from __future__ import annotations

from functools import partial

from capdoit import transfers as transfer
from capdoit.hosts.connection import Connection
from capdoit.script import script_file
from capdoit.state.run import Run

CREATE = script_file("steps/updating_create")
LINK = script_file("steps/updating_link")


def updating(run: Run) -> None:
    """Resolve the revision once, then make the release of it on every host."""
    transfer.of(run.stage).fetch(run)
    run.begun = True
    run.fleet.all(partial(_make_release, run))


def _make_release(run: Run, host: Connection) -> None:
    how = transfer.of(run.stage)
    bodies = [CREATE, *how.EXPORT, LINK]
    run.do(host, "updating", bodies, entry=run.entry("building"), **how.values(run.stage))
