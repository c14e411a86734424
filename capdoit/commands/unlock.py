"""`doit cap unlock`: free the locks of a stage by force."""

from __future__ import annotations

from capdoit.commands.inspection import look
from capdoit.commands.request import Asked, exit_status, say_unreached
from capdoit.config.stages import Stage
from capdoit.config.variables import Variables
from capdoit.errors import Outcome
from capdoit.hosts.connection import Connection
from capdoit.operations.survey import ask_facts
from capdoit.output.console import Console
from capdoit.records.journal import Entry
from capdoit.state.run import Run


def unlock(asked: Asked) -> int:
    """Free the locks of a stage by force."""
    stage = asked.stage()
    outcomes = free(stage, asked.variables, asked.console)
    say_unreached(asked.console, outcomes)
    for outcome in outcomes:
        if outcome:
            freed = outcome.answer
            was = f"freed the lock of {freed.holder}" if isinstance(freed, Entry) else "was not locked"
            asked.console.say(f"{outcome.host}: {was}")
    return exit_status(outcomes, agree=True)


def free(stage: Stage, variables: Variables, console: Console) -> list[Outcome[Entry | None]]:
    """Free the lock of every selected host; whoever held one is refused whatever it does next.

    Returns:
        An outcome for each host; its answer is the `Entry` of the lock that was freed, or None.
    """
    return look(stage, variables, console, _free)


def _free(run: Run, host: Connection) -> Entry | None:
    if not ask_facts(run, host).exists:
        return None
    return Entry.parse(run.do(host, "unlock", "commands/unlock", entry=run.entry("unlocked")).strip())
