"""Mistyped tasks, stages and branches: each gets the sentence that helps, and nothing is run."""

from __future__ import annotations

import pytest

from capdoit.testing import DODO, Project
from tests.support import further

BUILD = DODO + "def task_build():\n    return {'actions': ['touch built']}\n"


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("build deploy production", "doit build deploy:production"),
        *further(
            ("build production deploy", "doit build deploy:production"),
            ("build deploy:prod", "doit build deploy:production"),
            ("build deploi branch=main", "doit build deploy branch=main"),
            ("info deploy:prod", "doit info deploy:production"),
            ("forget deploy:prod", "doit forget deploy:production"),
            ("build deploy:production -v 1 branch=main", "doit -v 1 build deploy:production branch=main"),
            ("run build -v 1", "doit run -v 1 build"),
            ("build production status", "doit cap status build production"),
        ),
    ],
)
def test_a_task_that_does_not_exist_is_refused_with_the_command_that_was_meant(
    project: Project, line: str, meant: str
) -> None:
    project.dodo(BUILD)
    done = project.doit(*line.split()).failed(3)
    assert f"Did you mean `{meant}`?\n" in done.out
    assert "Nothing was done." in done.out
    assert not (project.path / "built").exists()
    assert project.releases("web1") == []


def test_an_abbreviated_stage_is_refused_with_its_name(project: Project) -> None:
    done = project.doit("deploy", "stage=prod").failed(3)
    assert "no stage prod; deploy.yml has production. Did you mean production?" in done.out


def test_a_mistyped_branch_is_answered_with_the_right_one(project: Project) -> None:
    done = project.doit("deploy:production", "branch=mian").failed()
    assert "did you mean main?" in done.out
    assert "To deploy main: doit deploy:production branch=main" in done.out
    assert project.releases("web1") == []


@pytest.mark.extended("detail")
def test_an_unknown_word_keeps_the_message_of_doit(project: Project) -> None:
    assert 'Invalid parameter: "xyz". Must be a command, task, or a target.' in project.doit("xyz").failed(3).out


@pytest.mark.parametrize(
    "task", ["deploy:production", *further("check:production", "rollback", "deploy:production:updating")]
)
def test_words_behind_a_flow_are_refused_with_what_a_variable_looks_like(project: Project, task: str) -> None:
    hint = "A variable is NAME=VALUE, such as branch=main. Nothing was done."
    assert f"{task} takes no words behind --. {hint}" in project.doit(task, "--", "y").failed(3).out
    assert f"there is no task y. {hint}" in project.doit(task, "y").failed(3).out
    assert project.releases("web1") == []
