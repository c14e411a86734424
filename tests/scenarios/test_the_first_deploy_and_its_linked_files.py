"""The first deploy to new hosts, which lack the linked files: how they get there by hand, and by a hook."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.support import MakeProject, write_hooks

DETAIL = pytest.mark.extended("detail")


@pytest.fixture
def new(make_project: MakeProject) -> Project:
    """Return a project whose hosts have no files, and which uploads the linked file in a hook before starting."""
    project = make_project(linked_files_exist=False)
    write_upload_hook(project)
    return project


def write_upload_hook(project: Project) -> None:
    (project.path / "database.yml").write_text("production: {}\n")
    write_hooks(
        project,
        """
        @cap.before('starting')
        def upload_settings(host):
            '''Upload the settings of the database.'''
            host.upload('database.yml', f'{host.deploy_to}/shared/config/database.yml')
        """,
    )


def test_a_hook_before_starting_puts_a_linked_file_on_new_hosts(new: Project) -> None:
    new.doit("deploy:production", check=True)
    for host in new.hosts:
        release = new.host(host).release(str(new.current(host)))
        assert (release / "config/database.yml").read_text() == "production: {}\n"


def test_check_passes_when_a_hook_may_put_the_linked_file_there(new: Project) -> None:
    out = new.doit("check:production", check=True).out
    assert "web1: linked file config/database.yml does not exist in " in out
    assert "a deploy fails unless this hook before starting puts it there: upload_settings (dodo.py:3)" in out
    assert "2 hosts are ready for a deploy if hooks put the missing linked files there" in out
    new.doit("deploy:production", check=True)
    out = new.doit("check:production", check=True).out
    assert "linked file" not in out
    assert out.rstrip().endswith("2 hosts are ready for a deploy")


@DETAIL
def test_check_names_for_each_host_the_hooks_that_reach_it(new: Project) -> None:
    new.hosts["web2"]["roles"] = ["db"]
    new.config()
    text = (new.path / "dodo.py").read_text().replace("'starting')", "'starting', roles='web')")
    new.dodo(f"{text}\n@cap.before('starting')\ndef more(host):\n    pass\n")
    out = new.doit("check:production", check=True).out
    file = "database.yml does not exist in {}; a deploy fails unless"
    both, one = (file.format(new.shared(host)) for host in ("web1", "web2"))
    assert f"{both} one of these hooks before starting puts it there: upload_settings (dodo.py:3), more (dodo" in out
    assert f"{one} this hook before starting puts it there: more (dodo.py:" in out


@DETAIL
def test_a_dry_run_of_the_first_deploy_goes_on_where_the_deploy_would(new: Project) -> None:
    out = new.doit("deploy:production", "dry_run=yes", check=True).out
    assert "linked file config/database.yml does not exist in " in out
    assert "upload_settings (dodo.py:3)" in out
    assert new.releases("web1") == []


@DETAIL
@pytest.mark.parametrize("task", [("check:production",), ("deploy:production", "dry_run=yes")])
def test_a_linked_file_is_missing_on_hosts_that_no_hook_before_starting_reaches(
    new: Project, task: tuple[str, ...]
) -> None:
    new.hosts["web2"]["roles"] = ["db"]
    new.config()
    text = (new.path / "dodo.py").read_text().replace("'starting')", "'starting', roles='web')")
    new.dodo(text)
    out = new.doit(*task).failed().out
    assert "web2: linked file config/database.yml does not exist in " in out
    assert "web1: linked file" in out


@DETAIL
def test_a_deploy_whose_hook_did_not_put_the_linked_file_there_is_refused(new: Project) -> None:
    new.dodo((new.path / "dodo.py").read_text().replace("config/database.yml", "config/other.yml"))
    new.doit("check:production", check=True)
    out = new.doit("deploy:production").failed().out
    assert "web1: linked file config/database.yml does not exist in " in out
    assert new.releases("web1") == []


@DETAIL
def test_a_hook_that_is_skipped_puts_nothing_there(new: Project) -> None:
    new.doit("deploy:production", "dry_run=yes", "skip=upload_settings").failed()


def type_advice(project: Project, out: str, program: str) -> None:
    """Type the two commands that doit advises to copy the linked file, with the program that they must use."""
    advised = [line.strip() for line in out.splitlines() if line.strip().startswith(f"{program} ")]
    assert len(advised) == 2
    (project.path / "config").mkdir()
    (project.path / "config/database.yml").write_text("by hand\n")
    for line in advised:
        subprocess.run(line, shell=True, check=True, cwd=project.path)  # noqa: S602 - it is typed into a shell


def test_check_names_the_command_that_puts_a_linked_file_there(make_project: MakeProject) -> None:
    project = make_project(linked_files_exist=False)
    out = project.doit("check:production").failed().out
    assert "To put the linked files there:" in out
    assert "Or write linked_files: {config/database.yml: FILE_OF_THIS_MACHINE} in deploy.yml" in out
    assert "to every host: doit setup:production\n" in out
    type_advice(project, out, "cp")
    project.doit("check:production", check=True)
    project.doit("deploy:production", check=True)


@DETAIL
@pytest.mark.extended("variant")
def test_the_command_for_an_ssh_host_has_the_options_of_deploy_yml(make_project: MakeProject) -> None:
    project = make_project(2, ssh=True, linked_files_exist=False, ssh_options=["ConnectTimeout=5"])
    out = project.doit("deploy:production").failed().out
    type_advice(project, out, "scp")
    project.doit("deploy:production", check=True)


@DETAIL
def test_many_missing_files_do_not_fill_the_screen(make_project: MakeProject) -> None:
    project = make_project(4, linked_files_exist=False, linked_files=["a", "b", "c"])
    out = project.doit("check:production").failed().out
    assert len([line for line in out.splitlines() if line.strip().startswith("cp ")]) == 8
    assert "and 4 more" in out


@DETAIL
@pytest.mark.parametrize("path", ["", "config"])
def test_a_hook_before_starting_follows_the_symlinks_that_shared_to_asks_for(
    new: Project, tmp_path: Path, path: str
) -> None:
    server = tmp_path / "server/shop"
    server.mkdir(parents=True)
    new.config(shared_to={path: str(server)} if path else str(server))
    new.doit("deploy:production", check=True)
    for host in new.hosts:
        assert (new.shared(host) / path).readlink() == server
    assert (server / ("database.yml" if path else "config/database.yml")).read_text() == "production: {}\n"


@DETAIL
def test_a_hook_before_starting_puts_nothing_where_a_file_server_is_not_mounted(new: Project, tmp_path: Path) -> None:
    new.config(shared_to=str(tmp_path / "server"))
    out = new.doit("deploy:production").failed().out
    assert f"{tmp_path}/server, where {new.shared('web1')} leads, is not a directory" in out
    assert not new.shared("web1").exists()
    (tmp_path / "server").mkdir()
    new.doit("deploy:production", check=True)
