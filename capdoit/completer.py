"""The words that may follow on a command line of doit. The completion of a shell runs this file as a script.

    python3 -I -S completer.py PROGRAM words CURRENT WORD…
    python3 -I -S completer.py PROGRAM line BREAKS LINE

It prints a line for each word that CURRENT may become: the word, a tab, its description. It must be fast, so it
imports nothing of capdoit, and reads dodo.py and deploy.yml only through a file that `doit cap completion --refresh`
writes. It makes no connection. PROGRAM is doit as it was typed. BREAKS are the characters at which bash
breaks a word (COMP_WORDBREAKS): of a word with such a character, bash replaces only the part behind it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

MOST_SECONDS = 600.0  # after which tasks are read again: a dodo.py may make them of any files
REFRESH_SECONDS = 20.0
FILE_OPTIONS = ("-f", "--file")
RUN = "run"  # doit's command when none is named
KINDS_OF_FILES = ("dodoFile", "cwdPath", "outfile", "dep_file", "plan", "apply", "report", "command")
Found = Iterable[tuple[str, str]]  # words with their descriptions


# -- the file with what is known about a project


def find_cache_file(file: str, name: str) -> str:
    """Return the path of a cache file in the user's directory for caches.

    Args:
        file: the dodo.py or deploy.yml that the cache belongs to.
        name: what the cache holds.
    """
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    digest = hashlib.sha256(os.path.realpath(file).encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(folder, "capdoit", f"{digest[:16]}.{name}.json")


def read_cache(path: str) -> dict[str, Any]:
    """Return the content of a cache file; an empty mapping if it cannot be read, or is no mapping."""
    content = None
    with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
        content = json.load(file)
    return content if isinstance(content, dict) else {}


def write_cache(path: str, content: object) -> None:
    """Replace a cache file. A cache that cannot be written is left out: nothing depends on it."""
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        _replace_file(path, json.dumps(content))


def _replace_file(path: str, text: str) -> None:
    part = f"{path}.{os.getpid()}"
    try:
        with open(part, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(part, path)
    except OSError:  # the disk is full
        os.unlink(part)
        raise


def get_time_of_change(path: str) -> int | None:
    """Return the time at which a file was changed, in nanoseconds; None without the file."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _load(program: str, words: Sequence[str]) -> Any:
    """Return what is known about the project of a command line. If a file of it has changed, it is read again."""
    dodo_file = _find_dodo_file(words)
    path = find_cache_file(dodo_file, "completion")
    known = read_cache(path)
    if _is_fresh(known):
        return known
    command = [os.path.expanduser(program), "-f", dodo_file, "cap", "completion", "--refresh"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        null = subprocess.DEVNULL
        subprocess.run(command, stdin=null, stdout=null, stderr=null, timeout=REFRESH_SECONDS, check=False)
    return read_cache(path)


def _find_dodo_file(words: Sequence[str]) -> str:
    for word, following in zip(words, [*words, ""][1:], strict=True):
        if word in FILE_OPTIONS and following:
            return os.path.expanduser(following)
        if word.startswith("--file="):
            return os.path.expanduser(word.partition("=")[2])
    return os.environ.get("DOIT_FILE") or "dodo.py"


def _is_fresh(known: Mapping[str, Any]) -> bool:
    is_recent = abs(time.time() - known.get("made_at", 0.0)) < MOST_SECONDS
    return is_recent and all(get_time_of_change(path) == changed for path, changed in known["inputs"].items())


# -- the words that may follow


def complete(known: Mapping[str, Any], words: Sequence[str], current: str) -> list[tuple[str, str]]:
    """Return the words that may stand at the end of a command line of doit.

    Args:
        known: what `doit cap completion --refresh` wrote.
        words: the words between doit and the last one.
        current: the last word, as far as it is typed.

    Returns:
        Words that begin with ``current``, each with a description, which may be empty.
    """
    if not known:
        return []
    found = _Line(known, words, current).find()
    return [(word, text) for word, text in found if word.startswith(current)]


class _Line:
    """A command line of doit up to the word that is completed."""

    def __init__(self, known: Mapping[str, Any], words: Sequence[str], current: str) -> None:
        self._known, self._current = known, current
        self._releases = read_cache(known["releases_file"]) if known["releases_file"] else {}
        self._command, self._words = self._split(words)
        self._stage = self._find_stage(words)

    def find(self) -> Found:
        """Return the words that may follow, also some that do not begin with the current word."""
        if self._command is None:
            return [*self._options(RUN), *self._commands(), *self._tasks()]
        if self._command == "cap":
            return self._find_for_cap()
        if kind := self._follows_value_option(self._option_rows(self._command), self._words):
            return self._values(kind)
        takes = self._known["commands"][self._command]["takes"]
        return [
            *self._options(self._command),
            *(self._commands() if "commands" in takes else []),
            *(self._tasks() if "tasks" in takes else []),
            *(self._task_variables() if self._command == RUN else []),
        ]

    def _split(self, words: Sequence[str]) -> tuple[str | None, list[str]]:
        """Return the command and the words behind it: ``run`` for tasks without a command, None for neither."""
        rows = self._option_rows(RUN)
        for place, word in enumerate(words):
            if word.startswith("-") or "=" in word or self._follows_value_option(rows, words[:place]):
                continue
            if word in self._known["commands"]:
                return word, [*words[place + 1 :]]
            return RUN, [*words]
        return (RUN, [*words]) if self._follows_value_option(rows, words) else (None, [])

    # -- doit

    def _commands(self) -> Found:
        return ((name, one["help"]) for name, one in self._known["commands"].items())

    def _option_rows(self, command: str) -> list[Any]:
        rows: list[Any] = self._known["commands"].get(command, {}).get("options", [])
        return rows

    def _options(self, command: str) -> Found:
        return self._spelled(self._option_rows(command)) if self._current.startswith("-") else []

    def _spelled(self, rows: Iterable[Any]) -> Iterator[tuple[str, str]]:
        for row in rows:
            if not {*row["names"]} & {*self._words}:
                yield row["names"][-1], row["help"]

    @staticmethod
    def _follows_value_option(rows: Iterable[Any], words: Sequence[str]) -> str:
        """Return the value's kind if the last word is an option that takes a value; empty otherwise."""
        return next((row["value"] for row in rows if words and words[-1] in row["names"]), "")

    def _tasks(self) -> Iterator[tuple[str, str]]:
        """Return the tasks; steps and other subtasks only behind the name of their group."""
        for name, task in self._known["tasks"].items():
            if not task["of"] or self._current.startswith(f"{task['of']}:"):
                yield name, task["doc"]

    def _task_variables(self) -> Found:
        """Return variables of the tasks on the line, or the values of the variable that is typed."""
        verbs = {word.partition(":")[0] for word in self._words}
        variables = {name: v for name, v in self._known["variables"].items() if verbs & {*v["tasks"]}}
        name, equals, _ = self._current.partition("=")
        if equals:
            return self._values(name.lower(), f"{name}=") if name.lower() in variables else []
        typed = {word.partition("=")[0] for word in self._words}
        return ((f"{name}=", v["help"]) for name, v in variables.items() if name not in typed)

    # -- doit cap

    def _find_for_cap(self) -> Found:
        commands = self._known["subcommands"]
        place = next((place for place, word in enumerate(self._words) if word in commands), None)
        if place is None:
            every = [*self._option_rows("cap"), *(row for one in commands.values() for row in one["options"])]
            if kind := self._follows_value_option(every, self._words):
                return self._values(kind)
            return [(name, one["help"]) for name, one in commands.items()]
        command, self._words = commands[self._words[place]], [*self._words[:place], *self._words[place + 1 :]]
        return self._find_for_subcommand(command)

    def _find_for_subcommand(self, command: Mapping[str, Any]) -> Found:
        if "--" in self._words:
            return self._values("command")
        if kind := self._follows_value_option([*command["options"], *self._option_rows("cap")], self._words):
            return self._values(kind)
        name, equals, _ = self._current.partition("=")
        if equals:
            return self._values(name.lstrip("-").lower(), f"{name}=")
        if self._current.startswith("-"):
            return self._spelled(command["options"])
        return [*self._positional(command), *((f"{name}=", "") for name in command["variables"] if self._current)]

    def _positional(self, command: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Return the words for the places that are free. Optional words may be left out."""
        rows = command["options"]
        typed = [
            word
            for place, word in enumerate(self._words)
            if not word.startswith("-")
            and "=" not in word
            and not self._follows_value_option(rows, self._words[:place])
        ]
        kinds: list[str] = command["words"]
        free = kinds[len(typed) :] if len(typed) < len(kinds) else [kind for kind in kinds[-1:] if "…" in kind]
        for kind in free:
            yield from self._values(kind.strip("[]…").lower())
            if not kind.startswith("["):
                return

    # -- values

    def _values(self, kind: str, prefix: str = "") -> Found:
        """Return the values of a variable, an option or a positional word, with a prefix such as ``hosts=``."""
        typed = self._current.removeprefix(prefix)
        if kind in KINDS_OF_FILES:
            found = _list_files(typed)
        elif kind in ("hosts", "roles"):
            before = f"{typed.rpartition(',')[0]}," if "," in typed else ""
            taken = before.split(",")
            found = [(f"{before}{word}", text) for word, text in self._known_values(kind) if word not in taken]
        else:
            found = self._known_values(kind)
        return [(f"{prefix}{word}", text) for word, text in found]

    def _known_values(self, kind: str) -> list[tuple[str, str]]:
        stages = self._known["stages"]
        chosen = [stages[self._stage]] if self._stage in stages else [*stages.values()]
        if kind == "stage":
            return [(name, ", ".join(hosts)) for name, hosts in stages.items()]
        if kind in ("hosts", "host"):
            return [(host, ", ".join(roles)) for hosts in chosen for host, roles in hosts.items()]
        if kind == "roles":
            return [(role, "") for role in sorted({role for hosts in chosen for r in hosts.values() for role in r})]
        if kind == "run":
            return _list_runs(self._known["reports_folder"])
        if kind in ("release", "rollback_release"):
            return [(name, "") for name in self._releases.get(self._stage, [])]
        choices = {**self._known["choices"], **{name: v["choices"] for name, v in self._known["variables"].items()}}
        return [(word, text) for word, text in choices.get(kind, [])]

    def _find_stage(self, words: Sequence[str]) -> str:
        """Return the stage that a command line names, else the default stage; empty if there is none."""
        for word, before in zip(words, ["", *words], strict=False):
            for name in (word, *word.split(":")[1:2], word.partition("=")[2]):
                if name in self._known["stages"] and (before != "exec" or name != word):
                    return name
        return str(self._known["default_stage"] or "")


def _list_runs(folder: str) -> list[tuple[str, str]]:
    """Return the runs of the report pages in a folder, newest first; `report_files.NAME` has the names of the files."""
    try:
        stems = [os.path.splitext(name)[0] for name in sorted(os.listdir(folder), reverse=True)]
    except OSError:
        return []
    parts = (stem.rpartition("-") for stem in stems if not stem.startswith("."))
    return [(run[:8], flow.replace("-", " ")) for flow, _, run in parts]


def _list_files(typed: str) -> list[tuple[str, str]]:
    """Return the files that a path may become; directories end with a slash."""
    start = typed.rpartition("/")[2]
    folder = typed.removesuffix(start)
    try:
        names = sorted(os.listdir(os.path.expanduser(folder) or "."))
    except OSError:
        return []
    found = [name for name in names if name.startswith(start) and (start or not name.startswith("."))]
    return [(f"{folder}{name}{'/' * os.path.isdir(os.path.expanduser(folder) + name)}", "") for name in found]


# -- the command line


def split_line(line: str) -> tuple[list[str], str]:
    """Return the words of a command line before the last one, and the last one; it is empty behind a space.

    Raises:
        ValueError: a quote is not closed.
    """
    words = shlex.split(line)
    is_new = not line or (line[-1].isspace() and not line.endswith("\\ "))
    return (words, "") if is_new else (words[:-1], words[-1])


def _find_for_line(program: str, breaks: str, line: str) -> list[tuple[str, str]]:
    words, current = split_line(line)
    found = complete(_load(program, words[1:]), words[1:], current)
    kept = max((current.rfind(one) + 1 for one in breaks if one in ":="), default=0)
    return [(word[kept:], text) for word, text in found]


def main(arguments: Sequence[str]) -> None:
    """Print the words that may follow; arguments as in the docstring of the module."""
    program, mode, first, *rest = arguments
    is_line = mode == "line"
    found = _find_for_line(program, first, *rest) if is_line else complete(_load(program, rest), rest, first)
    for word, text in found:
        sys.stdout.write(f"{word}\t{text}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
