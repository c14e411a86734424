"""The words in the code of a project, which tell whether a flow may use a value."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from types import CodeType

from capdoit.error_location import is_next_to

WORD = re.compile(r"\w+")
Function = Callable[..., object]
Place = tuple[Path, int]


def list_words(called: Collection[Function], hooks: Iterable[Function]) -> list[set[str] | None]:
    """Return the names and the words of texts in the code that a flow may run.

    Args:
        called: the functions of the hooks that the flow calls.
        hooks: the functions of all hooks; the flow does not run the others of them.

    Returns:
        The words of each called function, then those of each module without its hooks, then all of them together. None
        stands for code that is not Python or cannot be read.
    """
    skipped = {_place_of(code) for code in map(_code_of, hooks) if code}
    codes = [(code, frozenset[Place]()) for code in map(_code_of, called)]
    codes += [(_read_code(file), frozenset(skipped)) for file in _find_files(called)]
    each = [set(_words_of(code, left_out)) if code else None for code, left_out in codes]
    return [*each, set().union(*filter(None, each))]


def _code_of(function: Function) -> CodeType | None:
    return getattr(inspect.unwrap(function), "__code__", None)


def _place_of(code: CodeType) -> Place:
    return Path(code.co_filename).resolve(), code.co_firstlineno


def _words_of(code: CodeType, left_out: Collection[Place]) -> Iterator[str]:
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if not isinstance(constant, CodeType):
            yield from WORD.findall(str(constant))
        elif _place_of(constant) not in left_out:
            yield from _words_of(constant, left_out)


def _find_files(called: Iterable[Function]) -> list[Path]:
    """Return the files of the project's modules, and of the packages that the functions come from."""
    packages, folder = {str(function.__module__).partition(".")[0] for function in called}, Path().resolve()
    files = {name: Path(getattr(module, "__file__", None) or "").resolve() for name, module in [*sys.modules.items()]}
    return [
        file
        for name, file in files.items()
        if file.suffix == ".py" and not name.startswith("capdoit.")  # bundled recipes use no values of the project
        if name.partition(".")[0] in packages or is_next_to(file, folder)
    ]


def _read_code(file: Path) -> CodeType | None:
    """Return the code of a file; None if a task has removed it meanwhile, or has put something else there."""
    try:
        return compile(file.read_bytes(), file, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return None
