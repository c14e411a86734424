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


def test_install_does_not_load_a_broken_dodo(empty: Path) -> None:
    (empty / "dodo.py").write_text("1 / 0")
    run_doit(empty, "cap", "install").ok()
    assert (empty / "dodo.py").read_text() == "1 / 0"


@pytest.mark.parametrize("names", [["rollback"], ["a b"], *further(["qa", "qa"], ["../up"], ["qa", "{x}"])])
def test_install_with_an_invalid_stage_name_writes_nothing(empty: Path, names: list[str]) -> None:
    run_doit(empty, "cap", "install", *names).failed(3)
    assert list(empty.iterdir()) == []
