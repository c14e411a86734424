"""Archives as build tools leave them: empty, in a directory of their own, closed, large."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import signal
import stat
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pytest

from capdoit.testing import DODO, Project
from tests.support import (
    MakeProject,
    choose_ordinary,
    deploy,
    further,
    printed_warnings,
    release_dir,
    wait_for,
)

MakeShop = Callable[..., Project]
FILES = {"shop-1.2/app.txt": "one", "shop-1.2/lib/code": "two", "shop-1.2/.env": "three"}
NESTED = {f"build/{name}": text for name, text in FILES.items()}


@pytest.fixture
def shop(make_project: MakeProject) -> MakeShop:
    """Return a function that makes a project that deploys shop.tar."""

    def make(content: bytes = b"", **settings: object) -> Project:
        settings = {"linked_files": [], "linked_dirs": [], **settings}
        project = make_project(2, repo_url=None, branch=None, archive="shop.tar", **settings)
        (project.path / "shop.tar").write_bytes(content)
        return project

    return make


def pack(files: Mapping[str, str], mode: Literal["w", "w:gz"] = "w", top_mode: int | None = None) -> bytes:
    """Return an archive; with ``top_mode``, its first member is ``.`` with this mode."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:
        if top_mode is not None:
            top = tarfile.TarInfo(".")
            top.type, top.mode = tarfile.DIRTYPE, top_mode
            archive.addfile(top)
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
    return target.getvalue()


def contents(project: Project, host: str = "web1") -> dict[str, str]:
    release = release_dir(project, str(project.current(host)), host)
    own = ("REVISION", "REVISION_TIME")
    files = {path.relative_to(release).as_posix(): path for path in release.rglob("*") if path.is_file()}
    return {name: path.read_text() for name, path in files.items() if name not in own}


EMPTY = {
    "no-bytes": b"",
    "tar": pack({}),
    "tar.gz": pack({}, "w:gz"),
    "gzip-of-nothing": gzip.compress(b""),
    "only-a-dot": pack({}, top_mode=0o755),
}


@pytest.mark.parametrize("name", choose_ordinary(EMPTY, "gzip-of-nothing"))
def test_an_empty_archive_is_refused_before_any_host_is_touched(shop: MakeShop, name: str) -> None:
    project = shop(EMPTY[name])

    done = project.doit("deploy:production").failed()

    assert "shop.tar: it is empty" in done.out
    assert not list((project.path / "hosts").glob("*/.capdoit"))


@pytest.mark.extended("variant")
@pytest.mark.parametrize("strip", [None, "auto", 1], ids=str)
def test_an_archive_that_only_the_hosts_know_to_be_empty_is_refused_by_them(shop: MakeShop, strip: object) -> None:
    project = shop(bz2.compress(b""), strip=strip)

    done = project.doit("deploy:production").failed()

    assert "the archive is empty" in done.out
    assert project.releases("web1") == project.releases("web2") == []


@pytest.mark.extended("variant")
def test_a_damaged_archive_is_refused_by_the_hosts_and_not_taken_for_empty(shop: MakeShop) -> None:
    project = shop(pack(FILES, "w:gz")[:60])

    done = project.doit("deploy:production").failed()

    assert "empty" not in done.out
    assert "web1, web2: updating: exit status " in done.out
    assert project.releases("web1") == []


@pytest.mark.parametrize("mode", [0o700, *further(0o777, 0o555)])
def test_a_release_does_not_take_the_mode_of_its_archive(shop: MakeShop, mode: int) -> None:
    project = shop(pack({"app.txt": "one"}, top_mode=mode))

    release = deploy(project)

    for host in project.hosts:
        assert stat.S_IMODE(release_dir(project, release, host).stat().st_mode) == 0o755


# -- a directory at the top


def test_a_directory_at_the_top_is_named_by_one_warning(shop: MakeShop) -> None:
    project = shop(pack(FILES))

    done = project.doit("deploy:production", check=True)

    (warning,) = printed_warnings(done.out)
    assert "shop.tar has only the directory shop-1.2 at its top" in warning
    assert "strip: 1" in warning
    assert contents(project) == FILES


@pytest.mark.parametrize("strip", [1, *further("auto")], ids=str)
def test_strip_leaves_the_directory_out(shop: MakeShop, strip: object) -> None:
    project = shop(pack(FILES, "w:gz"), strip=strip)

    done = project.doit("deploy:production", check=True)

    assert not printed_warnings(done.out)
    for host in project.hosts:
        assert contents(project, host) == {name.partition("/")[2]: text for name, text in FILES.items()}
        assert not (project.deploy_to(host) / ".capdoit/unpack").exists()


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    ("files", "strip", "expected"),
    [
        (NESTED, 2, {"app.txt", "lib/code", ".env"}),
        (NESTED, "auto", set(FILES)),
        (FILES, 0, set(FILES)),
        ({"app.txt": "one", **FILES}, "auto", {"app.txt", *FILES}),
        ({"shop/shop/app.txt": "one"}, 1, {"shop/app.txt"}),
        ({"my shop\\x/app.txt": "one"}, 1, {"app.txt"}),
    ],
    ids=["two", "auto-takes-one", "none", "auto-takes-nothing", "the-same-name", "a-strange-name"],
)
def test_strip_leaves_out_what_it_says(
    shop: MakeShop, files: dict[str, str], strip: object, expected: set[str]
) -> None:
    project = shop(pack(files), strip=strip)

    done = project.doit("deploy:production", check=True)

    assert not printed_warnings(done.out)
    assert set(contents(project)) == expected


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    ("files", "strip"), [({"app.txt": "one", **FILES}, 1), (FILES, 3), ({"app.txt": "one"}, 1)], ids=str
)
def test_a_strip_that_would_lose_files_is_refused(shop: MakeShop, files: dict[str, str], strip: int) -> None:
    project = shop(pack(files), strip=strip)

    done = project.doit("deploy:production").failed()

    assert f"strip: {strip} needs an archive with only one directory at its top" in done.out
    assert project.releases("web1") == project.releases("web2") == []


@pytest.mark.extended("detail")
@pytest.mark.parametrize("mode", [0o500, 0o700])
def test_a_directory_that_is_left_out_may_be_closed(shop: MakeShop, mode: int) -> None:
    project = shop()
    source = project.path / "shop-1.2"
    source.mkdir()
    (source / "app.txt").write_text("one")
    source.chmod(mode)
    project.config(strip=1)
    subprocess.run(["tar", "-cf", "shop.tar", "shop-1.2"], cwd=project.path, check=True)

    release = deploy(project)

    assert contents(project) == {"app.txt": "one"}
    assert stat.S_IMODE(release_dir(project, release).stat().st_mode) == 0o755


@pytest.mark.extended("detail")
def test_a_release_whose_directory_was_left_out_can_be_rolled_back_and_verified(shop: MakeShop) -> None:
    project = shop(pack(FILES), strip="auto")
    first = deploy(project)
    (project.path / "shop.tar").write_bytes(pack({**FILES, "shop-1.2/new": "new"}))
    deploy(project)

    project.doit("cap", "verify", check=True)
    project.doit("rollback:production", check=True)

    assert project.current("web1") == first


@pytest.mark.extended("detail")
@pytest.mark.parametrize("strip", [-1, 10, "yes", "1.5", ""], ids=str)
def test_a_strip_that_makes_no_sense_is_refused(shop: MakeShop, strip: object) -> None:
    project = shop(pack(FILES), strip=strip)

    done = project.doit("deploy:production")

    assert done.code == 3
    assert "strip: found" in done.out
    assert "expected" in done.out


# -- a large archive


@pytest.mark.extended("variant")
@pytest.mark.ssh
@pytest.mark.parametrize("size", [0, 1, 262_143, 262_144, 786_432, 20_000_000])
def test_archives_of_every_size_arrive_complete(make_project: MakeProject, size: int) -> None:
    project = make_project(1, ssh=True, repo_url=None, branch=None, archive="shop.tar", linked_files=[], linked_dirs=[])
    blob = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (project.path / "shop.tar").write_bytes(pack({"small": "x"}, "w") if not size else pack_bytes("blob", blob))

    deploy(project)

    if size:
        assert (release_dir(project, str(project.current("web1"))) / "blob").read_bytes() == blob


def pack_bytes(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


@pytest.mark.extended("variant")
def test_a_large_archive_does_not_start_a_program_for_each_small_piece(shop: MakeShop, tmp_path: Path) -> None:
    project, started = shop(pack_bytes("blob", bytes(48 << 20))), tmp_path / "started"
    folder = project.path / "tools"
    folder.mkdir()
    (folder / "dd").write_text(f'#!/bin/sh\necho dd >>{started}\nexec /bin/dd "$@"\n')
    (folder / "dd").chmod(0o755)

    project.doit("deploy:production", env={"PATH": f"{folder}:{os.environ['PATH']}"}, check=True)

    assert len(started.read_text().splitlines()) < 2 * 48  # of two hosts; with pieces of 256 KiB it would be 384


COUNTS_CHECKED_BYTES = """
import atexit, hashlib
from pathlib import Path
make = hashlib.sha256

class Counting:
    def __init__(self, data=b""):
        self.digest, self.bytes = make(data), len(data)
        atexit.register(lambda: Path("checked").open("a").write(f"{self.bytes}\\n"))

    def update(self, data):
        self.digest.update(data)
        self.bytes += len(data)
        if self.bytes > 10_000_000:
            Path("checking").touch()

    def hexdigest(self):
        return self.digest.hexdigest()

hashlib.sha256 = Counting
"""


def test_a_stop_does_not_wait_for_the_checksum_of_a_large_archive(make_project: MakeProject) -> None:
    project = make_project(1, repo_url=None, branch=None, archive="shop.tar")
    archive, checking, size = project.path / "shop.tar", project.path / "checking", 4 << 30
    archive.write_bytes(pack({"app.txt": "one"}, "w"))
    project.dodo(DODO + COUNTS_CHECKED_BYTES)
    project.doit("deploy:production", "plan=shop.plan", check=True)
    os.truncate(archive, size)  # sparse, and zeros end a tar file

    with project.start("deploy:production", "apply=shop.plan") as flow:
        wait_for(60, checking.exists)
        flow.send_signal(signal.SIGINT)
        out, _ = flow.communicate(timeout=60)

    assert "interrupted by Ctrl-C in updating" in out
    assert "What is live was not changed." in out
    assert max(map(int, (project.path / "checked").read_text().split())) < size


@pytest.mark.parametrize("size", [10_000, *further(300_000)])
def test_a_dd_that_is_killed_while_an_archive_arrives_ends_the_deploy(shop: MakeShop, size: int) -> None:
    project = shop(pack_bytes("blob", os.urandom(size)))
    folder = project.path / "tools"
    folder.mkdir()
    (folder / "dd").write_text('#!/bin/sh\n/bin/dd "$@" | head -c 1000\nkill -KILL $$\n')
    (folder / "dd").chmod(0o755)

    done = project.doit("deploy:production", env={"PATH": f"{folder}:{os.environ['PATH']}"}).failed()

    assert "the connection was lost, or the shell on it was killed" in done.out
    assert project.current("web1") is project.current("web2") is None
    assert project.releases("web1") == project.releases("web2") == []


@pytest.mark.extended("variant")
def test_hosts_without_openssl_use_sha256sum(shop: MakeShop, tmp_path: Path) -> None:
    project, asked = shop(pack({"app.txt": "one"})), tmp_path / "asked"
    folder = project.path / "tools"
    folder.mkdir()
    (folder / "openssl").write_text(f"#!/bin/sh\necho asked >>{asked}\nexit 127\n")
    (folder / "openssl").chmod(0o755)
    project.hosts["web1"]["default_env"] = {"PATH": f"{folder}:/usr/bin:/bin"}
    project.config()
    project.dodo(DODO)

    deploy(project)

    assert asked.exists()
    assert contents(project) == {"app.txt": "one"}
