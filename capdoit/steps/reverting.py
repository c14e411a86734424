"""reverting: the release to go back to is whole on every host."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from capdoit.errors import FleetDisagrees
from capdoit.host import Host
from capdoit.run import Run
from capdoit.survey import revision_of

UNPACK = Path(__file__).with_name("unpack.sh")


def reverting(run: Run) -> None:
    """Unpack the release where it is an archive; all hosts must then have the same revision."""
    hosts = [host for host in run.fleet.release_hosts if host.name in run.archived]
    if not hosts:
        return
    answers = run.fleet.all(partial(_unpack, run), hosts)
    if run.plan is not None:
        return
    revisions = {run.revision, *map(str, answers.values())} - {""}
    if len(revisions) != 1:
        raise FleetDisagrees(f"release {run.release} is of different revisions: {', '.join(sorted(revisions))}")
    run.revision = revisions.pop()


def _unpack(run: Run, host: Host) -> str:
    answer = run.do(host, "reverting", UNPACK).strip()
    return answer if run.plan is not None else revision_of(host.name, answer)
