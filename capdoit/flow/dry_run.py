"""The dry run: a description of each step, with the scripts that it would send, and the plan file at the end."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from capdoit.events import DryRunFinished, StepPlanned
from capdoit.operations.release_room import measure_release_room
from capdoit.records import fleet_state
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
from capdoit.steps.finishing import releases_to_remove
from capdoit.steps.finishing_rollback import release_to_archive
from capdoit.text import join_names, shorten_revision

OMITTED = "# … as above …\n"


def plan_step(context: FlowContext, step: str) -> None:
    """Report the effects and the scripts of a step that was just recorded.

    Raises:
        HostsFailed: a host could not be asked for its disk space.
    """
    effects = EFFECTS.get(step, _no_effects)(context)
    context.emit(StepPlanned(step, (*effects, *_script_lines(_recorded_scripts(context), step))))


def finish_dry_run(context: FlowContext, definition: FlowDefinition) -> None:
    """Save the plan if ``plan=`` asks for it, and report the end of the dry run.

    Raises:
        ConfigError: the plan file cannot be written.
    """
    command = ""
    if file := context.request.variables.plan:
        save_plan(_make_plan(context, definition), Path(file))
        command = f"doit {context.request.name} {shlex.quote(f'apply={file}')}"
    context.emit(DryRunFinished(command))


def _make_plan(context: FlowContext, definition: FlowDefinition) -> PlanFile:
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
        digests=digest_flow(definition, request),
        scripts=_recorded_scripts(context),
    )


def _recorded_scripts(context: FlowContext) -> list[RecordedScript]:
    return context.executor.scripts if isinstance(context.executor, Recorder) else []


# -- scripts


def _script_lines(recorded: list[RecordedScript], step: str) -> Iterator[str]:
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


# -- effects


def _no_effects(_: FlowContext) -> Iterator[str]:
    return iter(())


def _starting(context: FlowContext) -> Iterator[str]:
    facts = list(context.progress.facts.values())
    yield f"takes the lock of {join_names(context.progress.facts)}"
    for one in facts:
        if one.holder:
            yield f"{one.host}: its lock is held now by {one.holder}"
    yield from fleet_state.find_wrong_symlinks(facts)
    yield from (f"the hosts differ: {difference}" for difference in fleet_state.find_differences(facts))
    for one in facts:
        if one.strays:
            yield f"the hosts differ: {one.host} has {join_names(one.strays)} in releases/, which is not a release"
    yield f"{'makes' if context.request.is_deploy else 'goes back to'} release {context.decision.release_text}"
    for host, room in context.fleet.all(measure_release_room).items():
        is_short = context.request.is_deploy and room.shortage
        yield f"{host}: {room}{' - NOT ENOUGH for another release' if is_short else ''}"


def _updating(context: FlowContext) -> Iterator[str]:
    stage, decision = context.request.stage, context.decision
    linked = join_names([*stage.linked_files, *stage.linked_dirs]) or "nothing"
    source = f"{shorten_revision(decision.revision)} ({context.request.branch})"
    yield f"{decision.release} gets revision {source}; links to shared: {linked}"


def _reverting(context: FlowContext) -> Iterator[str]:
    decision = context.decision
    hosts = join_names(sorted(decision.archived_on))
    yield f"unpacks {decision.release} on {hosts}" if hosts else "has nothing to do"


def _publishing(context: FlowContext) -> Iterator[str]:
    for host in context.fleet.release_connections:
        before = context.progress.live_before(host.name) or "nothing"
        yield f"{host.name}: current changes from {before} to {context.decision.release_on(host.name)}"


def _finishing(context: FlowContext) -> Iterator[str]:
    for host in context.progress.facts:
        yield f"{host}: removes {join_names(releases_to_remove(context, host)) or 'nothing'}"


def _finishing_rollback(context: FlowContext) -> Iterator[str]:
    for host in context.progress.facts:
        yield f"{host}: archives and removes {release_to_archive(context, host) or 'nothing'}"


EFFECTS: dict[str, Callable[[FlowContext], Iterator[str]]] = {
    "starting": _starting,
    "updating": _updating,
    "reverting": _reverting,
    "publishing": _publishing,
    "finishing": _finishing,
    "finishing_rollback": _finishing_rollback,
}
