"""The dodo.py of a converted project: a stub for each task of the project, at its hook points."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent, wrap

from capdoit.capistrano.hook_points import ON_FAILED, HookPoint, PlacedTask, find_point, place_tasks
from capdoit.capistrano.project import CapistranoHook, CapistranoStage, CapistranoTask, SourceFiles
from capdoit.capistrano.report import Omission, join_reasons
from capdoit.capistrano.ruby_hints import Hint, guess_from_ruby
from capdoit.config.variables import VARIABLES
from capdoit.sequence import FLOWS, step_names
from capdoit.task_names import SHORT_NAMES

TAKEN = {"cap", "capdoit", *SHORT_NAMES, *(step for flow in FLOWS for step in step_names(flow))}
GIVEN = ("host", "hosts", "release", "flow", "arguments")  # what functions get without a parameter
INTERACTIVE = re.compile(r"\bexec[ (]|\bssh -t|console\b")
MOST_CHARACTERS = 100
# Tasks of Capistrano whose work the steps of flows do, or that are empty.
DONE_BY_STEPS = re.compile(r"deploy:(?:check|symlink|cleanup|log_revision|restart|starting|updating|set_).*|git:.*")
STUBS = """
# The tasks of Capistrano that no recipe replaces. Write each function, then delete its line `@capdoit.todo`. Deploys
# and rollbacks that would call a function with that line are refused before a host is changed.
"""


@dataclass(frozen=True)
class Stub:
    """A task of the project that becomes a function.

    Attributes:
        task: the task.
        points: the points at which it runs; empty for a task on demand.
        hint: what its Ruby tells of its hosts.
        source: its Ruby.
    """

    task: CapistranoTask
    points: tuple[HookPoint, ...]
    hint: Hint
    source: tuple[str, ...]


@dataclass(frozen=True)
class DodoDraft:
    """The text of a dodo.py, and what it lacks.

    Attributes:
        text: the text.
        stubs: the functions that have to be written.
        omissions: hooks that have no point, and tasks that have no function.
    """

    text: str
    stubs: Sequence[Omission]
    omissions: Sequence[Omission]


def make_dodo(
    stages: Iterable[CapistranoStage],
    sources: SourceFiles,
    recipes: Collection[str],
    head: str,
) -> DodoDraft:
    """Return the dodo.py of a project.

    Args:
        stages: all stages.
        sources: the files of the project.
        recipes: the names of the installed recipes.
        head: the beginning of the file, which loads deploy.yml.
    """
    stages = [*stages]
    own = {name: task for stage in stages for name, task in stage.tasks.items() if task.blocks}
    hooks = [*dict.fromkeys(hook for stage in stages for hook in stage.hooks)]
    placed, unplaced = place_tasks(hooks, own)
    placed = [*placed, *_find_additions(own, {hook.task for hook in hooks})]
    roles = {role for stage in stages for server in stage.servers for role in server.roles}
    stubs = [stub for task in _in_order(own, placed) for stub in _make_stubs(task, placed, sources, roles, recipes)]
    names: set[str] = set()
    blocks = [_format_stub(stub, names) for stub in stubs]
    text = head + (STUBS if stubs else "") + "".join(blocks)
    return DodoDraft(text, [_describe_stub(stub) for stub in stubs], [*_describe_hooks(unplaced, placed, own, stages)])


def _find_additions(own: Mapping[str, CapistranoTask], hooked: Collection[str]) -> list[PlacedTask]:
    """Return tasks of Capistrano to which the project adds a body of its own, such as ``deploy:starting``."""
    found = []
    for name, task in own.items():
        is_called = task.adds_to_other and name not in hooked  # Rake runs a task once, at its first hook
        point = find_point("after", name) if is_called or name == "deploy:failed" else None
        if point:
            hook = CapistranoHook("after", name, name, task.blocks[0].place)
            found.append(PlacedTask(point, name, hook))
    return found


def _in_order(own: Mapping[str, CapistranoTask], placed: Sequence[PlacedTask]) -> list[CapistranoTask]:
    """Return the tasks at points in the order in which they run, then the others."""
    names = dict.fromkeys(one.task for one in placed if one.task in own)
    return [own[name] for name in (*names, *(name for name in own if name not in names))]


def _make_stubs(
    task: CapistranoTask,
    placed: Sequence[PlacedTask],
    sources: SourceFiles,
    roles: Collection[str],
    recipes: Collection[str],
) -> Iterator[Stub]:
    """Yield a stub for the points in flows, or for tasks on demand, and one for failures: its arguments differ."""
    points = dict.fromkeys(one.point for one in placed if one.task == task.name)
    failed = tuple(point for point in points if point == ON_FAILED)
    in_flows = tuple(point for point in points if point != ON_FAILED)
    source = tuple(line for block in task.blocks for line in dedent("\n".join(sources.block(block))).split("\n"))
    for some in (in_flows, failed) if points else ((),):
        if some or not points:
            yield Stub(task, some, guess_from_ruby(source, roles, recipes), source)


# -- text


def _format_stub(stub: Stub, names: set[str]) -> str:
    name = _choose_name(stub.task.name)
    if name in names:
        name = f"{name}_on_failed" if stub.points == (ON_FAILED,) else f"{name}_{len(names)}"
    names.add(name)
    lines = [
        *_format_decorators(stub),
        f"@capdoit.todo({json.dumps(str(stub.task.blocks[0].place), ensure_ascii=False)})",
        f"def {name}({', '.join(_choose_arguments(stub))}):",
        f"    {_format_docstring(stub.task)}",
        *(f"    # {line}" for remark in _list_remarks(stub) for line in wrap(f"{remark}.", MOST_CHARACTERS)),
        *(f"    # {line}".rstrip() for line in stub.source),
    ]
    return "\n\n" + "".join(f"{line}\n" for line in lines)


def _list_remarks(stub: Stub) -> list[str]:
    """Return sentences for the one who writes the function, without their full stops."""
    first = [f"Capistrano runs first: {', '.join(stub.task.prerequisites)}"] if stub.task.prerequisites else []
    return [*first, *stub.hint.remarks]


def _format_decorators(stub: Stub) -> list[str]:
    if not stub.points:
        interactive = ["interactive=True"] if INTERACTIVE.search("\n".join(stub.source)) else []
        return [f"@cap.task({', '.join([*_format_keywords(stub.hint), *interactive])})"]
    decorators = []
    for point in stub.points:
        keywords = "" if point.when == "on_failed" else "".join(f", {word}" for word in _format_keywords(stub.hint))
        decorators.append(f"@cap.{point}" if not keywords else f"@cap.{str(point)[:-1]}{keywords})")
    return decorators


def _format_keywords(hint: Hint) -> Iterator[str]:
    if len(hint.roles) == 1:
        yield f'roles="{hint.roles[0]}"'
    elif hint.roles:
        yield f"roles=[{', '.join(f'{chr(34)}{role}{chr(34)}' for role in hint.roles)}]"
    if hint.is_for_primary:
        yield "primary=True"
    if hint.runs_here:
        yield "once=True"
    elif hint.at_once and not hint.is_for_primary:
        yield f"at_once={hint.at_once}"
        if hint.wait_seconds:
            yield f"wait={hint.wait_seconds}"


def _choose_arguments(stub: Stub) -> list[str]:
    if any(point.when == "on_failed" for point in stub.points):
        return ["failure"]
    has_release = not any((point.when, point.step) == ("before", "starting") for point in stub.points)
    common = ["hosts" if stub.hint.runs_here else "host", *(["release"] if has_release else [])]
    parameters = [] if stub.points else [name for name in stub.task.arguments if _can_be_parameter(name)]
    return [*common, *(["*", *(f'{name}: str = ""' for name in parameters)] if parameters else [])]


def _can_be_parameter(name: str) -> bool:
    """Return whether an argument of a task can be a parameter: capdoit's own variables have other meanings."""
    return name.isidentifier() and not keyword.iskeyword(name) and name not in (*VARIABLES, *GIVEN)


def _choose_name(task: str) -> str:
    """Return a name for the function of a task: `app:warm` becomes `app_warm`, `deploy:restart` becomes `restart`."""
    name = re.sub(r"\W", "_", task.removeprefix("deploy:"), flags=re.ASCII) or "task"
    name = f"task_{name}" if name[0].isdigit() else name
    return f"{name}_task" if name in TAKEN or keyword.iskeyword(name) else name


def _format_docstring(task: CapistranoTask) -> str:
    text = task.description.strip().partition("\n")[0] or f"Do what the task {task.name} of Capistrano did."
    text = re.sub(r'["\\]', "'", text)
    return f'"""{text if text.endswith((".", "!", "?")) else f"{text}."}"""'


# -- what is left to do


def _describe_stub(stub: Stub) -> Omission:
    where = ", ".join(map(str, stub.points)) or "on demand"
    first = f"it first runs {', '.join(stub.task.prerequisites)}" if stub.task.prerequisites else ""
    return Omission(f"task {stub.task.name}", join_reasons(where, first), stub.task.blocks[0].place)


def _describe_hooks(
    unplaced: Sequence[CapistranoHook],
    placed: Sequence[PlacedTask],
    own: Mapping[str, CapistranoTask],
    stages: Sequence[CapistranoStage],
) -> Iterator[Omission]:
    names = {stage.name for stage in stages}
    placed = [one for one in placed if not DONE_BY_STEPS.match(one.task)]
    for hook in unplaced:
        when_loaded = hook.target in names or hook.target == "load:defaults"
        why = "it runs whenever the stage is loaded" if when_loaded else "a flow has no such point here"
        yield Omission(_describe(hook), f"{why}; put it into a hook in dodo.py", hook.place)
    for one in placed:
        if one.task not in own:
            why = f"{one.task} is a task of Capistrano or of a plugin; if no recipe does its work, write a hook"
            yield Omission(_describe(one.hook), f"{why}, {one.point}", one.hook.place)


def _describe(hook: CapistranoHook) -> str:
    return f"{hook.kind} {hook.target}, {hook.task}"
