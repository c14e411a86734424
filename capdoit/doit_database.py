"""doit's database of what is up to date. A flow does not need it, so a database that fails is a warning."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from doit import cmd_base
from doit.dependency import Dependency, JsonDB
from doit.exceptions import InvalidCommand

from capdoit.doit_command import find_running_command
from capdoit.text import get_first_line, make_printable

# Commands of doit whose only effect is a change of the database.
CHANGE_THE_DATABASE = ("clean", "forget", "ignore", "reset-dep")
HELD = ("temporarily unavailable", "database is locked")  # texts of gdbm and of sqlite
DAMAGED = ("corrupted", "Malformed", "not a database")  # texts of doit, of gdbm and of sqlite


def tolerate_database_errors() -> None:
    """Let each command of this process go on when doit's database fails.

    doit would end with a traceback and exit status 3, also after a release went live.
    """
    cmd_base.Dependency = TolerantDependency


class TolerantDependency(Dependency):  # type: ignore[misc]
    """doit's manager of dependencies, with a database that may fail; arguments as in `Dependency`."""

    def __init__(self, db_class: Callable[..., Any], backend_name: str, **options: Any) -> None:
        command = find_running_command()
        lose = _refuse if command and command.get_name() in CHANGE_THE_DATABASE else _warn
        super().__init__(partial(TolerantDatabase, db_class, lose), backend_name, **options)


class TolerantDatabase:
    """A database of doit; once it fails, the rest of the run uses the memory.

    Args:
        open_database: one of doit's databases.
        lose: called with the sentence that says what failed.
        name: path of the file.
        **options: as for `open_database`.
    """

    def __init__(
        self, open_database: Callable[..., Any], lose: Callable[[str], None], name: str, **options: Any
    ) -> None:
        self.name = name
        self._lose = lose
        self._memory = _Memory()
        self._database: Any = None
        try:
            self._database = open_database(name, **options)
        except Exception as error:  # noqa: BLE001 - each database raises other errors
            lose(f"{name} cannot be used: {_describe(error)}")

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Store a value of a task."""
        self._use("set", task_id, dependency, value)

    def get(self, task_id: str, dependency: str) -> Any:
        """Return a value of a task; None if there is none."""
        return self._use("get", task_id, dependency)

    def in_(self, task_id: str) -> bool:
        """Return True if there are values of a task."""
        return bool(self._use("in_", task_id))

    def remove(self, task_id: str) -> None:
        """Forget the values of a task."""
        self._use("remove", task_id)

    def remove_all(self) -> None:
        """Forget everything."""
        self._use("remove_all")

    def dump(self) -> None:
        """Save the database."""
        self._use("dump")

    def _use(self, method: str, *arguments: Any) -> Any:
        """Call a method of the database, and of the memory, which then has all that this run stored."""
        kept = getattr(self._memory, method)(*arguments)
        if self._database is None:
            return kept
        try:
            return getattr(self._database, method)(*arguments)
        except Exception as error:  # noqa: BLE001 - each database raises other errors
            lost, self._database = self._database, None
            with suppress(Exception):
                lost.dump()  # closes the file; what the database still has may be saved
            _remove_if_empty(Path(self.name))
            self._lose(f"{self.name} could not be {'saved' if method == 'dump' else 'used'}: {_describe(error)}")
            return kept


class _Memory(JsonDB):  # type: ignore[misc]
    """The values that this run stored."""

    def __init__(self) -> None:
        self._db: dict[str, dict[str, Any]] = {}

    def dump(self) -> None:
        """Save nothing."""


def _remove_if_empty(file: Path) -> None:
    """Remove a file that a full disk left empty: the next run would take it for damaged."""
    with suppress(OSError):
        if file.is_file() and not file.stat().st_size:
            file.unlink()


def _describe(error: Exception) -> str:
    """Return the reason of an error in one line."""
    text = str(error).rpartition("Original error: ")[2]  # doit calls each error of sqlite a damage
    if any(part in text for part in HELD):
        return "another doit uses it"
    if any(part in text for part in DAMAGED):
        return "it is damaged, or another backend of doit wrote it; remove it"
    return make_printable(get_first_line(text))


def _warn(what: str) -> None:
    sys.stderr.write(f"capdoit: doit's database {what}. This run goes on: no host depends on the database.\n")


def _refuse(what: str) -> None:
    raise InvalidCommand(f"doit's database {what}")
