"""`doit cap history`: what happened on a stage, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import NO_HOST_ANSWERED, SOME_HOSTS_SILENT, choose_exit_status
from capdoit.commands.inspection import survey_hosts
from capdoit.commands.json_values import known_release, known_revision, known_values
from capdoit.commands.subcommand import JSON, SELECTION, Subcommand, ValueOption
from capdoit.commands.unreached_hosts import errors_by_host, print_unreached_hosts
from capdoit.config.stages import Stage
from capdoit.errors import ConfigError, Outcome, answers
from capdoit.output.console import Tone
from capdoit.records.facts import Facts
from capdoit.records.fleet_state import find_unreadable_records
from capdoit.records.history import FlowRecord, build_history
from capdoit.text import fit_table, group_names, join_names, shorten_revision, wrap_text
from capdoit.units import format_elapsed, format_minute

DEFAULT_NUMBER = 20  # flows
# The columns in order of importance: a narrow terminal drops the last ones, never the first four.
HEAD = ("when (UTC)", "event", "result", "release", "who", "took", "revision", "from", "where")
NEEDED_COLUMNS = 4
INDENT = " " * 6


def parse_number(text: str) -> int:
    """Return the number of flows to show.

    Raises:
        ConfigError: the text is not a number, or is 0.
    """
    if not text.isdecimal() or len(text) > 6 or int(text) == 0:
        raise ConfigError(f"-n {text}: expected a number of flows")
    return int(text)


NUMBER = ValueOption("number", "show the N newest flows", parse_number, short="n")


def print_history(request: CommandRequest) -> int:
    """Print a line for each flow, and indented below it what does not fit."""
    stage = request.select_stage()
    outcomes = survey_hosts(stage, request)
    found = build_history(answers(outcomes))
    shown = found[: request.value_of(NUMBER) or DEFAULT_NUMBER]
    if request.has(JSON):
        request.print_json(_json(stage, outcomes, shown))
    else:
        _print(request, outcomes, shown, len(found))
    return choose_exit_status(outcomes)


def _print(
    request: CommandRequest, outcomes: Sequence[Outcome[Facts]], shown: Sequence[FlowRecord], number: int
) -> None:
    facts = answers(outcomes)
    unreadable = find_unreadable_records(facts)
    if shown or (facts and not unreadable):
        hosts = [one.host for one in facts if ".capdoit/journal" not in one.unreadable]
        request.console.write_table(_make_table(shown, hosts, request.console.table_width))
    if number > len(shown):
        request.console.write(f"and {number - len(shown)} before that; -n {number} shows all")
    for sentence in unreadable:
        request.console.write(sentence, Tone.DOUBTFUL)
    print_unreached_hosts(request.console, outcomes)


def _make_table(shown: Sequence[FlowRecord], hosts: Sequence[str], width: float) -> str:
    if not shown:
        return "The journals of all hosts are empty."
    head, *rows = fit_table(HEAD, map(_row, shown), width, NEEDED_COLUMNS).split("\n")
    lines = [head]
    for row, flow in zip(rows, shown, strict=True):
        lines += [row, *(line for note in _notes(flow, hosts) for line in wrap_text(note, width, INDENT))]
    return "\n".join(lines)


def _row(flow: FlowRecord) -> tuple[str, ...]:
    has_ended_well = flow.event in (flow.flow, "task", "unlock")
    took = "" if flow.seconds is None else format_elapsed(flow.seconds)
    result, left = (_common(values.values()) for values in (flow.results, flow.left))
    event = flow.flow or flow.event if has_ended_well else f"{flow.event} {flow.flow}"
    when = format_minute(flow.at) or "not known"
    revision = shorten_revision(flow.revision)
    return (when, event, result, flow.release, flow.by, took, revision, left, flow.origin)


def _notes(flow: FlowRecord, hosts: Sequence[str]) -> Iterable[str]:
    """Return what a reader must know in addition to the row."""
    if flow.full_ending:
        yield flow.full_ending
    if len(set(flow.releases.values())) > 1:
        yield "; ".join(f"{release} on {where}" for release, where in group_names(flow.releases.items()).items())
    if len(set(flow.results.values())) > 1:
        yield "; ".join(f"{result} on {where}" for result, where in group_names(flow.results.items()).items())
    elif missing := [host for host in hosts if host not in flow.results]:
        are_few = len(missing) < len(flow.results)
        yield f"not on {join_names(missing)}" if are_few else f"only on {join_names(flow.results)}"
    if flow.why:
        yield f"why: {flow.why}"


def _common(values: Iterable[str]) -> str:
    """Return the value that all hosts share, or ``differs``."""
    distinct = set(values)
    return "differs" if len(distinct) > 1 else "".join(distinct)


def _json(stage: Stage, outcomes: Sequence[Outcome[Facts]], shown: Sequence[FlowRecord]) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "history": [_flow_json(flow) for flow in shown],
        "unreadable": find_unreadable_records(answers(outcomes)),
        "errors": errors_by_host(outcomes),
    }


def _flow_json(flow: FlowRecord) -> dict[str, Any]:
    return {
        **known_values(asdict(flow)),
        "release": known_release(flow.release),
        "releases": {host: name for host, name in flow.releases.items() if known_release(name)},
        "revision": known_revision(flow.revision),
        "left": {host: name for host, name in flow.left.items() if known_release(name)},
    }


COMMAND = Subcommand(
    name="history",
    help="show what happened, newest first",
    description="It includes deploys and rollbacks by Capistrano.",
    run=print_history,
    words=("[STAGE]",),
    options=(JSON, NUMBER),
    variables=SELECTION,
    exit_statuses=(NO_HOST_ANSWERED, SOME_HOSTS_SILENT),
)
