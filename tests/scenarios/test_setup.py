"""Hosts that `doit setup` prepares for their first deploy: directories, and linked files from the project."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import Project
from tests.support import (
    MakeProject,
    deploy,
    find_sleeping,
    further,
    snapshot_hosts,
    snapshot_tree,
    start_until_sleeping,
    unique_seconds,
    unwrap,
    wait_for,
    write_sleeping_hook,
)

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="it mounts a file system, which needs root")
DETAIL = pytest.mark.extended("detail")
SECRET = "tops3cretvalue"  # noqa: S105 - it is in the files of these tests only
STRANGE = "config/it's a $KEY file"


@pytest.fixture
def new(make_project: MakeProject) -> Project:
    """Return a project whose hosts are empty, and which has the linked files .env and a strangely named one."""
    return make_new(make_project)


def make_new(make_project: MakeProject, **settings: Any) -> Project:
    project = make_project(
        linked_files_exist=False, linked_files={".env": ".env.production", STRANGE: "files/it's one"}, **settings
    )
    write_source(project, ".env.production", f"MODE=live\nTOKEN={SECRET}\n", 0o640)
    write_source(project, "files/it's one", "", 0o604)
    return project


def write_source(project: Project, name: str, text: str, mode: int = 0o600) -> None:
    file = project.path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(mode)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def replace_program(project: Project, name: str, text: str) -> str:
    """Return a PATH on which a program is replaced by a script, for the logins of local hosts."""
    folder = project.path / "tools"
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def find_parts(project: Project) -> list[Path]:
    """Return the parts of uploads that are on the hosts."""
    return [path for host in project.hosts for path in project.deploy_to(host).rglob("*capdoit-part*")]


@pytest.mark.parametrize("ssh", [False, *further(True)])
def test_a_setup_is_enough_for_the_first_deploy(make_project: MakeProject, ssh: bool) -> None:
    project = make_new(make_project, ssh=ssh)
    said = project.doit("setup:production", check=True).out
    assert "shared/.env: uploaded to web1, web2, from .env.production\n" in said
    for host in project.hosts:
        shared = project.shared(host)
        assert ((shared / ".env").read_text(), mode_of(shared / ".env")) == (f"MODE=live\nTOKEN={SECRET}\n", 0o640)
        assert ((shared / STRANGE).read_text(), mode_of(shared / STRANGE)) == ("", 0o604)
        assert (shared / "tmp/pids").is_dir()
        assert (project.deploy_to(host) / ".capdoit/lock").read_text().strip() == ""
    assert find_parts(project) == []
    before = {host: snapshot_tree(project.shared(host)) for host in project.hosts}
    assert "all directories and linked files were already on 2 hosts" in project.doit("setup", check=True).out
    assert {host: snapshot_tree(project.shared(host)) for host in project.hosts} == before
    release = deploy(project)
    assert SECRET in (project.host("web1").release(release) / ".env").read_text()


def test_a_file_that_differs_stays_and_is_compared_without_its_values(new: Project) -> None:
    new.doit("setup:production", check=True)
    (new.shared("web2") / ".env").write_text("MODE=live\nTOKEN=an0therSecret\nOLD=s0me\n")
    said = new.doit("setup:production", check=True).out
    assert "warning: web2: shared/.env differs from .env.production, and stays as it is:" in said
    assert [line.strip() for line in said.splitlines() if line.strip()[:1] in "-+!"] == ["-OLD=***", "!TOKEN changed"]
    assert "To replace it: doit setup:production overwrite=yes\n" in said
    assert "OLD" in (new.shared("web2") / ".env").read_text()
    said += new.doit("setup:production", "overwrite=yes", check=True).out
    assert "shared/.env: replaced on web2, from .env.production\n" in said
    assert (new.shared("web2") / ".env").read_text() == f"MODE=live\nTOKEN={SECRET}\n"
    assert mode_of(new.shared("web2") / ".env") == 0o640
    shown = said + (new.path / "log/capdoit.log").read_text()
    assert not any(secret in shown for secret in (SECRET, "an0therSecret", "s0me"))


def test_a_file_with_another_mode_differs(new: Project) -> None:
    new.doit("setup:production", check=True)
    place = new.shared("web2") / ".env"
    place.chmod(0o644)
    said = new.doit("setup:production", check=True).out
    assert "warning: web2: shared/.env differs from .env.production, and stays as it is:" in said
    assert "  mode 644 there, 640 here\n" in said
    new.doit("setup:production", "overwrite=yes", check=True)
    assert mode_of(place) == 0o640


@DETAIL
def test_directories_that_the_setup_makes_were_not_there_already(project: Project) -> None:
    for new in (project.shared("web1") / "tmp/pids", project.deploy_to("web1") / "releases", project.shared("web1")):
        project.doit("setup:production", "hosts=web1", check=True)
        shutil.rmtree(new)
        (project.shared("web1") / "config").mkdir(parents=True, exist_ok=True)
        (project.shared("web1") / "config/database.yml").touch()
        said = project.doit("setup:production", "hosts=web1", check=True).out
        assert "all directories and linked files are on 1 host" in said
    assert "were already on 1 host" in project.doit("setup:production", "hosts=web1", check=True).out


@DETAIL
def test_a_symlink_to_a_file_may_stay_and_is_not_replaced(new: Project, tmp_path: Path) -> None:
    new.doit("setup:production", check=True)
    place, target = new.shared("web1") / ".env", tmp_path / "env-of-the-server"
    place.rename(target)
    place.symlink_to(target)
    new.doit("setup:production", "overwrite=yes", check=True)
    target.write_text("MODE=test\n")
    assert "!MODE changed" in new.doit("setup:production", check=True).out
    said = new.doit("setup:production", "overwrite=yes").failed().out
    assert "web1: shared/.env is a symlink: move it away" in said
    assert (place.readlink(), target.read_text()) == (target, "MODE=test\n")


def find_place(project: Project, text: str) -> str:
    """Return file and line of a text in deploy.yml."""
    lines = (project.path / "deploy.yml").read_text().splitlines()
    return f"deploy.yml:{next(number for number, line in enumerate(lines, 1) if text in line)}"


@pytest.mark.parametrize("variables", [(), ("dry_run=yes",)])
def test_a_file_that_hosts_need_and_the_project_lacks_is_named_before_an_upload(
    new: Project, variables: tuple[str, ...]
) -> None:
    (new.path / ".env.production").unlink()
    said = new.doit("setup:production", *variables).failed().out
    assert f"{find_place(new, '.env.production')}:" in said
    assert ".env.production: No such file or directory" in said
    assert "; shared/.env does not exist" in said
    assert not any((new.shared(host) / STRANGE).exists() for host in new.hosts)


def test_a_file_that_all_hosts_have_is_not_needed_on_the_controller(new: Project) -> None:
    new.doit("setup:production", check=True)
    (new.path / ".env.production").unlink()
    (new.shared("web2") / STRANGE).unlink()
    said = new.doit("setup:production", check=True).out
    assert f"warning: {find_place(new, '.env.production')}:" in said
    assert "No such file or directory; shared/.env is on all hosts, and was not compared" in said
    assert (new.shared("web2") / STRANGE).exists()
    said = new.doit("setup:production", "overwrite=yes").failed().out
    assert "No such file or directory; overwrite=yes needs it" in said


def test_check_and_a_deploy_that_lack_a_file_name_the_setup(new: Project) -> None:
    for task in ("check:production", "deploy:production"):
        said = new.doit(task).failed().out
        assert "web1: linked file .env does not exist in " in said
        assert said.count("  doit setup:production\n") == 1
        assert "cp " not in said


def test_a_dry_run_says_what_a_setup_would_do_and_changes_nothing(new: Project) -> None:
    said = new.doit("setup:production", "dry_run=yes", check=True).out
    assert "shared/.env: would be uploaded to web1, web2, from .env.production\n" in said
    assert not (new.path / "hosts").exists()
    new.doit("setup:production", check=True)
    (new.shared("web1") / ".env").write_text("MODE=test\n")
    before = snapshot_hosts(new)
    said = new.doit("setup:production", "dry_run=yes", "overwrite=yes", check=True).out
    assert "shared/.env: would be replaced on web1, from .env.production:\n" in said
    assert "  !MODE changed\n" in said
    assert "  +TOKEN=***\n" in said
    assert SECRET not in said
    assert snapshot_hosts(new) == before


def test_a_setup_is_refused_while_a_deploy_runs_and_names_its_holder(project: Project) -> None:
    seconds = unique_seconds(project)
    write_sleeping_hook(project, seconds)
    with start_until_sleeping(project, seconds, 2, "deploy:production") as first:
        said = project.doit("setup:production").failed().out
        planned = project.doit("setup:production", "dry_run=yes", check=True).out
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
    assert "deploy by tester" in said
    assert "warning: web1, web2: locked by deploy by tester" in planned
    assert "To wait for it, up to 60 s: doit setup:production wait=60\n" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, *further(signal.SIGINT, signal.SIGKILL)])
def test_a_setup_that_is_stopped_leaves_no_part_of_a_file_and_no_lock(
    new: Project, env: dict[str, str], number: signal.Signals
) -> None:
    seconds, before = unique_seconds(new), env["PATH"]
    env["PATH"] = replace_program(new, "mv", f"sleep {seconds}")
    with start_until_sleeping(new, seconds, 2, "setup:production") as process:
        process.send_signal(number)
        said = process.communicate(timeout=60)[0]
    if number is not signal.SIGKILL:
        assert "setup:production: interrupted by " in said
        assert "To run it again: doit setup:production\n" in said
    wait_for(60, lambda: not find_sleeping(seconds))
    wait_for(60, lambda: not find_parts(new))  # of a controller that was killed, the hosts hear a moment later
    assert not (new.shared("web1") / ".env").exists()
    env["PATH"] = before
    new.doit("setup:production", "wait=60", check=True)
    assert (new.shared("web1") / ".env").exists()


@DETAIL
def test_a_setup_that_is_stopped_while_a_command_names_its_hosts_touches_none(new: Project) -> None:
    seconds, stage = unique_seconds(new), new.settings["stages"]["production"]
    (new.path / "hosts.json").write_text(json.dumps(stage["hosts"]))
    new.config(stages={"production": {**stage, "hosts": "HOSTS"}})
    text = (new.path / "deploy.yml").read_text()
    (new.path / "deploy.yml").write_text(text.replace('"HOSTS"', f'!cmd "sleep {seconds}; cat hosts.json"'))
    with start_until_sleeping(new, seconds, 1, "setup:production") as process:
        process.send_signal(signal.SIGTERM)
        os.kill(find_sleeping(seconds)[0], signal.SIGKILL)
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "setup:production: interrupted by SIGTERM" in said
    assert not (new.path / "hosts").exists()


def test_a_missing_file_without_a_source_is_reported_after_the_others_were_uploaded(new: Project) -> None:
    new.config(linked_files={".env": ".env.production", "config/master.key": None})
    said = new.doit("setup:production").failed().out
    assert "shared/.env: uploaded to web1, web2" in said
    assert "a deploy would fail:\n  web1: linked file config/master.key does not exist in " in said
    assert f"cp config/master.key {new.shared('web1')}/config/master.key\n" in said
    (new.shared("web1") / "config/master.key").touch()
    new.doit("setup:production", "hosts=web1", check=True)


@DETAIL
def test_a_setup_needs_no_variable_that_only_a_deploy_uses(new: Project) -> None:
    text = (new.path / "deploy.yml").read_text()
    (new.path / "deploy.yml").write_text(text.replace(f'"{new.repo.path}"', "!env REPO_URL"))
    new.doit("setup:production", check=True)
    assert "REPO_URL, which is not set" in new.doit("deploy:production").failed().out


@DETAIL
def test_a_hook_may_bring_a_file_without_a_source(new: Project) -> None:
    new.config(linked_files={".env": ".env.production", "config/master.key": None})
    dodo = (new.path / "dodo.py").read_text()
    new.dodo(f"{dodo}\n@cap.before('starting')\ndef put(host):\n    host.run('true')\n")
    new.doit("setup:production", check=True)


@DETAIL
@pytest.mark.parametrize("obstacle", ["a directory", "a symlink without a target"])
def test_what_stands_in_the_place_of_a_linked_file_is_named_and_stays(new: Project, obstacle: str) -> None:
    new.doit("setup:production", check=True)
    place = new.shared("web1") / ".env"
    place.unlink()
    if obstacle == "a directory":
        place.mkdir()
    else:
        place.symlink_to("/nowhere/at/all")
    said = new.doit("setup:production", "overwrite=yes").failed().out
    reason = "is not a file" if obstacle == "a directory" else "is a symlink without a target"
    assert f"web1: shared/.env {reason}: move it away" in said
    assert place.is_dir() or place.is_symlink()


@pytest.fixture
def small(new: Project) -> Iterator[Path]:
    """Yield a file system of 64 KiB, into which a linked file of web1 goes."""
    new.config(linked_files={"files/.env": ".env.production"})
    new.doit("check:production").failed()
    place = new.shared("web1") / "files"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@DETAIL
@NEEDS_ROOT
def test_a_host_without_room_is_named_and_keeps_no_part(new: Project, small: Path) -> None:
    write_source(new, ".env.production", "A=1\n" * 20_000)
    said = new.doit("setup:production").failed().out
    assert f"web1: upload {small}/.env: exit status 1\n" in said
    assert "No space left on device" in said
    assert "Hint: Space or inodes are used up on web1" in unwrap(said)
    assert list(small.iterdir()) == []


@DETAIL
@NEEDS_ROOT
def test_a_read_only_directory_is_named(new: Project, small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    said = new.doit("setup:production").failed().out
    assert f"web1: upload {small}/.env: exit status " in said
    assert "Read-only file system" in said
    subprocess.run(["mount", "-o", "remount,rw", small], check=True)
    new.doit("setup:production", check=True)


@DETAIL
def test_hosts_with_busybox_are_set_up(new: Project, env: dict[str, str], tmp_path: Path) -> None:
    tools = tmp_path / "busybox-tools"
    tools.mkdir()
    subprocess.run([str(shutil.which("busybox")), "--install", "-s", str(tools)], check=True)
    env["PATH"] = f"{tools}:{os.environ['PATH']}"
    new.doit("setup:production", check=True)
    assert (new.shared("web1") / STRANGE).read_text() == ""
    assert "were already on 2 hosts" in new.doit("setup:production", check=True).out


@DETAIL
def test_a_host_that_cannot_be_reached_is_not_left_out(make_project: MakeProject) -> None:
    project = make_new(make_project, ssh=True, max_failures=1)
    project.hosts["web2"]["port"] = 9
    project.config()
    assert "web2: cannot connect" in project.doit("setup:production").failed().out


@DETAIL
def test_files_follow_the_symlinks_that_shared_to_asks_for(new: Project, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    new.config(shared_to={"config": str(tmp_path / "server")})
    new.doit("setup:production", check=True)
    assert (tmp_path / "server" / Path(STRANGE).name).read_text() == ""


@DETAIL
@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("overwrit=yes", "overwrit= is not a variable of capdoit; did you mean overwrite?"),
        ("branch=main", "branch= has no effect on a setup; nothing was done"),
        ("overwrite=1", "overwrite=1: expected yes or no"),
        ("dry_run=scripts", "dry_run=scripts is for deploys and rollbacks; for a setup: dry_run=yes"),
    ],
)
def test_variables_that_mean_nothing_to_a_setup_are_refused(new: Project, variable: str, text: str) -> None:
    done = new.doit("setup:production", variable)
    assert done.code in (1, 3)
    assert text in done.out
    assert not (new.path / "hosts").exists()


@DETAIL
def test_a_deploy_does_not_heed_overwrite(new: Project) -> None:
    assert "overwrite= has no effect on a deploy" in new.doit("deploy:production", "overwrite=yes").failed().out
