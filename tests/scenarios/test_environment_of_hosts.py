"""The environment in deploy.yml as people write it for Capistrano: additions to PATH, and symbols as names."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from capdoit.testing import DODO, Project
from tests.support import MakeProject, deploy, further, unwrap, write_command_hook, write_hooks


def write_program(folder: Path, name: str, text: str) -> Path:
    """Write a program, and return its folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return folder


def run_on_hosts(project: Project, command: str, **settings: object) -> str:
    """Deploy with a hook that runs a command on every host, and return what doit prints."""
    project.config(**settings)
    write_command_hook(project, "after('updated')", command)
    return project.doit("deploy:production", check=True).out


def set_login_shell(folder: Path, shell: str) -> dict[str, str]:
    """Return the environment in which sh is this shell on all local hosts."""
    program, *applet = shell.split()
    found = shutil.which(program)
    assert found, f"this test needs {program}: apt-get install {program}"
    write_program(folder, "sh", f'exec {found} {" ".join(applet)} "$@"')
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


# -- PATH


@pytest.mark.extended("detail")
def test_a_directory_before_the_hosts_path_is_found_first_and_everything_works(project: Project) -> None:
    ruby = write_program(project.path / "ruby", "ruby", "echo ruby of /opt")
    said = run_on_hosts(project, 'ruby; echo "$PATH"', default_env={"PATH": f"{ruby}:$PATH"})
    assert said.count("| ruby of /opt\n") == 2
    assert said.count(f"| {ruby}:{os.environ['PATH']}\n") == 2
    assert deploy(project)


@pytest.mark.extended("variant")
def test_over_ssh_the_path_of_the_login_is_meant(make_project: MakeProject) -> None:
    project = make_project(1, ssh=True)
    ruby = write_program(project.path / "ruby", "ruby", "echo ruby of /opt")
    host = {**project.hosts["web1"], "ssh_options": ["SetEnv=PATH=/not/of/the/host"]}
    project.hosts["web1"] = host
    said = run_on_hosts(project, 'ruby; echo "$PATH"', default_env={"PATH": "${HOME}/bin:" + f"{ruby}:$PATH"})
    assert "| ruby of /opt\n" in said
    assert "/not/of/the/host" not in said
    assert "-home/bin:" in said


@pytest.mark.parametrize("flow", ["rollback:production", *further("check:production", "drill:production")])
def test_a_path_without_system_directories_only_concerns_hooks(project: Project, flow: str) -> None:
    project.config(default_env={"PATH": "/opt/ruby/bin"})
    first, _ = deploy(project), deploy(project)
    project.doit(flow, check=True)
    assert project.current("web1") == first or not flow.startswith("rollback")
    report = project.doit("cap", "doctor", check=True).out
    assert "default_env.PATH has no directory of the system" in report
    assert "is not installed" not in report


@pytest.mark.parametrize("task", ["check:production", "deploy:production dry_run=yes"])
def test_a_path_without_system_directories_is_a_warning_if_a_host_has_hooks(project: Project, task: str) -> None:
    project.hosts["web2"]["default_env"] = {"PATH": "/opt/ruby/bin"}
    project.config()
    write_hooks(project, "@cap.after('updated')\ndef note(host): ...\n")
    lines = (project.path / "deploy.yml").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "/opt/ruby/bin" in text)
    said = unwrap(project.doit(*task.split(), check=True).out)
    assert f"deploy.yml:{line}:" in said
    assert 'default_env.PATH has no directory of the system for commands of hooks; add them with "/opt/ruby' in said
    assert "no directory" not in unwrap(project.doit(*task.split(), "hosts=web1", check=True).out)


@pytest.mark.extended("detail")
def test_a_git_that_is_only_in_the_path_of_deploy_yml_is_used(project: Project) -> None:
    seen = project.path / "seen"
    folder = write_program(project.path / "git", "git", f'echo "$1" >>{seen}; exec {shutil.which("git")} "$@"')
    project.config(default_env={"PATH": f"{folder}:$PATH"})
    deploy(project)
    assert "clone" in seen.read_text()


# -- references


@pytest.mark.parametrize("shell", ["dash", *further("bash", "busybox sh")])
def test_only_names_and_double_dollars_are_interpreted(project: Project, shell: str) -> None:
    given = {
        "PLAIN": "$WHO and ${WHO}",
        "GLUED": "${WHO}ish:$WHO-x:$WHO's",
        "DOLLARS": '$$WHO costs 5$ $1 $(id) `id` ${WHO:-x} ${} $$$WHO "$"',
        "UNSET": "<$NO_SUCH_VARIABLE>",
        "LINES": "a\n$WHO\n",
    }
    env = set_login_shell(project.path / "shell", shell)
    project.config(default_env=given)
    write_hooks(
        project,
        """
        import json
        @cap.after('updated')
        def look(host):
            names = ('PLAIN', 'GLUED', 'DOLLARS', 'UNSET', 'LINES')
            print(json.dumps([host.capture(['sh', '-c', 'printenv "$0"; echo .', name])[:-2] for name in names]))
        """,
    )
    said = project.doit("deploy:production", env={**env, "WHO": "it's $HOME"}, check=True).out
    who = "it's $HOME"
    expected = [
        f"{who} and {who}",
        f"{who}ish:{who}-x:{who}'s",
        f'$WHO costs 5$ $1 $(id) `id` ${{WHO:-x}} ${{}} ${who} "$"',
        "<>",
        f"a\n{who}\n",
    ]
    assert json.dumps(expected) in said


def test_references_mean_the_hosts_own_variables_whatever_the_order(project: Project) -> None:
    env = {"GEM_HOME": "/gems", "FIRST": "$GEM_HOME", "script": "x", "inner": "$script"}
    said = run_on_hosts(project, 'echo "[$FIRST] [$inner]"', default_env=env)
    assert said.count("| [] []\n") == 2


def test_a_secret_is_never_expanded(project: Project) -> None:
    project.config()
    file = project.path / "deploy.yml"
    file.write_text("{default_env: {TOKEN: !env TOKEN}," + file.read_text().strip()[1:])
    write_hooks(
        project,
        """
        @cap.after('updated')
        def work(host):
            host.run('test "$TOKEN" = "pa\\$HOME\\$\\$word" && echo unchanged')
        """,
    )
    said = project.doit("deploy:production", env={"TOKEN": "pa$HOME$$word"}, check=True).out
    assert said.count("| unchanged\n") == 2


@pytest.mark.extended("detail")
def test_the_environment_that_a_hook_gives_is_taken_as_it_is(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def work(host):
            host.run('echo "$PRICE"', env={'PRICE': '5 $HOME $$'})
        """,
    )
    assert project.doit("deploy:production", check=True).out.count("| 5 $HOME $$\n") == 2


@pytest.mark.extended("detail")
def test_another_user_gets_a_path_by_the_environment_of_that_user(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def work(host):
            host.run('echo "$MAIL_TO"', user='nobody', cwd='/')
        """,
    )
    project.config(default_env={"MAIL_TO": "$LOGNAME@example.com"})
    assert project.doit("deploy:production", check=True).out.count("| nobody@example.com\n") == 2


@pytest.mark.extended("detail")
def test_a_drill_changes_paths_next_to_references(project: Project) -> None:
    place = project.shared("web1")
    project.hosts["web1"]["default_env"] = {"CACHE": f"$HOME:{place}/cache"}
    project.config()
    deploy(project)
    deploy(project)
    write_command_hook(project, "after('published', drill=True)", 'echo "cache: $CACHE"')
    said = project.doit("drill:production", check=True).out
    assert f":{project.deploy_to('web1')}/.capdoit/drill/shared/cache\n" in said


# -- names


def test_names_in_lower_case_are_also_set_in_capitals(project: Project) -> None:
    env = {"rails_env": "production", "http_proxy": "http://proxy:3128", "node_env": "a", "NODE_ENV": "b", "Mixed": "c"}
    command = 'echo "$RAILS_ENV $http_proxy $HTTP_PROXY $NODE_ENV $Mixed [$MIXED]"'
    said = run_on_hosts(project, command, default_env=env)
    assert said.count("| production http://proxy:3128 http://proxy:3128 b c []\n") == 2


@pytest.mark.extended("detail")
def test_a_host_overrides_a_name_whatever_its_case(project: Project) -> None:
    project.hosts["web2"]["default_env"] = {"rails_env": "staging"}
    said = run_on_hosts(project, 'echo "it is $RAILS_ENV"', default_env={"RAILS_ENV": "production"})
    assert "web1 | it is production\n" in said
    assert "web2 | it is staging\n" in said


@pytest.mark.extended("detail")
def test_path_in_lower_case_is_the_path_as_in_capistranos_template(project: Project) -> None:
    ruby = write_program(project.path / "ruby", "ruby", "echo ruby of /opt")
    assert run_on_hosts(project, "ruby", default_env={"path": f"{ruby}:$PATH"}).count("| ruby of /opt\n") == 2
    project.dodo(DODO)
    assert "is not used" not in project.doit("cap", "doctor", check=True).out
