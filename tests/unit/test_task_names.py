"""Corrections of command lines that name a task which does not exist."""

from __future__ import annotations

import pytest

from capdoit.task_names import TypedCommand, correct_command

STAGES = ("production", "staging")
TASKS = [
    *("deploy", "rollback", "check", "drill", "setup", "deploy:rollback", "deploy:check", "build"),
    *(f"{verb}:{stage}" for verb in ("deploy", "rollback", "check", "drill", "setup") for stage in STAGES),
    *(f"{name}:{stage}" for name in ("rails.console", "cache_clear") for stage in STAGES),
    *(f"deploy:{stage}:{step}" for stage in STAGES for step in ("starting", "updating", "restart")),
]


def corrected(line: str, unknown: str) -> list[str]:
    return correct_command(TypedCommand(line.split(), unknown, TASKS, STAGES))


@pytest.mark.parametrize(
    ("line", "unknown", "meant"),
    [
        ("deploy production", "production", "deploy:production"),
        ("production deploy", "production", "deploy:production"),
        ("deploy:prod", "deploy:prod", "deploy:production"),
        ("deploy prod branch=v2", "prod", "deploy:production branch=v2"),
        ("-n 2 -P thread deploy production", "production", "-n 2 -P thread deploy:production"),
        ("build deploy staging", "staging", "build deploy:staging"),
        ("depoly production", "depoly", "deploy:production"),
        ("production rolback", "production", "rollback:production"),
        ("production deploy:rollback", "production", "rollback:production"),
        ("production deploy:updating", "production", "deploy:production:updating"),
        ("production:deploy", "production:deploy", "deploy:production"),
        ("deploy:prod:updatin", "deploy:prod:updatin", "deploy:production:updating"),
        ("depoly:production", "depoly:production", "deploy:production"),
        ("deploy:produciton", "deploy:produciton", "deploy:production"),
        ("deploi", "deploi", "deploy"),
        ("status", "status", "cap status"),
        ("status:staging", "status:staging", "cap status staging"),
        ("status production --json", "status", "cap status production --json"),
        ("production status", "production", "cap status production"),
        ("cache_clear production", "production", "cache_clear:production"),
        ("rails.consloe:prod", "rails.consloe:prod", "rails.console:production"),
        ("production:rails.console", "production:rails.console", "rails.console:production"),
        ("histroy production", "histroy", "cap history production"),
        ("deploy:production production branch=v2", "production", "deploy:production branch=v2"),
        ("deploy:production:restart production", "production", "deploy:production:restart"),
    ],
)
def test_the_command_that_was_meant_comes_first(line: str, unknown: str, meant: str) -> None:
    assert corrected(line, unknown)[0] == f"doit {meant}"


def test_a_stage_that_the_task_has_already_is_left_out() -> None:
    assert corrected("rollback:production production", "production") == ["doit rollback:production"]
    assert corrected("deploy:staging production", "production") == ["doit deploy:staging", "doit deploy:production"]


def test_a_stage_alone_may_mean_several_tasks() -> None:
    assert corrected("staging", "staging") == ["doit deploy:staging", "doit rollback:staging"]


def test_a_step_without_a_stage_is_offered_for_each_stage() -> None:
    assert corrected("deploy:restart", "deploy:restart") == [
        "doit deploy:production:restart",
        "doit deploy:staging:restart",
    ]


def test_an_unknown_stage_is_answered_with_all_stages() -> None:
    assert corrected("check:xyz", "check:xyz") == ["doit check:production", "doit check:staging"]


@pytest.mark.parametrize("word", ["xyz", "xyz:abc", "x y", ""])
def test_a_word_that_is_similar_to_nothing_is_not_corrected(word: str) -> None:
    assert corrected(word, word) == []
