"""Releases with files and directories that the deploying user cannot read: nobody calls them missing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing import Project, SshdFleet
from tests.nobody import give_to_nobody, make_project_of_nobody, run_sshds_of_nobody
from tests.support import deploy, release_dir, unwrap, verify_release

pytestmark = [pytest.mark.ssh, pytest.mark.skipif(os.geteuid() != 0, reason="files of another user need root")]
DETAIL = pytest.mark.extended("detail")
FILES = {"keys/private.pem": "private\n", "keys/deep/more": "more\n", "keys.txt": "no secret\n", "secret.txt": "s\n"}


@pytest.fixture(scope="module")
def nobodys() -> Iterator[SshdFleet]:
    """Yield two sshd's whose commands run as nobody."""
    with run_sshds_of_nobody(2) as fleet:
        yield fleet


@pytest.fixture
def project(nobodys: SshdFleet, env: dict[str, str], tmp_path: Path) -> Project:
    """Return a project whose user is nobody, with a directory that another user could make private."""
    project = make_project_of_nobody(nobodys, env, tmp_path)
    project.repo.commit(FILES)
    give_to_nobody(project.repo.path)
    return project


def make_private(path: Path, mode: int = 0o700) -> None:
    """Let root take a path of a release, as the user of a web server does with its keys."""
    os.chown(path, 0, 0)
    path.chmod(mode)


def deploy_twice_with_private(project: Project, *paths: str, mode: int = 0o700) -> tuple[str, str]:
    """Deploy twice, with paths of the first release private on web1; return both releases."""
    first = deploy(project)
    for path in paths:
        make_private(release_dir(project, first) / path, mode)
    return first, deploy(project)


def changes(project: Project, release: str, *words: str) -> list[tuple[str, str]]:
    hosts = verify_release(project, release, *words, code=3)["hosts"]
    return [(change["what"], change["path"]) for change in hosts[0]["changes"]]


def test_a_rollback_to_a_release_with_the_private_directory_of_another_user_warns_and_goes_ahead(
    project: Project,
) -> None:
    first, _ = deploy_twice_with_private(project, "keys")
    assert changes(project, first) == [("unreadable", "keys")]
    assert "keys: cannot be read" in project.doit("cap", "verify", first).failed(3).out
    status = project.doit("cap", "status", check=True).out
    assert f"A rollback goes to {first}" in status
    dry_run = project.doit("rollback:production", "dry_run=yes", check=True).out
    drill = project.doit("drill:production", check=True).out
    rollback = project.doit("rollback:production", check=True).out
    for said in (status, dry_run, drill, rollback):
        assert "web1: " in said
        assert f"{first} was not compared completely: keys: cannot be read" in said
        assert "missing" not in said
    assert project.current("web1") == project.current("web2") == first


@DETAIL
@pytest.mark.parametrize("mode", [0o711, 0o744, 0o000])
def test_a_directory_that_can_be_entered_or_listed_only_is_private_too(project: Project, mode: int) -> None:
    first, _ = deploy_twice_with_private(project, "keys", mode=mode)
    assert changes(project, first, "verify=quick") == [("unreadable", "keys")]
    project.doit("rollback:production", "verify=full", check=True)


@DETAIL
def test_a_private_file_is_named_and_is_not_damage(project: Project) -> None:
    first, _ = deploy_twice_with_private(project, "secret.txt", mode=0o600)
    assert changes(project, first) == [("unreadable", "secret.txt")]
    said = project.doit("drill:production", check=True).out
    assert "secret.txt: cannot be read" in said
    said = project.doit("rollback:production", "verify=full", check=True).out
    assert "secret.txt: cannot be read" in said
    assert project.current("web1") == first


@DETAIL
def test_other_damage_next_to_a_private_directory_is_still_refused(project: Project) -> None:
    first, _ = deploy_twice_with_private(project, "keys")
    (release_dir(project, first) / "keys.txt").unlink()
    said = project.doit("rollback:production").failed().out
    assert "1 missing, 1 unreadable" in said
    assert "missing keys.txt" in said
    assert "keys: cannot be read" in said
    assert "private.pem" not in said.partition("reverting failed:")[2]  # before it, the subject of the commit is shown
    project.doit("rollback:production", "force=yes", check=True)


@DETAIL
def test_a_private_file_of_another_size_is_damage(project: Project) -> None:
    first = deploy(project)
    (release_dir(project, first) / "secret.txt").write_text("something else\n")
    make_private(release_dir(project, first) / "secret.txt", 0o600)
    deploy(project)
    assert "changed secret.txt: mode 644 -> 600, size 2 -> 15" in project.doit("rollback:production").failed().out


@DETAIL
def test_a_directory_that_the_user_closed_itself_is_damage_and_nothing_below_it_is_missing(project: Project) -> None:
    first = deploy(project)
    (release_dir(project, first) / "keys").chmod(0)
    deploy(project)
    said = project.doit("rollback:production").failed().out
    assert "changed keys: mode 755 -> 0, cannot be read" in said
    assert "missing" not in said


@DETAIL
def test_a_private_directory_that_was_added_is_no_trouble(project: Project) -> None:
    first = deploy(project)
    (release_dir(project, first) / "cache").mkdir()
    make_private(release_dir(project, first) / "cache")
    deploy(project)
    assert changes(project, first) == [("added", "cache")]
    project.doit("drill:production", check=True)
    assert "warning" not in project.doit("rollback:production", check=True).out


@DETAIL
def test_odd_names_below_a_private_directory_are_not_missing_either(project: Project) -> None:
    project.repo.commit({"keys/line\nbreak": "x\n", "odd\tdir/file": "x\n"})
    give_to_nobody(project.repo.path)
    first, _ = deploy_twice_with_private(project, "keys", "odd\tdir")
    assert changes(project, first) == [("unreadable", "keys"), ("unreadable", "odd    dir")]


@DETAIL
def test_a_drill_says_that_a_private_directory_of_the_live_release_cannot_be_archived(project: Project) -> None:
    deploy(project)
    second = deploy(project)
    make_private(release_dir(project, second) / "keys")
    drill = project.doit("drill:production").failed().out
    rollback = project.doit("rollback:production", check=True).out
    for said in (drill, rollback):
        assert f"releases/{second} was not removed, because its archive could not be written" in said
        assert "Permission denied" in said
    assert "would be live, but not be finished" in drill
    assert not (project.deploy_to("web1") / ".capdoit/drill").exists()


@DETAIL
@pytest.mark.parametrize("mode", [0o700, 0o711])
def test_a_release_that_cannot_be_entered_is_named_and_is_not_half_made(project: Project, mode: int) -> None:
    first, _ = deploy_twice_with_private(project, ".", mode=mode)
    status = project.doit("cap", "status", check=True).out
    assert "differ:" not in status
    assert f"web1: releases/{first} cannot be read by nobody, so not all is known" in status
    assert "half-made" not in status
    rollback = project.doit("rollback:production").failed().out
    listed = project.doit("cap", "releases").out
    assert f"{first}  unreadable" in listed
    verify = project.doit("cap", "verify", first).failed(3).out
    assert f"releases/{first} cannot be read by nobody" in verify
    assert "missing" not in verify + rollback
    project.config(keep_releases=1)
    project.doit("deploy:production", check=True)
    assert first in project.releases("web1")


@DETAIL
@pytest.mark.parametrize("mode", [0o700, 0o711, 0o744])
def test_releases_that_cannot_be_entered_are_named_and_current_is_not_called_broken(
    project: Project, mode: int
) -> None:
    deploy(project)
    second = deploy(project)
    releases = project.deploy_to("web1") / "releases"
    make_private(releases, mode)
    said = project.doit("cap", "status").out
    assert "web1: releases cannot be read by nobody, so not all is known" in said
    assert "broken" not in said
    found = json.loads(project.doit("cap", "status", "--json").out)
    assert found["hosts"][0]["live"] == second
    for flow in ("rollback", "drill"):
        refused = project.doit(f"{flow}:production").failed().out
        assert f"web1: {releases} cannot be read by nobody" in refused
    verify = project.doit("cap", "verify", second).failed(3).out
    assert "cannot be read by nobody" in verify
    assert "missing" not in verify


@DETAIL
def test_a_host_with_busybox_knows_what_is_private(project: Project) -> None:
    tools = project.deploy_to("web1").parent / "busybox"
    tools.mkdir()
    for program in ("awk", "cp", "find", "od", "sed", "sort", "stat", "tar", "uniq"):
        (tools / program).symlink_to(str(shutil.which("busybox")))
    project.hosts["web1"]["default_env"] = {"PATH": f"{tools}:{os.environ['PATH']}"}
    project.config()
    first, _ = deploy_twice_with_private(project, "keys", "secret.txt")
    assert changes(project, first) == [("unreadable", "keys"), ("unreadable", "secret.txt")]
    for flow in ("drill", "rollback"):
        assert "keys: cannot be read" in project.doit(f"{flow}:production", check=True).out


def test_a_deploy_to_that_cannot_be_made_has_the_command_that_makes_it(project: Project) -> None:
    for host in project.hosts.values():
        host["deploy_to"] = f"{host['deploy_to']}-closed/with space/shop"
        Path(host["deploy_to"]).parent.mkdir(parents=True)
    project.config(linked_files=[])
    said = unwrap(project.doit("check:production").failed().out)
    assert "/with space/shop could not be created by nobody; type there: sudo install " in said
    assert "or set become: in deploy.yml" in said
    commands = re.findall(r"type there: sudo (install .*?), or set become", said)
    assert len(commands) == 2
    for command in commands:
        subprocess.run(["sh", "-c", command], check=True)
    project.doit("deploy:production", check=True)
