"""`doit cap status`: the state of a stage on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import INCOMPLETE, NO_HOST_ANSWERED, choose_exit_status
from capdoit.commands.inspection import Inspection
from capdoit.commands.json_values import known_release, known_revision, known_time, known_values, period_json
from capdoit.commands.rollback_preview import (
    RollbackPreview,
    advise_agreement,
    preview_rollback,
    preview_verified_rollback,
    print_refusal,
)
from capdoit.commands.subcommand import JSON, SELECTION, Subcommand
from capdoit.commands.unreached_hosts import print_unreached_hosts
from capdoit.config.stages import Stage
from capdoit.decisions.rollback_target import RollbackTarget
from capdoit.errors import Outcome, answers
from capdoit.output.command_line import CommandLine
from capdoit.output.console import Tone
from capdoit.records import fleet_state
from capdoit.records.facts import Facts
from capdoit.records.history import FlowRecord, build_history
from capdoit.records.journal import DEPLOY, DrillVerdict, Entry
from capdoit.records.live_periods import describe_length, find_live_period
from capdoit.text import (
    MOST_NAMES,
    fit_table,
    group_names,
    join_names,
    list_names,
    name_first,
    name_hosts,
    shorten_revision,
)
from capdoit.units import format_minute, format_size, parse_seconds

# None if the host did not answer
FACTS_OF_HOST = (
    *("live", "revision", "since", "by", "branch", "lock", "lock_is_held", "set_aside", "drilled", "rollback"),
    *("not_compared", "disk_kib", "inodes"),
)
MOST_IN_ROW = 2  # names of the hosts that share a row
HEAD = ("host", "live", "since (UTC)", "by", "revision", "branch")


def print_status(request: CommandRequest) -> int:
    """Print what is live on each host, locks, differences, unfinished work, and what a rollback would do."""
    stage = request.select_stage()
    with Inspection(stage, request) as inspection:
        outcomes = inspection.ask_each(inspection.survey)
        preview = preview_verified_rollback(inspection, stage, answers(outcomes))
    if request.has(JSON):
        request.print_json(_json(stage, outcomes, preview))
    else:
        _print(request, stage, outcomes, preview)
    return choose_exit_status(outcomes, _is_well(answers(outcomes)))


def _is_well(facts: Sequence[Facts]) -> bool:
    """Return True if every host has one complete release live, or none, and took part in the last deploy."""
    return not (
        fleet_state.find_wrong_symlinks(facts)
        or fleet_state.find_differences(facts)
        or fleet_state.find_missed_deploys(facts)
    )


# -- for people


def _print(request: CommandRequest, stage: Stage, outcomes: Sequence[Outcome[Facts]], preview: RollbackPreview) -> None:
    console, facts = request.console, answers(outcomes)
    if facts:
        console.write_table(fit_table(HEAD, _rows(facts), console.table_width))
        for sentence, tone in _describe_fleet(facts):
            console.write_sentence(sentence, tone)
        if preview.target:
            console.write(_describe_rollback(stage, facts, len(outcomes), preview.target))
        else:
            print_refusal(preview, request, stage)
        for warning in preview.warnings:
            console.write_sentence(warning, Tone.DOUBTFUL)
        for line in advise_agreement(preview, facts, request, stage) or _advise_after_interruption(
            facts, request, stage
        ):
            console.write(line)
        console.write(f"Last drill: {fleet_state.describe_last_drill(facts)}")
        console.write(f"Free: {_describe_free_space(facts)}")
    print_unreached_hosts(console, outcomes)
    for sentence in fleet_state.find_unfinished_work(facts):
        console.write(sentence, Tone.DOUBTFUL)


def _rows(facts: Sequence[Facts]) -> Iterator[tuple[str, ...]]:
    """Return a row for each host; if they are many, hosts with equal cells share one."""
    rows = [(one.host, _cells(one)) for one in facts]
    if len(rows) <= MOST_NAMES:
        return ((host, *cells) for host, cells in rows)
    return ((name_first(names, MOST_IN_ROW), *cells) for cells, names in list_names(rows).items())


def _cells(facts: Facts) -> tuple[str, ...]:
    period = find_live_period(facts, facts.live)
    live = "broken" if fleet_state.find_wrong_symlinks([facts]) else facts.live or "nothing"
    revision = shorten_revision(facts.live_revision)
    return live, format_minute(period.since), period.by, revision, period.branch


def _describe_fleet(facts: Sequence[Facts]) -> Iterator[tuple[str, Tone | None]]:
    """Return the lines about the fleet, each with its tone."""
    for holder, names in group_names((one.host, one.holder) for one in facts if one.holder).items():
        yield f"{names}: locked by {holder}", Tone.DOUBTFUL
    yield from ((sentence, Tone.BAD) for sentence in fleet_state.find_wrong_symlinks(facts))
    if unknown := [one.host for one in facts if one.lock is None and one.lock_is_held is None]:
        yield f"{join_names(unknown)}: it is not known whether the lock is held", Tone.DOUBTFUL
    if sentence := _describe_bad_ending(facts):
        yield sentence, Tone.DOUBTFUL
    yield from ((sentence, None) for sentence in fleet_state.find_kept_failures(facts))
    yield from ((f"The hosts differ: {sentence}.", Tone.DOUBTFUL) for sentence in fleet_state.find_differences(facts))


def _describe_bad_ending(facts: Sequence[Facts]) -> str:
    """Return how the last flow ended, if it ended badly. A flow that is still at work holds the locks.

    The journal tells how it ended, and the hosts what is live now: others may have changed that since.
    """
    last = _find_last_flow(facts)
    if last is None or last.event == last.flow:
        return ""
    verb = "failed" if last.event == "failed" else "was interrupted"
    live_on = _find_hosts_where_live(last, facts)
    release = f"; {last.release} is {_describe_live_on(live_on, facts)}" if last.release else ""
    is_unfinished = live_on and "live" in last.results.values()
    unfinished = ", but the steps after publishing were not done" if is_unfinished else ""
    return f"The last {last.flow} {verb} ({last.full_ending}){release}{unfinished}."


def _advise_after_interruption(facts: Sequence[Facts], request: CommandRequest, stage: Stage) -> list[str]:
    """Return the line with the command that does what an interrupted flow did not do; empty for other flows."""
    last = _find_last_flow(facts)
    if last is None or last.event != "interrupted":
        return []
    command = CommandLine(last.flow, stage.name, request.variables, hook="HOOK")
    if _find_hosts_where_live(last, facts):
        return [f"To run a hook of the interrupted {last.flow}: {command.hook_again()}"]
    if last.flow == DEPLOY:
        return [f"To deploy again: {command.deploy()}"]
    return [f"To roll back again: {command.roll_back_to(last.release)}"]


def _find_last_flow(facts: Sequence[Facts]) -> FlowRecord | None:
    return next((flow for flow in build_history(facts) if flow.is_flow), None)


def _find_hosts_where_live(flow: FlowRecord, facts: Sequence[Facts]) -> list[str]:
    return [one.host for one in facts if one.current and one.current == flow.releases.get(one.host)]


def _describe_live_on(live_on: Sequence[str], facts: Sequence[Facts]) -> str:
    if not live_on:
        return "not live"
    others = [one.host for one in facts if one.host not in live_on]
    return f"live on {join_names(live_on)}, not on {join_names(others)}" if others else "live"


def _describe_rollback(stage: Stage, facts: Sequence[Facts], host_count: int, target: RollbackTarget) -> str:
    """Return what a rollback would do now."""
    one = next((one for one in facts if target.names[one.host] == target.release), facts[0])
    period = find_live_period(one, target.release)
    how_long = describe_length(period, datetime.now(timezone.utc))
    was_live = f", live {how_long}, until {format_minute(period.until)}" if how_long and period.until else ""
    source = period.branch or shorten_revision(target.revision)
    possible = f"possible on {len(facts)} of {host_count} hosts"
    names = join_names(sorted({*target.names.values()}, reverse=True))
    return f"A rollback goes to {names} ({source}{was_live}), {possible}; to be sure: doit drill:{stage.name}"


def _describe_free_space(facts: Sequence[Facts]) -> str:
    spaces = list_names((one.host, _free_space(one)) for one in facts)
    return "; ".join(f"{space} on {name_hosts(hosts, len(facts))}" for space, hosts in spaces.items())


def _free_space(facts: Facts) -> str:
    if facts.disk is None:
        return "not known"
    disk = f"{format_size(facts.disk.free)} ({facts.disk.share:.0%})"
    return f"{disk}, {facts.inodes.share:.0%} of inodes" if facts.inodes else disk


# -- for programs


def _json(stage: Stage, outcomes: Sequence[Outcome[Facts]], preview: RollbackPreview) -> dict[str, Any]:
    facts = answers(outcomes)
    return {
        "stage": stage.name,
        "agree": fleet_state.agree_on_live(facts) if facts else None,
        "rollback": preview.release,
        "refused": preview.refusal or None,
        "broken": fleet_state.find_wrong_symlinks(facts),
        "differences": fleet_state.find_differences(facts),
        "ended_badly": _describe_bad_ending(facts) or None,
        "unfinished": fleet_state.find_unfinished_work(facts),
        "hosts": [_host_json(outcome, preview) for outcome in outcomes],
    }


def _host_json(outcome: Outcome[Facts], preview: RollbackPreview) -> dict[str, Any]:
    facts = outcome.answer
    if facts is None:
        return {"host": outcome.host, **dict.fromkeys(FACTS_OF_HOST), "error": str(outcome.error)}
    period = period_json(find_live_period(facts, facts.live))
    return {
        "host": facts.host,
        "live": facts.live or None,
        "revision": facts.live_revision or None,
        "since": period["since"],
        "by": period["by"],
        "branch": period["branch"],
        "lock": _lock_json(facts.lock) if facts.lock else None,
        "lock_is_held": facts.lock_is_held,
        "set_aside": sorted(facts.kept_failures),
        "drilled": _drill_json(facts.drill_verdict) if facts.drill_verdict else None,
        "rollback": None if facts.host in preview.damaged_on else preview_rollback([facts]).release,
        "not_compared": preview.remarks.get(facts.host),
        "disk_kib": facts.disk and asdict(facts.disk),
        "inodes": facts.inodes and asdict(facts.inodes),
        "error": None,
    }


def _lock_json(entry: Entry) -> dict[str, Any]:
    texts = {name: getattr(entry, name) or None for name in ("flow", "branch", "by", "origin", "run", "message")}
    release, revision = known_release(entry.release), known_revision(entry.revision)
    return {**texts, "release": release, "revision": revision, "at": known_time(entry.at)}


def _drill_json(verdict: DrillVerdict) -> dict[str, Any]:
    release, seconds = known_release(verdict.release), parse_seconds(verdict.seconds)
    return {**known_values(asdict(verdict)), "release": release, "seconds": seconds}


COMMAND = Subcommand(
    name="status",
    help="show what is live on each host, and what needs attention",
    description=(
        "It shows who made a release live and when, locks, differences between hosts, unfinished work, "
        "the release that a rollback would choose, the last drill and free space."
    ),
    run=print_status,
    words=("[STAGE]",),
    options=(JSON,),
    variables=SELECTION,
    exit_statuses=(
        NO_HOST_ANSWERED,
        (INCOMPLETE, "some hosts did not answer, differ, have a broken current, or were left out of the last deploy"),
    ),
)
