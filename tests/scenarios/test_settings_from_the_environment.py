"""deploy.yml takes settings from the environment, as pipelines and machines with several users want it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import GitRepo, Project
from tests.support import MakeProject, deploy, further


def write_settings(project: Project, **variables: str) -> None:
    """Let settings of deploy.yml come from environment variables; a name host__NAME is a setting of host web1."""
    top = {name: variable for name, variable in variables.items() if not name.startswith("host__")}
    project.config(**dict.fromkeys(top))
    file = project.path / "deploy.yml"
    text = "{" + "".join(f"{name}: !env {variable}, " for name, variable in top.items()) + file.read_text().strip()[1:]
    # JSON, which the fixture writes, has no tags
    for name, variable in variables.items():
        if name not in top:
            key = name.removeprefix("host__")
            text = text.replace('"web1": {', f'"web1": {{{key}: !env {variable}, ', 1)
    file.write_text(text)


@pytest.mark.extended("detail")
def test_settings_are_read_when_they_are_needed(project: Project) -> None:
    write_settings(project, repo_url="REPO", branch="BRANCH_NAME", keep_releases="KEEP", timeout="SECONDS")
    assert "deploy:production" in project.doit("list", check=True).out
    said = project.doit("deploy:production", env={"BRANCH_NAME": "main"}).failed().out
    for setting, variable in {"repo_url": "REPO", "keep_releases": "KEEP", "timeout": "SECONDS"}.items():
        assert f": {setting} needs the environment variable {variable}, which is not set\n" in said
    assert said.count("deploy.yml:1:") == 3
    assert not (project.deploy_to("web1") / ".capdoit").exists()
    env = {"REPO": str(project.repo.path), "BRANCH_NAME": "main", "KEEP": "1", "SECONDS": "600"}
    for _ in range(3):
        project.doit("deploy:production", env=env, check=True)
    assert len(project.releases("web1")) == 2  # the rollback target is kept, too


def test_a_rollback_needs_no_variable_that_only_deploys_use(project: Project) -> None:
    first, _ = deploy(project), deploy(project)
    write_settings(
        project, repo_url="REPO", branch="B", keep_releases="KEEP", on_failure="ON", keep_failed="F", drill="D"
    )
    project.doit("cap", "status", check=True)
    project.doit("drill:production", check=True)
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first
    assert "repo_url needs the environment variable REPO" in project.doit("check:production").failed().out
    assert "repo_url needs the environment variable REPO" in project.doit("cap", "pending").failed(3).out


VALUES = [
    ({"application": "A"}, {"A": "shop"}),
    ({"keep_failed": "A"}, {"A": "Yes"}),
    ({"on_failure": "A"}, {"A": "rollback"}),
    ({"max_failures": "A"}, {"A": "1"}),
    ({"drill": "A"}, {"A": "after_deploy"}),
    ({"drill_max_age": "A"}, {"A": "30d"}),
    ({"transfer": "A"}, {"A": "git"}),
    ({"default_stage": "A"}, {"A": "production"}),
    ({"host__primary": "A", "host__user": "B"}, {"A": "on", "B": "ann"}),
    ({"host__no_release": "A"}, {"A": "false"}),
]


@pytest.mark.extended("variant")
@pytest.mark.parametrize(("settings", "values"), VALUES, ids=" ".join)
def test_each_kind_of_value_may_come_from_the_environment(
    project: Project, settings: dict[str, str], values: dict[str, str]
) -> None:
    write_settings(project, **settings)
    project.doit("list", check=True)
    project.doit("deploy:production", env=values, check=True)


WRONG = [
    ({"keep_releases": "A"}, "s3cr3t", "keep_releases: found the value of A, expected a whole number of at least 1"),
    ({"keep_failed": "A"}, "s3cr3t", "keep_failed: found the value of A, expected true or false"),
    ({"transfer": "A"}, "s3cr3t", "transfer: found the value of A, expected a transfer: git, archive"),
    ({"deploy_to": "A"}, "s3cr3t/..", "deploy_to: found the value of A, expected a directory of its own, without .."),
    ({"repo_url": "A"}, "s3cr3t/x", "repo_url: found the value of A, expected a URL, HOST:PATH, or an absolute path"),
    ({"branch": "A"}, "", "branch: found the value of A, which is empty, expected a string"),
    ({"branch": "A B"}, "s3cr3t", "branch: expected the name of an environment variable after !env"),
]


@pytest.mark.parametrize(("settings", "value", "mistake"), [WRONG[0], *further(*WRONG[1:])])
def test_a_wrong_value_is_a_mistake_of_deploy_yml_that_does_not_show_it(
    project: Project, settings: dict[str, str], value: str, mistake: str
) -> None:
    write_settings(project, **settings)
    said = project.doit("deploy:production", env={"A": value}).failed(3).out
    assert re.search(rf"deploy.yml:1:[0-9]+: {re.escape(mistake)}\n", said)
    assert "s3cr3t" not in said


def test_a_repository_from_the_environment_is_never_shown_or_saved(project: Project, git_repo: GitRepo) -> None:
    write_settings(project, repo_url="REPO")
    env = {"REPO": f"file://{git_repo.path}"}
    said = project.doit("deploy:production", "plan=p", env=env, check=True).out
    other = {"REPO": f"file://localhost{git_repo.path}"}  # as with a new token
    project.doit("deploy:production", "apply=p", env=other, check=True)
    said += project.doit("deploy:production", "branch=mian", env=env).failed().out
    assert "***" in said
    assert env["REPO"] not in said + (project.path / "p").read_text()
    settings = json.loads(project.doit("cap", "doctor", "--json", env=env, check=True).out)["settings"]
    assert [(one["value"], one["variable"]) for one in settings if one["name"] == "repo_url"] == [(None, "REPO")]


@pytest.mark.extended("detail")
def test_other_stages_hosts_and_overridden_settings_need_nothing(project: Project) -> None:
    stages: dict[str, Any] = {"production": {"hosts": project.hosts, "keep_releases": 3}}
    project.config(stages=stages)
    file = project.path / "deploy.yml"
    other = 'stages": {"staging": {"hosts": {"x": {"hostname": !env X, "user": !env Y}}, "timeout": !env Z}, '
    text = file.read_text().replace('stages": {', other, 1)
    file.write_text("{keep_releases: !env KEEP, " + text.strip()[1:])
    deploy(project)
    write_settings(project, host__user="ANN")
    project.doit("deploy:production", "hosts=web2", check=True)
    said = project.doit("deploy:production").failed().out
    assert "stages.production.hosts.web1.user needs the environment variable ANN, which is not set" in said


@pytest.mark.extended("detail")
def test_the_archive_may_come_from_the_environment(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(1, linked_files_exist=False, linked_files=[], repo_url=None, branch=None)
    write_settings(project, archive="ARCHIVE")
    project.doit("list", check=True)
    assert "archive needs the environment variable ARCHIVE" in project.doit("deploy:production").failed().out
    project.repo.git("archive", "--output", f"{tmp_path}/shop.tar", "HEAD")
    project.doit("deploy:production", env={"ARCHIVE": f"{tmp_path}/shop.tar"}, check=True)


@pytest.mark.extended("detail")
def test_doctor_reports_variables_that_are_not_set_and_calls_no_number_a_short_secret(project: Project) -> None:
    write_settings(project, branch="B", keep_releases="KEEP")
    said = project.doit("cap", "doctor", env={"KEEP": "3"}).failed(3).out
    assert "branch: the environment variable B is not set" in said
    assert "too short" not in said
