"""A host loses power: what its disk held at that moment is what it comes back with.

The hosts are directories in an ext4 file system on a loop device. The image behind the device has exactly what the
kernel has sent to the disk, so a copy of it, mounted elsewhere, is the host after the power failure. These tests need
root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from capdoit.records.journal import Entry
from capdoit.testing import Project
from tests.support import MakeProject, choose_ordinary, deploy, replace_programs, write_hooks

FILES = {f"lib/part{number}.txt": f"part {number}\n" * 50 for number in range(300)}
# A commit of the file system's journal, as the kernel does every 5 s: names and sizes are then on the disk, contents
# are not, unless something wrote them there.
COMMIT_AND_COPY = """
import os, subprocess

def lose_power():
    with open({disk!r} + "/unrelated", "w") as file:
        os.fsync(file.fileno())
    subprocess.run(["cp", "--sparse=always", {image!r}, {copy!r}], check=True)

@cap.after({point!r}, once=True)
def power_failure(hosts):
    lose_power()
"""


@dataclass(frozen=True)
class Disk:
    """An ext4 file system on a loop device.

    Attributes:
        image: the file behind the device.
        mount_point: where it is mounted.
    """

    image: Path
    mount_point: Path

    def copy_to(self, folder: Path) -> Path:
        """Return a copy of what is on the disk now."""
        copy = folder / "copy.img"
        subprocess.run(["cp", "--sparse=always", self.image, copy], check=True)
        return copy


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Return a disk for the hosts of a project."""
    if os.geteuid() != 0:
        pytest.skip("a file system on a loop device needs root")
    made = Disk(tmp_path / "disk.img", tmp_path / "disk")
    with made.image.open("wb") as image:
        image.truncate(96 << 20)
    subprocess.run([find_mkfs(), "-q", made.image], check=True)
    mount(made.image, made.mount_point)
    yield made
    unmount(made.mount_point)


@pytest.fixture
def after_power_failure(tmp_path: Path) -> Iterator[Path]:
    """Return a mount point for the copy of a disk; the test mounts it."""
    mount_point = tmp_path / "after"
    yield mount_point
    unmount(mount_point)


@pytest.fixture
def shop(make_project: MakeProject, disk: Disk) -> Project:
    """Return a project of one host on the disk, with one release live and on the disk."""
    project = make_project(1, linked_files_exist=False, linked_files=[])
    project.hosts["web1"]["deploy_to"] = str(disk.mount_point / "shop")
    project.config()
    deploy(project)
    project.repo.commit(FILES)
    subprocess.run(["sync", "-f", disk.mount_point], check=True)
    return project


def find_mkfs() -> str:
    found = shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, "this test needs mkfs.ext4: apt-get install e2fsprogs"
    return found


def mount(image: Path, mount_point: Path) -> None:
    mount_point.mkdir()
    done = subprocess.run(["mount", "-o", "loop", image, mount_point], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a loop device cannot be mounted here: {done.stderr.strip()}")


def unmount(mount_point: Path) -> None:
    if os.path.ismount(mount_point):
        subprocess.run(["umount", mount_point], check=True)


def come_back(image: Path, mount_point: Path) -> Path:
    """Mount a copy of the disk, and return the deploy_to of its host."""
    mount(image, mount_point)
    return mount_point / "shop"


def fail_after(shop: Project, disk: Disk, point: str, folder: Path) -> Path:
    """Let the host lose power after a step, while the flow goes on; return the image of what it comes back with."""
    copy = folder / "copy.img"
    names = {"disk": str(disk.mount_point), "image": str(disk.image), "copy": str(copy), "point": point}
    write_hooks(shop, COMMIT_AND_COPY.format(**names))
    return copy


def live_release(deploy_to: Path) -> str:
    return (deploy_to / "current").readlink().name


def assert_complete(deploy_to: Path, release: str, files: dict[str, str]) -> None:
    tree = deploy_to / "releases" / release
    assert len((tree / "REVISION").read_text().strip()) == 40
    assert {name: (tree / name).read_text() for name in files} == files


def journaled_events(deploy_to: Path, release: str) -> list[str]:
    """Return the events that capdoit reads; a line that was being written may have become NUL bytes."""
    lines = (deploy_to / ".capdoit/journal").read_text().splitlines()
    entries = filter(None, map(Entry.parse, lines))
    return [entry.event for entry in entries if entry.release == release]


@pytest.mark.extended("variant")
def test_a_deploy_that_was_reported_as_done_is_live_and_complete_after_a_power_failure(
    shop: Project, disk: Disk, tmp_path: Path, after_power_failure: Path
) -> None:
    release = deploy(shop)

    host = come_back(disk.copy_to(tmp_path), after_power_failure)

    assert live_release(host) == release
    assert_complete(host, release, FILES)
    assert journaled_events(host, release) == ["building", "ready", "live", "noted", "finished"]
    assert f"deployed as release {release}" in (host / "revisions.log").read_text()
    assert (host / ".capdoit/manifests" / release).read_text() == (
        shop.deploy_to("web1") / ".capdoit/manifests" / release
    ).read_text()


def test_a_power_failure_right_after_the_publish_leaves_a_complete_release(
    shop: Project, disk: Disk, tmp_path: Path, after_power_failure: Path
) -> None:
    image = fail_after(shop, disk, "published", tmp_path)
    release = deploy(shop)

    host = come_back(image, after_power_failure)

    assert live_release(host) == release
    assert_complete(host, release, FILES)
    assert journaled_events(host, release)[:2] == ["building", "ready"]


@pytest.mark.extended("variant")
@pytest.mark.parametrize("point", choose_ordinary(["finishing_rollback", "finished"]))
def test_the_release_that_a_rollback_left_is_kept_by_a_power_failure(
    shop: Project, disk: Disk, tmp_path: Path, after_power_failure: Path, point: str
) -> None:
    first, second = shop.current("web1"), deploy(shop)
    image = fail_after(shop, disk, point, tmp_path)
    shop.doit("rollback:production", check=True)

    host = come_back(image, after_power_failure)

    assert live_release(host) == first
    assert not (host / "releases" / second).exists()
    with tarfile.open(host / f"rolled-back-release-{second}.tar.gz") as archive:
        members = {name.partition(f"releases/{second}/")[2]: name for name in archive.getnames()}
        for name, text in FILES.items():
            member = archive.extractfile(members[name])
            assert member is not None
            assert member.read().decode() == text


@pytest.mark.extended("variant")
@pytest.mark.parametrize("point", choose_ordinary(["reverted", "published", "finished"]))
def test_an_archive_that_a_rollback_unpacks_is_kept_until_its_release_is_on_the_disk(
    shop: Project, disk: Disk, tmp_path: Path, after_power_failure: Path, point: str
) -> None:
    first, second = shop.current("web1"), deploy(shop)
    shop.doit("rollback:production", check=True)
    image = fail_after(shop, disk, point, tmp_path)
    shop.doit("rollback:production", f"rollback_release={second}", check=True)

    host = come_back(image, after_power_failure)

    assert live_release(host) == (first if point == "reverted" else second)
    assert_complete(host, second, FILES)


@pytest.mark.extended("variant")
def test_what_a_hook_of_a_rollback_wrote_into_the_target_is_on_the_disk_before_it_is_live(
    shop: Project, disk: Disk, tmp_path: Path, after_power_failure: Path
) -> None:
    first, _ = shop.current("web1"), deploy(shop)
    image = fail_after(shop, disk, "published", tmp_path)
    dodo = (shop.path / "dodo.py").read_text()
    shop.dodo(
        dodo
        + """
@cap.after('reverted')
def compile(host, release):
    host.run('for n in $(seq 99); do echo compiled $n > cache$n.txt; done', cwd=release.path)
"""
    )
    shop.doit("rollback:production", check=True)

    host = come_back(image, after_power_failure)

    assert live_release(host) == first
    assert_complete(host, str(first), {f"cache{number}.txt": f"compiled {number}\n" for number in range(1, 100)})


# -- the program sync


@pytest.mark.extended("variant")
def test_a_sync_that_knows_no_file_systems_writes_everything_to_the_disk(
    shop: Project, disk: Disk, tmp_path: Path, after_power_failure: Path
) -> None:
    replace_programs(shop, "web1", sync='[ $# = 0 ] || { echo "usage: sync" >&2; exit 1; }; exec /bin/sync')
    image = fail_after(shop, disk, "published", tmp_path)
    release = deploy(shop)

    host = come_back(image, after_power_failure)

    assert_complete(host, release, FILES)


@pytest.mark.extended("variant")
def test_the_sync_of_busybox_is_enough(shop: Project, disk: Disk, tmp_path: Path, after_power_failure: Path) -> None:
    replace_programs(shop, "web1", sync='exec busybox sync "$@"')
    image = fail_after(shop, disk, "published", tmp_path)
    release = deploy(shop)

    host = come_back(image, after_power_failure)

    assert_complete(host, release, FILES)


BROKEN_DISK = '[ "$1" = --help ] && exec /bin/sync --help; echo "sync: Input/output error" >&2; exit 1'


def test_a_deploy_whose_release_cannot_be_written_to_the_disk_is_not_published(project: Project) -> None:
    first = deploy(project)
    replace_programs(project, "web2", sync=BROKEN_DISK)

    done = project.doit("deploy:production").failed()

    assert "web2: publishing (prepare): exit status 1" in done.out
    assert "Input/output error" in done.out
    assert {project.current(host) for host in project.hosts} == {first}


@pytest.mark.extended("variant")
def test_a_rollback_on_a_failing_disk_is_published_and_removes_nothing(project: Project) -> None:
    first, second = deploy(project), deploy(project)
    replace_programs(project, "web2", sync=BROKEN_DISK)

    done = project.doit("rollback:production", check=True)

    assert {project.current(host) for host in project.hosts} == {first}
    assert project.releases("web2") == [first, second]
    assert "warning: web2: " in done.out
    assert f"releases/{second} was not removed" in done.out
    assert not (project.deploy_to("web2") / ".capdoit/archive.tar.gz").exists()


@pytest.mark.extended("variant")
def test_an_archive_that_cannot_be_written_to_the_disk_when_unpacked_is_kept(project: Project) -> None:
    _, second = deploy(project), deploy(project)
    project.doit("rollback:production", check=True)
    replace_programs(project, "web2", sync=BROKEN_DISK)

    project.doit("rollback:production", f"rollback_release={second}", check=True)

    assert {project.current(host) for host in project.hosts} == {second}
    assert (project.deploy_to("web2") / f"rolled-back-release-{second}.tar.gz").exists()
    assert not (project.deploy_to("web1") / f"rolled-back-release-{second}.tar.gz").exists()


# -- what an earlier power failure left


@pytest.mark.extended("variant")
@pytest.mark.parametrize("file", [".capdoit/journal", "revisions.log"])
@pytest.mark.parametrize("tail", ['{"event": "li', "Branch ma\0\0\0\0", "\0\0\0"], ids=["cut", "cut-and-nul", "nul"])
def test_a_record_that_ends_in_the_middle_of_a_line_takes_new_lines(project: Project, file: str, tail: str) -> None:
    deploy(project)
    record = project.deploy_to("web1") / file
    with record.open("a") as end:
        end.write(tail)

    release = deploy(project)

    lines = record.read_text().splitlines()
    mine = [line for line in lines if release in line]
    assert all(line.startswith(('{"event": ', "Branch main")) for line in mine), mine
    assert len(mine) == (5 if "journal" in file else 1)
