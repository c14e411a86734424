"""archive: one local file is sent to every host, which proves its sha256."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

from capdoit.config.stages import Stage
from capdoit.errors import NotReady
from capdoit.hosts.connection import Connection
from capdoit.script import script_file
from capdoit.state.run import Run

TOOLS = ("tar", "dd", "sha256sum")
RECEIVE = script_file("transfers/archive_receive")
EXPORT = (script_file("transfers/archive_unpack"),)


def prepare(stage: Stage) -> None:
    """Refuse when there is no archive.

    Raises:
        NotReady: the file cannot be read.
    """
    try:
        Path(stage.archive or "").open("rb").close()
    except OSError as error:
        raise NotReady(
            f"archive {stage.archive}: {error.strerror}; a doit task whose target it is would build it first"
        ) from None


def fetch(run: Run) -> None:
    """Send the archive to all hosts; its sha256 is the revision.

    Raises:
        HostsFailed: a host did not get it whole.
        NotReady: it is not the one of the plan that is carried out.
    """
    file = Path(run.stage.archive or "")
    run.revision = _sha256(file)
    if run.applied and run.applied.revision != run.revision:
        raise NotReady(f"archive {file} is not the one of the plan: its sha256 is {run.revision}")
    run.revision_time = str(int(file.stat().st_mtime))
    run.fleet.all(partial(_send, run, file))


def values(_: Stage) -> dict[str, str]:
    """What the export reads."""
    return {}


def check(_: Run, __: Connection) -> None:
    """There is nothing to ask of a host."""


def _send(run: Run, file: Path, host: Connection) -> None:
    with file.open("rb") as source:
        run.send(host, "receive the archive", RECEIVE, source)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
