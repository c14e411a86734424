"""`doit cap install`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capdoit.testing import Completed
from tests.support import further, run_doit


def lines(completed: Completed) -> list[list[str]]:
    return [line.split() for line in completed.out.splitlines()]


def test_install_writes_files_that_give_doit_tasks_for_both_stages(empty: Path) -> None:
    run_doit(empty, "cap", "install").ok()
    tasks = run_doit(empty, "list").ok().out
    assert all(f"{verb}:{s}" in tasks for verb in ("deploy", "rollback", "check") for s in ("staging", "production"))


def test_install_uses_the_named_stages_and_the_first_is_the_default(empty: Path) -> None:
    run_doit(empty, "cap", "install", "qa", "live").ok()
    rows = lines(run_doit(empty, "cap", "stages").ok())
    assert [row[:2] for row in rows[1:]] == [["qa", "default"], ["live", "git"]]


def test_install_keeps_existing_files(empty: Path) -> None:
    (empty / "deploy.yml").write_text("mine")
    said = run_doit(empty, "cap", "install").ok().out
    assert "[skip] deploy.yml exists" in said
    assert (empty / "deploy.yml").read_text() == "mine"
    assert (empty / "dodo.py").exists()


@pytest.mark.extended("detail")
def test_install_makes_doit_keep_what_is_up_to_date_in_a_json_file(empty: Path) -> None:
    run_doit(empty, "cap", "install").ok()
    with (empty / "dodo.py").open("a") as dodo:
        dodo.write("def task_build():\n    return {'actions': ['true'], 'file_dep': ['deploy.yml']}\n")
    run_doit(empty, "build").ok()
    assert json.loads((empty / ".doit.json").read_text())["build"]
    assert "-- build" in run_doit(empty, "build").ok().out


@pytest.mark.extended("detail")
def test_install_chooses_the_reporter_and_that_a_bare_doit_runs_nothing(empty: Path) -> None:
    run_doit(empty, "cap", "install").ok()
    with (empty / "dodo.py").open("a") as dodo:
        dodo.write("def task_build():\n    return {'actions': ['false']}\n")
    assert run_doit(empty).ok().out.startswith("capdoit: `doit` without a task runs nothing here")
    assert run_doit(empty, "build").failed().out.startswith(".  build\n✘ the task build failed\n")


def test_install_does_not_load_a_broken_dodo(empty: Path) -> None:
    (empty / "dodo.py").write_text("1 / 0")
    run_doit(empty, "cap", "install").ok()
    assert (empty / "dodo.py").read_text() == "1 / 0"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "/log/\n/.doit.json\n"),
        *further(
            ("/build", "/build\n/log/\n/.doit.json\n"),
            ("log/\n", "log/\n/.doit.json\n"),
            ("/logs/\n", "/logs/\n/log/\n/.doit.json\n"),
            ("/log/*\n.doit.json\n", "/log/*\n.doit.json\n"),
            (".doit*\n", ".doit*\n/log/\n"),
        ),
    ],
)
def test_install_lets_git_ignore_the_log_and_the_database(empty: Path, before: str | None, after: str) -> None:
    (empty / ".git").mkdir()
    project = empty / "project"
    project.mkdir()
    if before is not None:
        (project / ".gitignore").write_text(before)
    for _ in range(2):
        run_doit(project, "cap", "install").ok()
    assert (project / ".gitignore").read_text() == after


@pytest.mark.parametrize("names", [["rollback"], ["a b"], *further(["qa", "qa"], ["../up"], ["qa", "{x}"])])
def test_install_with_an_invalid_stage_name_writes_nothing(empty: Path, names: list[str]) -> None:
    (empty / ".git").mkdir()
    run_doit(empty, "cap", "install", *names).failed(3)
    (empty / ".git").rmdir()
    assert list(empty.iterdir()) == []
