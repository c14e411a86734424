"""A host whose disk is full: with no byte or no inode left, a rollback is needed most."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.support import MakeProject, deploy_text, further, replace_programs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="it mounts file systems, which needs root")


class SmallDisks:
    """Small file systems, which can be filled.

    Args:
        directory: directory for the images and the mount points.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._mounted: list[Path] = []

    def mount(self, name: str, *options: str) -> Path:
        """Mount a new ext4 file system of 8 MiB, without blocks that only root may use, and return where."""
        image, place = self._directory / f"{name}.ext4", self._directory / name
        place.mkdir()
        with image.open("wb") as file:
            file.truncate(8 * 2**20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-N", "512", *options, image], check=True)
        subprocess.run(["mount", "-o", "loop", image, place], check=True)
        self._mounted.append(place)
        return place

    def remount(self, name: str, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", self._directory / name], check=True)

    def unmount_all(self) -> None:
        for place in self._mounted:
            subprocess.run(["umount", "-l", place], check=True)

    def take_all_bytes(self, name: str, except_for: int = 0) -> None:
        """Fill a file system until it has no byte left, or this number of them."""
        filler = self._filler(name)
        with filler.open("ab", buffering=0) as file:
            for size in (2**16, 2**10, 1):
                self._write_until_full(file.fileno(), size)
        assert _free(filler).f_bavail == 0
        os.truncate(filler, filler.stat().st_size - except_for)

    def give_back(self, name: str) -> None:
        """Give back all bytes that were taken."""
        self._filler(name).unlink()

    def _filler(self, name: str) -> Path:
        return self._directory / name / "filler"

    def take_all_inodes(self, name: str, except_for: int = 0) -> None:
        """Fill a file system with empty files until it has no inode left, or this number of them."""
        folder = self._directory / name / "many"
        folder.mkdir()
        for number in range(_free(folder).f_favail):
            (folder / str(number)).touch()
        assert _free(folder).f_favail == 0
        for number in range(except_for):
            (folder / str(number)).unlink()

    def _write_until_full(self, descriptor: int, size: int) -> None:
        try:
            while True:
                os.write(descriptor, os.urandom(size))
        except OSError:
            os.fsync(descriptor)


def _free(path: Path) -> os.statvfs_result:
    os.sync()
    return os.statvfs(path)


@pytest.fixture
def disks() -> Iterator[SmallDisks]:
    with tempfile.TemporaryDirectory(prefix="disks") as directory:  # with a shorter path than those of pytest
        made = SmallDisks(Path(directory))
        yield made
        made.unmount_all()


@pytest.fixture(params=["a-directory-with-a-long-name-so-that-a-symlink-takes-a-block"])
def project(make_project: MakeProject, disks: SmallDisks, request: pytest.FixtureRequest) -> Project:
    """Return a project with two hosts, each with a small disk."""
    project = make_project()
    for name, host in project.hosts.items():
        host["deploy_to"] = f"{disks.mount(name)}/{request.param}/shop"
    project.config()
    project.link_files()
    return project


@pytest.fixture
def releases(project: Project) -> tuple[str, str]:
    """Deploy two releases that compress badly, and return them."""
    return deploy_text(project, random_text()), deploy_text(project, random_text())


def random_text() -> str:
    return os.urandom(300_000).hex()


def journal_of(project: Project, host: str) -> list[dict[str, str]]:
    """Return the lines of a journal; one that is not complete fails the test."""
    text = (project.deploy_to(host) / ".capdoit/journal").read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def newest_flow(project: Project) -> dict[str, object]:
    done = project.doit("cap", "history", "--json", "-n", "1")
    flow: dict[str, object] = json.loads(done.ok().out)["history"][0]
    return flow


def assert_rolled_back(project: Project, old: str, releases: list[str], result: str) -> None:
    """Check the hosts, and that the records of the rollback are complete and true."""
    assert {project.current(host) for host in project.hosts} == {old}
    for host in project.hosts:
        assert [entry["event"] for entry in journal_of(project, host)[-2:]] == ["live", "finished"]
        log = (project.deploy_to(host) / "revisions.log").read_text().splitlines()
        assert log[-1] == f"tester rolled back to release {old}"
        assert project.releases(host) == releases
    flow = newest_flow(project)
    assert (flow["event"], flow["release"]) == ("rollback", old)
    assert flow["results"] == dict.fromkeys(project.hosts, result)


def test_with_no_byte_left_a_rollback_is_done_and_keeps_the_release_that_it_left(
    project: Project, disks: SmallDisks, releases: tuple[str, str]
) -> None:
    for host in project.hosts:
        disks.take_all_bytes(host)
    done = project.doit("rollback:production").ok()
    why = "was not removed, because its archive could not be written: no space or no inode is left"
    assert f"releases/{releases[1]} {why}" in done.out
    assert "gzip" not in done.out
    assert_rolled_back(project, releases[0], [*releases], "live, with warnings")


@pytest.mark.extended("variant")
def test_with_no_inode_left_a_rollback_is_done(project: Project, disks: SmallDisks, releases: tuple[str, str]) -> None:
    for host in project.hosts:
        disks.take_all_inodes(host)
    project.doit("rollback:production").ok()
    # the symlink that was replaced gave back its inode, which is enough for the archive
    assert_rolled_back(project, releases[0], [releases[0]], "live")


@pytest.mark.extended("variant")
def test_a_rollback_follows_a_rollback_on_a_disk_that_stays_full(
    project: Project, disks: SmallDisks, releases: tuple[str, str]
) -> None:
    newest = deploy_text(project, random_text())
    for target in releases[::-1]:
        for host in project.hosts:
            disks.take_all_bytes(host)
        project.doit("rollback:production").ok()
        assert_rolled_back(project, target, [*releases, newest], "live, with warnings")


@pytest.mark.extended("variant")
def test_a_rollback_that_one_host_cannot_publish_is_undone_on_a_full_disk(
    project: Project, disks: SmallDisks, releases: tuple[str, str]
) -> None:
    replace_programs(project, "web2", mv='case "$*" in *next/current*) exit 1;; esac; exec /bin/mv "$@"')
    for host in project.hosts:
        disks.take_all_bytes(host)
    project.doit("rollback:production").failed()
    assert {project.current(host) for host in project.hosts} == {releases[1]}
    assert newest_flow(project)["results"] == {"web1": "undone", "web2": "not live"}


@pytest.mark.extended("detail")
@pytest.mark.parametrize("project", ["short"], indirect=True)
def test_a_line_that_the_disk_has_no_room_for_is_left_out_completely(
    project: Project, disks: SmallDisks, releases: tuple[str, str]
) -> None:
    """Without a reserve, a journal that ends just before a block is full has room for a part of a line only."""
    for host in project.hosts:
        own = project.deploy_to(host) / ".capdoit"
        shutil.rmtree(own / "reserve")
        with (own / "journal").open("a") as journal:
            padding = -(journal.tell() + 100) % 4096
            journal.write(json.dumps({"padding": "x" * (padding - 16)}) + "\n")
            assert journal.tell() % 4096 == 4096 - 100
        disks.take_all_bytes(host)
    done = project.doit("rollback:production").ok()
    assert "the journal could not be written" in done.out
    assert {project.current(host) for host in project.hosts} == {releases[0]}
    for host in project.hosts:
        assert "padding" in journal_of(project, host)[-1]
        disks.give_back(host)
    status = json.loads(project.doit("cap", "status", "--json").ok().out)
    assert (status["agree"], [host["live"] for host in status["hosts"]]) == (True, [releases[0]] * 2)
    deploy_text(project, "newest")
    for host in project.hosts:
        assert journal_of(project, host)[-1]["event"] == "finished"
        assert len([*(project.deploy_to(host) / ".capdoit/reserve").iterdir()]) > 1


@pytest.mark.extended("detail")
def test_a_host_that_never_had_a_reserve_is_not_called_ready_for_a_rollback(
    project: Project, disks: SmallDisks, releases: tuple[str, str]
) -> None:
    """Earlier versions of capdoit made no reserve, and left the lock file empty."""
    own = project.deploy_to("web2") / ".capdoit"
    shutil.rmtree(own / "reserve")
    (own / "lock").write_text("")
    disks.take_all_bytes("web2")
    status = project.doit("cap", "status").out
    assert re.search("^A rollback is refused: web2: no space is left in ", status, re.MULTILINE)
    out = project.doit("rollback:production").failed().out
    assert "web2: its lock cannot be written: no space or no inode is left in deploy_to; free some there" in out
    assert {project.current(host) for host in project.hosts} == {releases[1]}
    disks.give_back("web2")
    project.doit("rollback:production").ok()
    assert {project.current(host) for host in project.hosts} == {releases[0]}


@pytest.mark.extended("detail")
def test_unlock_and_status_work_on_a_full_disk(project: Project, disks: SmallDisks, releases: tuple[str, str]) -> None:
    for host in project.hosts:
        (project.deploy_to(host) / ".capdoit/lock").write_text('{"flow": "deploy", "by": "ann"}\n')
        disks.take_all_bytes(host)
    assert "possible on 2 of 2 hosts" in project.doit("cap", "status").ok().out
    assert "web1: freed the lock of deploy by ann" in project.doit("cap", "unlock").ok().out
    for host in project.hosts:
        assert journal_of(project, host)[-1]["event"] == "unlocked"
        disks.take_all_bytes(host)
    project.doit("rollback:production").ok()
    assert {project.current(host) for host in project.hosts} == {releases[0]}


@pytest.mark.extended("detail")
def test_a_drill_on_a_full_disk_says_that_it_has_no_room(
    project: Project, disks: SmallDisks, releases: tuple[str, str]
) -> None:
    disks.take_all_bytes("web2")
    done = project.doit("drill:production").failed()
    assert "drill:production: no room for a drill: fill the shadow failed:\n  web2: " in done.out
    assert "A rollback needs no room, so this does not tell whether it works." in done.out
    assert "could not be written" not in done.out
    assert "Last drill: none" in project.doit("cap", "status").ok().out
    disks.give_back("web2")
    project.doit("drill:production").ok()
    assert project.current("web2") == releases[1]


@pytest.mark.extended("variant")
def test_a_drill_without_room_for_the_archive_says_so(
    project: Project, disks: SmallDisks, releases: tuple[str, str]
) -> None:
    disks.take_all_bytes("web2", except_for=250_000)
    done = project.doit("drill:production").failed()
    assert "drill:production: no room for a drill: finishing_rollback failed:\n  web2: " in done.out
    assert project.current("web2") == releases[1]


@pytest.mark.extended("detail")
@pytest.mark.parametrize("task", ["rollback", *further("deploy", "check", "drill")])
def test_a_read_only_file_system_is_named_in_one_line(
    project: Project, disks: SmallDisks, releases: tuple[str, str], task: str
) -> None:
    disks.remount("web2", "ro")
    out = project.doit(f"{task}:production").failed().out
    (cause,) = re.findall("^  web2: (.*)$", out, re.MULTILINE)
    assert cause.endswith(" is on a read-only file system")
    assert "Read-only" not in out
    assert {project.current(host) for host in project.hosts} == {releases[1]}


@pytest.mark.extended("variant")
def test_commands_name_a_read_only_file_system(project: Project, disks: SmallDisks, releases: tuple[str, str]) -> None:
    disks.remount("web2", "ro")
    assert {project.current(host) for host in project.hosts} == {releases[1]}
    status = project.doit("cap", "status").ok().out
    assert re.search("^A rollback is refused: web2: .* is on a read-only file system$", status, re.MULTILINE)
    unlock = project.doit("cap", "unlock").ok().out
    assert "web2: was not locked" in unlock
    disks.remount("web2", "rw")
    (project.deploy_to("web2") / ".capdoit/lock").write_text('{"flow": "deploy", "by": "ann"}\n')
    disks.remount("web2", "ro")
    unlock = project.doit("cap", "unlock").failed(3).out
    assert re.search("^  web2: .* is on a read-only file system$", unlock, re.MULTILINE)


# -- room for a deploy


@pytest.mark.parametrize("is_first", [False, *further(True)])
def test_check_is_not_ready_without_room_for_another_release(
    project: Project, disks: SmallDisks, request: pytest.FixtureRequest, is_first: bool
) -> None:
    if not is_first:
        request.getfixturevalue("releases")
    project.doit("check:production").ok()
    disks.take_all_bytes("web2", except_for=2048)
    out = project.doit("check:production").failed().out
    size = "" if is_first else r", the live release takes 5\d\d KiB"
    assert re.search(rf"^  web2: not enough space for another release: 2 KiB are free{size}$", out, re.MULTILINE)
    assert "web1: " not in out


@pytest.mark.extended("variant")
@pytest.mark.usefixtures("releases")
@pytest.mark.parametrize(
    ("free", "problem"), [(0, "no inode is left in "), (3, "not enough inodes for another release: 3 ")]
)
def test_check_is_not_ready_without_inodes(project: Project, disks: SmallDisks, free: int, problem: str) -> None:
    disks.take_all_inodes("web2", except_for=free)
    out = project.doit("check:production").failed().out
    assert re.findall(r"^  web2: (.*?)(?=/|are)", out, re.MULTILINE) == [problem]


# -- leftovers


@pytest.mark.extended("detail")
def test_a_drill_works_where_something_that_does_not_matter_cannot_be_removed(
    project: Project, releases: tuple[str, str]
) -> None:
    leftover = project.deploy_to("web1") / ".capdoit/unpack/file"
    leftover.parent.mkdir()
    leftover.touch()
    subprocess.run(["chattr", "+i", leftover], check=True)
    try:
        done = project.doit("drill:production").ok()
    finally:
        subprocess.run(["chattr", "-R", "-i", leftover.parent.parent], check=True)
    assert not (project.deploy_to("web1") / ".capdoit/drill").exists()
    assert "a rollback to" in project.doit("cap", "status").ok().out
    assert releases[0] in done.out


# -- trees of versions without a reserve


@pytest.mark.extended("variant")
@pytest.mark.parametrize("entry", ["", '{"flow": "deploy", "by": "ann"}\n'])
@pytest.mark.parametrize("project", ["short"], indirect=True)
def test_a_lock_file_of_an_earlier_version_needs_no_more_room_than_its_entry(
    project: Project, disks: SmallDisks, releases: tuple[str, str], entry: str
) -> None:
    for host in project.hosts:
        forget_reserve(project, host, entry)
        disks.take_all_bytes(host, except_for=8192)
    assert "possible on 2 of 2 hosts" in project.doit("cap", "status").ok().out
    project.doit("rollback:production").ok()
    assert {project.current(host) for host in project.hosts} == {releases[0]}
    for host in project.hosts:
        disks.give_back(host)
    deploy_text(project, "newest")
    assert (project.deploy_to("web1") / ".capdoit/lock").stat().st_size == 16384


@pytest.mark.extended("detail")
@pytest.mark.parametrize("take", ["bytes", "inodes"])
@pytest.mark.parametrize("project", ["short"], indirect=True)
def test_status_calls_no_rollback_possible_that_has_no_room_for_its_symlink(
    project: Project, disks: SmallDisks, releases: tuple[str, str], take: str
) -> None:
    for host in project.hosts:
        forget_reserve(project, host, '{"flow": "deploy", "by": "ann"}\n')
        (disks.take_all_bytes if take == "bytes" else disks.take_all_inodes)(host)
    assert "A rollback is refused: web1: no " in project.doit("cap", "status").out
    project.doit("rollback:production").failed()
    assert {project.current(host) for host in project.hosts} == {releases[1]}


@pytest.mark.extended("variant")
@pytest.mark.parametrize("take", ["bytes", "inodes"])
@pytest.mark.parametrize("leftover", ["manifests", "drill"])
@pytest.mark.parametrize("project", ["short"], indirect=True)
def test_a_tree_of_an_earlier_version_gives_up_what_nobody_needs(
    project: Project, disks: SmallDisks, releases: tuple[str, str], take: str, leftover: str
) -> None:
    for host in project.hosts:
        forget_reserve(project, host, '{"flow": "deploy", "by": "ann"}\n')
        own = project.deploy_to(host) / ".capdoit"
        (own / "drill").mkdir()
        for number in range(3):
            gone = own / "manifests" / f"2016010101010{number}" if leftover == "manifests" else own / f"drill/{number}"
            gone.write_text("left\n")
        if leftover == "manifests":
            (own / "drill").rmdir()
        (disks.take_all_bytes if take == "bytes" else disks.take_all_inodes)(host)
    assert "possible on 2 of 2 hosts" in project.doit("cap", "status").ok().out
    project.doit("rollback:production").ok()
    assert {project.current(host) for host in project.hosts} == {releases[0]}


@pytest.mark.extended("detail")
@pytest.mark.parametrize("project", ["short"], indirect=True)
def test_a_refusal_for_lack_of_room_says_what_to_type(
    project: Project, disks: SmallDisks, releases: tuple[str, str]
) -> None:
    place = project.deploy_to("web1")
    for host in project.hosts:
        forget_reserve(project, host, '{"flow": "deploy", "by": "ann"}\n')
    disks.take_all_inodes("web1")
    said = project.doit("rollback:production").failed().out
    assert f"no inode is left in {place}; remove a large file" in said
    assert f"du -ax {place} | sort -n | tail" in said
    (place.parents[1] / "many/0").unlink()
    archive = place / "rolled-back-release-20160101010101.tar.gz"
    archive.write_text("old")
    said = project.doit("rollback:production").failed().out
    command = f"rm {archive}"
    assert f"no inode is left in {place}; to make room, remove the oldest archive: {command}" in said
    assert releases[1] == project.current("web1")


def forget_reserve(project: Project, host: str, entry: str) -> None:
    """Leave in .capdoit what an earlier version left there, with this text in the lock."""
    own = project.deploy_to(host) / ".capdoit"
    shutil.rmtree(own / "reserve")
    shutil.rmtree(own / "next")
    (own / "lock").write_text(entry)


def test_an_archive_that_is_larger_than_the_free_space_is_refused_by_check_dry_run_and_deploy(project: Project) -> None:
    archive = project.path / "shop.tar"
    archive.write_bytes(os.urandom(12 * 2**20))
    project.config(repo_url=None, branch=None, archive=str(archive))
    for task, variables in (("check", []), ("deploy", ["dry_run=yes"]), ("deploy", [])):
        said = " ".join(project.doit(f"{task}:production", *variables).failed().out.split())
        assert re.search(r"not enough space in \S+: \S+ MiB are free, and 12.0 MiB are sent there", said), said
    assert project.releases("web1") == []


def test_a_dry_run_fails_where_another_release_has_no_room(project: Project, disks: SmallDisks) -> None:
    project.repo.commit({"large.bin": "0123456789" * 100_000})
    project.doit("deploy:production", check=True)
    disks.take_all_bytes("web2", except_for=2**19)
    done = project.doit("deploy:production", "dry_run=yes").failed()
    assert "would stop it" in done.out
    assert "a deploy would fail:\n  web2: not enough space for another release: " in done.out
