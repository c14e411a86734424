"""The hints for known causes: which text of programs gets into them. The programs themselves are in integration/."""

from __future__ import annotations

import shlex
import string
import time

import pytest

from capdoit.errors import Problem
from capdoit.output.known_causes import KNOWN_CAUSES, find_known_cause

LONGEST_LINE, KEPT_LINES = 8192, 20  # of the output of a host


def problem(*output: str, reason: str = "build: exit status 128") -> Problem:
    return Problem("\n".join([reason, *(f"    {line}" for line in output)]), "web1")


@pytest.mark.parametrize("path", ["/srv/shop", "/srv/my app;reboot", "/srv/$(reboot)"])
def test_a_path_in_a_command_to_copy_is_one_quoted_word(path: str) -> None:
    cause = find_known_cause(problem(f"fatal: detected dubious ownership in repository at '{path}'"))
    assert cause
    assert shlex.split(cause.command) == ["git", "config", "--global", "--add", "safe.directory", path]


@pytest.mark.parametrize("name", ["foo;reboot", "$(reboot)", "a|b", "`reboot`", "a&b"])
def test_what_is_no_name_of_a_command_gets_into_no_command_to_copy(name: str) -> None:
    assert find_known_cause(problem(f"sh: 1: {name}: not found", reason="build: exit status 127")) is None


def test_the_name_of_a_missing_command_gets_into_the_command_that_finds_it() -> None:
    cause = find_known_cause(problem("sh: 1: g++-12: not found"))
    assert cause
    assert cause.command == "bash -lic 'command -v g++-12'"


@pytest.mark.parametrize(
    "line",
    [
        "Host key verification failed. ",
        "a@b: Permission denied (publickey",
        "Connection refused ",
        "sh: ",
        "detected dubious ownership in repository at '",
        "repository '",
        "a:",
        "@",
        "x",
        " ",
    ],
)
@pytest.mark.parametrize("end", ["", "Could not read from remote repository"])
def test_a_flood_of_long_lines_takes_no_time(line: str, end: str) -> None:
    flood = [(line * LONGEST_LINE)[:LONGEST_LINE]] * KEPT_LINES
    began = time.process_time()
    find_known_cause(problem(*flood, end))
    assert time.process_time() - began < 2.0, "the patterns took 28 s before long lines were cut"


def test_the_line_that_tells_the_cause_is_returned_completely() -> None:
    line = f"fatal: unable to access 'https://git.example.com/{'x' * 1000}'"
    cause = find_known_cause(problem("first", line, "last"))
    assert cause
    assert cause.line == line


def test_hints_and_commands_have_only_places_that_are_filled_in() -> None:
    for cause in KNOWN_CAUSES:
        places = {name for text in (cause.hint, cause.command) for _, name, _, _ in string.Formatter().parse(text)}
        assert places - {None} <= {"hosts", "login", *cause.pattern.groupindex}
