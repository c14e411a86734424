"""The report of a failure as a person sees it on a terminal, and as programs get it."""

from __future__ import annotations

import json
import sys

import pytest

from capdoit.testing import Project
from tests.support import further, write_command_hook, write_hooks
from tests.typist import Typist

LONG = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i has far more words than fit one row of a terminal; done"


def show_failure(project: Project, env: dict[str, str], size: tuple[int, int]) -> Typist:
    """Deploy on a terminal of this size, with a hook that prints much and fails on both hosts."""
    write_command_hook(project, "after('published')", f"{LONG}; exit 3", name="restart")
    doit = [sys.executable, "-m", "doit", "-r", "capdoit", "deploy:production"]
    with Typist(doit, project.path, env, size) as typist:
        assert typist.wait_for_end() == 1
        return typist


@pytest.mark.parametrize(("lines", "columns"), [(24, 80), *further((40, 120), (24, 60))])
def test_a_failure_fits_one_screen_and_begins_with_its_cause_in_red(
    project: Project, env: dict[str, str], lines: int, columns: int
) -> None:
    screen = show_failure(project, env, (lines, columns)).screen
    rows = [row.rstrip() for row in screen.display]
    top = rows.index("deploy:production: restart failed:")
    assert {screen.buffer[row][2].fg for row in (top, top + 1)} == {"red"}
    assert rows[top + 1].startswith("  web1, web2: ")
    assert "line 40 has far more words than" in " ".join(rows)
    text = " ".join(" ".join(rows[top:]).split())
    assert f"web1, web2 {project.current('web1')} Release {project.current('web1')} is live nevertheless." in text
    assert "To run only restart again: doit run -s deploy:production:restart" in text


def test_json_has_the_report_without_colors(project: Project) -> None:
    write_command_hook(project, "after('updated')", "exit 3", name="restart")
    done = project.doit("-r", "json", "deploy:production", env={"FORCE_COLOR": "1"}).failed()
    tasks = {task["name"]: task for task in json.loads(done.out)["tasks"]}
    assert "web1, web2: exit 3: exit status 3" in tasks["deploy:production:restart"]["error"]
    assert "\x1b" not in tasks["deploy:production:restart"]["error"]
    assert "was removed from web1, web2." in tasks["deploy:production:restart"]["error"]


@pytest.mark.extended("variant")
def test_a_file_of_output_has_the_report_without_colors(project: Project, env: dict[str, str]) -> None:
    write_command_hook(project, "after('updated')", f"{LONG}; exit 3", name="restart")
    doit = [sys.executable, "-m", "doit", "-o", "said", "deploy:production"]
    with Typist(doit, project.path, env) as typist:
        typist.wait_for_end()
    said = (project.path / "said").read_text()
    assert "\x1b" not in said
    assert "line 21 has far more words than fit one row of a terminal\n" in said


def test_a_failed_task_of_the_project_tells_its_output_and_that_the_flow_did_not_begin(project: Project) -> None:
    write_hooks(
        project,
        """
        DOIT_CONFIG = {"reporter": "capdoit"}
        cap.before("starting", "build")
        def task_build():
            return {"actions": ["echo no compiler here; exit 3"]}
        """,
    )
    done = project.doit("deploy:production", "branch=main").failed()
    assert done.out.splitlines() == [
        ".  build",
        "✘ the task build failed",
        "Command failed: 'echo no compiler here; exit 3' returned 3",
        "    no compiler here",
        "✘ deploy:production did not begin, since build failed. No host was touched.",
        "Once fixed, run: doit deploy:production branch=main",
    ]
    assert "did not begin" not in project.doit("build").failed().out
