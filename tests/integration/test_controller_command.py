"""Commands on the controller whose output is a value."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from capdoit.controller_command import ControllerCommand
from capdoit.errors import ValueUnavailable
from tests.support import find_sleeping, wait_for
from tests.typist import Typist


def test_a_command_runs_in_its_directory_once_and_its_last_line_breaks_are_left_out(tmp_path: Path) -> None:
    command = ControllerCommand("echo run >>log; printf 'a\\nb\\n\\n'", str(tmp_path))
    assert command.find() is None
    readers = [threading.Thread(target=command.read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert command.read() == command.find() == "a\nb"
    assert (tmp_path / "log").read_text() == "run\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo out; echo first >&2; echo 'not signed in' >&2; exit 4", "failed with exit status 4: not signed in"),
        ("exit 7", "failed with exit status 7"),
        ("no-such-program --x 2>/dev/null", "failed with exit status 127"),
        ("kill -9 $$", "failed with exit status -9"),
        ("true", "is empty"),
        ("echo", "is empty"),
        (r"printf '\377'", "is not UTF-8"),
        (r"printf 'a\000b'", "has a NUL byte"),
    ],
)
def test_a_command_without_a_usable_output_is_an_error_of_one_line_and_not_run_again(
    tmp_path: Path, script: str, reason: str
) -> None:
    command = ControllerCommand(f"echo run >>log\n{script}", str(tmp_path))
    for _ in range(2):
        with pytest.raises(ValueUnavailable) as caught:
            command.read()
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith(f"`, which {reason}")
    assert (tmp_path / "log").read_text() == "run\n"


def test_a_slow_command_is_ended_with_its_children(tmp_path: Path) -> None:
    seconds = f"4{abs(hash(tmp_path)) % 10**8}"
    command = ControllerCommand(f"sleep {seconds} | cat", str(tmp_path), timeout_seconds=1)
    with pytest.raises(ValueUnavailable, match=r"`, which took longer than 1 s$"):
        command.read()
    wait_for(10, lambda: not find_sleeping(seconds))


@pytest.mark.extended("detail")
def test_a_slow_command_on_a_terminal_is_ended_with_its_children(tmp_path: Path) -> None:
    seconds = f"5{abs(hash(tmp_path)) % 10**8}"
    program = f"""if True:
        from capdoit.controller_command import ControllerCommand
        ControllerCommand("sleep {seconds} | cat; true", "/", timeout_seconds=1).read()
    """
    with Typist([sys.executable, "-c", program], tmp_path, os.environ) as typist:
        typist.wait_for("took longer than 1 s")
        assert not find_sleeping(seconds)


def test_a_directory_that_has_gone_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueUnavailable, match=r"`, which cannot be started: No such file or directory$"):
        ControllerCommand("true", str(tmp_path / "gone")).read()
