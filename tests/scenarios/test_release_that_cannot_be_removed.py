"""A release that cannot be removed: a cache of the web server's user, an immutable file, a mount point.

The other releases are removed, one warning says what to type, and typing that helps.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capdoit.records.unremoved import UnremovedTree, describe_unremoved
from capdoit.testing import DODO, Project
from tests.support import (
    WITHOUT_ROOT_RIGHTS,
    MakeProject,
    choose_ordinary,
    deploy,
    printed_warnings,
    release_dir,
    write_command_hook,
)

FAILS = """
@cap.after('updated')
def fails(host, release):
    host.run('mkdir cache; echo x > cache/f; chattr +i cache/f; exit 7', cwd=release.path)
"""

Spoil = Callable[[Path], None]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="making such releases needs root")


@pytest.fixture
def shop(make_project: MakeProject, tmp_path: Path) -> Iterator[Project]:
    """Return a project of two hosts that keep one release; its user has no more rights than other users."""
    project = make_project(2, keep_releases=1)
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "sh").write_text(f'#!/bin/sh\nexec {" ".join(WITHOUT_ROOT_RIGHTS)} /bin/sh "$@"\n')
    (folder / "sh").chmod(0o755)
    project._env = {**project._env, "PATH": f"{folder}:{os.environ['PATH']}"}
    yield project
    for host in project.hosts:
        subprocess.run(["chattr", "-R", "-f", "-i", project.deploy_to(host)], check=False)
        unmount_all_in(project.deploy_to(host))


def unmount_all_in(folder: Path) -> None:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if line.split()[4].startswith(f"{folder}/"):
            subprocess.run(["umount", line.split()[4]], check=True)


def write_as_another_user(release: Path) -> None:
    cache = release / "cache"
    cache.mkdir()
    (cache / "f").touch()
    os.chown(cache, 33, 33)


def own_by_another_user(release: Path) -> None:
    os.chown(release, 33, 33)


def make_immutable(release: Path) -> None:
    subprocess.run(["chattr", "+i", release / "app.txt"], check=True)


def mount_into(release: Path) -> None:
    cache = release / "cache"
    cache.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", cache], check=True)
    (cache / "data").write_text("of another application")


def type_there(warning: str) -> None:
    """Type what a warning says."""
    command = warning.partition("; type there: ")[2]
    assert command, warning
    subprocess.run(["sh", "-c", command.replace("sudo ", "")], check=True)


def left(project: Project, host: str) -> list[str]:
    removed = project.deploy_to(host) / ".capdoit/removed"
    return sorted(os.listdir(removed)) if removed.exists() else []


CAUSES = [write_as_another_user, own_by_another_user, make_immutable, mount_into]


@pytest.mark.parametrize("spoil", choose_ordinary(CAUSES, make_immutable), ids=lambda spoil: spoil.__name__)
def test_the_others_are_removed_and_one_warning_says_what_to_type(shop: Project, spoil: Spoil) -> None:
    first = deploy(shop)
    spoil(release_dir(shop, first, "web2"))
    deploy(shop)

    third = shop.doit("deploy:production", check=True)
    kept = shop.releases("web1")
    fourth = shop.doit("deploy:production", check=True)

    (warning,) = printed_warnings(third.out)
    assert warning.startswith(f"web2: release {first} could not be removed (")
    assert printed_warnings(fourth.out) == [warning]
    assert len(kept) == 2
    assert [name for name in shop.releases("web2") if name != first] == shop.releases("web1")
    type_there(warning)
    assert not printed_warnings(shop.doit("deploy:production", check=True).out)
    assert shop.releases("web2") == shop.releases("web1")
    assert left(shop, "web2") == []


@pytest.mark.extended("detail")
def test_files_that_are_mounted_in_a_release_are_not_deleted(shop: Project) -> None:
    first = deploy(shop)
    release = release_dir(shop, first, "web2")
    mount_into(release)
    for _ in range(3):
        deploy(shop)

    assert (release / "cache/data").read_text() == "of another application"


@pytest.mark.extended("variant")
def test_a_directory_that_is_closed_to_this_user_is_all_that_remains_and_the_warning_has_the_reason(
    shop: Project,
) -> None:
    """Another user of the group deployed that release."""
    first = deploy(shop)
    release = release_dir(shop, first, "web2")
    (release / "keys").mkdir(mode=0o700)
    (release / "keys/private").touch()
    os.chown(release / "keys", 33, 33)
    (release / "modules").mkdir()
    (release / "modules/f").touch()
    (release / "modules").chmod(0o555)
    deploy(shop)

    done = shop.doit("deploy:production", check=True)

    (warning,) = printed_warnings(done.out)
    assert re.match(
        f"web2: release {first} could not be removed \\(.*keys.*: Permission denied\\); type there: ", warning
    )
    assert os.listdir(shop.deploy_to("web2") / ".capdoit/removed" / first) == ["keys"]
    type_there(warning)
    assert left(shop, "web2") == []


@pytest.mark.extended("detail")
def test_several_releases_have_one_warning_and_one_command(shop: Project) -> None:
    first = deploy(shop)
    make_immutable(release_dir(shop, first, "web2"))
    second = deploy(shop)
    make_immutable(release_dir(shop, second, "web2"))
    deploy(shop)

    done = shop.doit("deploy:production", check=True)

    (warning,) = printed_warnings(done.out)
    assert warning.startswith(f"web2: releases {first}, {second} could not be removed (")
    assert left(shop, "web2") == [first, second]
    type_there(warning)
    assert left(shop, "web2") == []


@pytest.mark.extended("detail")
def test_status_keeps_saying_it(shop: Project) -> None:
    first = deploy(shop)
    make_immutable(release_dir(shop, first, "web2"))
    deploy(shop)
    deploy(shop)

    status = shop.doit("cap", "status", "--json", check=True)

    assert any(f"release {first} could not be removed" in sentence for sentence in json.loads(status.out)["unfinished"])


@pytest.mark.extended("detail")
@pytest.mark.parametrize("spoil", CAUSES, ids=lambda spoil: spoil.__name__)
def test_a_rollback_succeeds_and_warns_of_the_release_that_it_left(shop: Project, spoil: Spoil) -> None:
    first, second = deploy(shop), deploy(shop)
    spoil(release_dir(shop, second, "web2"))

    done = shop.doit("rollback:production", "force=yes", check=True)

    assert shop.current("web1") == shop.current("web2") == first
    (warning,) = printed_warnings(done.out)
    assert warning.startswith(f"web2: release {second} could not be removed (")
    archive = shop.deploy_to("web2") / f"rolled-back-release-{second}.tar.gz"
    assert archive.exists() == (spoil is not mount_into)


@pytest.mark.extended("detail")
def test_a_release_that_came_back_from_its_archive_is_removed_next_to_its_remains(shop: Project) -> None:
    first, second = deploy(shop), deploy(shop)
    make_immutable(release_dir(shop, second, "web2"))
    shop.doit("rollback:production", check=True)
    shop.doit("rollback:production", f"rollback_release={second}", check=True)
    make_immutable(release_dir(shop, second, "web2"))

    done = shop.doit("rollback:production", check=True)

    assert shop.releases("web2") == [first]
    (warning,) = printed_warnings(done.out)
    assert warning.startswith(f"web2: release {second} could not be removed (")
    type_there(warning)
    assert left(shop, "web2") == []


@pytest.mark.extended("detail")
def test_a_half_made_release_is_not_left_among_the_releases_and_the_report_names_it(shop: Project) -> None:
    first = deploy(shop)
    shop.dodo(DODO + FAILS)

    reports = [shop.doit("deploy:production").failed().out for _ in range(2)]

    for host in shop.hosts:
        assert shop.releases(host) == [first]
        assert len(left(shop, host)) == 2
    assert re.search(r"web2 .*release \d{14} could not be removed \(.*; type there: sudo ", reports[0])
    shop.dodo(DODO)
    for command in re.findall(r"^  web\d .*(; type there: .*)$", reports[1], re.MULTILINE):
        type_there(command)
    assert not printed_warnings(shop.doit("deploy:production", check=True).out)
    assert left(shop, "web1") == left(shop, "web2") == []


@pytest.mark.extended("detail")
def test_a_kept_failure_that_cannot_be_removed_does_not_lose_the_next_one(shop: Project) -> None:
    shop.config(keep_failed=True)
    deploy(shop)
    shop.dodo(DODO + FAILS)
    shop.doit("deploy:production").failed()
    (kept,) = os.listdir(shop.deploy_to("web2") / ".capdoit/failed")

    shop.doit("deploy:production").failed()

    (kept_now,) = os.listdir(shop.deploy_to("web2") / ".capdoit/failed")
    assert kept_now > kept


@pytest.mark.extended("detail")
def test_remains_that_an_earlier_version_left_block_nothing(shop: Project) -> None:
    deploy(shop)
    removed = shop.deploy_to("web2") / ".capdoit/removed"
    (removed / "cache").mkdir(parents=True)
    (removed / ".env").touch()
    (removed / "cache/f").touch()
    subprocess.run(["chattr", "+i", removed / "cache/f"], check=True)

    done = shop.doit("deploy:production", check=True)

    (warning,) = printed_warnings(done.out)
    assert f"{removed}/cache could not be removed" in warning
    assert left(shop, "web2") == ["cache"]
    type_there(warning)
    deploy(shop)
    assert not removed.exists()


@pytest.mark.extended("detail")
def test_a_removal_that_was_cut_short_is_completed_by_the_next_deploy(shop: Project) -> None:
    deploy(shop)
    remains = shop.deploy_to("web2") / ".capdoit/removed/20200101000000"
    remains.mkdir(parents=True)

    done = shop.doit("deploy:production", check=True)

    assert not printed_warnings(done.out)
    assert not remains.parent.exists()


@pytest.mark.extended("detail")
def test_a_disk_without_an_inode_for_another_directory_is_cleaned_up_all_the_same(
    make_project: MakeProject, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=200", "tmpfs", disk], check=True)
    project = make_project(1, linked_files=[])
    project.hosts["web1"]["deploy_to"] = str(disk / "shop")
    project.config()
    try:
        first = deploy(project)
        write_command_hook(
            project, "after('updated')", "rm -rf ../../.capdoit/reserve; seq 1000 | xargs touch", in_release=True
        )

        done = project.doit("deploy:production").failed()

        assert "could not be removed" not in done.out
        assert project.releases("web1") == [first]
        assert left(project, "web1") == []
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.extended("detail")
def test_a_drill_does_not_mind(shop: Project) -> None:
    first = deploy(shop)
    make_immutable(release_dir(shop, first, "web2"))
    for _ in range(2):
        deploy(shop)

    shop.doit("drill:production", check=True)


def test_the_command_is_quoted_for_a_shell() -> None:
    tree = UnremovedTree("/srv/my shop/releases/20260101000000", reason="rm: x: Permission denied")
    command = describe_unremoved([tree]).partition("type there: ")[2]
    assert shlex.split(command) == ["sudo", "rm", "-rf", tree.path]


@pytest.mark.extended("variant")
@pytest.mark.parametrize("flow", ["rollback", "drill"])
def test_what_an_interrupted_rollback_unpacked_does_not_block_the_next_one(shop: Project, flow: str) -> None:
    deploy(shop)
    second = deploy(shop)
    shop.doit("rollback:production", check=True)
    unpacked = shop.deploy_to("web2") / ".capdoit/unpack"
    unpacked.mkdir()
    (unpacked / "f").touch()
    subprocess.run(["chattr", "+i", unpacked / "f"], check=True)

    shop.doit(f"{flow}:production", f"rollback_release={second}", check=True)

    assert not unpacked.exists()
    assert (shop.current("web2") == second) == (flow == "rollback")
    (warning,) = printed_warnings(shop.doit("deploy:production", check=True).out)
    type_there(warning)
    assert left(shop, "web2") == []


def close_to_this_user(folder: Path) -> None:
    folder.mkdir()
    (folder / "f").touch()
    folder.chmod(0)
    os.chown(folder, 33, 33)


@pytest.mark.extended("detail")
def test_a_closed_directory_in_the_way_of_an_archive_is_named_in_one_line_with_what_to_type(shop: Project) -> None:
    shop.config(keep_releases=3)
    deploy(shop)
    second = deploy(shop)
    shop.doit("rollback:production", check=True)
    unpacked = shop.deploy_to("web2") / ".capdoit/unpack"
    close_to_this_user(unpacked)
    back = ("rollback:production", f"rollback_release={second}")
    said = shop.doit(*back).failed().out
    assert f'\n      {unpacked} cannot be removed; type there: sudo rm -rf "{unpacked}"\n' in said
    assert not re.search("^ *(rm|mv|mkdir|find): ", said, re.MULTILINE), said
    type_there(f'; type there: sudo rm -rf "{unpacked}"')
    shop.doit(*back, check=True)
    assert shop.current("web2") == second


@pytest.mark.extended("detail")
def test_a_closed_shadow_ends_a_drill_with_what_to_type_and_stops_no_rollback(shop: Project) -> None:
    shop.config(keep_releases=3)
    first = deploy(shop)
    deploy(shop)
    shadow = shop.deploy_to("web2") / ".capdoit/drill"
    close_to_this_user(shadow)
    said = shop.doit("drill:production").failed().out
    assert f'{shadow} cannot be removed; type there: sudo rm -rf "{shadow}"\n' in said
    assert not re.search("(rm|mv|mkdir|find): cannot", said), said
    shop.doit("rollback:production", check=True)
    assert shop.current("web2") == first
    type_there(f'; type there: sudo rm -rf "{shadow}"')
