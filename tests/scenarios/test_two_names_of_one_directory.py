"""One directory under the names of two hosts: two aliases of one server, a symlink, a bind mount, a shared disk.

A deploy would make its release twice in one place. So it is refused, by the names of both hosts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing import GitRepo, Project, SshdFleet
from tests.scenarios.logins import make_project_on
from tests.support import MakeProject, deploy, replace_programs, start_waiting_deploy

SAME = "hosts web1 and web2 are the same directory, "
COMMANDS = ("deploy:production", "check:production", "rollback:production", "drill:production")


@pytest.fixture
def twins(project: Project) -> Project:
    """Return a project whose two hosts are one directory, the second by a symlink."""
    project.deploy_to("web2").rename(project.path / "moved")
    project.deploy_to("web2").symlink_to(project.deploy_to("web1"))
    return project


def assert_refused(project: Project, *args: str, same: str = SAME) -> None:
    """Check that a command names both hosts, blames no other flow, and leaves no lock."""
    done = project.doit(*args).failed()
    assert same in done.out, done.out
    assert "another flow" not in done.out
    assert "unlock" not in done.out
    for host in project.hosts:
        lock = project.deploy_to(host) / ".capdoit/lock"
        assert not lock.exists() or lock.read_text().strip() == ""


def test_a_deploy_to_two_names_of_one_directory_is_refused(twins: Project) -> None:
    assert_refused(twins, "deploy:production")
    assert twins.releases("web1") == []
    twins.doit("deploy:production", "hosts=web1", check=True)


@pytest.mark.extended("variant")
@pytest.mark.parametrize("command", [*COMMANDS, "deploy:production dry_run=yes", "deploy:production wait=60"])
def test_every_flow_refuses_two_names_of_one_directory(project: Project, command: str) -> None:
    deploy(project)
    deploy(project)
    subprocess.run(["rm", "-r", project.deploy_to("web2")], check=True)
    project.deploy_to("web2").symlink_to(project.deploy_to("web1"))
    releases, current = project.releases("web1"), project.current("web1")
    assert_refused(project, *command.split())
    assert (project.releases("web1"), project.current("web1")) == (releases, current)


@pytest.mark.extended("detail")
def test_doctor_finds_two_names_of_one_directory(twins: Project) -> None:
    found = json.loads(twins.doit("cap", "doctor", "production", "--json").failed(3).out)
    assert SAME in " ".join(problem["text"] for problem in found["problems"])


@pytest.mark.extended("variant")
def test_three_names_of_one_directory_are_in_one_sentence(make_project: MakeProject) -> None:
    project = make_project(4)
    for name in ("web2", "web3"):
        subprocess.run(["rm", "-r", project.deploy_to(name)], check=True)
        project.deploy_to(name).symlink_to(project.deploy_to("web1"))
    assert_refused(project, "deploy:production", same="hosts web1, web2 and web3 are the same directory, ")


@pytest.mark.extended("variant")
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a directory, which needs root")
def test_a_bind_mount_of_the_directory_of_another_host_is_the_same_directory(project: Project) -> None:
    first, second = project.deploy_to("web1"), project.deploy_to("web2")
    subprocess.run(["mount", "--bind", first, second], check=True)
    try:
        assert_refused(project, "deploy:production")
        assert_refused(project, "check:production")
    finally:
        subprocess.run(["umount", second], check=True)


@pytest.mark.extended("variant")
def test_hosts_that_cannot_name_their_directory_are_found_by_their_lock(twins: Project) -> None:
    """Two machines can know one network disk by different names, and then only the lock tells."""
    replace_programs(twins, "web2", stat="exit 1")
    assert_refused(twins, "deploy:production")


def mount_from_server(project: Project, host: str, source: str, inode: int) -> None:
    """Let a host say that its deploy_to is on a network disk, as its machine would."""
    stat = f'case "$*" in *%T*) echo nfs;; "-Lc %i .") echo {inode};; *) exec {shutil.which("stat")} "$@";; esac'
    row = f"{source} 1000000 1000 999000 1% /srv"
    replace_programs(project, host, stat=stat, df=f'printf "Filesystem ...\n{row.replace("%", "%%")}\n"')


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    ("source", "inodes", "is_refused"),
    [("files:/srv", (7, 7), True), ("files:/srv", (7, 8), False), ("127.0.0.1:/", (7, 7), False)],
)
def test_two_machines_with_one_network_disk_are_found_by_check_and_dry_run(
    project: Project, source: str, inodes: tuple[int, int], is_refused: bool
) -> None:
    """A tunnel has one name on all machines, and may lead to a different server on each."""
    for host, inode in zip(project.hosts, inodes, strict=True):
        mount_from_server(project, host, source, inode)
    for command in ("check:production", "deploy:production dry_run=yes"):
        done = project.doit(*command.split())
        assert (done.code, SAME in done.out) == ((1, True) if is_refused else (0, False)), done.out


@pytest.mark.extended("variant")
def test_hosts_whose_locks_do_not_exclude_each_other_are_found_by_the_text_of_the_lock(twins: Project) -> None:
    """On a network disk with local locks, flock succeeds on both hosts."""
    replace_programs(twins, "web2", stat="exit 1", flock="sleep 1")
    assert_refused(twins, "deploy:production")


@pytest.mark.extended("detail")
def test_two_names_of_one_directory_are_named_also_while_another_flow_is_at_work(project: Project) -> None:
    process = start_waiting_deploy(project)
    subprocess.run(["rm", "-r", project.deploy_to("web2")], check=True)
    project.deploy_to("web2").symlink_to(project.deploy_to("web1"))
    try:
        assert SAME in project.doit("deploy:production").failed().out
    finally:
        process.kill()
        process.communicate()


# -- by ssh


@pytest.fixture
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshdFleet]:
    with SshdFleet(tmp_path_factory.mktemp("fleet"), 1).running() as fleet:
        yield fleet


@pytest.mark.ssh
@pytest.mark.extended("variant")
@pytest.mark.parametrize("command", ["deploy:production", "check:production"])
def test_two_ssh_names_of_one_server_with_one_deploy_to_are_refused(
    fleet: SshdFleet, tmp_path: Path, git_repo: GitRepo, env: dict[str, str], command: str
) -> None:
    project = make_project_on(fleet, tmp_path / "project", git_repo, env, {"app1": "", "alias1": ""})
    project.hosts["alias1"]["deploy_to"] = project.hosts["app1"]["deploy_to"]
    project.config()
    assert_refused(project, command, same="hosts app1 and alias1 are the same directory, ")
