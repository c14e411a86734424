"""The script that asks for the condition of a host."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from capdoit.doctor.host_condition import SHOWN_TOOLS, parse_condition
from capdoit.script import Value
from capdoit.shell_scripts import render


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "ash"]], ids=" ".join)
def test_the_script_gives_the_same_answer_in_every_shell(shell: list[str], tmp_path: Path) -> None:
    values: dict[str, Value] = {
        "version_tools": SHOWN_TOOLS,
        "tools": ("no-such-tool", "sed"),
        "deploy_to": str(tmp_path / "a b" / "shop"),
    }
    (tmp_path / "a b").mkdir()
    text = render("doctor", "doctor/host_condition", values).text
    done = subprocess.run([*shell, "-s"], input=text, capture_output=True, text=True, check=True)
    condition = parse_condition("web1", str(tmp_path / "a b" / "shop"), done.stdout, 0, 2e9)
    assert condition.place == str(tmp_path / "a b")
    assert condition.no_tools == ("no-such-tool",)
    assert condition.is_directory
    assert not condition.closed
    assert condition.sh.partition(" ")[0] == Path(shutil.which(shell[0]) or "").resolve().name
    assert condition.mode.startswith("d")
    assert condition.disk
