"""The names that git has for a commit, in ``branch=``: branches, tags, full names of refs, and what is ambiguous."""

from __future__ import annotations

import pytest

from capdoit.testing import Project
from tests.support import MakeProject, choose_ordinary, deploy, further, pair, unwrap

TASKS = ("check:production", "deploy:production dry_run=yes", "deploy:production", "cap pending")


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """Return a project with one host and a repository with refs of many kinds, each on a different commit."""
    made = make_project(1)
    for ref in {*REFS.values()} - {"HEAD"}:
        commit = made.repo.commit({"app.txt": f"{ref}\n"})
        made.repo.git("update-ref", ref, commit)
    made.repo.git("tag", "--force", "-a", "-m", "x", "signed")
    made.repo.commit({"app.txt": "main\n"})
    return made


REFS = {
    "refs/heads/topic": "refs/heads/topic",
    "heads/topic": "refs/heads/topic",
    "refs/tags/v1": "refs/tags/v1",
    "tags/v1": "refs/tags/v1",
    "refs/pull/12/head": "refs/pull/12/head",
    "pull/12/head": "refs/pull/12/head",
    "feature/login": "refs/heads/feature/login",
    "heads/feature/login": "refs/heads/feature/login",
    "tags/signed": "refs/tags/signed",
    "HEAD": "HEAD",
}


@pytest.mark.parametrize("branch", choose_ordinary(REFS, "refs/tags/v1"))
def test_every_spelling_of_git_reaches_its_commit_in_each_task(project: Project, branch: str) -> None:
    commit = project.repo.git("rev-parse", f"{REFS[branch]}^{{commit}}")
    said = f"branch={branch}"
    assert "1 host is ready" in project.doit("check:production", said, check=True).out
    assert f"({commit[:12]}, {branch})" in unwrap(project.doit("deploy:production", said, "dry_run=yes").out)
    deploy(project, said)
    assert (project.deploy_to("web1") / "current/REVISION").read_text() == f"{commit}\n"
    assert "Nothing is pending" in project.doit("cap", "pending", said, check=True).out


AMBIGUOUS = {
    "v2": ("refs/heads/v2", "refs/tags/v2", "a branch and a tag"),
    "heads/x": ("refs/heads/heads/x", "refs/heads/x", "a branch and a branch"),
}


@pytest.mark.parametrize(
    ("task", "branch"),
    [(TASKS[2], "v2"), *further((TASKS[0], "v2"), (TASKS[1], "heads/x"), (TASKS[3], "heads/x"))],
)
def test_a_name_of_two_refs_is_refused_with_both_spellings(project: Project, task: str, branch: str) -> None:
    first, second, kinds = AMBIGUOUS[branch]
    for ref in (first, second):
        project.repo.git("update-ref", ref, project.repo.commit({"app.txt": f"{ref}\n"}))
    done = project.doit(*task.split(), f"branch={branch}")
    assert done.code in (1, 3)
    assert f"'{branch}' is {kinds} of {project.repo.path}; say which one: " in done.out
    assert f"branch={first} or branch={second}" in done.out
    assert project.current("web1") is None
    for ref in (first, second):
        deploy(project, f"branch={ref}")
        assert (project.deploy_to("web1") / "current/app.txt").read_text() == f"{ref}\n"


NO_REFS = ("refs/heads/nowhere", "heads/nowhere", "refs/heads", "origin/topic", "v1^{}", "v1~0")


@pytest.mark.extended("variant")
@pytest.mark.parametrize(("task", "branch"), pair(TASKS, NO_REFS))
def test_what_is_not_the_name_of_a_ref_is_refused_by_each_task(project: Project, task: str, branch: str) -> None:
    done = project.doit(*task.split(), f"branch={branch}")
    assert done.code in (1, 3)
    assert f"has no branch, tag or commit '{branch}'" in done.out
    assert project.current("web1") is None


@pytest.mark.extended("variant")
@pytest.mark.parametrize("task", TASKS[:3])
def test_a_tag_of_something_else_than_a_commit_is_refused(project: Project, task: str) -> None:
    project.repo.git("tag", "tree", "HEAD^{tree}")
    said = project.doit(*task.split(), "branch=tree").failed().out
    assert f"'tree' of {project.repo.path} is a tag without a commit that git can read" in said
    assert project.current("web1") is None


@pytest.mark.extended("variant")
def test_a_branch_that_could_be_a_sha_is_the_branch(project: Project) -> None:
    commit = project.repo.commit({"app.txt": "by the name of a ticket\n"})
    project.repo.git("update-ref", "refs/heads/1234567", commit)
    deploy(project, "branch=1234567")
    assert (project.deploy_to("web1") / "current/REVISION").read_text() == f"{commit}\n"


@pytest.mark.extended("variant")
def test_a_plan_of_a_branch_that_was_removed_since_goes_live_as_planned(project: Project) -> None:
    commit = project.repo.git("rev-parse", "refs/heads/topic")
    project.doit("deploy:production", "branch=topic", "plan=plan.json", check=True)
    project.repo.git("update-ref", "-d", "refs/heads/topic")
    project.doit("deploy:production", "apply=plan.json", check=True)
    assert (project.deploy_to("web1") / "current/REVISION").read_text() == f"{commit}\n"
