"""The running doit command: how to find it, and the checks of all loaded tasks before the command uses them."""

from __future__ import annotations

import fnmatch
import getopt
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TextIO

from doit.cmd_base import DoitCmdBase
from doit.cmdparse import CmdParseError
from doit.exceptions import InvalidCommand, InvalidDodoFile

from capdoit.hooks.declarations import location_of
from capdoit.hooks.hook import Dependency
from capdoit.output.unfailing_stream import make_unfailing
from capdoit.task_names import TypedCommand, correct_command
from capdoit.text import suggest_name

if TYPE_CHECKING:
    from types import FrameType

    from doit.task import Task

OWNER = "capdoit"  # key of doit's `meta`, which marks the tasks of capdoit
SHORT_NAME, FULL_NAME = "short name", "full name"
VARIABLES_HINT = "A variable is NAME=VALUE, such as branch=main. Nothing was done."
NAMING_TASKS = ("list", "info", "forget", "clean", "ignore")  # commands of doit that name tasks and run none


def find_running_command() -> DoitCmdBase | None:
    """Return the doit command that loads the tasks; None when something else loads them.

    doit gives a task creator no access to its command, so the command is taken from the call stack.
    """
    frame: FrameType | None = sys._getframe()
    while frame:
        command = frame.f_locals.get("self")
        if isinstance(command, DoitCmdBase):
            return command
        frame = frame.f_back
    return None


def run_nothing_by_default(command: DoitCmdBase) -> None:
    """Make a bare `doit` run nothing: it would run all tasks, every deploy and rollback included."""
    if not command.sel_tasks and command.sel_default_tasks:
        command.sel_tasks = []
        sys.stderr.write("capdoit: `doit` without a task runs nothing here; `doit list` shows the tasks\n")


def check_tasks_when_loaded(
    command: DoitCmdBase,
    dependencies: Iterable[Dependency],
    stages: Collection[str],
    prepare: Callable[[Mapping[str, Any]], None],
) -> None:
    """Check all tasks of the project once they are loaded, and before the command uses them.

    A creator of tasks sees only the tasks that it creates, so the checks are put in front of the command's work.

    Args:
        command: the running command.
        dependencies: the tasks that steps depend on.
        stages: names of the stages.
        prepare: called with the options of a command that runs tasks, before it runs any.
    """
    execute = command._execute

    @wraps(execute)
    def check_and_execute(**params: Any) -> Any:
        command.task_list = drop_taken_short_names(command.task_list, namespace_of(command))
        tasks = {task.name: task for task in command.task_list}
        refuse_missing_tasks(tasks, dependencies)
        if command.get_name() == "ignore":
            refuse_to_ignore(tasks, command.sel_tasks or [])
        if command.execute_tasks:
            _refuse_ignored(command, tasks, is_single=bool(params.get("single")))
            if isinstance(params.get("outfile"), str):
                params["outfile"] = _open_outfile(params["outfile"])
            prepare(params)
        elif command.get_name() in NAMING_TASKS:
            for name in command.sel_tasks or []:
                _refuse_mistyped(name, tasks, stages)
        try:
            return execute(**params)
        except InvalidCommand as error:
            _refuse_mistyped(error.not_found or "", tasks, stages)
            raise
        except CmdParseError:
            _refuse_late_options(command)
            raise

    command._execute = check_and_execute


def namespace_of(command: DoitCmdBase) -> Mapping[str, Any]:
    """Return the names of dodo.py; empty if something else than a dodo.py creates the tasks."""
    return getattr(command.loader, "namespace", None) or {}


def drop_taken_short_names(tasks: list[Task], namespace: Mapping[str, Any]) -> list[Task]:
    """Return the tasks without the short names of capdoit that tasks of the project have, too.

    Raises:
        InvalidDodoFile: a task of the project has the name of a step, a hook or a flow.
    """
    of_project = {task.name for task in tasks if not _kind(task)}
    for task in tasks:
        if _kind(task) == FULL_NAME and task.name in of_project:
            raise InvalidDodoFile(_describe_taken_name(task.name, namespace))
    return [task for task in tasks if _kind(task) != SHORT_NAME or task.name not in of_project]


def refuse_missing_tasks(tasks: Iterable[str], dependencies: Iterable[Dependency]) -> None:
    """Check that the tasks that steps depend on exist.

    Raises:
        InvalidDodoFile: names every one that does not exist, with the line that asks for it.
    """
    names = [*tasks]
    mistakes = [
        f"{one.location}: {one.step} depends on the task {one.task}, which does not exist"
        f"{suggest_name(one.task, names)}"
        for one in dependencies
        if not fnmatch.filter(names, one.task)
    ]
    if mistakes:
        raise InvalidDodoFile("\n".join(dict.fromkeys(mistakes)))


def refuse_to_ignore(tasks: Mapping[str, Task], names: Iterable[str]) -> None:
    """Check that no task of capdoit is ignored: doit would leave out all later steps, and end with exit status 0.

    Raises:
        InvalidCommand: a task of capdoit is among the names.
    """
    for name in names:
        if name in tasks and _kind(tasks[name]):
            raise InvalidCommand(
                f"{name} cannot be ignored: a flow has all of its steps. To leave out a hook: skip=HOOK. "
                "Nothing was done."
            )


def find_needed(tasks: Mapping[str, Task], names: Iterable[str]) -> list[Task]:
    """Return the tasks with these names and all tasks that they depend on."""
    producers = {target: task.name for task in tasks.values() for target in task.targets}
    found: dict[str, Task] = {}
    left = [name for name in names if name in tasks]
    while left:
        name = left.pop()
        if name not in found:
            found[name] = tasks[name]
            left += [other for other in _dependencies_of(tasks[name], producers, tasks) if other in tasks]
    return list(found.values())


def _dependencies_of(task: Task, producers: Mapping[str, str], tasks: Iterable[str]) -> Iterator[str]:
    yield from task.task_dep
    yield from task.setup_tasks
    yield from (producers[file] for file in task.file_dep if file in producers)
    yield from (name for pattern in task.wild_dep for name in fnmatch.filter(tasks, pattern))


def _refuse_ignored(command: DoitCmdBase, tasks: Mapping[str, Task], is_single: bool) -> None:
    """Check that no task that a selected flow needs is ignored.

    Raises:
        InvalidCommand: names the ignored task and the commands that help.
    """
    selected = [name for pattern in command.sel_tasks or [] for name in fnmatch.filter(tasks, pattern)]
    needed = [tasks[name] for name in selected] if is_single else find_needed(tasks, selected)
    own = [task for task in needed if _kind(task)]
    for task in own if is_single else find_needed(tasks, [task.name for task in own]):
        if command.dep_manager.status_is_ignore(task):
            raise InvalidCommand(
                f"{task.name} is ignored since `doit ignore`, and doit would leave out everything that depends on it. "
                f"Nothing was done. To run it again: doit forget {task.name}"
            )


def _refuse_mistyped(name: str, tasks: Mapping[str, Task], stages: Collection[str]) -> None:
    """Refuse a word behind a task of capdoit, or a task that is similar to another one.

    doit refuses any other unknown task.

    Raises:
        InvalidCommand: has the commands that were probably meant.
    """
    if not name or name in tasks or "*" in name:
        return
    before = sys.argv[1 : sys.argv.index(name)] if name in sys.argv else []
    taken = [word for word in before if word in tasks and _kind(tasks[word])]
    if taken and "--" in before:
        raise InvalidCommand(f"{taken[-1]} takes no words behind --. {VARIABLES_HINT}")
    if corrections := correct_command(TypedCommand(sys.argv[1:], name, tasks, stages)):
        meant = "".join(f"\n  {correction}" for correction in corrections)
        question = f"Did you mean one of these?{meant}" if corrections[1:] else f"Did you mean `{corrections[0]}`?"
        raise InvalidCommand(f"there is no task {name}. {question}\nNothing was done. `doit list` shows the tasks.")
    if taken:
        raise InvalidCommand(f"there is no task {name}. {VARIABLES_HINT} `doit list` shows the tasks.")


def _refuse_late_options(command: DoitCmdBase) -> None:
    """Refuse options of doit that stand behind a task: doit takes them for options of the task.

    Raises:
        InvalidCommand: has the command with all options before the tasks.
    """
    named = [word for word in sys.argv[1:2] if word == command.get_name()]
    words = sys.argv[1 + len(named) :]
    try:
        options, names = getopt.gnu_getopt(words, command.cmdparser.get_short(), command.cmdparser.get_long())
    except getopt.GetoptError:
        return
    right = shlex.join(["doit", *named, *(word for option in options for word in option if word), *names])
    raise InvalidCommand(f"options of doit come before tasks. Did you mean `{right}`?\nNothing was done.")


def _open_outfile(file: str) -> TextIO:
    """Open a file for the output of doit, which never makes a flow fail, as a full disk would.

    Raises:
        InvalidCommand: the file cannot be opened.
    """
    try:
        stream = open(file, "w", encoding="utf-8", buffering=1)  # noqa: SIM115 - open until the process ends
    except OSError as error:
        raise InvalidCommand(f"--output-file {file}: {error.strerror}. Nothing was done.") from None
    make_unfailing(stream)
    return stream


def is_of_capdoit(task: Task) -> bool:
    """Return True for a task of capdoit, and False for a task of the project."""
    return bool(_kind(task))


def _kind(task: Task) -> str:
    """Return `SHORT_NAME` or `FULL_NAME` for a task of capdoit; empty for a task of the project."""
    return str((task.meta or {}).get(OWNER, ""))


def _describe_taken_name(name: str, namespace: Mapping[str, Any]) -> str:
    creator: Callable[..., object] | None = namespace.get(f"task_{name.partition(':')[0]}")
    place = f"{location_of(creator)}: " if creator else ""
    stage = name.split(":")[1]
    return f"{place}the task {name} has the name of a task of the stage {stage}; rename the task or the stage"
