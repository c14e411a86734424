"""A branch that the git server does not name: the message says what was meant, and never advises to type it again."""

from __future__ import annotations

import pytest

from capdoit.testing import Project
from tests.support import choose_ordinary, deploy

DETAIL = pytest.mark.extended("detail")
TASKS = ("deploy:production", "deploy:production dry_run=yes", "check:production", "cap pending")


@pytest.mark.parametrize("task", choose_ordinary(TASKS, "deploy:production"))
def test_the_branch_that_was_meant_is_named(project: Project, task: str) -> None:
    done = project.doit(*task.split(), "branch=mian")
    assert done.code in (1, 3)
    assert "has no branch, tag or commit 'mian'; choose another with branch=, or in deploy.yml; did you mean main?" in (
        done.out
    )
    if task.startswith("deploy"):
        more = " dry_run=yes" if "dry_run" in task else ""
        assert f"To deploy main: doit deploy:production branch=main{more}" in done.out
    assert "doit deploy:production branch=mian" not in done.out
    assert project.releases("web1") == []


@DETAIL
@pytest.mark.parametrize(
    ("typed", "meant", "is_first_deploy"),
    [
        ("feature/lgoin", "feature/login", True),
        ("feature/lgoin", "feature/login", False),
        ("refs/heads/feature/lgoin", "refs/heads/feature/login", True),
        ("heads/feature/lgoin", "heads/feature/login", False),
        ("v1.0.00", "v1.0.0", True),
        ("tags/v1.0.00", "tags/v1.0.0", False),
    ],
)
def test_each_spelling_of_git_is_suggested_as_it_was_typed(
    project: Project, typed: str, meant: str, is_first_deploy: bool
) -> None:
    project.repo.git("branch", "feature/login")
    project.repo.git("tag", "v1.0.0")
    if not is_first_deploy:
        deploy(project)
    advice = f"doit deploy:production branch={meant}"
    assert f"To deploy {meant}: {advice}\n" in project.doit("deploy:production", f"branch={typed}").failed().out
    deploy(project, f"branch={meant}")


@DETAIL
def test_a_branch_that_is_like_no_other_is_not_repeated(project: Project) -> None:
    out = project.doit("deploy:production", "branch=zzzzz", "message=x y").failed().out
    assert "Name a branch, tag or commit that exists: doit deploy:production branch=NAME 'message=x y'" in out
    assert "branch=zzzzz" not in out


@DETAIL
def test_a_mistyped_branch_in_deploy_yml_is_corrected_there_or_by_the_command(project: Project) -> None:
    project.config(branch="mian")
    assert "To deploy main: doit deploy:production branch=main" in project.doit("deploy:production").failed().out
    deploy(project, "branch=main")


@DETAIL
def test_an_ambiguous_name_is_advised_in_both_spellings(project: Project) -> None:
    project.repo.git("branch", "v2")
    project.repo.git("tag", "v2")
    out = project.doit("deploy:production", "branch=v2").failed().out
    for ref in ("refs/heads/v2", "refs/tags/v2"):
        assert f"To deploy {ref}: doit deploy:production branch={ref}\n" in out


@DETAIL
def test_the_locks_are_free_after_a_mistyped_branch(project: Project) -> None:
    project.doit("deploy:production", "branch=mian").failed()
    deploy(project)
