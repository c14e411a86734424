"""The short names of tasks, and corrections of a command line that names a task which does not exist."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from capdoit.text import find_meant_name

SHORT_NAMES = {
    **{verb: verb for verb in ("deploy", "rollback", "check", "drill", "setup")},
    "deploy:rollback": "rollback",  # Capistrano's names
    "deploy:check": "check",
}
SUBCOMMANDS = (  # of `doit cap`, in the order of its help; each is a module of `commands/`
    "install",
    "stages",
    "status",
    "releases",
    "verify",
    "history",
    "report",
    "pending",
    "exec",
    "ssh",
    "logs",
    "doctor",
    "config",
    "recipes",
    "schema",
    "unlock",
    "completion",
)
MOST_CORRECTIONS = 3


@dataclass(frozen=True)
class TypedCommand:
    """A doit command line with a task that does not exist.

    Attributes:
        words: its words without ``doit``: options, tasks, and NAME=VALUE.
        unknown: the word that names no task.
        tasks: names of all tasks.
        stages: names of the stages.
    """

    words: Sequence[str]
    unknown: str
    tasks: Collection[str]
    stages: Collection[str]

    @property
    def names(self) -> list[str]:
        """The words that name tasks."""
        return [word for word in self.words if "=" not in word and not word.startswith("-")]

    @property
    def verbs(self) -> dict[str, str]:
        """The names of tasks without a stage: the short names of flows, and those of tasks on demand."""
        ends = [f":{stage}" for stage in self.stages]
        found = [task.removesuffix(end) for task in self.tasks for end in ends if task.endswith(end)]
        return {**{name: name for name in found}, **SHORT_NAMES}

    def replaced(self, old: str, new: str, dropped: str = "") -> str:
        """Return the command line with another task, and without the word ``dropped``."""
        words = [new if word == old else word for word in self.words if not dropped or word != dropped]
        return shlex.join(["doit", *words])


def correct_command(typed: TypedCommand) -> list[str]:
    """Return the command lines that were probably meant, the likeliest first; none if nothing is similar."""
    if subcommand := next((word for word in typed.names if word.partition(":")[0] in SUBCOMMANDS), ""):
        return [_call_subcommand(typed, subcommand)]
    if found := [*dict.fromkeys(_leave_out_stage(typed))]:
        return found
    tasks = _correct_name(typed)
    alone = [typed.replaced(typed.unknown, task) for task in tasks]
    found = [*dict.fromkeys(_join_with_neighbor(typed))] or alone
    if not found and find_meant_name(typed.unknown.partition(":")[0], SUBCOMMANDS):
        return [_call_subcommand(typed, typed.unknown)]
    return found[:MOST_CORRECTIONS]


def _call_subcommand(typed: TypedCommand, word: str) -> str:
    """Return the command line that calls a subcommand, which was typed as a task: ``status`` or ``status:STAGE``."""
    name, _, stage = word.partition(":")
    words = [other for other in typed.words if other != word]
    return shlex.join(["doit", "cap", find_meant_name(name, SUBCOMMANDS), *filter(None, [stage]), *words])


def _leave_out_stage(typed: TypedCommand) -> Iterator[str]:
    """Yield the command lines in which a task has a stage already, and a further word is a stage: with either stage."""
    if typed.unknown not in typed.stages:
        return
    for name in typed.names:
        verb, _, rest = name.partition(":")
        stage, colon, step = rest.partition(":")
        if name in typed.tasks and stage in typed.stages:
            yield typed.replaced(name, name, dropped=typed.unknown)
            yield typed.replaced(name, f"{verb}:{typed.unknown}{colon}{step}", dropped=typed.unknown)


def _join_with_neighbor(typed: TypedCommand) -> Iterator[str]:
    """Yield the command lines in which a verb and a stage that were typed as two words are one task."""
    place = typed.names.index(typed.unknown) if typed.unknown in typed.names else len(typed.names)
    for other in (*typed.names[max(place - 1, 0) : place], *typed.names[place + 1 : place + 2]):
        for verb, stage in ((other, typed.unknown), (typed.unknown, other)):
            if task := _make_task(typed, verb, stage):
                yield typed.replaced(verb, task, dropped=stage)


def _make_task(typed: TypedCommand, verb: str, stage: str) -> str:
    """Return the task of a verb, with or without a step, and a stage; empty if there is none."""
    short = find_meant_name(verb, typed.verbs)
    meant = find_meant_name(stage, typed.stages)
    if short and meant:
        return f"{typed.verbs[short]}:{meant}"
    flow, _, step = verb.partition(":")
    task = f"{flow}:{meant}:{step}"
    return task if task in typed.tasks else ""


def _correct_name(typed: TypedCommand) -> list[str]:
    """Return the tasks that a name may mean; a name may be a stage, or ``VERB:STAGE:STEP`` in part or misspelled."""
    name, tasks, stages, verbs = typed.unknown, typed.tasks, typed.stages, typed.verbs
    first, _, rest = name.partition(":")
    second, _, step = rest.partition(":")
    if not rest and (stage := find_meant_name(first, stages)):
        return [f"deploy:{stage}", f"rollback:{stage}"]
    verb, swapped = find_meant_name(first, verbs), find_meant_name(second, verbs)
    if swapped and (stage := find_meant_name(first, stages)):
        verb, second = swapped, stage
    meant = find_meant_name(second, stages)
    if verb and meant:
        group = f"{verbs[verb]}:{meant}"
        return [find_meant_name(f"{group}:{step}", tasks)] if step else [group]
    steps = [task for stage in stages if (task := f"{first}:{stage}:{rest}") in tasks]
    if steps or (verb and rest):
        return steps or [f"{verbs[verb]}:{stage}" for stage in stages]
    return [task] if (task := find_meant_name(name, tasks)) else []
