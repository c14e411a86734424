"""The command `doit cap`: help, invalid command lines, masked secrets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from capdoit.testing import Project
from tests.support import MakeProject, deploy, further, run_doit
from tests.terminal import Terminal

WITH_ENV = """\
application: shop
repo_url: x
default_env: {TOKEN: !env TOKEN}
stages: {production: {hosts: {web1: {transport: local, deploy_to: hosts/web1}}}}
"""


# -- what is wrong with the question


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["statsu"], "did you mean status?"),
        (["status", "producton"], "Did you mean production?"),
        (["releases", "hosts=wbe1"], "did you mean web1?"),
        *further(
            (["status", "roles=wbe"], "did you mean web?"),
            (["status", "stgae=production"], "did you mean stage?"),
            (["status", "production", "stage=other"], "which stage"),
            (["status", "production", "web1"], "at most one stage"),
            (["stages", "production"], "found production"),
            (["install", "--json"], "no --json"),
            (["production", "status"], "did you mean: doit cap status production?"),
            (["deploy", "production"], "did you mean: doit deploy:production?"),
            (["status", "--hots", "web1"], "did you mean --hosts?"),
            (["status", "foo=bar"], "cap status does not use foo=; nothing was done"),
            (["exec", "df", "-h"], "as in: doit cap exec production -- df -h"),
            (["exec", "production"], "for example: doit cap exec production -- df -h"),
            (["exec", "production", "df -h"], "did you mean: doit cap exec 'df -h' production?"),
            (["exec", "df", "/srv", "/tmp"], "quote the command: doit cap exec 'df /srv /tmp'"),
            (["recipes", "systemdd"], "did you mean systemd?"),
        ),
    ],
)
def test_an_invalid_command_line_is_refused_in_one_line(project: Project, words: list[str], answer: str) -> None:
    completed = project.doit("cap", *words).failed(3)
    assert answer in completed.out
    assert "Traceback" not in completed.out
    assert len(completed.out.splitlines()) == 1


def test_a_project_without_deploy_yml_is_told_what_is_missing(project: Project) -> None:
    project.dodo(
        dedent("""
        def task_x():
            return {'actions': None}
        """)
    )
    assert "capdoit.load" in project.doit("cap", "status").failed(3).out


def test_a_mistake_in_deploy_yml_is_reported_with_its_place(project: Project) -> None:
    project.config(keep_releases="many")
    assert "deploy.yml:" in project.doit("cap", "status").failed(3).out


def test_without_dodo_py_there_is_no_traceback(empty: Path) -> None:
    run_doit(empty, "cap", "status").failed(3)


@pytest.mark.parametrize("words", [(), *further((("--help",),), (("help",),))])
def test_without_a_subcommand_all_of_them_are_listed_on_one_screen(empty: Path, words: tuple[str, ...]) -> None:
    words = ("help", "cap") if words == ("help",) else ("cap", *words)
    lines = run_doit(empty, *words).ok().out.splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) < 80
    assert {"install", "stages", "status", "releases", "recipes"} <= {line.split()[0] for line in lines if line}


def test_help_of_a_subcommand_needs_no_project(empty: Path) -> None:
    said = run_doit(empty, "cap", "status", "--help").ok().out
    assert said.startswith("doit cap status [STAGE] [OPTION…]\n")
    assert "--roles ROLES  only hosts with one of these roles" in said


@pytest.mark.parametrize(
    ("words", "hosts"),
    [
        (["--hosts", "web2", "status"], ["web2"]),
        *further(
            (["status", "production", "--hosts", "web2"], ["web2"]),
            (["status", "--stage=production", "hosts=web1"], ["web1"]),
            (["status", "--roles", "web"], ["web1", "web2"]),
            (["hosts=web1", "status", "--", "production"], ["web1"]),
            (["status", "-f", "dodo.py", "--hosts", "web1"], ["web1"]),
        ),
    ],
)
def test_options_select_hosts_wherever_they_stand(project: Project, words: list[str], hosts: list[str]) -> None:
    said = project.doit("cap", "--json", *words).ok().out
    assert [host["host"] for host in json.loads(said)["hosts"]] == hosts


def test_an_option_and_a_word_that_name_different_stages_are_refused(project: Project) -> None:
    project.config(stages={name: {"hosts": project.hosts} for name in ("production", "staging")})
    said = project.doit("cap", "status", "production", "--stage", "staging").failed(3).out
    assert "which stage, production or stage=staging?" in said


def test_a_secret_in_the_output_of_a_host_is_masked(project: Project) -> None:
    deploy(project)
    (project.path / "deploy.yml").write_text(WITH_ENV)
    (project.deploy_to("web1") / ".capdoit/lock").write_text('{"flow": "deploy", "by": "s3cr3t-value"}\n')
    said = project.doit("cap", "status", env={"TOKEN": "s3cr3t-value"}, check=True).out
    assert "s3cr3t-value" not in said
    assert "deploy by ***" in said


def test_listing_stages_does_not_import_plumbum(project: Project) -> None:
    code = "import sys; from doit.doit_cmd import DoitMain; DoitMain().run(['list']); print('plumbum' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=project.path, capture_output=True, text=True, check=True)
    assert "deploy:production" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    "words",
    [
        ("unlock", "dry_run=yes"),
        *further(
            (("exec", "touch done", "dry_run=yes"),),
            (("verify", "rollback_release=20200101000000"),),
            (("status", "wait=5"),),
        ),
    ],
)
def test_variables_that_a_command_does_not_use_are_refused(project: Project, words: tuple[str, ...]) -> None:
    said = project.doit("cap", *words).failed(3).out
    assert f"cap {words[0]} does not use {words[-1].partition('=')[0]}=; nothing was done" in said
    assert not (project.path / "done").exists()


def test_json_with_masked_secrets_stays_valid_and_contains_no_secret(project: Project) -> None:
    project.config(default_env={"A": "!", "SERVE": "!"})
    file = project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"A": "!"', '"A": !env A').replace('"SERVE": "!"', '"SERVE": !env SERVE'))
    env = {"A": 'geh"eim-\u00e4', "SERVE": "true", "USER": 'geh"eim-\u00e4'}
    project.doit("deploy:production", env=env, check=True)
    said = project.doit("cap", "status", "--json", env=env, check=True).out
    assert json.loads(said)["agree"] is True
    assert json.loads(said)["hosts"][0]["by"] == "***"


@pytest.mark.extended("detail")
def test_host_columns_that_do_not_fit_the_terminal_are_named(make_project: MakeProject, env: dict[str, str]) -> None:
    project = make_project(8)
    for number, host in enumerate([*project.hosts]):
        project.hosts[f"app-server-{number}"] = project.hosts.pop(host)
    project.config()
    for host in project.hosts:
        release = project.deploy_to(host) / "releases" / f"2026010100000{host[-1]}"
        release.mkdir(parents=True)
        (release / "REVISION").write_text(f"1f3{host[-1]}\n")
        (project.deploy_to(host) / "current").symlink_to(release)
    with Terminal(project, env, "cap", "releases") as terminal:
        said = " ".join(terminal.look_for("use --json").split())
    assert "No room for " in said
    assert "app-server-7; select hosts with hosts=, or use --json" in said


@pytest.mark.extended("detail")
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_doit_still_writes_its_own_completion(project: Project, shell: str) -> None:
    script = project.doit("tabcompletion", "--shell", shell, check=True).out
    assert re.search(r"\bcap\b", script)
    if shell == "zsh":
        assert "--json" in script
    else:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
