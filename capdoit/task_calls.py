"""The calls of tasks on demand on a command line of doit: which tasks, with which variables and arguments.

doit takes NAME=VALUE out of its command line, wherever it stands. A word behind ``--`` belongs to a command, so it is
taken from the words that the operator typed.
"""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from capdoit.errors import ConfigError
from capdoit.hooks.on_demand import OnDemandTask
from capdoit.text import join_names


@dataclass(frozen=True)
class TaskCalls:
    """The tasks on demand that a command line calls.

    Attributes:
        tasks: the tasks.
        words: the words of the command line without arguments.
        arguments: the words for the task that takes arguments.
        are_alone: no other task is called.
    """

    tasks: tuple[OnDemandTask, ...] = ()
    words: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    are_alone: bool = False

    def choose_variables(self, taken: Mapping[str, str]) -> dict[str, str]:
        """Return those variables that doit took out of the command line which are no arguments.

        Args:
            taken: variables by name; doit keeps the last of two values.
        """
        if not self.arguments:
            return dict(taken)
        values = dict(_split(word) for word in self.words if _is_variable(word))
        return {name: values[name] for name in taken if name in values}

    def find_parameters(self, typed: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that are parameters of the tasks."""
        names = {name for task in self.tasks for name in task.parameter_names}
        return {name: value for name, value in typed.items() if name in names}

    def check(self, texts: Mapping[str, str], others: Iterable[str]) -> None:
        """Check the variables of the tasks before any host is touched.

        Args:
            texts: the parameters on the command line.
            others: the names of the other variables that are not capdoit's.

        Raises:
            ConfigError: a parameter has a wrong value or none, or a variable means nothing to the tasks.
        """
        for task in self.tasks:
            task.read_parameters(texts)
            for name in others if self.are_alone else ():
                task.refuse_unknown(name)


def find_calls(typed: Sequence[str], selected: Sequence[str], known: Mapping[str, OnDemandTask]) -> TaskCalls:
    """Return the tasks on demand that are called.

    Args:
        typed: the arguments of doit.
        selected: the words that doit takes for names of tasks and their arguments.
        known: the tasks on demand by the names of their doit tasks.

    Raises:
        ConfigError: there are words behind ``--`` for no task, or in front of it for a command.
    """
    taker = next((word for word in selected if word in known and known[word].takes_arguments), "")
    names = [*selected[: selected.index(taker) + 1]] if taker else [word for word in selected if word[:1] != "-"]
    found = {name: [known[one] for one in known if fnmatch.fnmatch(one, name)] for name in names}
    tasks = tuple({task.name: task for those in found.values() for task in those}.values())
    are_alone = bool(tasks) and all(found.values())
    if taker in typed:
        words, arguments = _split_at_arguments(typed, taker, known)
        return TaskCalls(tasks, words, arguments, are_alone)
    if tasks and "--" in typed:
        raise ConfigError(f"{join_names(task.name for task in tasks)} takes no words behind --; nothing was done")
    return TaskCalls(tasks, tuple(typed), (), are_alone)


def _split_at_arguments(
    typed: Sequence[str], task: str, known: Container[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words without the arguments of a task, and its arguments.

    Raises:
        ConfigError: there are other words in front of ``--``, such as a stage.
    """
    place = typed.index(task) + 1
    behind = typed[place:]
    end = behind.index("--") if "--" in behind else len(behind)
    variables = [word for word in behind[:end] if _is_variable(word)]
    words = [word for word in behind[:end] if not _is_variable(word)]
    if words and f"{task}:{words[0]}" in known:
        right = shlex.join([*typed[: place - 1], f"{task}:{words[0]}", *variables, *words[1:], *behind[end:]])
        raise ConfigError(f"there is no task {words[0]}. Did you mean `doit {right}`? Nothing was done")
    if words:
        right = shlex.join([*typed[:place], *variables, "--", *words, *behind[end + 1 :]])
        raise ConfigError(f"words for the command of {task} stand behind --: doit {right}")
    return (*typed[:place], *variables), tuple(behind[end + 1 :])


def _is_variable(word: str) -> bool:
    return "=" in word and not word.startswith("-")


def _split(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value
