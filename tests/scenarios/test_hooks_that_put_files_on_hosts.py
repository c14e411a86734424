"""Hooks that copy files and directories to hosts: whatever is missing there, and whatever is there already."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.support import MakeProject, further, snapshot_tree, write_hooks

DETAIL = pytest.mark.extended("detail")


def upload_hook(project: Project, local: object, remote: object, point: str = "after('updated')") -> None:
    write_hooks(
        project,
        f"""
        @cap.{point}
        def put(host):
            '''Copy something.'''
            host.upload({str(local)!r}, f'{remote}')
        """,
    )


def make_site(folder: Path) -> Path:
    """Make a directory with all that a directory may hold, modes and strange names included."""
    (folder / "css/deep").mkdir(parents=True)
    (folder / "css/main.css").write_text("css\n")
    (folder / "css/deep/-x; $(touch oops) é\n.txt").write_text("strange\n")
    (folder / ("n" * 180)).write_text("long\n")
    (folder / "empty").mkdir(mode=0o750)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "secret").write_text("s\n")
    (folder / "secret").chmod(0o600)
    (folder / "latest").symlink_to("css/main.css")
    (folder / "dangling").symlink_to("/nowhere/at/all")
    (folder / "big").write_bytes(os.urandom(300_000))
    return folder


def listing(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return kind, mode and content of everything below a directory, by relative path."""
    found = snapshot_tree(folder)
    return {os.path.relpath(path, folder): (mode, content) for path, (mode, _, _, _, content) in found.items()}


@pytest.mark.parametrize("ssh", [False, *further(True)])
def test_a_directory_arrives_with_all_that_is_in_it(make_project: MakeProject, tmp_path: Path, ssh: bool) -> None:
    project, site = make_project(ssh=ssh), make_site(tmp_path / "site")
    upload_hook(project, site, "{host.deploy_to}/shared/public/site")
    project.doit("deploy:production", check=True)
    for host in project.hosts:
        assert listing(project.shared(host) / "public/site") == listing(site)
        assert [path.name for path in (project.shared(host) / "public").iterdir()] == ["site"]


@DETAIL
def test_a_directory_that_exists_keeps_what_the_upload_does_not_have(project: Project, tmp_path: Path) -> None:
    site = make_site(tmp_path / "site")
    for host in project.hosts:
        there = project.shared(host) / "site"
        (there / "css").mkdir(parents=True)
        (there / "css/main.css").write_text("old\n")
        (there / "css/extra.css").write_text("extra\n")
        (there / "latest").symlink_to("elsewhere")
        (project.deploy_to(host) / "outside").mkdir()
        (there / "empty").symlink_to(project.deploy_to(host) / "outside")
    upload_hook(project, site, "{host.deploy_to}/shared/site/")
    project.doit("deploy:production", check=True)
    for host in project.hosts:
        there = project.shared(host) / "site"
        assert (there / "css/extra.css").read_text() == "extra\n"
        assert (there / "empty").is_symlink()
        expected = {path: entry for path, entry in listing(site).items() if path not in (".", "css", "empty")}
        assert expected.items() <= listing(there).items()
        assert not list(project.shared(host).glob("*part"))


@DETAIL
@pytest.mark.parametrize("obstacle", ["a file in place of the directory", "a directory in place of a file"])
def test_what_an_upload_cannot_replace_is_named_and_stays(project: Project, tmp_path: Path, obstacle: str) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/page").write_text("page\n")
    there = project.shared("web1") / "site"
    if obstacle.startswith("a file"):
        there.write_text("mine\n")
    else:
        (there / "page").mkdir(parents=True)
        (there / "page/mine").write_text("mine\n")
    before = listing(project.shared("web1"))
    upload_hook(project, tmp_path / "site", "{host.deploy_to}/shared/site")
    done = project.doit("deploy:production").failed()
    assert str(there) in done.out
    assert "directory" in done.out
    after = listing(project.shared("web1"))
    assert {path: after[path] for path in before if path in after} == before


@DETAIL
def test_a_socket_in_a_directory_is_named_and_nothing_is_sent(project: Project, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    previous = Path.cwd()
    os.chdir(tmp_path / "site")  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("socket")
    finally:
        os.chdir(previous)
    upload_hook(project, tmp_path / "site", "{host.deploy_to}/shared/site")
    done = project.doit("deploy:production").failed()
    assert "site/socket" in done.out
    assert "is neither a file, a directory nor a symlink" in done.out
    assert not (project.shared("web1") / "site").exists()


def test_missing_parents_of_a_file_are_made(project: Project, tmp_path: Path) -> None:
    (tmp_path / "local").write_text("text\n")
    (tmp_path / "local").chmod(0o640)
    upload_hook(project, tmp_path / "local", "{host.deploy_to}/shared/a/b c/file")
    project.doit("deploy:production", check=True)
    for host in project.hosts:
        file = project.shared(host) / "a/b c/file"
        assert file.read_text() == "text\n"
        assert file.stat().st_mode & 0o777 == 0o640


@DETAIL
@pytest.mark.parametrize("remote", ["{host.deploy_to}/shared", "{host.deploy_to}/shared/new/"])
def test_a_file_needs_the_name_of_a_file(project: Project, tmp_path: Path, remote: str) -> None:
    (tmp_path / "local").write_text("text\n")
    upload_hook(project, tmp_path / "local", remote)
    assert "is a directory: name the file" in project.doit("deploy:production").failed().out
    assert not (project.shared("web1") / "new").exists()


@DETAIL
@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("host.upload('nothing', 'x')", "No such file or directory: 'nothing'"),
        ("__import__('json').loads('[')", "JSONDecodeError"),
        ("helpers.read()", "No such file or directory: 'nowhere'"),
    ],
)
def test_the_line_of_a_hook_that_failed_is_named_and_not_a_line_of_python(
    project: Project, call: str, why: str
) -> None:
    project.write_module("helpers.py", "from pathlib import Path\ndef read():\n    Path('nowhere').read_text()\n")
    write_hooks(
        project,
        f"""
        import helpers
        @cap.after('updated')
        def put(host):
            {call}
        """,
    )
    out = project.doit("deploy:production").failed().out
    assert why in out
    assert ("(helpers.py:3)" if "helpers" in call else "(dodo.py:6)") in out
