"""`doit cap releases`: the releases on each host and their states."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capdoit.commands.command_request import CommandRequest
from capdoit.commands.exit_statuses import INCOMPLETE, NO_HOST_ANSWERED, choose_exit_status
from capdoit.commands.inspection import Inspection
from capdoit.commands.json_values import period_json
from capdoit.commands.rollback_preview import (
    RollbackPreview,
    advise_agreement,
    preview_verified_rollback,
    print_refusal,
)
from capdoit.commands.subcommand import JSON, SELECTION, Subcommand
from capdoit.commands.unreached_hosts import errors_by_host, print_unreached_hosts
from capdoit.config.stages import Stage
from capdoit.errors import HostError, Outcome, answers
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.output.console import Tone
from capdoit.records import fleet_state
from capdoit.records.facts import Facts
from capdoit.records.live_periods import find_live_period
from capdoit.text import REVISION_DIGITS, fit_table, format_table, join_names, shorten_revision, wrap_text
from capdoit.units import format_minute, format_size

SIZES_TIMEOUT_SECONDS = 60
INDENTATION = "  "
SIZE_LINE = re.compile(r"([0-9]{1,15})\t([0-9]{14})")
Sizes = Mapping[str, Mapping[str, int]]  # KiB by host and release
Columns = Mapping[str, Sequence[str]]  # the states of all releases, by the head of the column


def print_releases(request: CommandRequest) -> int:
    """Print a line for each release, with its state on each host."""
    stage = request.select_stage()
    with Inspection(stage, request) as inspection:
        outcomes, sizes = _survey_with_sizes(inspection)
        preview = preview_verified_rollback(inspection, stage, answers(outcomes))
    if request.has(JSON):
        request.print_json(_json(stage, outcomes, sizes, preview))
    else:
        _print(request, stage, outcomes, sizes, preview)
    return choose_exit_status(outcomes, fleet_state.agree_on_live(answers(outcomes)))


# -- questions


def _survey_with_sizes(inspection: Inspection) -> tuple[list[Outcome[Facts]], Sizes]:
    """Ask hosts for their facts and the sizes of their releases. A host that cannot say has no sizes."""
    sizes: dict[str, dict[str, int]] = {}

    def ask(host: Connection) -> Facts:
        facts = inspection.survey(host)
        with contextlib.suppress(HostError):
            sizes[host.name] = _ask_sizes(host)
        return facts

    return inspection.ask_each(ask), sizes


def _ask_sizes(host: Connection) -> dict[str, int]:
    script = host.script("sizes", "commands/releases_sizes", {})
    answer = host.ask([Request(script, capture=True, timeout=SIZES_TIMEOUT_SECONDS)])[0]
    found = map(SIZE_LINE.fullmatch, answer.text.splitlines())
    return {match[2]: int(match[1]) for match in found if match}


# -- for people


def _print(
    request: CommandRequest,
    stage: Stage,
    outcomes: Sequence[Outcome[Facts]],
    sizes: Sizes,
    preview: RollbackPreview,
) -> None:
    console, facts = request.console, answers(outcomes)
    if facts:
        console.write_table(_make_table(facts, preview.release, sizes, console.table_width))
    for sentence in fleet_state.find_kept_failures(facts):
        console.write_sentence(sentence)
    for sentence in fleet_state.find_wrong_symlinks(facts):
        console.write_sentence(sentence, Tone.BAD)
    for sentence in fleet_state.find_unreadable_records(facts):
        console.write_sentence(sentence, Tone.DOUBTFUL)
    if preview.error:
        print_refusal(preview, request, stage)
    for warning in preview.warnings:
        console.write_sentence(warning, Tone.DOUBTFUL)
    for line in advise_agreement(preview, facts, request, stage):
        console.write(line)
    print_unreached_hosts(console, outcomes)


def _make_table(facts: Sequence[Facts], target: str | None, sizes: Sizes, width: float) -> str:
    """Return the table of releases and hosts. If it is too wide, hosts with equal states share a column."""
    names = _list_releases(facts)
    if not names:
        return "No host has a release."
    columns: Columns = {one.host: [one.state_of(name) for name in names] for one in facts}
    if _is_too_wide(names, columns, target, width):
        columns = _share_columns(columns)
    details = [_details(facts, name, sizes) for name in names]
    rows = [[*row, *more] for row, more in zip(_rows(names, columns, target), details, strict=True)]
    text = fit_table(("release", *columns, "", "revision", "size", "branch", "who", "when (UTC)"), rows, width, 3)
    notes = [*_name_cut_columns(columns, text), *_legend(columns, facts)]
    return "\n".join([text, *(line for note in notes for line in wrap_text(note, width, INDENTATION))])


def _is_too_wide(names: Sequence[str], columns: Columns, target: str | None, width: float) -> bool:
    """Check whether the states leave no room for the revision."""
    text = format_table(("release", *columns, ""), _rows(names, columns, target))
    return max(map(len, text.splitlines())) > width - REVISION_DIGITS - 2


def _rows(names: Sequence[str], columns: Columns, target: str | None) -> list[list[str]]:
    return [
        [name, *cells, "<- rollback" if name == target else ""]
        for name, *cells in zip(names, *columns.values(), strict=True)
    ]


def _details(facts: Sequence[Facts], release: str, sizes: Sizes) -> list[str]:
    """Return the last cells of a row: revision, size, branch, operator and time."""
    periods = [find_live_period(one, release) for one in facts]
    period = next((one for one in periods if one.since), periods[0])
    return [_revision(facts, release), _size(release, sizes), period.branch, period.by, format_minute(period.since)]


def _size(release: str, sizes: Sizes) -> str:
    largest = max((of_host.get(release, 0) for of_host in sizes.values()), default=0)
    return format_size(largest) if largest else ""


def _share_columns(columns: Columns) -> Columns:
    """Return one column for all hosts with equal states: ``web1 +7``."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for host, states in columns.items():
        groups.setdefault(tuple(states), []).append(host)
    return {h[0] if len(h) == 1 else f"{h[0]} +{len(h) - 1}": list(states) for states, h in groups.items()}


def _name_cut_columns(columns: Columns, text: str) -> list[str]:
    cut = [head for head in columns if f"  {head} " not in f"{text.splitlines()[0]} "]
    return [f"No room for {join_names(cut)}; select hosts with hosts=, or use --json"] if cut else []


def _legend(columns: Columns, facts: Sequence[Facts]) -> list[str]:
    """Return a line with the names of the hosts for each column that several hosts share."""
    names = _list_releases(facts)
    hosts = {one.host: [one.state_of(name) for name in names] for one in facts}
    return [
        f"{head}: {join_names(host for host, of_host in hosts.items() if of_host == list(states))}"
        for head, states in columns.items()
        if head not in hosts
    ]


def _list_releases(facts: Iterable[Facts]) -> list[str]:
    """Return all releases that any host holds, newest first."""
    live = {one.current for one in facts if one.current}
    held = (name for one in facts for name in (*one.releases, *one.archives, *one.kept_failures))
    return sorted({*live, *held}, reverse=True)


def _revision(facts: Sequence[Facts], release: str) -> str:
    revisions = {one.releases[release] for one in facts if one.releases.get(release)}
    return "differs" if len(revisions) > 1 else shorten_revision("".join(revisions))


# -- for programs


def _json(stage: Stage, outcomes: Sequence[Outcome[Facts]], sizes: Sizes, preview: RollbackPreview) -> dict[str, Any]:
    facts = answers(outcomes)
    return {
        "stage": stage.name,
        "rollback": preview.release,
        "releases": [_release_json(name, facts, sizes) for name in _list_releases(facts)],
        "unreadable": fleet_state.find_unreadable_records(facts),
        "errors": errors_by_host(outcomes),
    }


def _release_json(name: str, facts: Sequence[Facts], sizes: Sizes) -> dict[str, Any]:
    return {
        "release": name,
        "states": {one.host: one.state_of(name) for one in facts},
        "kib": {host: of_host[name] for host, of_host in sizes.items() if name in of_host},
        "lives": {one.host: period_json(find_live_period(one, name)) for one in facts},
        "revisions": {one.host: one.releases[name] for one in facts if one.releases.get(name)},
    }


COMMAND = Subcommand(
    name="releases",
    help="show the releases on each host and their states",
    run=print_releases,
    words=("[STAGE]",),
    options=(JSON,),
    variables=SELECTION,
    exit_statuses=(NO_HOST_ANSWERED, (INCOMPLETE, "some hosts did not answer, or differ in their live releases")),
)
