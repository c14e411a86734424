"""Freeing a stage's locks by force."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from capdoit.config import Stage
from capdoit.console import Console
from capdoit.errors import Outcome
from capdoit.host import Host
from capdoit.journal import Entry
from capdoit.run import Run, begin
from capdoit.variables import Variables

UNLOCK = Path(__file__).parent / "steps" / "unlock.sh"


def unlock(stage: Stage, variables: Variables, console: Console) -> list[Outcome]:
    """Free the lock of every selected host; whoever held one is refused whatever it does next.

    Returns:
        An outcome for each host; its answer is the `Entry` of the lock that was freed, or None.
    """
    run = begin("rollback", stage, variables, console)
    try:
        return run.fleet.each(partial(_unlock, run), together=False)
    finally:
        run.fleet.close()


def _unlock(run: Run, host: Host) -> Entry | None:
    return Entry.parse(run.do(host, "unlock", UNLOCK, entry=run.entry("unlocked")).strip())
