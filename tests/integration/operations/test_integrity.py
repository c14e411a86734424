"""Releases are what was shipped: manifests, what a rollback refuses, and what `doit cap verify` shows."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capdoit.errors import HostError
from capdoit.records.manifest import END, MANIFEST, MOST_LINES, between, parse, parse_listing, shown
from capdoit.testing import DODO, GitRepo, Project
from tests.support import LIKE_ANYBODY, MakeProject, deploy

ODD = ["new\nline", "tab\tname", "back\\slash", " lead", "a -> b", "é", "\udcff\udcfe", "-n", "*", "was\tx\tstat\t1"]
RELEASE = "20260101000000"


def release(project: Project, name: str, host: str = "web1") -> Path:
    return project.deploy_to(host) / "releases" / name


def manifest(project: Project, name: str, host: str = "web1") -> Path:
    return project.deploy_to(host) / ".capdoit/manifests" / name


def verify(project: Project, *words: str, code: int = 0) -> Any:
    return json.loads(project.doit("cap", "verify", *words, "--json").failed(code).out)


def changes(said: Any, host: str = "web1") -> dict[str, tuple[str, list[str]]]:
    (one,) = [one for one in said["hosts"] if one["host"] == host]
    return {change["path"]: (change["what"], change["how"]) for change in one["changes"]}


# -- what two listings say


def _line(line: str) -> str:
    """A line of a listing; the sums of these tests are short, and stand behind their paths as all else does."""
    path, _, sum_ = line.partition("\tsha256\t")
    return f"{sum_.zfill(64)}  {path}" if sum_ else line


def compared(was: str, now: str) -> list[str]:
    """The changes that a host would tell by these lines of differences."""
    lines = [f"{side}\t{_line(line)}" for side, text in (("was", was), ("is", now)) for line in text.splitlines()]
    return list(map(str, parse("web1", "\n".join(["revision\tabc", "manifest\tyes", *lines, END, ""])).changes))


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("./a\tstat\t81a4 1\n./a\tsha256\t12", "", "missing a"),
        ("", "./a\tstat\t81a4 1\n./a\tsha256\t12", "added a"),
        ("", "./a\tlink\tx", "added a"),
        ("./a\tstat\t81a4 1", "./a\tstat\t8180 1", "changed a: mode 644 -> 600"),
        ("./a\tstat\t81a4 1", "./a\tstat\t81a4 2", "changed a: size 1 -> 2"),
        ("./a\tsha256\t12", "./a\tsha256\t13", "changed a: contents"),
        ("./a\tsha256\t12", "", "changed a: cannot be read"),
        ("./a\tlink\tx", "./a\tlink\ty", "changed a: link x -> y"),
        ("./a\tlink\tx", "./a\tstat\t81a4 1\n./a\tsha256\t1", "changed a: was a link, is a file"),
        ("./a\tstat\t81a4 1\n./a\tsha256\t1", "./a\tstat\t41ed", "changed a: was a file, is a directory"),
        (".\tstat\t41ed", ".\tstat\t41c0", "changed .: mode 755 -> 700"),
        ("\\2e2f610a62\tstat\t81a4 1", "", "missing a\\nb"),
        ("\\zz\tstat\t81a4 1", "", "missing \\zz"),
        ("garbage", "", "missing garbage"),
        ("", "~\tend\tyes", "missing the end of the manifest: it was cut short"),
        ("./\x1b[2J\tstat\tnonsense", "", "missing \\x1b[2J"),
    ],
)
def test_what_became_of_a_path(was: str, now: str, said: str):
    assert compared(was, now) == [said]


def test_what_could_not_be_read_when_it_was_shipped_is_no_change_once_it_can_be():
    assert compared("", "./a\tsha256\t12") == []


def test_what_was_added_is_no_damage():
    found = parse("web1", f"revision\tabc\nmanifest\tyes\nwas\t./b\tstat\t81a4 1\n{END}\nis\t./a\tstat\t81a4 1\n")
    assert [str(change) for change in found.damage] == ["missing b"]
    assert found.summary() == "1 missing, 1 added"


def test_a_host_that_sends_all_that_it_may_says_that_there_is_more():
    lines = [f"was\t./{n}\tstat\t81a4 1" for n in range(MOST_LINES)]
    found = parse("web1", "\n".join(["revision\tabc", "manifest\tyes", *lines, ""]))
    assert found.cut
    assert found.summary() == f"{MOST_LINES} missing, and more"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "revision\tabc\nmanifest\tyes\nwas\t./a\tstat\t1\n",
        "hello\n",
        "revision\tabc\nmanifest\tyes\n",
        f"revision\tabc\n{END}\n",
    ],
)
def test_an_answer_that_is_not_whole_is_none(text: str):
    with pytest.raises(HostError):
        parse("web1", text)


def test_a_release_without_a_manifest_has_nothing_to_differ_from():
    found = parse("web1", "revision\tabc\n")
    assert (found.has_manifest, found.damage, found.is_as_shipped) == (False, (), False)


def test_what_hosts_do_not_have_alike():
    lists = {
        "web1": "./a\tstat\t81a4 1\n./b\tlink\tx\n./c\tstat\t41ed",
        "web2": "./a\tstat\t81a4 2\n./c\tstat\t41ed",
        "web3": "./a\tstat\t81a4 1\n./b\tlink\tx\n./c\tstat\t41ed",
    }
    found = between({host: parse_listing(text.split("\n")) for host, text in lists.items()})
    assert list(map(str, found)) == [
        "differs a: file 644 1 bytes on web1 web3, file 644 2 bytes on web2",
        "differs b: a link to x on web1 web3, missing on web2",
    ]


def test_more_changes_than_are_shown_are_counted():
    found = parse(
        "web1", "\n".join(["revision\tabc", "manifest\tyes", *(f"was\t./{n}\tstat\t1" for n in range(5)), END, ""])
    )
    assert shown(found.changes, 3) == ["missing 0", "missing 1", "missing 2", "and 2 more"]


# -- what shells and tools of hosts make of a directory

Listing = Callable[..., bytes]


@pytest.fixture(params=["dash", "bash", "busybox"])
def listing(request: pytest.FixtureRequest, tmp_path: Path) -> Listing:
    """Lists a directory with a shell, and with busybox's tools, when it is busybox's."""
    path = os.environ["PATH"]
    if request.param == "busybox":
        tools = tmp_path / "busybox-tools"
        tools.mkdir()
        for name in ("sh", "find", "stat", "sha256sum", "sed", "od", "tr", "readlink"):
            (tools / name).symlink_to(str(shutil.which("busybox")))
        path = str(tools)
    shell = str(tools / "sh") if request.param == "busybox" else str(shutil.which(request.param))

    def run(place: Path, how: str) -> bytes:
        values = f"deploy_to='{place.parent}'; verify={how}; release={RELEASE}\n"
        script = f"set -eu\n{values}{MANIFEST.read_text()}\nlisting '{place}'\n"
        done = subprocess.run([*LIKE_ANYBODY, shell, "-c", script], env={"PATH": path}, capture_output=True, check=True)
        assert all(line.endswith(b"Permission denied") for line in done.stderr.splitlines())
        return done.stdout

    return run


def test_any_name_is_listed_once_and_the_same_by_all_tools(tmp_path: Path, listing: Listing):
    place = tmp_path / "release"
    place.mkdir()
    for name in ODD:
        (place / name).mkdir()
        (place / name / "plain").write_text(name[:1], errors="surrogateescape")
        (place / f"{name}.link").symlink_to(name)
    (place / "shared").symlink_to(tmp_path / "shared/log")
    os.mkfifo(place / "fifo")
    found = parse_listing(listing(place, "full").decode(errors="surrogateescape").split("\n")[:-1])
    everything = {"." if path == place else f"./{path.relative_to(place)}" for path in [place, *place.rglob("*")]}
    names = {path if path[0] != "\\" else os.fsdecode(bytes.fromhex(path[1:])) for path in found} - {"~"}
    assert names == everything
    assert found["./ lead/plain"]["sha256"] == hashlib.sha256(b" ").hexdigest()
    assert found["./shared"] == {"link": "<deploy_to>/shared/log"}
    assert found["./a -> b.link"] == {"link": "a -> b"}
    assert found["\\" + b"./new\nline.link".hex()] == {"link": "\\" + b"new\nline".hex()}
    odd = found["\\" + b"./tab\tname/plain".hex()]
    assert odd == {"stat": "81a4 1", "sha256": hashlib.sha256(b"t").hexdigest()}


def test_what_its_user_may_not_read_is_listed_as_far_as_it_can_be(tmp_path: Path, listing: Listing):
    for name in ("open", "closed"):
        (tmp_path / "release" / name).mkdir(parents=True)
        (tmp_path / "release" / name / "file").write_text("a")
    (tmp_path / "release/open/secret").write_text("b")
    (tmp_path / "release/open/secret").chmod(0)
    (tmp_path / "release/closed").chmod(0)
    found = parse_listing(listing(tmp_path / "release", "full").decode().split("\n")[:-1])
    assert {*found} == {".", "./open", "./open/file", "./open/secret", "./closed", "~"}
    assert "sha256" in found["./open/file"]
    assert "sha256" not in found["./open/secret"]


def test_the_quick_listing_is_the_full_one_without_contents(tmp_path: Path, listing: Listing):
    place = tmp_path / "release"
    (place / "new\nline").mkdir(parents=True)
    (place / "new\nline/a").write_text("a")
    (place / "b").write_text("b")
    full = listing(place, "full").splitlines()
    sums = [line for line in full if len(line.partition(b"  ")[0]) == 64]
    assert sorted(set(full) - set(sums)) == sorted(listing(place, "quick").splitlines())
    assert len(sums) == 2


@pytest.mark.parametrize("name", ["__pycache__", "lib/__pycache__", "node_modules/.cache", "tmp", "log", "var/cache"])
def test_what_running_programs_write_is_left_out(tmp_path: Path, listing: Listing, name: str):
    place = tmp_path / "release"
    (place / name).mkdir(parents=True)
    (place / name / "a").write_text("a")
    assert name.encode() not in listing(place, "full")


def test_a_link_of_such_a_name_and_a_directory_elsewhere_are_listed(tmp_path: Path, listing: Listing):
    place = tmp_path / "release"
    (place / "lib/tmp").mkdir(parents=True)
    (place / "lib/tmp/a").write_text("a")
    (place / "tmp").symlink_to(tmp_path / "shared/tmp")
    found = listing(place, "quick")
    assert b"./tmp\tlink\t<deploy_to>/shared/tmp\n" in found
    assert b"./lib/tmp/a\tstat\t" in found


# -- manifests


def test_a_deploy_leaves_a_manifest_of_what_became_live_hooks_included_outside_of_the_release(project: Project):
    project.dodo(
        DODO + "@cap.before('publishing')\ndef build(host, release):\n"
        "    host.run('echo built >app.js', cwd=release.path)\n"
    )
    live = deploy(project)
    found = parse_listing(manifest(project, live).read_text().split("\n"))
    assert found["./app.js"]["sha256"] == hashlib.sha256(b"built\n").hexdigest()
    assert found["./REVISION"]["stat"].endswith(" 41")
    assert found["./log"] == {"link": "<deploy_to>/shared/log"}
    assert not list(release(project, live).rglob("*manifest*"))
    assert verify(project)["well"] is True


def test_a_manifest_goes_with_its_release_and_stays_with_its_archive(project: Project):
    project.config(keep_releases=2)
    first, second, third = (deploy(project) for _ in range(3))
    assert not manifest(project, first).exists()
    project.doit("rollback:production", check=True)
    assert project.releases("web1") == [second]
    assert sorted(os.listdir(manifest(project, "").parent / "manifests")) == [second, third]
    for archive in project.deploy_to("web1").glob("rolled-back-release-*"):
        archive.unlink()
    fourth = deploy(project)
    assert sorted(os.listdir(manifest(project, "").parent / "manifests")) == [second, fourth]


def test_a_failed_deploy_leaves_no_manifest(project: Project):
    first = deploy(project)
    project.dodo(DODO + "@cap.before('publishing')\ndef fails(host):\n    host.run('false')\n")
    project.doit("deploy:production").failed()
    assert os.listdir(manifest(project, "")) == [first]


def test_a_manifest_that_cannot_be_written_ends_the_deploy_before_anything_is_live(project: Project):
    first = deploy(project)
    shutil.rmtree(manifest(project, ""))
    manifest(project, "").parent.joinpath("manifests").write_text("in the way")
    project.doit("deploy:production").failed()
    assert project.current("web1") == project.current("web2") == first


# -- what a rollback refuses


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda tree: (tree / "app.txt").unlink(), "missing app.txt"),
    "longer": (lambda tree: (tree / "app.txt").write_text("longer than before\n"), "changed app.txt: size 6 -> 19"),
    "mode": (lambda tree: (tree / "app.txt").chmod(0o600), " -> 600\n"),
    "link": (lambda tree: relink(tree / "log"), "changed log: link <deploy_to>/shared/log -> /elsewhere"),
    "kind": (lambda tree: remake(tree / "app.txt"), "changed app.txt: was a file, is a directory"),
}


def relink(link: Path) -> None:
    link.unlink()
    link.symlink_to("/elsewhere")


def remake(file: Path) -> None:
    file.unlink()
    file.mkdir()


def tree_of(project: Project) -> dict[str, object]:
    """All that is on the hosts but what a flow that is refused writes, too: the journal and the lock's time."""
    return {
        str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else "")
        for host in project.hosts
        for path in project.deploy_to(host).rglob("*")
        if path.name not in ("journal", "lock")
    }


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_rollback_to_a_damaged_release_is_refused_and_says_what_differs_on_every_host(project: Project, kind: str):
    damage, said = DAMAGE[kind]
    first, second = deploy(project), deploy(project)
    for host in project.hosts:
        damage(release(project, first, host))
    before = tree_of(project)
    done = project.doit("rollback:production").failed()
    assert done.out.count(said) == 2
    assert f"web1: release {first} is not as it was shipped: 1 " in done.out
    assert f"web2: release {first} is not as it was shipped: 1 " in done.out
    assert "doit rollback:production force=yes" in done.out
    assert f"doit cap verify production {first}" in done.out
    assert project.current("web1") == project.current("web2") == second
    assert tree_of(project) == before


REMAKES = (
    DODO
    + """
@cap.before("updated")
@cap.before("reverted")
def make(host, release, flow):
    host.run(f"echo {flow.name} >made", cwd=release.path)
"""
)


def test_hosts_with_busybox_tools_alone_write_manifests_and_find_damage(project: Project, tmp_path: Path):
    tools = tmp_path / "busybox-tools"
    tools.mkdir()
    busybox, git = shutil.which("busybox"), shutil.which("git")
    assert busybox
    assert git
    subprocess.run([busybox, "--install", "-s", str(tools)], check=True)
    (tools / "git").unlink(missing_ok=True)
    (tools / "git").symlink_to(git)
    project.config(default_env={"PATH": str(tools)})
    project.dodo(REMAKES)
    first, second = deploy(project), deploy(project)
    assert verify(project)["well"] is True
    (release(project, first, "web2") / "app.txt").unlink()
    assert "missing app.txt" in project.doit("rollback:production").failed().out
    project.doit("rollback:production", "force=yes", check=True)
    project.doit("rollback:production", f"rollback_release={second}", "verify=full", check=True)
    assert verify(project)["well"] is True


def test_damage_is_found_before_the_hooks_of_reverted_take_anything_away(project: Project):
    first, _ = deploy(project), deploy(project)
    project.dodo(DODO + "@cap.after('reverted')\ndef take_away(host):\n    host.run('echo TAKEN')\n")
    (release(project, first, "web2") / "app.txt").unlink()
    done = project.doit("rollback:production").failed()
    assert "TAKEN" not in done.out
    assert "web2: release" in done.out


def test_only_a_full_look_sees_contents_of_the_same_size(project: Project):
    first, second = deploy(project), deploy(project)
    (release(project, first) / "app.txt").write_text("FIRST\n")
    done = project.doit("rollback:production", "verify=full").failed()
    assert "changed app.txt: contents" in done.out
    assert project.current("web1") == second
    project.doit("rollback:production", "verify=quick", check=True)
    assert project.current("web1") == first


def test_force_goes_to_a_damaged_release_with_a_warning_that_is_remembered(project: Project):
    first, _ = deploy(project), deploy(project)
    (release(project, first) / "app.txt").unlink()
    done = project.doit("rollback:production", "force=yes", check=True)
    assert f"warning: web1: release {first} is not as it was shipped" in done.out
    assert project.current("web1") == project.current("web2") == first
    assert "is not as it was shipped" in project.doit("cap", "status").out


def test_added_files_and_what_running_programs_write_stop_no_rollback(project: Project, git_repo: GitRepo):
    git_repo.commit({"tmp/kept": "", "lib/a.py": ""})
    first, _ = deploy(project), deploy(project)
    for name in ("added.txt", "tmp/kept", "lib/__pycache__/a.pyc"):
        path = release(project, first) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("written while it ran")
    project.doit("rollback:production", "verify=full", check=True)
    assert project.current("web1") == first


def test_a_release_without_a_manifest_is_gone_to_as_before(project: Project):
    first, _ = deploy(project), deploy(project)
    for host in project.hosts:
        manifest(project, first, host).unlink()
        (release(project, first, host) / "app.txt").unlink()
    project.doit("rollback:production", "verify=full", check=True)
    assert project.current("web1") == first


@pytest.mark.parametrize("text", ["./app.txt\tstat\t81a4 6\n", "\0\xff\n", "~\tend\tyes\n./gone\n"])
def test_a_manifest_that_is_broken_is_damage_that_force_passes(project: Project, text: str):
    first, _ = deploy(project), deploy(project)
    manifest(project, first).write_text(text, encoding="latin-1")
    done = project.doit("rollback:production").failed()
    assert "is not as it was shipped" in done.out
    project.doit("rollback:production", "force=yes", check=True)
    assert project.current("web1") == first


def test_a_host_that_cannot_compare_refuses_and_force_passes_that_too(project: Project, tmp_path: Path):
    first, second = deploy(project), deploy(project)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/sort").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "tools/sort").chmod(0o755)
    project.config(default_env={"PATH": f"{tmp_path}/tools:{os.environ['PATH']}"})
    done = project.doit("rollback:production").failed()
    assert f"web1: release {first} is not known to be whole" in done.out
    assert "force=yes" in done.out
    assert project.current("web1") == second
    project.doit("rollback:production", "force=yes", check=True)
    assert project.current("web1") == project.current("web2") == first


def test_an_archived_release_is_verified_too_and_keeps_its_modes(project: Project, git_repo: GitRepo):
    git_repo.commit({"app.txt": "first\n"})
    first = deploy(project)
    project.dodo(
        DODO + "@cap.after('updated')\ndef open_up(host, release):\n"
        "    host.run('chmod 666 app.txt', cwd=release.path)\n"
    )
    second = deploy(project)
    project.dodo(DODO)
    project.doit("rollback:production", check=True)
    project.doit("rollback:production", f"rollback_release={second}", "verify=full", check=True)
    assert project.current("web1") == second
    assert (release(project, second) / "app.txt").stat().st_mode & 0o777 == 0o666
    assert verify(project)["well"] is True
    assert first in project.releases("web1")


def test_a_damaged_archive_is_refused_and_its_release_does_not_appear(project: Project):
    first, second = deploy(project), deploy(project)
    project.doit("rollback:production", check=True)
    tree = project.deploy_to("web2")
    member = f"{str(tree)[1:]}/releases/{second}"
    subprocess.run(["tar", "-xzf", f"../rolled-back-release-{second}.tar.gz"], cwd=tree / ".capdoit", check=True)
    (tree / ".capdoit" / member / "app.txt").unlink()
    pack = ["tar", "-czf", f"../rolled-back-release-{second}.tar.gz", member]
    subprocess.run(pack, cwd=tree / ".capdoit", check=True)
    done = project.doit("rollback:production", f"rollback_release={second}").failed()
    assert "missing app.txt" in done.out
    assert project.current("web1") == project.current("web2") == first
    assert project.releases("web1") == project.releases("web2") == [first]
    project.doit("rollback:production", f"rollback_release={second}", "force=yes", check=True)
    assert project.current("web1") == project.current("web2") == second


@pytest.mark.parametrize(
    ("task", "variable", "answer"),
    [
        ("rollback", "verify=ful", "did you mean full?"),
        ("rollback", "verfiy=full", "did you mean verify?"),
        ("rollback", "forse=yes", "did you mean force?"),
        ("rollback", "force=maybe", "expected yes or no"),
        ("deploy", "force=yes", "means nothing to a deploy"),
    ],
)
def test_a_variable_that_is_mistyped_or_means_nothing_is_refused(
    make_project: MakeProject, task: str, variable: str, answer: str
):
    project = make_project(linked_files_exist=False)
    done = project.doit(f"{task}:production", variable)
    assert done.code != 0
    assert answer in done.out
    assert not (project.path / "hosts").exists()


# -- cap verify


def test_verify_says_what_was_changed_by_hand_on_which_host(project: Project, git_repo: GitRepo):
    git_repo.commit({"gone.txt": "", "same-size.txt": "abc", "run": "x", "new\nline": "x"})
    live = deploy(project)
    tree = release(project, live)
    (tree / "gone.txt").unlink()
    (tree / "same-size.txt").write_text("xyz")
    mode = (tree / "run").stat().st_mode & 0o777
    (tree / "run").chmod(0o755)
    (tree / "new\nline").unlink()
    (tree / "evil\x1b.php").write_text("?")
    relink(tree / "log")
    said = verify(project, code=3)
    assert said["release"] == live
    assert said["well"] is False
    assert changes(said, "web2") == {}
    assert changes(said) == {
        "gone.txt": ("missing", []),
        "same-size.txt": ("changed", ["contents"]),
        "run": ("changed", [f"mode {mode:o} -> 755"]),
        "new\\nline": ("missing", []),
        "evil\\x1b.php": ("added", []),
        "log": ("changed", ["link <deploy_to>/shared/log -> /elsewhere"]),
    }
    out = project.doit("cap", "verify", "production").failed(3).out
    assert "  web1: 3 changed, 2 missing, 1 added" in out.splitlines()
    assert "  web2: as shipped" in out.splitlines()
    assert "\x1b" not in out
    quick = changes(verify(project, "verify=quick", code=3))
    assert "same-size.txt" not in quick
    assert "run" in quick


def test_verify_shows_what_hosts_were_not_shipped_alike(project: Project):
    project.dodo(
        DODO + "@cap.after('updated')\ndef differ(host, release):\n"
        "    host.run(f'echo {host.name} >which', cwd=release.path)\n"
    )
    deploy(project)
    said = verify(project, code=3)
    assert changes(said, "web1") == changes(said, "web2") == {}
    assert [change["path"] for change in said["differences"]] == ["which"]
    assert "which: file 644 5 bytes" in project.doit("cap", "verify").failed(3).out


def test_verify_of_a_named_release(project: Project):
    first, second = deploy(project), deploy(project)
    (release(project, first, "web2") / "app.txt").unlink()
    assert verify(project, "production", second)["well"] is True
    said = verify(project, first, code=3)
    assert changes(said, "web2") == {"app.txt": ("missing", [])}
    shutil.rmtree(release(project, first))
    assert "web1: does not have it (missing)" in project.doit("cap", "verify", first).failed(3).out


def test_verify_changes_nothing(project: Project):
    deploy(project)
    before = {path: path.lstat().st_mtime_ns for path in project.deploy_to("web1").rglob("*")}
    verify(project)
    assert {path: path.lstat().st_mtime_ns for path in project.deploy_to("web1").rglob("*")} == before


def test_verify_of_a_release_without_a_manifest_says_that_nobody_knows(project: Project):
    live = deploy(project)
    manifest(project, live, "web2").unlink()
    out = project.doit("cap", "verify").failed(3).out
    assert "  web1: as shipped" in out.splitlines()
    assert "web2: has no manifest" in out
    assert "alike" not in out


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["20200101000000"], "no host has a release 20200101000000"),
        ([RELEASE, "20200101000000"], "at most one release"),
    ],
)
def test_verify_of_what_is_not_there(project: Project, words: list[str], answer: str):
    deploy(project)
    done = project.doit("cap", "verify", *words).failed(3)
    assert answer in done.out
    assert len(done.out.splitlines()) == 1


def test_verify_before_the_first_deploy(project: Project):
    assert "nothing is live in production" in project.doit("cap", "verify").failed(3).out


def test_verify_over_ssh(make_project: MakeProject):
    project = make_project(2, ssh=True)
    live = deploy(project)
    assert verify(project)["well"] is True
    (release(project, live, "web2") / "app.txt").unlink()
    assert changes(verify(project, code=3), "web2") == {"app.txt": ("missing", [])}


def test_what_a_hook_of_a_rollback_makes_is_no_damage_in_the_next_one(project: Project):
    project.dodo(REMAKES)
    first, _ = deploy(project), deploy(project)
    project.doit("rollback:production", check=True)
    project.doit("cap", "verify", check=True)
    deploy(project)
    project.doit("rollback:production", check=True)
    assert project.current("web1") == project.current("web2") == first


ONE_AS_LONG = (
    DODO
    + """
@cap.before("updated")
@cap.before("reverted")
def make(host, release, flow):
    if flow.name == "deploy":
        host.run("echo what was built >made; touch -d 2020-01-01 made; mkdir gone", cwd=release.path)
    else:
        host.run("echo what came back >made; touch -d 2020-01-01 made; rmdir gone", cwd=release.path)
"""
)


@pytest.mark.parametrize("ssh", [False, True])
def test_a_rollback_remembers_what_its_hooks_changed_and_takes_nothing_else_for_shipped(
    make_project: MakeProject, ssh: bool
):
    project = make_project(2, ssh=ssh)
    project.dodo(ONE_AS_LONG)
    first, _ = deploy(project), deploy(project)
    (release(project, first, "web2") / "app.txt").write_text("other\n")
    (release(project, first, "web2") / "by-hand").touch()
    project.doit("rollback:production", check=True)
    said = verify(project, code=3)
    assert changes(said, "web1") == {}
    assert changes(said, "web2") == {"app.txt": ("changed", ["contents"]), "by-hand": ("added", [])}


def test_a_linked_file_that_is_gone_refuses_a_rollback_and_its_dry_run(project: Project):
    first, second = deploy(project), deploy(project)
    (project.shared("web2") / "config/database.yml").unlink()
    for variables in (["dry_run=yes"], []):
        done = project.doit("rollback:production", *variables).failed()
        assert f"web2: release {first} is not known to be whole" in done.out
        assert "linked file config/database.yml does not exist in" in done.out
    assert project.current("web1") == project.current("web2") == second
    project.doit("rollback:production", "force=yes", check=True)
    assert project.current("web2") == first


def test_verify_says_what_is_wrong_with_a_release_that_cannot_be_compared(make_project: MakeProject):
    project = make_project(1)
    deploy(project)
    (project.shared("web1") / "config/database.yml").unlink()
    assert verify(project, code=3)["well"] is False
    assert "linked file config/database.yml does not exist in" in project.doit("cap", "verify").failed(3).out


def test_what_was_changed_by_hand_before_an_archive_or_a_sweep_is_not_taken_for_a_hooks(project: Project):
    project.dodo(
        DODO + "@cap.after('reverted')\ndef warm(host, release):\n    host.run('touch warm', cwd=release.path)\n"
    )
    first, second = deploy(project), deploy(project)
    (release(project, second) / "app.txt").write_text("other\n")
    project.doit("rollback:production", check=True)
    (release(project, first) / "app.txt").write_text("other\n")
    project.doit("rollback:production", f"rollback_release={second}", check=True)
    assert changes(verify(project, code=3))["app.txt"] == ("changed", ["contents"])
    drilled = project.deploy_to("web1") / ".capdoit/drill"
    shutil.copytree(release(project, first), drilled, copy_function=os.link, symlinks=True)
    project.doit("run", "-s", "rollback:production:warm", check=True)
    project.doit("rollback:production", check=True)
    assert changes(verify(project, code=3))["app.txt"] == ("changed", ["contents"])
