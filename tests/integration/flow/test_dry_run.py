"""Dry runs: they show what a flow would do, and change nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from capdoit.testing import DODO, Project
from tests.support import MakeProject, deploy_text, further, snapshot_hosts, snapshot_tree, unwrap, write_hooks

HOOKS = (
    DODO
    + """
@cap.after('updated', roles='web')
def touch(host, release):
    host.run('touch touched')
"""
)


@pytest.mark.parametrize("task", ["deploy:production", "rollback:production"])
def test_a_dry_run_changes_nothing_on_any_host_and_runs_no_hook(project: Project, task: str) -> None:
    project.config(keep_releases=1)
    deploy_text(project, "1")
    deploy_text(project, "2")
    project.dodo(HOOKS.replace("'updated'", "'published'"))
    before = snapshot_hosts(project)
    done = project.doit(task, "dry_run=yes", check=True)

    assert snapshot_hosts(project) == before
    assert re.search("^  touch +on all hosts$", done.out, re.MULTILINE)
    assert "This was a dry run: nothing was changed on any host." in done.out


@pytest.mark.extended("detail")
def test_a_hook_that_is_skipped_is_not_listed(project: Project) -> None:
    project.dodo(HOOKS)
    said = project.doit("deploy:production", "dry_run=yes", "skip=touch", check=True).out
    assert "skipped: touch" in said
    assert not re.search("^  touch", said, re.MULTILINE)


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_dry_run_over_ssh_changes_nothing(ssh_project: Project) -> None:
    deploy_text(ssh_project, "1")
    deploy_text(ssh_project, "2")
    before = snapshot_hosts(ssh_project)
    for task in ("deploy:production", "rollback:production"):
        ssh_project.doit(task, "dry_run=yes", check=True)
    assert snapshot_hosts(ssh_project) == before


@pytest.mark.extended("detail")
def test_a_dry_run_before_the_first_deploy_creates_no_directory(make_project: MakeProject) -> None:
    project = make_project(linked_files_exist=False, linked_files=[])
    project.doit("deploy:production", "dry_run=yes", check=True)
    assert not (project.path / "hosts").exists()


def test_a_dry_deploy_shows_on_one_screen_what_is_created_linked_published_and_removed(project: Project) -> None:
    project.config(keep_releases=1)
    first = deploy_text(project, "1")
    second = deploy_text(project, "2")
    commit = project.repo.commit({"app.txt": "3"})
    said = project.doit("deploy:production", "dry_run=yes", check=True).out

    summary = said[said.index("deploy:production on web1, web2 would do this:") :]
    assert len(summary.splitlines()) <= 24
    assert max(map(len, summary.splitlines())) <= 80
    lines = unwrap(summary)
    assert re.search(rf"live now {second} \([0-9a-f]{{12}}\) live then [0-9]{{14}} \({commit[:12]}, main\)", lines)
    assert "commits main is 1 commit ahead of what is live on all hosts:" in lines
    assert "links to shared: config/database.yml, log, tmp/pids" in lines
    assert f"publishing current changes from {second} to " in lines
    assert f"finishing deletes {first}" in lines
    assert "the live release takes" in lines
    assert "would stop it nothing that is known now" in lines
    assert "| " not in said


def test_a_dry_run_shows_scripts_if_it_is_told_so(project: Project) -> None:
    deploy_text(project, "1")
    project.repo.commit({"app.txt": "2"})
    said = project.doit("deploy:production", "dry_run=scripts", check=True).out

    assert "web1, web2: git fetch" not in said  # their directories differ, so their scripts do
    assert f"| deploy_to='{project.deploy_to('web2')}'" in said
    assert said.count('| mkdir "releases/$release"') == 1  # both hosts get the same script, with different values
    assert said.index('| mkdir "releases/$release"') < said.index("would do this:")


def test_a_dry_rollback_shows_its_target_and_what_is_archived(project: Project) -> None:
    first, second = deploy_text(project, "1"), deploy_text(project, "2")
    said = unwrap(project.doit("rollback:production", "dry_run=yes", check=True).out)
    assert f"publishing current changes from {second} to {first}" in said
    assert f"{first} is 1 commit behind what is live on all hosts; a rollback would take away (-):" in said
    assert f"finishing_rollback archives {second}, and deletes it" in said


@pytest.mark.extended("detail")
def test_hosts_with_different_plans_are_shown_separately(project: Project) -> None:
    deploy_text(project, "1")
    project.repo.commit({"app.txt": "2"})
    project.doit("deploy:production", "hosts=web1", check=True)
    said = unwrap(project.doit("deploy:production", "dry_run=yes", check=True).out)
    assert re.search(
        "hosts differ [0-9]{14} is live on web1; [0-9]{14} is live on web2; [0-9]{14} is not on web2", said
    )
    assert re.search(r"current changes from [0-9]{14} to [0-9]{14} on web1; current changes from .* on web2", said)


def test_a_secret_is_masked_in_a_dry_run_and_in_the_plan_file(project: Project) -> None:
    deploy_text(project, "1")
    text = (project.path / "deploy.yml").read_text().replace('"branch"', '"default_env": {KEY: !env KEY}, "branch"')
    (project.path / "deploy.yml").write_text(text)
    done = project.doit(
        "deploy:production", "plan=plan.json", "dry_run=scripts", env={"KEY": "hush-hush-hush"}, check=True
    )
    assert "hush" not in done.out + (project.path / "plan.json").read_text()


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    ("task", "complaint"),
    [
        ("rollback:production", "there are no older releases to roll back to"),
        *further(
            ("deploy:production branch=nowhere", "has no branch, tag or commit 'nowhere'"),
            ("rollback:production rollback_release=20010101000000", "no host has a release 20010101000000"),
        ),
    ],
)
def test_a_dry_run_fails_with_the_message_of_the_flow(project: Project, task: str, complaint: str) -> None:
    deploy_text(project, "1")
    before = snapshot_hosts(project)
    dry, real = project.doit(*task.split(), "dry_run=yes"), project.doit(*task.split())
    assert dry.code == real.code == 1
    assert complaint in dry.out
    assert complaint in real.out
    assert {name: snapshot_tree(project.deploy_to(name) / "releases") for name in project.hosts} == {
        name: {path: of for path, of in found.items() if path.startswith(str(project.deploy_to(name) / "releases"))}
        for name, found in before.items()
    }


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    ("command", "code", "hosts"),
    [("deploy:production dry_run=yes", 1, "web1"), ("check:production", 1, "web1, web2"), ("cap pending", 3, "web1")],
)
def test_an_unreachable_repository_is_not_reported_as_a_missing_branch(
    project: Project, command: str, code: int, hosts: str
) -> None:
    deploy_text(project, "1")
    project.config(repo_url=str(project.path / "gone"))
    done = project.doit(*command.split()).failed(code)
    assert f"{hosts}: git ls-remote: exit status 128" in done.out
    assert "does not appear to be a git repository" in done.out
    assert "has no branch" not in done.out


@pytest.mark.extended("detail")
def test_a_missing_linked_file_fails_a_dry_run(make_project: MakeProject) -> None:
    project = make_project(linked_files_exist=False)
    project.deploy_to("web1").mkdir(parents=True)
    assert (
        "linked file config/database.yml does not exist"
        in project.doit("deploy:production", "dry_run=yes").failed().out
    )


@pytest.mark.extended("detail")
def test_a_tag_and_a_commit_are_resolved_without_fetching(project: Project) -> None:
    first = project.repo.git("rev-parse", "HEAD")
    project.repo.git("tag", "-a", "v1", "-m", "one")
    deploy_text(project, "2")
    for branch in ("v1", first, first[:9]):
        said = unwrap(project.doit("deploy:production", "dry_run=yes", f"branch={branch}", check=True).out)
        assert f"({first[:12]}, {branch})" in said


# -- plans


@pytest.mark.extended("detail")
def test_a_dry_run_of_part_of_a_flow_works(project: Project) -> None:
    first = deploy_text(project, "1")
    said = project.doit("deploy:production:publishing", "dry_run=yes", check=True).out
    assert "This was a dry run: nothing was changed on any host." in said
    assert f"current changes from {first} to " in said


@pytest.mark.extended("detail")
def test_an_interrupted_dry_run_does_not_report_its_release_as_live(project: Project) -> None:
    first = deploy_text(project, "1")
    write_hooks(
        project,
        """
        cap.before('finishing', 'bad')
        def task_bad():
            return {'actions': ['false']}
        """,
    )
    done = project.doit("deploy:production", "dry_run=yes").failed()
    assert "What is live was not changed." in done.out
    assert "is live all the same" not in done.out
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_dry_run_refuses_a_tree_that_no_flow_would_touch(project: Project, tmp_path: Path) -> None:
    deploy_text(project, "1")
    shutil.rmtree(project.deploy_to("web1") / ".capdoit/manifests")
    (project.deploy_to("web1") / ".capdoit/manifests").symlink_to(tmp_path)
    for variables in (["dry_run=yes"], []):
        done = project.doit("deploy:production", *variables).failed()
        assert "/.capdoit/manifests is a symlink, which no flow follows: move it away" in done.out


@pytest.mark.extended("detail")
def test_a_branch_that_is_a_git_expression_is_refused(project: Project) -> None:
    deploy_text(project, "1")
    deploy_text(project, "2")
    for variables in (["dry_run=yes"], []):
        done = project.doit("deploy:production", "branch=main~1", *variables).failed()
        assert "has no branch, tag or commit 'main~1'" in done.out
