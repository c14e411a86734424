"""The settings with which a host's git reaches its server by ssh: keys of an application, and programs of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.support import MakeProject, choose_ordinary, deploy, replace_programs

# Runs git's command on this machine, as a server would, and notes how it was called.
SSH = """\
#!/bin/sh
echo "$0 $*" >>"$(dirname "$0")/calls"
while [ $# -gt 1 ]; do shift; done
exec sh -c "$1"
"""
TASKS = ("check:production", "deploy:production dry_run=yes", "deploy:production", "deploy:production", "cap pending")


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """Return a project with one host, whose repository is reached by ssh."""
    made = make_project(1)
    made.config(repo_url=f"git.example.com:{made.repo.path}")
    for name in ("ssh-of-variable", "ssh-of-setting", "ssh-of-mirror", "plain-ssh"):
        (made.path / name).write_text(SSH)
        (made.path / name).chmod(0o755)
    return made


def run_all_tasks(project: Project) -> list[str]:
    """Run every task in which a host asks the server, and return the calls of ssh programs."""
    for task in TASKS:
        if task == "deploy:production":
            project.repo.commit({"app.txt": "next\n"})
        project.doit(*task.split(), check=True)
    return (project.path / "calls").read_text().splitlines()


def set_on_host(project: Project, **env: str) -> None:
    project.hosts["web1"]["default_env"] = env
    project.config(repo_url=f"git.example.com:{project.repo.path}")


def setting_env(project: Project) -> dict[str, str]:
    """Return variables that configure git as a file of the host's user would."""
    file = project.path / "gitconfig"
    file.write_text(f"[safe]\n\tdirectory = *\n[core]\n\tsshCommand = {project.path}/ssh-of-setting -i ~/.ssh/shop\n")
    return {"GIT_CONFIG_GLOBAL": str(file)}


CASES = {
    "core.sshCommand": ("ssh-of-setting -i ~/.ssh/shop", setting_env),
    "GIT_SSH": ("ssh-of-variable", lambda project: {"GIT_SSH": f"{project.path}/ssh-of-variable"}),
    "GIT_SSH_COMMAND": (
        "ssh-of-variable -i key",
        lambda project: {"GIT_SSH_COMMAND": f"{project.path}/ssh-of-variable -i key"},
    ),
    "GIT_SSH_COMMAND before core.sshCommand": (
        "ssh-of-variable",
        lambda project: {**setting_env(project), "GIT_SSH_COMMAND": f"{project.path}/ssh-of-variable"},
    ),
    "core.sshCommand before GIT_SSH": (
        "ssh-of-setting -i ~/.ssh/shop",
        lambda project: {**setting_env(project), "GIT_SSH": f"{project.path}/ssh-of-variable"},
    ),
}


@pytest.mark.parametrize("case", choose_ordinary(CASES, "core.sshCommand"))
def test_the_hosts_own_setting_is_used_by_every_task(project: Project, case: str) -> None:
    expected, env = CASES[case]
    set_on_host(project, **env(project))
    expected = expected.replace("~", str(project.repo.path.parent / "home"))
    calls = run_all_tasks(project)
    assert calls
    assert all(call.startswith(f"{project.path}/{expected} ") for call in calls), calls


@pytest.mark.extended("variant")
def test_a_setting_of_the_mirror_counts_also_for_the_clone_that_replaces_it(project: Project) -> None:
    set_on_host(project, GIT_SSH=f"{project.path}/plain-ssh")
    deploy(project)
    mirror = project.deploy_to("web1") / "repo"
    subprocess.run(["git", "-C", mirror, "config", "core.sshCommand", f"{project.path}/ssh-of-mirror"], check=True)
    (project.path / "calls").unlink()
    run_all_tasks(project)
    shutil.rmtree(mirror / "objects")
    deploy(project)
    deploy(project)
    calls = (project.path / "calls").read_text().splitlines()
    assert all("/ssh-of-mirror " in call for call in calls), calls


@pytest.mark.extended("variant")
def test_without_a_setting_ssh_asks_nothing(project: Project) -> None:
    (project.path / "plain-ssh").rename(project.path / "ssh")
    replace_programs(project, "web1", ssh=f'exec "{project.path}/ssh" "$@"')
    project.config(repo_url=f"git.example.com:{project.repo.path}")
    calls = run_all_tasks(project)
    assert all(call.startswith(f"{project.path}/ssh -o BatchMode=yes ") for call in calls), calls


@pytest.mark.extended("variant")
def test_pending_reads_commits_on_the_controller_with_its_own_setting(project: Project) -> None:
    deployed = {"GIT_SSH": f"{project.path}/plain-ssh"}
    set_on_host(project, **deployed)
    deploy(project)
    project.repo.commit({"b.txt": "2\n"})
    said = project.doit("cap", "pending", env=setting_env(project), check=True).out
    assert "main is 1 commit ahead" in said
    calls = (project.path / "calls").read_text().splitlines()
    assert calls[-1].startswith(f"{Path(project.path)}/ssh-of-setting -i "), calls
