"""The dry run: the scripts that each step would send, a summary at the end, and the plan file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from capdoit.errors import NotReady
from capdoit.events import DryRunFinished, StepPlanned
from capdoit.flow.hook_calls import choose_hook_hosts
from capdoit.hooks.hook import Hook
from capdoit.hosts.connection import Connection
from capdoit.operations.pending_commits import find_gaps
from capdoit.operations.release_room import ReleaseRoom, measure_release_room
from capdoit.output.dry_run_summary import DryRunSummary, HostRoom, PlannedTask
from capdoit.output.summary import describe_release
from capdoit.records import fleet_state
from capdoit.records.flows_since import find_last_entries
from capdoit.records.revision_gap import Gap
from capdoit.sequence import FlowTask
from capdoit.shell_scripts import library_texts
from capdoit.state.context import FlowContext
from capdoit.state.executor import Recorder
from capdoit.state.flow_request import FlowDefinition, digest_flow
from capdoit.state.plan_file import (
    PlanFile,
    RecordedScript,
    fingerprint,
    save_plan,
    saved_variables,
)
from capdoit.steps.finishing import choose_releases_to_remove
from capdoit.steps.finishing_rollback import release_to_archive
from capdoit.text import group_names, join_names, shorten_revision
from capdoit.transfers import transfer_of
from capdoit.units import format_size

OMITTED = "# … as above …\n"


def plan_step(context: FlowContext, step: str) -> None:
    """Report the scripts of a step that was just recorded, if the operator wants to see scripts."""
    if context.request.variables.dry_run == "scripts":
        context.emit(StepPlanned(step, tuple(_render_scripts(_list_recorded_scripts(context), step))))


def finish_dry_run(context: FlowContext, definition: FlowDefinition) -> Sequence[str]:
    """Save the plan if ``plan=`` asks for it, and report what the flow would do; return what would stop it.

    Raises:
        ConfigError: the plan file cannot be written.
    """
    command = ""
    if file := context.request.variables.plan:
        save_plan(make_plan(context, definition), Path(file))
        command = f"doit {context.request.name} {shlex.quote(f'apply={file}')}"
    summary = _summarize(context, definition)
    context.emit(DryRunFinished(summary, command, context.request.is_preview))
    return summary.obstacles


def make_plan(context: FlowContext, definition: FlowDefinition) -> PlanFile:
    """Return the plan of a dry run that has come to its end."""
    request, decision = context.request, context.decision
    return PlanFile(
        flow=request.flow,
        stage=request.stage.name,
        tasks=request.task_names,
        variables=saved_variables(request.variables),
        release=decision.release,
        revision=decision.revision,
        reverts=decision.reverts,
        facts={name: fingerprint(facts) for name, facts in context.progress.facts.items()},
        last_entries=find_last_entries([*context.progress.facts.values()]),
        digests=digest_flow(definition, request),
        scripts=_list_recorded_scripts(context),
    )


def _list_recorded_scripts(context: FlowContext) -> list[RecordedScript]:
    return context.executor.scripts if isinstance(context.executor, Recorder) else []


# -- scripts


def _render_scripts(recorded: list[RecordedScript], step: str) -> Iterator[str]:
    """Yield the scripts of a step as lines; hosts with equal scripts share a heading, and a library is shown once."""
    libraries = library_texts()
    earlier = [script.body for script in recorded if script.step != step]
    shown = {library for library in libraries if any(library in body for body in earlier)}
    first: dict[tuple[str, str], str] = {}
    for (name, body, given), hosts in _group_by_script(recorded, step).items():
        given_first = first.setdefault((name, body), given)
        text = given + _without(shown, body) if given_first is given else _difference(given_first, given)
        shown.update(library for library in libraries if library in body)
        yield f"{join_names(hosts)}: {name}"
        yield from (f"  | {line}" for line in text.splitlines() if line)


def _group_by_script(recorded: list[RecordedScript], step: str) -> dict[tuple[str, str, str], list[str]]:
    """Return the hosts of each script of a step, with scripts of one name next to each other."""
    scripts = [script for script in recorded if script.step == step]
    names = list(dict.fromkeys(script.name for script in scripts))
    groups: dict[tuple[str, str, str], list[str]] = {}
    for script in sorted(scripts, key=lambda one: (names.index(one.name), one.host)):
        groups.setdefault((script.name, script.body, script.given), []).append(script.host)
    return groups


def _without(shown: Iterable[str], body: str) -> str:
    """Return a script with a short line in place of the libraries that were shown before."""
    for library in shown:
        body = body.replace(library, OMITTED)
    return re.sub(f"(?:{OMITTED})+", OMITTED, body)


def _difference(first: str, given: str) -> str:
    """Return the values of a script that differ from those of an equal script on another host."""
    before = first.splitlines()
    return "".join(f"{line}\n" for line in given.splitlines() if line not in before) + OMITTED


# -- the summary


def _summarize(context: FlowContext, definition: FlowDefinition) -> DryRunSummary:
    request, decision, facts = context.request, context.decision, [*context.progress.facts.values()]
    planned = {*context.progress.done}.intersection(request.task_names)  # without what skip= names
    gaps, why_no_commits = _find_gaps(context)
    rooms = context.fleet.each(measure_release_room, stop_on_failure=False)
    held = [*_find_held_locks(context)]
    measured = {outcome.host: outcome.answer or ReleaseRoom() for outcome in rooms}
    return DryRunSummary(
        name=request.name,
        hosts=tuple(context.progress.facts),
        source=request.branch if request.is_deploy else decision.release_text,
        revision=decision.revision,
        live={one.host: describe_release(one.live, one.live_revision) for one in facts},
        target={one.host: _describe_target(context, one.host) for one in facts if not context.progress.is_hooks_only},
        gaps=gaps,
        why_no_commits=why_no_commits,
        tasks=[_plan_task(context, task) for task in definition.tasks if task.name in planned],
        rooms=[HostRoom(host, room.free_kib, room.live_kib) for host, room in measured.items()],
        differences=[*_find_differences(context)],
        waits=held if request.variables.wait else [],
        obstacles=[
            *([] if request.variables.wait else held),
            *(_find_shortages(measured) if request.is_deploy else ()),
        ],
    )


def _describe_target(context: FlowContext, host: str) -> str:
    decision = context.decision
    source = f", {context.request.branch}" if context.request.is_deploy else ""
    revision = f" ({shorten_revision(decision.revision)}{source})" if decision.revision else ""
    return f"{decision.release_on(host)}{revision}"


def _find_gaps(context: FlowContext) -> tuple[list[Gap], str]:
    """Return the commits that would come and go, or why they are not known."""
    stage, revision = context.request.stage, context.decision.revision
    commits = transfer_of(stage).commits
    if not commits or not revision or context.progress.is_hooks_only:
        return [], ""
    try:
        return find_gaps(commits, stage, [*context.progress.facts.values()], revision, Path.cwd()), ""
    except NotReady as error:
        return [], str(error)


def _plan_task(context: FlowContext, task: FlowTask) -> PlannedTask:
    if task.hook:
        return PlannedTask(task.name, _describe_call(context, task.hook), is_hook=True)
    describe = EFFECTS[task.name]
    hosts = context.fleet.release_connections
    return PlannedTask(task.name, {host.name: describe(context, host) for host in hosts})


def _describe_call(context: FlowContext, hook: Hook) -> dict[str, str]:
    hosts = choose_hook_hosts(context, hook)
    if not hosts:
        return {"no host": ""}
    reverts = f"reverts {join_names(context.decision.reverts[hook.recipe])}" if hook.reverts else ""
    text = "; ".join(filter(None, ("is called once" if hook.runs_once else hook.pace, reverts)))
    return {host.name: text for host in hosts}


def _find_differences(context: FlowContext) -> Iterator[str]:
    facts = [*context.progress.facts.values()]
    yield from fleet_state.find_wrong_symlinks(facts)
    yield from fleet_state.find_differences(facts)
    for one in facts:
        if one.strays:
            yield f"{one.host} has {join_names(one.strays)} in releases/, which is not a release"


def _find_held_locks(context: FlowContext) -> Iterator[str]:
    """Yield the locks that others hold; a lock that a flow left behind when it died stops no flow."""
    facts = context.progress.facts.values()
    held = group_names((one.host, one.holder) for one in facts if one.holder and one.lock_is_held is not False)
    yield from (f"{hosts}: locked by {holder}" for holder, hosts in held.items())


def _find_shortages(rooms: Mapping[str, ReleaseRoom]) -> Iterator[str]:
    yield from (f"{host}: {room.shortage}" for host, room in rooms.items() if room.shortage)


# -- effects of steps on one host


def _starting(_: FlowContext, __: Connection) -> str:
    return "takes the lock"


def _updating(context: FlowContext, _: Connection) -> str:
    stage = context.request.stage
    linked = join_names([*stage.linked_files, *stage.linked_dirs]) or "nothing"
    sent_kib = transfer_of(stage).find_sent_kib(stage)
    receives = f"receives {format_size(sent_kib)}, " if sent_kib else ""
    return f"{receives}makes the release; links to shared: {linked}"


def _reverting(context: FlowContext, host: Connection) -> str:
    unpacks = "unpacks the archive and " if host.name in context.decision.archived_on else ""
    return f"{unpacks}compares {context.decision.release_on(host.name)} with its manifest"


def _publishing(context: FlowContext, host: Connection) -> str:
    before = context.progress.live_before(host.name) or "nothing"
    return f"current changes from {before} to {context.decision.release_on(host.name)}"


def _finishing(context: FlowContext, host: Connection) -> str:
    return f"deletes {join_names(choose_releases_to_remove(context, host.name)) or 'nothing'}"


def _finishing_rollback(context: FlowContext, host: Connection) -> str:
    left = release_to_archive(context, host.name)
    return f"archives {left}, and deletes it" if left else "archives nothing"


def _finished(_: FlowContext, __: Connection) -> str:
    return "writes revisions.log and the journal"


EFFECTS: dict[str, Callable[[FlowContext, Connection], str]] = {
    "starting": _starting,
    "updating": _updating,
    "reverting": _reverting,
    "publishing": _publishing,
    "finishing": _finishing,
    "finishing_rollback": _finishing_rollback,
    "finished": _finished,
}
