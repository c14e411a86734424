"""A controller with a full or read-only disk, or a .doit.db that another doit holds: no host depends on any of that."""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from capdoit.testing import DODO, Completed, Project
from tests.support import further, snapshot_hosts

DETAIL = pytest.mark.extended("detail")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")
BACKENDS = ("dbm", "json", "sqlite3")
GOES_ON = "This run goes on: no host depends on the database."


def use_backend(project: Project, backend: str, tasks: str = "") -> None:
    project.dodo(f"DOIT_CONFIG = {{'backend': {backend!r}}}\n{DODO}{tasks}")


def assert_went_live(project: Project, done: Completed, warning: str) -> None:
    done.ok()
    assert "Traceback" not in done.out
    assert "Exception ignored" not in done.out
    lines = [line for line in done.out.splitlines() if "doit's database" in line]
    assert len(lines) == 1, done.out
    assert warning in lines[0]
    assert lines[0].endswith(GOES_ON)
    assert {project.current(host) for host in project.hosts} == {project.releases("web1")[-1]}


@contextmanager
def mounted(project: Project, *options: str) -> Iterator[None]:
    subprocess.run(["mount", *options, str(project.path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(project.path)], check=True)


def move_hosts_out(project: Project, place: Path) -> None:
    """Move the directories of the hosts out of the project, on whose disk there is no room."""
    (project.path / "hosts").rename(place)
    for name, host in project.hosts.items():
        host["deploy_to"] = str(place / name)
    project.config()


def fill_disk(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            return


def hold_with_sqlite(file: Path) -> Callable[[], object]:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection.close


def test_a_database_that_another_doit_holds_stops_no_flow(project: Project) -> None:
    use_backend(project, "sqlite3")
    release = hold_with_sqlite(project.path / ".doit.db")
    try:
        assert_went_live(project, project.doit("deploy:production"), ".doit.db cannot be used: another doit uses it")
    finally:
        release()


@DETAIL
@pytest.mark.skipif(importlib.util.find_spec("_gdbm") is None, reason="this Python has no gdbm")
def test_a_gdbm_database_that_another_doit_holds_stops_no_flow(project: Project) -> None:
    import dbm.gnu

    with closing(dbm.gnu.open(str(project.path / ".doit.db"), "c")):
        assert_went_live(project, project.doit("deploy:production"), ".doit.db cannot be used: another doit uses it")
        assert project.doit("list").ok()


@DETAIL
def test_a_database_that_is_taken_while_the_flow_runs_is_one_warning_at_its_end(project: Project) -> None:
    use_backend(
        project,
        "sqlite3",
        "import sqlite3\n"
        "@cap.after('updated', once=True)\n"
        "def hold(hosts):\n"
        "    global held\n"
        "    held = sqlite3.connect('.doit.db', isolation_level=None, check_same_thread=False)\n"
        "    held.execute('BEGIN EXCLUSIVE')\n",
    )
    assert_went_live(project, project.doit("deploy:production"), ".doit.db could not be saved: another doit uses it")
    project.dodo(DODO)
    project.doit("deploy:production", check=True)
    project.doit("rollback:production", check=True)


@pytest.mark.parametrize("backend", ["json", *further("dbm", "sqlite3")])
def test_a_damaged_database_stops_no_flow(project: Project, backend: str) -> None:
    use_backend(project, backend)
    (project.path / ".doit.db").write_text("no database\n" * 100)
    warning = ".doit.db cannot be used: it is damaged, or another backend of doit wrote it; remove it."
    assert_went_live(project, project.doit("deploy:production"), warning)
    project.doit("rollback:production", "rollback_release=20000101000000").failed()


@DETAIL
@pytest.mark.parametrize("backend", ["json", "sqlite3"])  # dbm.dumb makes .doit.db.dat next to it
def test_a_directory_instead_of_the_database_stops_no_flow(project: Project, backend: str) -> None:
    use_backend(project, backend)
    (project.path / ".doit.db").mkdir()
    assert_went_live(project, project.doit("deploy:production"), ".doit.db cannot be used: ")


@DETAIL
@AS_ROOT
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_full_disk_of_the_controller_stops_no_flow(project: Project, tmp_path: Path, backend: str) -> None:
    move_hosts_out(project, tmp_path / "hosts")
    deploy_yml = (project.path / "deploy.yml").read_text()
    with mounted(project, "-t", "tmpfs", "-o", "size=64k", "tmpfs"):
        (project.path / "deploy.yml").write_text(deploy_yml)
        use_backend(project, backend)
        fill_disk(project.path)
        assert re.search("No space left on device|disk is full|I/O error", project.doit("check:production").ok().out)
        for command in ("deploy:production", "deploy:production", "rollback:production"):
            done = project.doit(command).ok()
            assert "Traceback" not in done.out
            assert "Exception ignored" not in done.out
            assert done.out.count("doit's database") == 1
    assert {len(project.releases(host)) for host in project.hosts} == {1}


@DETAIL
@AS_ROOT
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_read_only_project_stops_no_flow(project: Project, tmp_path: Path, backend: str) -> None:
    move_hosts_out(project, tmp_path / "hosts")
    use_backend(project, backend)
    with mounted(project, "--bind", "-o", "ro", str(project.path)):
        assert_went_live(project, project.doit("deploy:production"), ".doit.db ")
        project.doit("list").ok()
        project.doit("cap", "status").ok()


@DETAIL
def test_a_failed_flow_keeps_its_exit_status_and_its_report_without_a_database(project: Project) -> None:
    use_backend(project, "json", "@cap.after('updated')\ndef fail(host):\n    host.run('exit 7')\n")
    (project.path / ".doit.db").write_text("no database\n")
    done = project.doit("deploy:production").failed(1)
    assert "exit status 7" in done.out
    assert "Traceback" not in done.out


@DETAIL
def test_values_of_tasks_reach_other_tasks_without_a_database(project: Project) -> None:
    use_backend(
        project,
        "json",
        "def task_make():\n"
        "    return {'actions': [lambda: {'size': 7}]}\n"
        "def task_use():\n"
        "    return {'actions': [lambda size: print('size', size)], 'getargs': {'size': ('make', 'size')},\n"
        "            'verbosity': 2}\n",
    )
    (project.path / ".doit.db").write_text("no database\n")
    assert "size 7" in project.doit("use").ok().out


@DETAIL
@pytest.mark.parametrize("command", [("forget", "--all"), ("ignore", "make"), ("clean", "--forget", "make")])
def test_a_command_that_only_changes_the_database_fails_in_one_line(project: Project, command: tuple[str, ...]) -> None:
    use_backend(project, "json", "def task_make():\n    return {'actions': ['true']}\n")
    (project.path / ".doit.db").write_text("no database\n")
    done = project.doit(*command).failed(3)
    assert done.out.strip() == (
        "ERROR: doit's database .doit.db cannot be used: it is damaged, or another backend of doit wrote it; remove it"
    )


@DETAIL
def test_a_dodo_py_that_runs_itself_needs_no_database(project: Project, env: dict[str, str]) -> None:
    use_backend(project, "json", "import doit\nif __name__ == '__main__':\n    doit.run(globals())\n")
    (project.path / ".doit.db").write_text("no database\n")
    command = [sys.executable, "dodo.py", "deploy:production"]
    done = subprocess.run(command, cwd=project.path, env=env, capture_output=True, text=True, check=False)
    assert_went_live(project, Completed(tuple(command), done.returncode, done.stdout + done.stderr), "it is damaged")


@DETAIL
@pytest.mark.parametrize("reporter", ["console", "json"])
def test_an_output_file_on_a_full_disk_stops_no_flow(project: Project, reporter: str) -> None:
    done = project.doit("run", "-o", "/dev/full", "-r", reporter, "deploy:production").ok()
    assert "Traceback" not in done.out
    assert "capdoit cannot write its output: No space left on device; it goes on" in done.out
    assert project.current("web1")


@DETAIL
def test_an_output_file_that_cannot_be_opened_is_refused_before_any_host(project: Project) -> None:
    before = snapshot_hosts(project)
    done = project.doit("run", "-o", "missing/log", "deploy:production").failed(3)
    assert done.out == "ERROR: --output-file missing/log: No such file or directory. Nothing was done.\n"
    assert snapshot_hosts(project) == before


@DETAIL
def test_an_output_file_gets_the_output_of_doit(project: Project) -> None:
    project.doit("run", "-o", "log", "deploy:production", check=True)
    assert ".  deploy:production:publishing" in (project.path / "log").read_text().splitlines()


# -- doit ignore


@pytest.mark.parametrize(
    "name",
    ["deploy:production:publishing", *further("deploy:production", "check:production", "deploy")],
)
def test_no_part_of_a_flow_can_be_ignored(project: Project, name: str) -> None:
    done = project.doit("ignore", name).failed(3)
    assert f"{name} cannot be ignored: a flow has all of its steps. To leave out a hook: skip=HOOK." in done.out
    project.doit("deploy:production", check=True)
    assert project.current("web1")


@DETAIL
@pytest.mark.parametrize("ignored", ["deploy:production:starting", "deploy:production:publishing"])
def test_a_step_that_an_older_capdoit_let_doit_ignore_is_refused_before_any_host(
    project: Project, ignored: str
) -> None:
    use_backend(project, "json")
    (project.path / ".doit.db").write_text(f'{{"{ignored}": {{"ignore:": "1"}}}}')
    before = snapshot_hosts(project)
    for task in ("deploy:production", "deploy", "deploy:*"):
        done = project.doit(task).failed(3)
        assert f"{ignored} is ignored since `doit ignore`" in done.out
        assert f"doit forget {ignored}" in done.out
    assert snapshot_hosts(project) == before
    project.doit("forget", ignored, check=True)
    project.doit("deploy:production", check=True)
    assert project.current("web1")


@DETAIL
@pytest.mark.parametrize("ignored", ["build", "pack"])
def test_a_build_task_that_is_ignored_does_not_end_a_deploy_with_exit_status_0(project: Project, ignored: str) -> None:
    use_backend(
        project,
        "json",
        "cap.before('starting', 'build')\n"
        "def task_pack():\n    return {'actions': ['echo x > packed'], 'targets': ['packed']}\n"
        "def task_build():\n    return {'actions': ['true'], 'file_dep': ['packed']}\n",
    )
    project.doit("ignore", ignored, check=True)
    before = snapshot_hosts(project)
    assert f"{ignored} is ignored since `doit ignore`" in project.doit("deploy:production").failed(3).out
    assert snapshot_hosts(project) == before
    project.doit("forget", ignored, check=True)
    project.doit("deploy:production", check=True)


@DETAIL
def test_a_task_of_the_project_may_be_ignored_as_ever(project: Project) -> None:
    use_backend(project, "json", "def task_lint():\n    return {'actions': ['echo x > linted']}\n")
    project.doit("ignore", "lint", check=True)
    project.doit("lint", "deploy:production", check=True)
    assert not (project.path / "linted").exists()
    assert project.current("web1")
