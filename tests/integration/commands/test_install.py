"""`doit cap install`."""

from __future__ import annotations

import json
import re
import subprocess
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


def test_what_install_did_not_find_is_named_and_refused_until_it_is_filled_in(empty: Path) -> None:
    project = empty / "Tea Shop"
    project.mkdir()
    said = run_doit(project, "cap", "install", "live").ok().out
    assert "No repository was found: this directory is not in a git repository.\n" in said
    text = (project / "deploy.yml").read_text()
    assert "application: Tea-Shop\n" in text
    assert "example.com" not in text.partition("      live1:")[0]
    rows = {
        line.split()[1]: place(text, line.split()[0]) for line in said.splitlines() if line.startswith("  deploy.yml:")
    }
    assert [*rows] == ["repo_url:", "branch:", "live1:"]
    assert all(line.startswith(key) for key, line in rows.items())
    for task in ("deploy:live", "check:live"):
        refused = run_doit(project, task).failed().out
        assert "repo_url is not filled in: replace !todo by the address of the git repository" in refused
        assert re.search(
            r"deploy\.yml:\d+:\d+: stages\.live\.hosts\.live1\.hostname is not filled in: replace", refused
        )
    status = run_doit(project, "cap", "status").failed(3).out
    assert "hostname is not filled in" in status
    assert "repo_url" not in status


def place(text: str, name: str) -> str:
    """Return the line at a place, such as ``deploy.yml:4``."""
    return text.splitlines()[int(name.partition(":")[2]) - 1].strip()


def test_install_says_nothing_of_a_deploy_yml_that_it_does_not_write(empty: Path) -> None:
    (empty / "Gemfile").write_text('gem "rails"\n')
    assert "deploy.yml has recipes " in run_doit(empty, "cap", "install").ok().out
    text = (empty / "deploy.yml").read_text()
    said = run_doit(empty, "cap", "install").ok().out
    assert (empty / "deploy.yml").read_text() == text
    assert "deploy.yml exists" in said
    assert "deploy.yml has" not in said
    assert "put your hosts" not in said
    assert "Next: run `doit check` and `doit deploy`." in said


@pytest.mark.extended("detail")
def test_install_without_git_or_without_a_remote_says_so(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q", "-b", "work"], cwd=empty, check=True)
    said = run_doit(empty, "cap", "install").ok().out
    assert "No repository was found: the git repository has no remote origin." in said
    assert "\nbranch: work " in (empty / "deploy.yml").read_text()
    (empty / "deploy.yml").unlink()
    monkeypatch.setenv("PATH", str(empty))
    assert "No repository was found: git is not installed." in run_doit(empty, "cap", "install").ok().out
