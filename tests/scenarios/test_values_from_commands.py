"""deploy.yml takes values from commands, such as those of a password manager."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from capdoit.testing import DODO, Project
from tests.support import deploy, further, write_hooks

SAYING = """
@cap.after("updated")
def say(host):
    host.run('echo "token: $TOKEN"')
"""


def write_settings(project: Project, top: str = "", host: str = "", **settings: object) -> None:
    """Write deploy.yml with further settings at the top and at web1, as YAML; JSON has no tags."""
    project.config(**settings)
    file = project.path / "deploy.yml"
    text = file.read_text().strip()
    file.write_text("{" + top + text[1:].replace('"web1": {', f'"web1": {{{host}', 1))


def runs(project: Project) -> int:
    """Return how often commands have run."""
    log = project.path / "runs"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_a_command_is_run_once_when_something_uses_it_and_its_output_is_masked(project: Project) -> None:
    project.dodo(DODO + SAYING)
    (project.path / "token").write_text("s3cr3t-token\n")
    command = "!cmd 'echo run >>runs; cat token'"
    write_settings(project, f"default_env: {{TOKEN: {command}}}, timeout: !cmd 'echo run >>runs; echo 600', ")
    for words in (("list", "--all"), ("cap", "config"), ("cap", "stages"), ("cap", "recipes")):
        project.doit(*words, check=True)
    assert runs(project) == 0
    said = project.doit("deploy:production", check=True).out
    assert "token: ***\n" in said
    assert "s3cr3t" not in said + (project.path / "log/capdoit.log").read_text()
    assert runs(project) == 2


FAILING = "!cmd 'echo broken; echo \"not signed in\" >&2; exit 3'"


def test_a_failing_command_stops_a_deploy_before_a_host_is_touched(project: Project) -> None:
    write_settings(project, f"default_env: {{TOKEN: {FAILING}}}, keep_releases: {FAILING}, ", f"user: {FAILING}, ")
    said = project.doit("deploy:production").failed().out
    reason = 'needs the output of `echo broken; echo "not signed in" >&2; exit 3`, which failed with exit status 3'
    assert re.search(rf"deploy.yml:1:\d+: keep_releases {re.escape(reason)}: not signed in\n", said)
    assert f"stages.production.hosts.web1.user {reason}: not signed in\n" in said
    write_settings(project, f"default_env: {{TOKEN: {FAILING}}}, ")
    said = project.doit("deploy:production").failed().out
    assert re.search(rf"deploy.yml:1:\d+: default_env.TOKEN {re.escape(reason)}: not signed in\n", said)
    assert "Traceback" not in said
    assert not (project.deploy_to("web1") / ".capdoit").exists()


def test_a_rollback_needs_no_command_that_it_does_not_use(project: Project) -> None:
    first, _ = deploy(project), deploy(project)
    wrong = ", ".join(f"{name}: {FAILING}" for name in ("repo_url", "branch", "keep_releases", "on_failure", "drill"))
    write_settings(project, f"default_env: {{TOKEN: {FAILING}}}, {wrong}, ", repo_url=None, branch=None)
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


def test_a_rollback_with_a_hook_that_runs_no_command_on_hosts_needs_no_secret_of_hosts(project: Project) -> None:
    first, _ = deploy(project), deploy(project)
    write_settings(project, f"default_env: {{TOKEN: {FAILING}}}, ")
    write_hooks(project, '@cap.after("published")\ndef tell(flow):\n    flow.warn("told")\n')
    assert "told" in project.doit("rollback:production", check=True).out
    assert project.current("web1") == first


def test_a_rollback_whose_hook_uses_a_failing_command_names_the_hook(project: Project) -> None:
    deploy(project)
    live = deploy(project)
    write_settings(project, f"default_env: {{TOKEN: {FAILING}}}, ")
    write_hooks(project, '@cap.after("published")\ndef restart(host):\n    host.run("true")\n')
    said = project.doit("rollback:production").failed().out
    assert "exit status 3: not signed in, for restart; provide it, or leave them out with skip=" in said
    assert project.current("web1") == live
    project.doit("rollback:production", "skip=restart", check=True)


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("keep_releases: !cmd 'echo s3cr3t'", "keep_releases: found the output of `echo s3cr3t`, expected a whole"),
        *further(
            ("keep_failed: !cmd 'echo s3cr3t'", "keep_failed: found the output of `echo s3cr3t`, expected true or"),
            ("drill_max_age: !cmd 'echo s3cr3t'", "drill_max_age: found the output of `echo s3cr3t`, expected days or"),
        ),
    ],
)
def test_a_wrong_output_is_a_mistake_of_deploy_yml(project: Project, setting: str, mistake: str) -> None:
    write_settings(project, f"{setting}, ")
    assert re.search(rf"deploy.yml:1:\d+: {re.escape(mistake)}", project.doit("deploy:production").failed().out)


WRONG = [
    ("log: !cmd 'echo a.log'", "log: !cmd cannot stand here: `doit list` needs the value and runs no command"),
    ("user: !cmd ''", "user: expected a command after !cmd"),
    ("user: !cmd [ls]", "user: expected a command after !cmd"),
    ("user: !cmd {runs: ls}", "user.runs: no such setting of !cmd; did you mean run?"),
    ("user: !cmd {timeout: 5}", "user: no run, which !cmd needs"),
    ("user: !cmd {run: ls, timeout: 0}", "user.timeout: found a number (0), expected a whole number from 1 to 3600"),
    ("user: !env {default: x}", "user: no name, which !env needs"),
    ("user: !env [x]", "user: expected the name of an environment variable after !env"),
    ("default_env: {A: !cmd }", "default_env.A: expected a command after !cmd"),
]


@pytest.mark.parametrize(("setting", "mistake"), [WRONG[0], *further(*WRONG[1:])])
def test_a_mistake_behind_a_tag_is_reported_with_its_place(project: Project, setting: str, mistake: str) -> None:
    write_settings(project, f"{setting}, ")
    assert re.search(rf"deploy.yml:1:\d+: {re.escape(mistake)}", project.doit("list").failed(3).out)


def test_a_variable_with_a_default_does_not_have_to_be_set(project: Project) -> None:
    write_settings(
        project,
        "keep_failed: !env {name: KEEP_FAILED, default: yes}, keep_releases: !env {name: KEEP, default: 4}, "
        "default_env: {TOKEN: !env {name: TOKEN, default: none-set}}, ",
    )
    project.dodo(DODO + SAYING)
    assert "token: none-set\n" in project.doit("deploy:production", check=True).out
    assert "token: ***\n" in project.doit("deploy:production", env={"TOKEN": "s3cr3t"}, check=True).out
    settings = json.loads(project.doit("cap", "config", "--json", check=True).out)["settings"]
    assert {"keep_failed": True, "keep_releases": 4}.items() <= {one["name"]: one["value"] for one in settings}.items()


def test_config_shows_the_command_instead_of_its_output(project: Project) -> None:
    write_settings(
        project, "branch: !cmd 'op read op://shop/branch', default_env: {T: !cmd {run: pass shop}}, ", branch=None
    )
    said = project.doit("cap", "config", check=True).out
    assert re.search(r"branch +deploy.yml:1 +!cmd op read op://shop/branch\n", said)
    assert re.search(r"default_env.T +deploy.yml:1 +!cmd pass shop\n", said)
    settings = json.loads(project.doit("cap", "config", "--json", check=True).out)["settings"]
    (branch,) = [one for one in settings if one["name"] == "branch"]
    assert (branch["value"], branch["command"], branch["is_secret"]) == (None, "op read op://shop/branch", True)


@pytest.mark.extended("detail")
def test_commands_of_other_hosts_stages_and_overridden_settings_do_not_run(project: Project) -> None:
    stages = {"production": {"hosts": project.hosts, "keep_releases": 3}}
    other = '{"staging": {"hosts": {"x": {"user": !cmd "touch ran"}}, "timeout": !cmd "touch ran"}, '
    write_settings(project, "keep_releases: !cmd 'touch ran', ", "user: !cmd 'touch ran', ", stages=stages)
    file = project.path / "deploy.yml"
    file.write_text(file.read_text().replace('stages": {', f'stages": {other}', 1))
    project.doit("deploy:production", "hosts=web2", check=True)
    assert not (project.path / "ran").exists()


@pytest.mark.extended("detail")
def test_a_plan_has_no_output_of_a_command_and_is_applied(project: Project) -> None:
    (project.path / "token").write_text("s3cr3t-token\n")
    write_settings(project, "branch: !cmd 'echo main', default_env: {TOKEN: !cmd 'cat token'}, ", branch=None)
    project.doit("deploy:production", "plan=p", check=True)
    assert "s3cr3t" not in (project.path / "p").read_text()
    project.doit("deploy:production", "apply=p", check=True)


@pytest.mark.extended("detail")
def test_a_setting_from_a_command_does_not_hide_that_a_task_builds_the_archive(
    project: Project, tmp_path: Path
) -> None:
    archive = tmp_path / "shop.tar"
    write_settings(project, "timeout: !cmd 'echo 600', ", archive=str(archive), repo_url=None, branch=None)
    git = f"git -C {project.repo.path} archive --output {archive} HEAD"
    project.dodo(f"{DODO}\ndef task_build():\n    return {{'actions': [{git!r}], 'targets': [{str(archive)!r}]}}\n")
    project.doit("deploy:production", check=True)
    assert os.path.exists(archive)


def test_a_drill_with_settings_from_commands_stays_in_its_shadow(project: Project) -> None:
    first, live = deploy(project), deploy(project)
    write_settings(project, "timeout: !cmd 'echo 600', ", "port: !cmd 'echo 22', ")
    project.doit("drill:production", check=True)
    assert [project.current(host) for host in project.hosts] == [live, live]
    assert project.releases("web1") == [first, live]
    assert not (project.deploy_to("web1") / f"rolled-back-release-{live}.tar.gz").exists()


@pytest.mark.parametrize("tag", ["!cmd 'echo true'", *further("!ask", "!env COMMAND")])
def test_an_option_that_must_be_set_may_be_a_value_that_is_not_known_yet(project: Project, tag: str) -> None:
    """The recipe health needs either the option url or the option command."""
    write_settings(project, f"recipes: {{health: {{command: {tag} }}}}, ")

    project.doit("list", check=True)
    answer = ["command=true"] if tag == "!ask" else []
    said = project.doit("deploy:production", *answer, env={"COMMAND": "true"}, check=True).out

    assert "✔ deploy:production" in said
