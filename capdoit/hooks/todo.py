"""Functions that are not written yet. A flow that would call one is refused before a host is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from capdoit.errors import ConfigError
from capdoit.hooks.hook import Hook
from capdoit.public_names import refusing_wrong_arguments

Function = TypeVar("Function", bound=Callable[..., object])
MARK = "capdoit_todo"


@refusing_wrong_arguments
def todo(origin: str) -> Callable[[Function], Function]:
    """Mark a function of dodo.py as not written yet: deploys and rollbacks that would call it are refused.

    Args:
        origin: what the function has to do, such as the place of the task of Capistrano that it replaces.
    """

    def mark(function: Function) -> Function:
        setattr(function, MARK, origin)
        return function

    return mark


def describe_todos(hooks: Iterable[Hook]) -> list[str]:
    """Return a sentence for each hook whose function is not written yet."""
    return [
        f"{hook.location}: {_noun(hook)} {hook.name} is not written yet ({origin})"
        for hook in hooks
        if (origin := getattr(hook.function, MARK, ""))
    ]


def refuse_todo(hook: Hook) -> None:
    """Refuse a task on demand whose function is not written yet.

    Raises:
        ConfigError: names the task and what it has to do.
    """
    for sentence in describe_todos([hook]):
        raise ConfigError(sentence, "write it and delete its line @capdoit.todo; nothing was done")


def _noun(hook: Hook) -> str:
    return "task" if hook.when == "task" else "hook"
