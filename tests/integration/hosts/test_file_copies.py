"""Copies of files and directories between the controller and a host, in every shell and over ssh."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from plumbum import local

from capdoit.config.deploy_file import load_config
from capdoit.events import Event, TransferProgress
from capdoit.hosts.connection import Connection
from capdoit.hosts.fleet import Fleet
from capdoit.hosts.host import Host
from capdoit.operations.connections import make_fleet
from capdoit.output.console import Console
from capdoit.output.console_listener import console_events
from capdoit.transfers import TRANSFERS
from tests.support import MakeProject, further, snapshot_tree

DETAIL = pytest.mark.extended("detail")
STRANGE = "it's; $(touch oops) -x é"


@pytest.fixture(params=["dash", *further("bash", "busybox", "ssh")])
def fleet(
    request: pytest.FixtureRequest, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Fleet]:
    """Yield a fleet of one host, whose scripts run in this shell."""
    tools = tmp_path / "tools"
    tools.mkdir()
    if request.param == "busybox":
        subprocess.run([str(shutil.which("busybox")), "--install", "-s", str(tools)], check=True)
    elif request.param != "ssh":
        (tools / "sh").symlink_to(str(shutil.which(request.param)))
    path = f"{tools}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    project = make_project(1, ssh=request.param == "ssh")
    stage = load_config(project.path / "deploy.yml", TRANSFERS).stages["production"]
    fleet = make_fleet(stage, console_events(Console(io.StringIO())))
    with local.env(PATH=path):  # plumbum has a copy of the environment
        yield fleet
    fleet.close()


@pytest.fixture
def host(fleet: Fleet) -> Host:
    return fleet.connections[0].host


def on_host(fleet: Fleet, work: Callable[[Host], None]) -> None:
    """Let the fleet do some work, which it can stop."""
    fleet.all(lambda connection: work(connection.host))


def failure(fleet: Fleet, work: Callable[[Host], object]) -> str:
    """Return the error of some work that fails."""
    (outcome,) = fleet.each(lambda connection: work(connection.host))
    assert outcome.error
    return str(outcome.error)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def listing(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return kind, mode and content of everything below a directory, by relative path."""
    found = snapshot_tree(folder)
    return {os.path.relpath(path, folder): (mode, content) for path, (mode, _, _, _, content) in found.items()}


def make_tree(folder: Path) -> Path:
    (folder / "a/deep").mkdir(parents=True)
    (folder / "a/deep" / STRANGE).write_text("strange\n")
    (folder / "a/secret").write_text("s\n")
    (folder / "a/secret").chmod(0o600)
    (folder / "a/run").write_text("#!/bin/sh\n")
    (folder / "a/run").chmod(0o775)
    (folder / "empty file").touch()
    (folder / "closed").mkdir(mode=0o700)
    (folder / "link").symlink_to("a/run")
    (folder / "dangling").symlink_to("/nowhere/at/all")
    (folder / ("n" * 180)).write_bytes(os.urandom(200_000))
    folder.chmod(0o750)
    return folder


# -- uploads


def test_open_files_of_bytes_and_text_are_uploaded_from_where_they_are(fleet: Fleet, tmp_path: Path) -> None:
    text, data = tmp_path / "new" / STRANGE, tmp_path / "data"
    read = io.BytesIO(b"head\n\0\xff rest")
    read.readline()

    def put(host: Host) -> None:
        host.upload(io.StringIO("größe\n"), str(text), mode=0o640)
        host.upload(read, str(data))

    on_host(fleet, put)
    assert (text.read_text(), mode_of(text)) == ("größe\n", 0o640)
    assert data.read_bytes() == b"\0\xff rest"


def test_a_file_keeps_its_mode_unless_another_is_named(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "local").touch(0o600)
    (tmp_path / "local").chmod(0o751)
    on_host(fleet, lambda host: host.upload(tmp_path / "local", str(tmp_path / "kept")))
    on_host(fleet, lambda host: host.upload(str(tmp_path / "local"), str(tmp_path / "named"), mode=0o400))
    assert (mode_of(tmp_path / "kept"), mode_of(tmp_path / "named")) == (0o751, 0o400)


def test_content_keeps_the_mode_that_is_there_or_gets_what_the_umask_leaves(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old\n")
    (tmp_path / "there").chmod(0o604)
    (tmp_path / "plain").touch()
    on_host(fleet, lambda host: host.upload(io.StringIO("x"), str(tmp_path / "there")))
    on_host(fleet, lambda host: host.upload(io.StringIO("x"), str(tmp_path / "new")))
    assert mode_of(tmp_path / "there") == 0o604
    assert mode_of(tmp_path / "new") == mode_of(tmp_path / "plain")


def test_text_is_written_only_if_it_differs(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / STRANGE / "app.conf"
    changes: list[bool] = []

    def put(*contents: str | bytes, mode: int | None = None) -> None:
        on_host(fleet, lambda host: changes.extend(host.write(one, str(file), mode=mode) for one in contents))

    put("größe\n")
    os.utime(file, (1, 1))
    put("größe\n", "größe\n".encode())
    assert (changes, file.stat().st_mtime) == ([True, False, False], 1)
    put("größe\n", mode=0o600)
    put("", b"", mode=0o600)
    assert changes == [True, False, False, True, True, False]
    assert (file.read_text(), mode_of(file)) == ("", 0o600)
    assert [path.name for path in file.parent.iterdir()] == ["app.conf"]


def test_a_mode_for_a_directory_is_refused(host: Host, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mode= is for a file"):
        host.upload(tmp_path, "/nowhere", mode=0o700)


@DETAIL
def test_a_directory_is_uploaded_with_all_that_is_in_it(fleet: Fleet, tmp_path: Path) -> None:
    tree, copy = make_tree(tmp_path / "tree"), tmp_path / "new" / STRANGE
    for _ in range(2):
        on_host(fleet, lambda host: host.upload(tree, str(copy)))
        assert listing(copy) == listing(tree)
    assert [path.name for path in copy.parent.iterdir()] == [STRANGE]


@DETAIL
def test_a_directory_in_place_of_a_file_is_named(fleet: Fleet, tmp_path: Path) -> None:
    assert f"{tmp_path} is a directory: name the file" in failure(fleet, lambda host: host.write("x", str(tmp_path)))


# -- downloads


def test_a_directory_arrives_with_all_that_is_in_it(fleet: Fleet, tmp_path: Path) -> None:
    tree, copy = make_tree(tmp_path / "tree"), tmp_path / "new" / STRANGE
    on_host(fleet, lambda host: host.download(str(tree), copy))
    assert listing(copy) == listing(tree)
    assert [path.name for path in copy.parent.iterdir()] == [STRANGE]


def test_a_directory_that_exists_keeps_what_the_download_does_not_have(fleet: Fleet, tmp_path: Path) -> None:
    tree, copy = make_tree(tmp_path / "tree"), tmp_path / "copy"
    (copy / "a").mkdir(parents=True)
    (copy / "a/mine").write_text("mine\n")
    (copy / "a/run").write_text("old\n")
    on_host(fleet, lambda host: host.download(f"{tree}/", copy))
    assert (copy / "a/mine").read_text() == "mine\n"
    expected = {path: entry for path, entry in listing(tree).items() if path not in (".", "a")}
    assert expected.items() <= listing(copy).items()


def test_a_file_arrives_with_its_mode(fleet: Fleet, tmp_path: Path) -> None:
    for name, content in (("empty", b""), ("lines", b"a\n\n\n"), ("bytes", os.urandom(300_000))):
        there, here = tmp_path / f"{name} {STRANGE}", tmp_path / "got" / name
        there.write_bytes(content)
        there.chmod(0o640)
        on_host(fleet, partial(Host.download, remote=str(there), local=str(here)))
        assert (here.read_bytes(), mode_of(here)) == (content, 0o640)
    assert len([*(tmp_path / "got").iterdir()]) == 3


def test_a_file_arrives_in_open_files_of_bytes_and_text(fleet: Fleet, tmp_path: Path) -> None:
    data, text = io.BytesIO(), io.StringIO()
    (tmp_path / "file").write_text("größe\r\n\n")
    on_host(fleet, lambda host: host.download(str(tmp_path / "file"), data))
    on_host(fleet, lambda host: host.download(str(tmp_path / "file"), text))
    assert data.getvalue() == "größe\r\n\n".encode()
    assert text.getvalue() == "größe\r\n\n"


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_what_cannot_be_downloaded_is_named_and_leaves_nothing(fleet: Fleet, tmp_path: Path, kind: str) -> None:
    here = tmp_path / "here"
    here.write_text("mine\n")
    if kind == "missing":
        said = failure(fleet, lambda host: host.download("/nowhere at all", here))
        assert "/nowhere at all does not exist" in said
    else:
        said = failure(fleet, lambda host: host.download(str(tmp_path), io.BytesIO()))
        assert "it is a directory, and needs a path on this machine" in said
    assert here.read_text() == "mine\n"
    assert list(tmp_path.glob("*part")) == []


@DETAIL
def test_a_directory_that_a_file_stands_in_for_is_named(fleet: Fleet, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    (tmp_path / "copy").write_text("mine\n")
    assert str(tmp_path / "copy") in failure(fleet, lambda host: host.download(str(tree), tmp_path / "copy"))
    assert (tmp_path / "copy").read_text() == "mine\n"
    assert list(tmp_path.glob("*part")) == []


def test_a_download_that_is_stopped_leaves_the_file_that_was_there(fleet: Fleet, tmp_path: Path) -> None:
    (connection,) = fleet.connections
    here, slow = tmp_path / "here", tmp_path / "tools/cat"
    here.write_text("mine\n")
    slow.unlink(missing_ok=True)
    slow.write_text("#!/bin/sh\necho part\nsleep 60\n")
    slow.chmod(0o755)

    def get(connection: Connection) -> None:
        (tmp_path / "there").write_text("x" * 1000)
        connection.host.download(str(tmp_path / "there"), here)

    if connection.config.transport != "local":
        pytest.skip("the PATH of an sshd is not that of the tests")
    events: list[Event] = []
    connection._events.subscribe(events.append)
    began = time.monotonic()
    connection._events.subscribe(lambda event: fleet.stop() if isinstance(event, TransferProgress) else None)
    assert not fleet.each(get)[0]
    assert time.monotonic() - began < 50
    assert here.read_text() == "mine\n"
    assert list(tmp_path.glob("*part")) == []


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_download_reports_its_progress_at_most_ten_times_a_second(fleet: Fleet, tmp_path: Path, kind: str) -> None:
    events: list[TransferProgress] = []
    (connection,) = fleet.connections
    connection._events.subscribe(lambda event: events.append(event) if isinstance(event, TransferProgress) else None)
    (tmp_path / "tree").mkdir()
    file = tmp_path / "tree/file"
    file.write_bytes(bytes(5_000_000))
    there = file if kind == "file" else file.parent
    began = time.monotonic()
    on_host(fleet, lambda host: host.download(str(there), tmp_path / "copy"))
    last = events[-1]
    assert (last.name, last.sent_bytes) == (f"download {there}", last.total_bytes)
    assert last.total_bytes == 5_000_000 if kind == "file" else last.total_bytes >= 5_000_000
    assert [event.sent_bytes for event in events] == sorted(event.sent_bytes for event in events)
    assert len(events) < 5 + 10 * (time.monotonic() - began)


@DETAIL
def test_large_files_go_both_ways(fleet: Fleet, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        for _ in range(100):
            file.write(os.urandom(1 << 20))

    def copy(host: Host) -> None:
        host.upload(large, str(tmp_path / "there"))
        host.download(str(tmp_path / "there"), tmp_path / "back")

    on_host(fleet, copy)
    subprocess.run(["cmp", large, tmp_path / "back"], check=True)


@DETAIL
def test_a_download_of_a_host_that_packs_outside_of_the_directory_writes_nothing_there(
    fleet: Fleet, tmp_path: Path
) -> None:
    (connection,) = fleet.connections
    if connection.config.transport != "local":
        pytest.skip("the PATH of an sshd is not that of the tests")
    (tmp_path / "evil").write_text("evil\n")
    (tmp_path / "tree").mkdir()
    tar = shutil.which("tar", path=os.defpath)
    fake = tmp_path / "tools/tar"
    fake.unlink(missing_ok=True)
    text = f'case $1 in -cf) exec {tar} -cPf - -C {tmp_path}/tree ../evil ;; *) exec {tar} "$@" ;; esac'
    fake.write_text(f"#!/bin/sh\n{text}\n")
    fake.chmod(0o755)
    (tmp_path / "deep").mkdir()
    fleet.each(lambda connection: connection.host.download(str(tmp_path / "tree"), tmp_path / "deep/copy"))
    assert {path.name for path in (tmp_path / "deep").iterdir()} <= {"copy"}  # busybox unpacks it there
