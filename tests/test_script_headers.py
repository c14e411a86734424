"""The headers of all shell scripts, which `capdoit.shell_scripts` relies on."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import pytest

import capdoit
from capdoit.shell_scripts import LIBRARIES, ShellFile, collect, find_functions, read_shell_file, render, script_text
from tests.shell_source import Source, scan

PACKAGE = Path(capdoit.__file__).parent
NAMES = sorted(path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.sh"))
LIBRARY_NAMES = [name for name in NAMES if name.startswith(f"{LIBRARIES}/")]
# The session's shell runs these itself, in the middle of the loop.
HELD = ("operations/lock_take", "operations/lock_release", "operations/lock_find_flock")
BUILTINS = {
    *(
        ":",
        "[",
        "break",
        "cd",
        "command",
        "continue",
        "echo",
        "eval",
        "exec",
        "exit",
        "export",
        "kill",
        "printf",
        "pwd",
    ),
    *("read", "return", "set", "shift", "trap", "true", "umask", "unset", "wait"),
}
PROGRAMS = {
    *("awk", "cat", "chmod", "cp", "cut", "date", "dd", "df", "dirname", "du", "find", "flock", "git", "head", "id"),
    *(
        "ln",
        "locale",
        "ls",
        "mkdir",
        "mkfifo",
        "mv",
        "openssl",
        "readlink",
        "rm",
        "rmdir",
        "sed",
        "sha256sum",
        "sudo",
        "sleep",
        "sort",
    ),
    *("stat", "sync", "systemctl", "tail", "tar", "tee", "touch", "tr", "uniq", "wc", "xargs"),
}


@pytest.mark.parametrize(
    ("text", "calls", "reads", "assigns"),
    [
        ("a; b && c | d & (e) || ! { f; }", "abcdef", "", ""),
        ("if a; then b; elif c; then d; else e; fi; while f; do g; done", "abcdefg", "", ""),
        ('x=$(a "$(b $y)") c $((z + 1))', "abc", "yz", "x"),
        ("case $x in a | b) c ;; # d\n *) e ;; esac\nf", "cef", "x", ""),
        ('for x in $y; do a 2>&1 <"$z" >b; done', "a", "yz", "x"),
        ("export a=1 b; read -r c d", {"export", "read"}, "b", "acd"),
        ('a ${x:-$(b)} "${y#"$z"}" \'$w\'', "ab", "xyz", ""),
        ("a() {\n b\n}\nc \\\n d", "bc", "", ""),
        ('"$x" a; $y', "", "xy", ""),
        ('a "$x" 1<>"$y"; try_with_reserve b c', {"a", "b", "try_with_reserve"}, "xy", ""),
    ],
)
def test_the_scanner_finds_what_a_script_uses(text: str, calls: Iterable[str], reads: str, assigns: str) -> None:
    source = scan(text)
    assert source.calls == {*calls}
    assert (source.reads, source.assigns) == ({*reads}, {*assigns})


@pytest.mark.parametrize(("text", "expected"), [("a() {\n x=1\n b\n}\n", True), ("a() {\n b\n}\nx=1\n", False)])
def test_the_scanner_knows_a_library(text: str, expected: bool) -> None:
    assert scan(text).is_library == expected


def source_of(file: ShellFile) -> Source:
    return scan((PACKAGE / f"{file.name}.sh").read_text())


@pytest.fixture(params=NAMES)
def file(request: pytest.FixtureRequest) -> ShellFile:
    return read_shell_file(request.param)


def test_a_header_begins_with_a_sentence(file: ShellFile) -> None:
    lines = (PACKAGE / f"{file.name}.sh").read_text().splitlines()
    assert lines[0] == "# shellcheck shell=sh"
    assert lines[1].startswith("# ")
    assert lines[1].split()[1].istitle()


def test_a_header_names_the_functions_that_are_called_and_not_defined_here(file: ShellFile) -> None:
    source = source_of(file)
    assert source.calls - {*source.functions} - BUILTINS - PROGRAMS == {*file.needs}
    assert {*file.needs} <= {*find_functions()}
    assert {*source.functions} == {*file.functions}


def test_a_header_names_the_variables_that_are_read_and_not_assigned_here(file: ShellFile) -> None:
    source = source_of(file)
    assert source.reads - source.assigns - {*file.environment} == {*file.given}
    assert {*file.environment} <= source.reads
    assert not {*file.environment} & {*file.given}


def test_a_header_names_the_variables_that_are_assigned_for_others(file: ShellFile) -> None:
    source = source_of(file)
    unused = {name for name in source.assigns - source.reads if name.islower() and name != "_"}
    assert unused <= {*file.sets} <= source.assigns
    readers = {name for other in NAMES if other != file.name for name in source_of(read_shell_file(other)).reads}
    assert {*file.sets} <= readers


def test_a_header_names_nothing_twice(file: ShellFile) -> None:
    for names in (file.needs, file.given, file.environment, file.sets):
        assert len({*names}) == len(names)


@pytest.mark.parametrize("name", LIBRARY_NAMES)
def test_a_library_only_defines_functions(name: str) -> None:
    assert source_of(read_shell_file(name)).is_library


@pytest.mark.parametrize("name", LIBRARY_NAMES)
def test_every_function_of_a_library_is_called(name: str) -> None:
    file = read_shell_file(name)
    called = {call for other in NAMES for call in source_of(read_shell_file(other)).calls}
    assert {*file.functions} <= called


def test_no_two_files_define_the_same_function() -> None:
    files = [read_shell_file(name) for name in NAMES]
    assert [
        (one.name, other.name) for one, other in combinations(files, 2) if {*one.functions} & {*other.functions}
    ] == []


def test_no_library_assigns_a_variable_that_a_script_is_given(file: ShellFile) -> None:
    parts = collect([file.name])
    given = {name for part in parts for name in part.given}
    assert not {name: part.name for part in parts[:-1] for name in given & source_of(part).assigns}


@pytest.mark.parametrize("name", HELD)
def test_what_the_shell_of_the_session_runs_itself_changes_nothing_that_the_loop_uses(name: str) -> None:
    loop = source_of(read_shell_file("hosts/loop"))
    parts = collect([name])
    assigned = {variable for part in parts for variable in source_of(part).assigns | {*part.given}}
    assert assigned & (loop.reads | loop.assigns) == {"hold_status"}


@pytest.mark.parametrize("name", NAMES)
def test_a_script_can_be_rendered_with_the_values_that_its_headers_name(name: str) -> None:
    values = {given: "" for part in collect([name]) for given in part.given}
    assert render(name, name, values).body.endswith(read_shell_file(name).text)


@pytest.mark.parametrize("name", ["flow/drill_broken_links", "flow/drill_repoint_links", "hosts/loop"])
def test_a_script_that_travels_as_text_is_given_nothing(name: str) -> None:
    assert script_text(name)
