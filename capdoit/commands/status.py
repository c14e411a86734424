"""`doit cap status`: where a stage stands, on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from capdoit.commands.inspection import survey
from capdoit.commands.request import Asked, exit_status, live, say_unreached, way_back
from capdoit.config.stages import Stage
from capdoit.errors import Outcome, answers
from capdoit.output.console import Console, Tone
from capdoit.records import fleet_state as standing
from capdoit.records.facts import Facts
from capdoit.records.history import happenings
from capdoit.records.live_periods import lasted, life
from capdoit.text import fitted, grouped
from capdoit.units import minute, size

SHORT = 8  # digits of a revision: on one screen with all else


def status(asked: Asked) -> int:
    """What is live where, since when and by whom; locks, differences, unfinished business, and a rollback's way."""
    stage = asked.stage()
    outcomes = survey(stage, asked.variables, asked.console)
    facts = answers(outcomes)
    agree = len({live(one) for one in facts}) <= 1 if facts else None
    if asked.json:
        asked.say_json(_status_json(stage, outcomes, agree))
    else:
        _say_status(asked.console, stage, outcomes)
    return exit_status(outcomes, not standing.drift(facts) and not standing.debts(facts))


def _say_status(console: Console, stage: Stage, outcomes: Sequence[Outcome[Facts]]) -> None:
    facts = answers(outcomes)
    if facts:
        head = ("host", "live", "since (UTC)", "by", "revision", "branch")
        console.say_table(fitted(head, map(_row, facts), console.width))
        for line, tone in _about(facts, stage, len(outcomes)):
            console.say(line, tone)
    say_unreached(console, outcomes)
    for sentence in standing.unfinished(facts):
        console.say(sentence, Tone.DOUBTFUL)


def _row(facts: Facts) -> tuple[str, ...]:
    release, revision = live(facts)
    its = life(facts, release)
    return facts.host, release or "nothing", minute(its.since), its.by, revision[:SHORT], its.branch


def _about(facts: Sequence[Facts], stage: Stage, hosts: int) -> Iterator[tuple[str, Tone | None]]:
    """What concerns all hosts together, a line each, and how it is meant."""
    for holder, names in grouped((one.host, one.holder) for one in facts if one.lock).items():
        yield f"{names}: locked by {holder}", Tone.DOUBTFUL
    if sentence := _ended_badly(facts):
        yield sentence, Tone.DOUBTFUL
    yield from ((sentence, None) for sentence in standing.set_aside(facts))
    yield from ((f"The hosts differ: {sentence}.", Tone.DOUBTFUL) for sentence in standing.drift(facts))
    yield f"A rollback {_way_back(facts, stage, hosts)}", None
    yield f"Last drill: {standing.last_drill(facts)}", None
    yield f"Free: {_free(facts)}", None


def _ended_badly(facts: Sequence[Facts]) -> str:
    """How the last flow ended, when not well; a flow that may yet be at work has the locks."""
    last = next((one for one in happenings(facts) if one.event != "unlock"), None)
    if last is None or last.event == last.flow:
        return ""
    how = "failed" if last.event == "failed" else "was interrupted"
    ends = grouped(last.results.items())
    how_on = [result if len(ends) == 1 else f"{result} on {names}" for result, names in ends.items()]
    its = f"; {last.release} is {', '.join(how_on)}" if last.release else ""
    its += ", but what was to follow was not done" if "live" in last.results.values() else ""
    return f"The last {last.flow} {how} ({last.ending}){its}."


def _way_back(facts: Sequence[Facts], stage: Stage, hosts: int) -> str:
    """What a rollback would do now, in a sentence."""
    target, refused = way_back(facts, stage)
    if target is None:
        return f"is refused: {refused}"
    one = next((one for one in facts if target in one.releases), facts[0])
    its = life(one, target)
    how_long = lasted(its, datetime.now(timezone.utc))
    was = f", live {how_long}, until {minute(its.until)}" if how_long and its.until else ""
    source = its.branch or one.releases.get(target, "")[:SHORT]
    possible = f"possible on {len(facts)} of {hosts} hosts"
    return f"goes to {target} ({source}{was}), {possible}; to be sure: doit drill:{stage.name}"


def _free(facts: Sequence[Facts]) -> str:
    said = grouped((one.host, _room(one)) for one in facts)
    return "; ".join(f"{room} on {hosts}" for room, hosts in said.items())


def _room(facts: Facts) -> str:
    if facts.disk is None:
        return "nobody knows"
    disk = f"{size(facts.disk.free)} ({facts.disk.share:.0%})"
    return f"{disk}, {facts.inodes.share:.0%} of inodes" if facts.inodes else disk


def _status_json(stage: Stage, outcomes: Sequence[Outcome[Facts]], agree: bool | None) -> dict[str, Any]:
    facts = answers(outcomes)
    target, refused = way_back(facts, stage)
    return {
        "stage": stage.name,
        "agree": agree,
        "rollback": target,
        "refused": refused,
        "differences": standing.drift(facts),
        "ended_badly": _ended_badly(facts) or None,
        "unfinished": standing.unfinished(facts),
        "hosts": [_host_json(outcome, stage) for outcome in outcomes],
    }


def _host_json(outcome: Outcome[Facts], stage: Stage) -> dict[str, Any]:
    facts = outcome.answer
    if facts is None:
        return {"host": outcome.host, "error": str(outcome.error)}
    release, revision = live(facts)
    its = life(facts, release)
    return {
        "host": facts.host,
        "live": release or None,
        "revision": revision or None,
        "since": its.since or None,
        "by": its.by or None,
        "branch": its.branch or None,
        "lock": vars(facts.lock) if facts.lock else None,
        "lock_is_held": facts.lock_is_held if facts.lock else False,
        "set_aside": sorted(facts.set_aside),
        "drilled": vars(facts.drilled) if facts.drilled else None,
        "rollback": way_back([facts], stage)[0],
        "disk_kib": facts.disk and asdict(facts.disk),
        "inodes": facts.inodes and asdict(facts.inodes),
        "error": None,
    }
