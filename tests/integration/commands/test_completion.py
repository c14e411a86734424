"""`doit cap completion` in real bash, zsh and fish, on a terminal."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from capdoit import completer
from capdoit.testing import Project
from tests.support import deploy, further, run_doit, write_hooks
from tests.typist import Typist

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
TO_THE_START, TAB = "\x01", "\t"
TYPICAL = "doit cap status production --hosts web1,sp"
# What is typed before the tab, and the words of the line behind it.
TYPED = {
    "doit cap relea": "[doit][cap][releases]",
    "doit cap status prod": "[doit][cap][status][production]",
    "doit cap status production --ho": "[doit][cap][status][production][--hosts]",
    TYPICAL: "[doit][cap][status][production][--hosts][web1,spare]",
    "doit cap exec 'df -h' --roles d": "[doit][cap][exec][df -h][--roles][db]",
    "doit cap verify 2026": "[doit][cap][verify][20260101000000]",
    "doit rollback:production rollback_release=2026": "[doit][rollback:production][rollback_release=20260101000000]",
    "doit deploy:production:publishi": "[doit][deploy:production:publishing]",
    "doit deploy:production bran": "[doit][deploy:production][branch=]",
    "doit setup:production over": "[doit][setup:production][overwrite=]",
    "doit buil": "[doit][build]",
    "doit cache_clear:prod": "[doit][cache_clear:production]",
    "doit cache_clear:production po": "[doit][cache_clear:production][pool=]",
    "doit cache_clear pool=ap": "[doit][cache_clear][pool=api]",
    "doit cache_clear:production hosts=web1,sp": "[doit][cache_clear:production][hosts=web1,spare]",
    "doit run buil": "[doit][run][build]",
    "doit tabcomp": "[doit][tabcompletion]",
    "doit -f dod": "[doit][-f][dodo.py]",
    "doit deploy:production plan=dodo": "[doit][deploy:production][plan=dodo.py]",
    "doit cap status production dod": "[doit][cap][status][production][dod]",
}


@pytest.fixture
def shop(project: Project, tmp_path: Path) -> Project:
    """Return a project with a task, three hosts, a release that was seen, and doit in the PATH."""
    hosts = {**project.hosts, "spare": {"transport": "local", "deploy_to": "hosts/spare", "roles": ["db"]}}
    project.config(stages={"production": {"hosts": hosts}, "staging": {"hosts": hosts}}, default_stage="production")
    write_hooks(
        project,
        '''
        from typing import Literal

        print("noise of dodo.py")
        def task_build():
            """Build it."""
            return {"actions": ["true"]}

        @cap.task
        def cache_clear(host, *, pool: Literal["api", "web"] = "api"):
            """Clear the cache."""
        ''',
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/doit").write_text(f'#!/bin/sh\nexec {sys.executable} -m doit "$@"\n')
    (tmp_path / "bin/doit").chmod(0o755)
    release = project.deploy_to("web1") / "releases/20260101000000"
    release.mkdir(parents=True)
    project.doit("cap", "releases", check=True)
    shutil.rmtree(release)
    return project


def activate(shell: str) -> str:
    """Return the line that turns the completion on."""
    return "doit cap completion fish | source" if shell == "fish" else f'eval "$(doit cap completion {shell})"'


def open_shell(shop: Project, env: dict[str, str], shell: str) -> Typist:
    """Start a shell with the completion on; wait until it is."""
    env = {**env, "PATH": f"{shop.path.parent / 'bin'}:{env['PATH']}", "XDG_DATA_HOME": env["HOME"]}
    typist = Typist(SHELLS[shell], shop.path, env, (24, 200))
    typist.type(f"{activate(shell)}; printf '[%s]' is on\n")
    typist.wait_for("[is][on]")
    return typist


def complete(typist: Typist, typed: str) -> None:
    """Type a part of a line and tab, and let the shell print the words of the line."""
    typist.type(f"{typed}{TAB}{TO_THE_START}printf '[%s]' \n")


@pytest.mark.parametrize("lines", [[TYPICAL], *further([line for line in TYPED if line != TYPICAL])], ids=len)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_what_is_typed(shop: Project, env: dict[str, str], shell: str, lines: list[str]) -> None:
    with open_shell(shop, env, shell) as typist:
        for typed in lines:
            complete(typist, typed)
            typist.wait_for(TYPED[typed])


@pytest.mark.extended("detail")
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_lists_the_words_that_are_possible(shop: Project, env: dict[str, str], shell: str) -> None:
    with open_shell(shop, env, shell) as typist:
        complete(typist, f"doit cap st{TAB}{TAB}")  # bash lists at the third
        typist.wait_for("stages")
        if shell != "bash":
            typist.wait_for("list the stages of deploy.yml")


def words_for(project: Project, env: dict[str, str], line: str) -> list[str]:
    """Return what the script of the shells prints for a line."""
    program = str(project.path.parent / "bin/doit")
    command = [sys.executable, "-I", "-S", completer.__file__, program, "line", "", line]
    done = subprocess.run(command, cwd=project.path, env=env, capture_output=True, text=True, check=True)
    return [found.partition("\t")[0] for found in done.stdout.splitlines()]


@pytest.mark.extended("detail")
def test_a_changed_dodo_py_or_deploy_yml_is_read_again(shop: Project, env: dict[str, str]) -> None:
    assert words_for(shop, env, "doit cap status q") == []
    shop.config(stages={"qa": {"hosts": shop.hosts}}, default_stage=None)
    assert words_for(shop, env, "doit cap status q") == ["qa"]
    shop.dodo("def task_bake():\n    return {'actions': []}\n")
    assert words_for(shop, env, "doit ba") == ["bake"]


@pytest.mark.extended("detail")
def test_a_project_with_mistakes_still_completes_subcommands(shop: Project, env: dict[str, str]) -> None:
    (shop.path / "dodo.py").write_text("1 / 0\n")
    assert words_for(shop, env, "doit cap stat") == ["status"]


@pytest.mark.extended("detail")
def test_without_a_project_install_is_completed(shop: Project, env: dict[str, str]) -> None:
    (shop.path / "dodo.py").unlink()
    assert words_for(shop, env, "doit cap inst") == ["install"]


@pytest.mark.extended("detail")
def test_another_dodo_file_on_the_line_is_the_one_that_is_completed(shop: Project, env: dict[str, str]) -> None:
    (shop.path / "other").mkdir()
    (shop.path / "other/dodo.py").write_text("def task_bake():\n    return {'actions': []}\n")
    assert words_for(shop, env, "doit -f other/dodo.py ba") == ["bake"]
    assert words_for(shop, env, "doit ba") == []


@pytest.mark.extended("detail")
def test_the_releases_of_a_deploy_are_completed_later(project: Project, env: dict[str, str]) -> None:
    release = deploy(project)
    (file,) = Path(env["HOME"]).glob(".cache/capdoit/*.releases.json")
    assert json.loads(file.read_text()) == {"production": [release]}


@pytest.mark.extended("detail")
def test_a_cache_that_cannot_be_written_fails_nothing(project: Project) -> None:
    (project.path / "cache").write_text("a file")
    project.doit("deploy:production", env={"XDG_CACHE_HOME": str(project.path / "cache")}, check=True)
    project.doit("cap", "status", env={"XDG_CACHE_HOME": str(project.path / "cache")}, check=True)


def test_bash_shows_names_of_hosts_without_backslashes(shop: Project, env: dict[str, str]) -> None:
    with open_shell(shop, env, "bash") as typist:
        complete(typist, f"doit deploy:production hosts=web1,we{TAB}")
        typist.wait_for("[doit][deploy:production][hosts=web1,web2]")
        assert "\\," not in typist.text


def test_the_line_for_bash_works_in_a_shell_without_the_virtual_environment(empty: Path) -> None:
    said = run_doit(empty, "cap", "completion").ok().out
    (line,) = (line.removeprefix("  bash:  ") for line in said.splitlines() if "bashrc" in line)
    home = {"HOME": str(empty), "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-c", line], env=home, check=True)
    command = ["bash", "--norc", "-c", ". ~/.bashrc; complete -p doit"]
    done = subprocess.run(command, env=home, check=True, capture_output=True, text=True)
    assert done.stdout == "complete -F _capdoit_complete doit\n"


@pytest.mark.extended("detail")
def test_without_a_shell_the_lines_for_every_shell_are_printed(empty: Path) -> None:
    said = run_doit(empty, "cap", "completion").ok().out
    assert all(f"doit cap completion {shell}" in said for shell in SHELLS)
    assert "did you mean bash?" in run_doit(empty, "cap", "completion", "bsh").failed(3).out
