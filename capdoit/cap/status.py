"""`doit cap status`: what is live on each host, who holds its lock, and where a rollback would go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capdoit import decide
from capdoit.cap.asked import SHORT, Asked, exit_status, facts_of, holder, live, rollback, say_unreached, what
from capdoit.check import survey
from capdoit.config import Stage
from capdoit.console import Console
from capdoit.errors import Outcome
from capdoit.survey import Facts
from capdoit.text import table


def status(asked: Asked) -> int:
    """A line for each host: what is live, who holds the lock, where a rollback would go."""
    stage = asked.stage()
    outcomes = survey(stage, asked.variables, asked.console)
    facts = facts_of(outcomes)
    agree = len({live(one) for one in facts}) <= 1
    if asked.json:
        asked.say_json(_status_json(stage, outcomes, agree))
    else:
        _say_status(asked.console, stage, outcomes, agree)
    return exit_status(outcomes, agree)


def _say_status(console: Console, stage: Stage, outcomes: Sequence[Outcome], agree: bool) -> None:
    facts = facts_of(outcomes)
    if facts:
        rows = [_status_row(one, stage.name) for one in facts]
        console.say(table(("host", "live", "revision", "lock", "a rollback goes to"), rows))
        _, refused = rollback(facts, stage.name)
        if refused:
            console.say(f"A rollback is refused: {what(refused)}")
        console.say(f"Last drill: {decide.last_drill(facts)}")
    say_unreached(console, outcomes)
    for sentence in decide.unfinished(facts):
        console.say(sentence)
    if not agree:
        console.say("The hosts do not have the same release live.")


def _status_row(facts: Facts, stage: str) -> tuple[str, ...]:
    release, revision = live(facts)
    return (
        facts.host,
        release or "nothing",
        revision[:SHORT],
        holder(facts.lock),
        rollback([facts], stage)[0] or "nothing",
    )


def _status_json(stage: Stage, outcomes: Sequence[Outcome], agree: bool) -> dict[str, Any]:
    target, refused = rollback(facts_of(outcomes), stage.name)
    return {
        "stage": stage.name,
        "agree": agree,
        "rollback": target,
        "refused": refused and what(refused),
        "unfinished": decide.unfinished(facts_of(outcomes)),
        "hosts": [_host_json(outcome, stage.name) for outcome in outcomes],
    }


def _host_json(outcome: Outcome, stage: str) -> dict[str, Any]:
    if not isinstance(outcome.answer, Facts):
        return {"host": outcome.host, "error": str(outcome.error)}
    facts = outcome.answer
    release, revision = live(facts)
    return {
        "host": facts.host,
        "live": release or None,
        "revision": revision or None,
        "lock": vars(facts.lock) if facts.lock else None,
        "drilled": vars(facts.drilled) if facts.drilled else None,
        "rollback": rollback([facts], stage)[0],
        "error": None,
    }
