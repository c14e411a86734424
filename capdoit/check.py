"""Looking at the hosts outside of a flow: for `check`, and for `doit cap status` and its like."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial

from capdoit import decide, transfer
from capdoit.config import Stage
from capdoit.console import Console
from capdoit.errors import NotReady, Outcome
from capdoit.journal import Note
from capdoit.run import begin
from capdoit.steps.asking import ask_facts
from capdoit.steps.guarding import note_of
from capdoit.survey import Facts
from capdoit.variables import Variables


def survey(stage: Stage, variables: Variables, console: Console) -> list[Outcome]:
    """The facts of every selected host; takes no lock and changes nothing.

    Returns:
        An outcome for each host whose answer is its `Facts`, or which says why there are none.
    """
    run = begin("rollback", stage, variables, console)
    try:
        return run.fleet.each(partial(ask_facts, run), together=False)
    finally:
        run.fleet.close()


def last_notes(stage: Stage, variables: Variables, console: Console) -> tuple[list[Outcome], Note | None]:
    """What the hosts note of the last release that became live; changes nothing.

    Returns:
        An outcome for each host, and the note with the latest release.
    """
    run = begin("rollback", stage, variables, console)
    try:
        outcomes = run.fleet.each(note_of, together=False)
    finally:
        run.fleet.close()
    notes = [outcome.answer for outcome in outcomes if isinstance(outcome.answer, Note)]
    return outcomes, max(notes, key=lambda note: note.release, default=None)


def check(stage: Stage, variables: Variables, console: Console) -> None:
    """Make the directories of a deploy on every host, and say all that a deploy would lack.

    Raises:
        NotReady: with every lack of every host, and the hosts that could not be asked.
    """
    run = begin("deploy", stage, variables, console)
    try:
        answers = run.fleet.each(partial(ask_facts, run, make_dirs=True), together=False)
        facts = [answer.answer for answer in answers if isinstance(answer.answer, Facts)]
        reached = [host for host in run.fleet.release_hosts if host.is_connected]
        source = run.fleet.each(partial(transfer.of(stage).check, run), reached, together=False)
    finally:
        run.fleet.close()
    if stage.drill_max_age is not None:
        for sentence in decide.overdue_drills(facts, stage.drill_max_age, datetime.now(timezone.utc)):
            console.say(f"   warning: {sentence}; doit drill:{stage.name} rehearses one")
    problems = [*decide.problems(facts, run.stage), *(str(o.error) for o in source if o.error)]
    problems += [str(outcome.error) for outcome in answers if outcome.error]
    if problems:
        raise NotReady("\n".join(["a deploy would fail:", *(f"  {problem}" for problem in problems)]))
    console.say(f"   {stage.name}: {len(facts)} host(s) are ready for a deploy")
