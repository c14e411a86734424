"""`doit check`: what a deploy would lack on the hosts, said before it begins."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timezone
from functools import partial

from capdoit import decide, standing, transfer
from capdoit.config import Stage
from capdoit.console import Console, Tone
from capdoit.errors import NotReady
from capdoit.hooks import Declared
from capdoit.run import begin
from capdoit.steps.asking import ask_facts
from capdoit.survey import Facts
from capdoit.variables import Variables


def check(stage: Stage, variables: Variables, console: Console, declared: Declared) -> None:
    """Make the directories of a deploy on every host, and say all that a deploy would lack.

    Raises:
        NotReady: with every lack of every host, and the hosts that could not be asked.
        ConfigError: what was asked for makes no sense; nothing was touched.
    """
    variables.refuse_meaningless("check", stage.name)
    run = begin("deploy", stage, variables, console, declared)
    with closing(run.fleet):
        answers = run.fleet.each(partial(ask_facts, run, make_dirs=True), together=False)
        facts = [answer.answer for answer in answers if isinstance(answer.answer, Facts)]
        reached = [host for host in run.fleet.release_hosts if host.is_connected]
        source = run.fleet.each(partial(transfer.of(stage).check, run), reached, together=False)
    if stage.drill_max_age is not None:
        for sentence in standing.overdue_drills(facts, stage.drill_max_age, datetime.now(timezone.utc)):
            console.say(f"   warning: {sentence}; doit drill:{stage.name} rehearses one", Tone.DOUBTFUL)
    problems = [*decide.problems(facts, run.stage), *(str(o.error) for o in source if o.error)]
    problems += [str(outcome.error) for outcome in answers if outcome.error]
    if problems:
        raise NotReady("\n".join(["a deploy would fail:", *(f"  {problem}" for problem in problems)]))
    console.say(f"   {stage.name}: {len(facts)} host(s) are ready for a deploy", Tone.GOOD)
