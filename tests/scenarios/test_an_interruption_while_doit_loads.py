"""Ctrl-C right after the command was typed: while Python imports capdoit, and while dodo.py is read."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from capdoit.testing import DODO, Project
from tests.support import further, wait_for

LINE = "Interrupted before anything was touched.\n"
WAIT = "open('begun', 'w').close(); import time; time.sleep(60)\n"


def interrupt(project: Project, *args: str) -> tuple[int, str]:
    """Run doit, send SIGINT when the file ``begun`` is there, and return the exit code and the output."""
    process: subprocess.Popen[str] = project.start(*args)
    wait_for(60, lambda: process.poll() is not None or (project.path / "begun").exists())
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out


@pytest.mark.parametrize("command", ["deploy:production", *further("list", "clean", "check:production")])
def test_while_dodo_py_is_read_one_line_says_that_nothing_was_touched(project: Project, command: str) -> None:
    project.dodo(DODO + WAIT)
    assert interrupt(project, command) == (-signal.SIGINT, LINE)
    assert not (project.deploy_to("web1") / ".capdoit").exists()


@pytest.mark.extended("variant")
def test_while_capdoit_is_imported(project: Project) -> None:
    project.write_module("yaml.py", WAIT)  # found before the real one
    assert interrupt(project, "deploy:production") == (-signal.SIGINT, LINE)


@pytest.mark.extended("variant")
def test_while_tasks_are_made_after_the_signals_are_handled(project: Project) -> None:
    project.dodo(DODO + f"def task_zz():\n    {WAIT.strip()}\n    yield {{'name': 'a', 'actions': []}}\n")
    assert interrupt(project, "deploy:production") == (-signal.SIGINT, LINE)


@pytest.mark.extended("detail")
def test_a_task_of_the_project_that_is_at_work_is_not_called_nothing(project: Project) -> None:
    project.dodo(DODO + f"def task_zz():\n    def work():\n        {WAIT.strip()}\n    return {{'actions': [work]}}\n")
    code, out = interrupt(project, "zz")
    assert code == -signal.SIGINT
    assert LINE not in out


@pytest.mark.extended("detail")
def test_the_exception_hook_of_the_project_still_gets_its_exceptions(project: Project) -> None:
    hook = "import sys\nsys.excepthook = lambda *error: print('the hook of the project:', error[0].__name__)\n"
    project.dodo(hook + DODO + WAIT)
    assert interrupt(project, "list")[1] == LINE
    project.dodo(hook + DODO + "class Mine(BaseException): pass\nraise Mine\n")
    assert project.doit("list").out == "the hook of the project: Mine\n"
    project.dodo(DODO + hook + WAIT)
    (project.path / "begun").unlink()
    assert interrupt(project, "list")[1] == "the hook of the project: KeyboardInterrupt\n"


@pytest.mark.extended("detail")
def test_another_program_that_imports_capdoit_keeps_its_traceback(tmp_path: Path) -> None:
    program = "import capdoit\nraise KeyboardInterrupt\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr
    assert LINE not in done.stderr
