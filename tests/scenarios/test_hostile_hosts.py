"""Hosts with hostile answers and files: a flow fails cleanly or works, and no other host is harmed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from capdoit.testing import Completed, Project
from tests.support import choose_ordinary

ESCAPES = "\x1b[2J\x1b]0;pwned\x07\x9b31m\r"
# What plays ssh: reads the nonce, greets, and then does what the case says.
SSH = """\
#!{python}
import os, sys, time
nonce = sys.stdin.buffer.readline().strip()
escapes = {escapes!r}
def both(data):
    os.write(1, data)
    os.write(2, data)
def say(data):
    while data:
        data = data[os.write(1, data):]
def end(tag, status=b"0"):
    both(b"\\n" + nonce + b" " + tag + b" " + status + b"\\n")
def greet():
    end(b"hello")
"""
ANSWERS = {
    "escapes instead of a greeting": "both(escapes + b'\\n'); sys.exit(255)",
    "escapes in place of the facts": "greet(); say(escapes); end(b'1'); end(b'2')",
    "a fact nobody asked for": "greet(); say(b'colour\\t' + escapes + b'\\nend\\tyes\\n'); end(b'1'); end(b'2')",
    "half of the facts": "greet(); say(b'user\\tdeploy\\n'); end(b'1'); end(b'2')",
    "garbage": "greet(); say(os.urandom(100_000)); end(b'1'); end(b'2')",
    "the end of what nobody began": "greet(); end(b'7'); end(b'\\x1b[2J'); time.sleep(0.2)",
    "a status that is no number": "greet(); end(b'1', b'zero'); end(b'2', b'-1'); time.sleep(0.2)",
    "a status that is no status": "greet(); end(b'1', b'99999'); end(b'2', b'99999')",
    "a status of five thousand digits": "greet(); end(b'1', b'9' * 5000); end(b'2'); time.sleep(0.2)",
    "its death in the middle": "greet(); say(escapes); os.kill(os.getpid(), 9)",
    "more than is ever captured": "greet()\nfor _ in range(1100): say(b'x' * 65536)",
    "a hundred thousand facts": "greet(); say(b'stray\\tx\\n' * 100_001 + b'end\\tyes\\n'); end(b'1'); end(b'2')",
    "an error with escapes": "greet(); os.write(2, escapes + b'\\n'); end(b'1', b'1'); end(b'2', b'1')",
}


def assert_unharmed(done: Completed) -> None:
    """Check that the output has no terminal escapes and no traceback."""
    assert "Traceback" not in done.out
    assert all(char.isprintable() or char == "\n" for char in done.out)


@pytest.mark.parametrize(
    "name",
    choose_ordinary(ANSWERS, "escapes in place of the facts"),
)
def test_a_host_with_a_hostile_answer_fails_and_no_other_host_is_changed(
    project: Project, tmp_path: Path, name: str
) -> None:
    project.doit("deploy:production", check=True)
    live = project.current("web1")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ssh").write_text(SSH.format(python=sys.executable, escapes=ESCAPES.encode()) + f"{ANSWERS[name]}\n")
    (folder / "ssh").chmod(0o755)
    project.hosts["rude"] = {"transport": "ssh", "roles": ["app"], "deploy_to": "/srv/shop"}
    project.config()
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}

    status = project.doit("cap", "status", env=env)
    deploys, rolls_back = (project.doit(f"{flow}:production", env=env).failed() for flow in ("deploy", "rollback"))

    for done in (status, deploys, rolls_back):
        assert_unharmed(done)
        assert "rude: " in done.out
    assert status.code == 3
    assert any(line.split()[:2] == ["web1", live] for line in status.out.splitlines())
    for host in ("web1", "web2"):
        assert project.current(host) == live
        assert project.releases(host) == [live]
        assert (project.deploy_to(host) / ".capdoit/lock").read_text().strip() == ""


def big_lock(tree: Path) -> None:
    with (tree / ".capdoit/lock").open("w") as file:
        file.truncate(100 << 20)


def rude_lock(tree: Path) -> None:
    (tree / ".capdoit/lock").write_text(json.dumps({"flow": "deploy", "by": ESCAPES, "origin": "\u202e"}))


def no_json_lock(tree: Path) -> None:
    (tree / ".capdoit/lock").write_text(ESCAPES)


def rude_journal(tree: Path) -> None:
    with (tree / ".capdoit/journal").open("ab") as file:
        file.write(os.urandom(10_000) + ESCAPES.encode() + b"\n[[[[\n\0\0\n" + b"[" * 20_000)


def rude_log(tree: Path) -> None:
    with (tree / "revisions.log").open("ab") as file:
        file.write(os.urandom(10_000) + f"\n{ESCAPES} rolled back to release 20200101000000\n".encode())


def rude_releases(tree: Path) -> None:
    for name in (ESCAPES, "-rf", "a\nend\tyes", "20200101000000\nend\tyes", "99999999999999", "\udcff"):
        (tree / "releases" / name).mkdir()
    (tree / "releases/20200101000000").symlink_to("/etc")


def rude_archives(tree: Path) -> None:
    for name in (f"2{ESCAPES}", "2\nend\tyes", "20200101000000"):
        (tree / f"rolled-back-release-{name}.tar.gz").write_text("no archive")


def rude_revision(tree: Path) -> None:
    for release in (tree / "releases").iterdir():
        (release / "REVISION").write_text(f"{ESCAPES}\n")


def current_is_etc(tree: Path) -> None:
    (tree / "current").unlink()
    (tree / "current").symlink_to("/etc")


def current_of_lines(tree: Path) -> None:
    (tree / "current").unlink()
    (tree / "current").symlink_to(f"{tree}/releases/20200101000000\nend\tyes\n{ESCAPES}")


def huge_revision(tree: Path) -> None:
    for release in (tree / "releases").iterdir():
        (release / "REVISION").write_bytes(b"a" * (10 << 20))


def huge_journal(tree: Path) -> None:
    with (tree / ".capdoit/journal").open("ab") as file:
        file.write(b"x" * (50 << 20) + b"\n")


def rude_archived_revision(tree: Path) -> None:
    first, _ = sorted((tree / "releases").iterdir())
    archive = tree / f"rolled-back-release-{first.name}.tar.gz"
    (first / "REVISION").write_text(f"{ESCAPES}\n")
    subprocess.run(["tar", "-czf", archive, "-C", "/", str(first).lstrip("/")], check=True)
    shutil.rmtree(first)


TREES: tuple[Callable[[Path], None], ...] = (
    big_lock,
    rude_lock,
    no_json_lock,
    rude_journal,
    rude_log,
    rude_releases,
    rude_archives,
    rude_revision,
    current_is_etc,
    current_of_lines,
    huge_revision,
    huge_journal,
    rude_archived_revision,
)


@pytest.mark.parametrize(
    "spoil",
    choose_ordinary(TREES, rude_journal),
    ids=lambda spoil: spoil.__name__,
)
def test_hostile_files_in_a_tree_are_shown_escaped_and_hosts_stay_consistent(
    project: Project, spoil: Callable[[Path], None]
) -> None:
    for _ in range(2):
        project.doit("deploy:production", check=True)
    spoil(project.deploy_to("web2"))
    etc = sorted(os.listdir("/etc"))

    for words in (["cap", "status"], ["cap", "releases"], ["rollback:production"], ["deploy:production"]):
        before = project.current("web1")
        done = project.doit(*words, timeout=60)
        assert_unharmed(done)
        if words[0] == "cap" or done.code:
            assert project.current("web1") == before
        else:
            assert project.current("web1") == project.current("web2")
            assert project.current("web1") != before
    assert sorted(os.listdir("/etc")) == etc


@pytest.mark.extended("variant")
def test_a_deploy_over_a_current_symlink_to_etc_touches_nothing_there(project: Project) -> None:
    project.doit("deploy:production", check=True)
    current_is_etc(project.deploy_to("web2"))
    etc = sorted(os.listdir("/etc"))

    project.doit("deploy:production", check=True)

    assert project.current("web2") == project.current("web1")
    assert sorted(os.listdir("/etc")) == etc
