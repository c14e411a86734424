"""Invalid command lines of `exec`, `history` and `pending`."""

from __future__ import annotations

import pytest

from capdoit.testing import Project
from tests.support import further

# -- what is wrong with the question


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["exec"], "exec needs a command"),
        (["exec", " "], "exec needs a command"),
        (["exec", "ls", "production", "web1"], "quote the command"),
        (["exec", "ls", "-l"], "cap exec has no -l; a command with options of its own stands behind --"),
        *further(
            (["exec", "ls", "producton"], "Did you mean production?"),
            (["exec", "ls", "--roles", "wbe"], "did you mean web?"),
            (["exec", "ls", "--hosts", "web1", "hosts=web2"], "hosts is given twice"),
            (["exec", "ls", "--hosts="], "hosts= is empty"),
            (["exec", "ls", "--roles="], "roles= is empty"),
            (["stages", "--hosts", "web1"], "no --hosts"),
            (["status", "-n", "3"], "no -n; only these have it: history, logs"),
            (["history", "-n", "few"], "expected a number"),
            (["history", "-n", "0"], "expected a number"),
            (["history", "-n", "9" * 5000], "expected a number"),
        ),
    ],
)
def test_an_invalid_command_line_is_refused_in_one_line(project: Project, words: list[str], answer: str) -> None:
    completed = project.doit("cap", *words).failed(3)
    assert answer in completed.out
    assert len(completed.out.splitlines()) == 1
