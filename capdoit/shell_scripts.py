"""Shell scripts of capdoit: found by name, put together with the libraries that they need, and given their values.

A script is a static ``.sh`` file. Its name is its path in this package without the suffix: ``steps/finished``.
The comments at its top, its header, declare with names that are separated by spaces:

- ``# Needs:`` the functions that it calls and does not define; libraries in ``sh/`` define them.
- ``# Given:`` the shell variables that `render` must assign in front of it.
- ``# Environment:`` the environment variables that it reads.
- ``# Sets:`` the shell variables that it assigns for what runs after it in its shell.

A field may take several lines. A test compares each header with its file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from capdoit.script import EnvValue, Script, Value, assign

PACKAGE = Path(__file__).parent
LIBRARIES = "sh"
FIELD = re.compile(r"^# (Needs|Given|Environment|Sets): (.+)$", re.MULTILINE)
FUNCTION = re.compile(r"^(\w+)\(\)", re.MULTILINE)


@dataclass(frozen=True)
class ShellFile:
    """A ``.sh`` file and what its header declares.

    Attributes:
        name: its path in the package, without the suffix.
        text: its lines without comment lines, which a host's shell would read byte by byte.
        functions: the functions that it defines.
        needs: the functions that it calls and libraries define.
        given: the shell variables that must be assigned in front of it.
        environment: the environment variables that it reads.
        sets: the shell variables that it assigns for what runs after it.
    """

    name: str
    text: str
    functions: tuple[str, ...]
    needs: tuple[str, ...]
    given: tuple[str, ...]
    environment: tuple[str, ...]
    sets: tuple[str, ...]


def render(
    name: str,
    files: str | Iterable[str],
    values: Mapping[str, Value],
    env: Mapping[str, EnvValue] | None = None,
    common: Mapping[str, Value] | None = None,
) -> Script:
    """Return a script with its libraries and its values.

    Args:
        name: what the script does, for messages.
        files: the name of a ``.sh`` file, or of several that follow each other.
        values: assigned in front of the script: a text or number as it is, a boolean as ``yes`` or the
            empty text, a list as words for ``eval "set -- $name"``.
        env: the environment of the script's commands.
        common: more values; the script gets those that its headers name.

    Raises:
        TypeError: a value is missing, or no header names it.
    """
    parts = collect([files] if isinstance(files, str) else files)
    required = list_required_values(parts)
    found = {key: value for key, value in (common or {}).items() if key in required} | dict(values)
    if missing := sorted(required - {*found}):
        raise TypeError(f"{parts[-1].name} is not given {', '.join(missing)}")
    if unknown := sorted({*found} - required):
        raise TypeError(f"{parts[-1].name} is given {', '.join(unknown)}, which no header of it names")
    return Script(name, "".join(part.text for part in parts), env or {}, assign(found))


def script_text(*names: str) -> str:
    """Return scripts with their libraries as text, for a shell that another script starts.

    Raises:
        TypeError: they must be given values; `render` does that.
    """
    return render(names[-1], names, {}).body


def library_texts() -> list[str]:
    """Return the text of each library, as rendered scripts contain it."""
    return [read_shell_file(name).text for name in sorted(set(find_functions().values()))]


def collect(names: Iterable[str]) -> list[ShellFile]:
    """Return the files of a script in their order, behind each library that they need, directly or not."""
    files = [read_shell_file(name) for name in names]
    found: dict[str, ShellFile] = {}
    for file in files:
        _add_libraries(file, found)
    return [*(library for library in found.values() if library not in files), *files]


def list_required_values(files: Iterable[ShellFile]) -> set[str]:
    """Return the variables that files need in front of them; a file may read what one before it sets."""
    required: set[str] = set()
    already_set: set[str] = set()
    for file in files:
        required |= {*file.given} - already_set
        already_set |= {*file.sets}
    return required


@cache
def read_shell_file(name: str) -> ShellFile:
    """Return the ``.sh`` file of a name."""
    text = (PACKAGE / f"{name}.sh").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    sent = "".join(line for line in lines if not line.lstrip().startswith("#"))
    fields = {field: tuple(_words_of(text, field)) for field in ("Needs", "Given", "Environment", "Sets")}
    return ShellFile(
        name=name,
        text=sent,
        functions=tuple(FUNCTION.findall(sent)),
        needs=fields["Needs"],
        given=fields["Given"],
        environment=fields["Environment"],
        sets=fields["Sets"],
    )


@cache
def find_functions() -> Mapping[str, str]:
    """Return the library of each function that libraries define."""
    names = (f"{LIBRARIES}/{path.stem}" for path in sorted((PACKAGE / LIBRARIES).glob("*.sh")))
    return {function: name for name in names for function in read_shell_file(name).functions}


def _add_libraries(file: ShellFile, found: dict[str, ShellFile]) -> None:
    """Add the libraries of a file to those found, and the libraries that they need themselves."""
    for function in file.needs:
        name = find_functions()[function]
        if name not in found:
            found[name] = read_shell_file(name)
            _add_libraries(found[name], found)


def _words_of(text: str, field: str) -> Iterator[str]:
    for name, words in FIELD.findall(text):
        if name == field:
            yield from words.split()
