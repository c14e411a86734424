"""The words in the code of a hook, which tell whether it may use a value."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

WORD = re.compile(r"\w+")


def find_words(function: Callable[..., object]) -> set[str] | None:
    """Return the names and the words of texts in a function, and in the functions of the project that it names.

    Returns:
        The words; None if the function has no code of Python that could be read.
    """
    words: set[str] = set()
    waiting: list[Any] = [inspect.unwrap(function)]
    seen: list[Any] = []
    if not isinstance(waiting[0], FunctionType):
        return None
    while waiting:
        one = waiting.pop()
        if not any(one is other for other in seen):
            seen.append(one)
            found = set(_words_of_code(one.__code__))
            words |= found
            waiting += _named_functions(one, found)
    return words


def _words_of_code(code: CodeType) -> Iterator[str]:
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words_of_code(constant)
        else:
            yield from WORD.findall(str(constant))


def _named_functions(function: FunctionType, words: set[str]) -> Iterator[FunctionType]:
    """Yield the functions that the words may mean: globals, variables around the function, members of both."""
    around = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    named = [value for name, value in function.__globals__.items() if name in words]
    for value in (*around, *named):
        inner = vars(value).items() if isinstance(value, (type, ModuleType)) and _is_of_project(value) else ()
        members = (member for name, member in inner if name in words or isinstance(value, type))
        for one in filter(callable, (value, *members)):
            plain = inspect.unwrap(one)
            if isinstance(plain, FunctionType) and _is_of_project(plain):
                yield plain


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a variable that has no value yet
        return False


def _is_of_project(value: Any) -> bool:
    """Return True if something belongs to the project or a recipe, not to Python or capdoit itself."""
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "") or ""
    is_internal = module.startswith("capdoit.") and not module.startswith("capdoit.recipes.")
    return module.partition(".")[0] not in sys.stdlib_module_names and module != "capdoit" and not is_internal
