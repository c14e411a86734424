"""`doit cap verify` on real hosts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import DODO, GitRepo, Project
from tests.support import (
    MakeProject,
    deploy,
    further,
    manifest_file,
    release_dir,
    verify_release,
    write_command_hook,
    write_hooks,
)

RELEASE = "20260101000000"


def changes(said: Any, host: str = "web1") -> dict[str, tuple[str, list[str]]]:
    (one,) = [one for one in said["hosts"] if one["host"] == host]
    return {change["path"]: (change["what"], change["how"]) for change in one["changes"]}


def relink(link: Path) -> None:
    link.unlink()
    link.symlink_to("/elsewhere")


REMAKES = (
    DODO
    + """
@cap.before("updated")
@cap.before("reverted")
def make(host, release, flow):
    host.run(f"echo {flow.name} >made", cwd=release.path)
"""
)


def test_verify_lists_changed_files_per_host(project: Project, git_repo: GitRepo) -> None:
    git_repo.commit({"gone.txt": "", "same-size.txt": "abc", "run": "x", "new\nline": "x"})
    live = deploy(project)
    tree = release_dir(project, live)
    (tree / "gone.txt").unlink()
    (tree / "same-size.txt").write_text("xyz")
    mode = (tree / "run").stat().st_mode & 0o777
    (tree / "run").chmod(0o755)
    (tree / "new\nline").unlink()
    (tree / "evil\x1b.php").write_text("?")
    relink(tree / "log")
    said = verify_release(project, code=3)
    assert said["release"] == live
    assert said["well"] is False
    assert changes(said, "web2") == {}
    assert changes(said) == {
        "gone.txt": ("missing", []),
        "same-size.txt": ("changed", ["contents"]),
        "run": ("changed", [f"mode {mode:o} -> 755"]),
        "new\\nline": ("missing", []),
        "evil\\x1b.php": ("added", []),
        "log": ("changed", ["symlink <deploy_to>/shared/log -> /elsewhere"]),
    }
    out = project.doit("cap", "verify", "production").failed(3).out
    assert "  web1: 3 changed, 2 missing, 1 added" in out.splitlines()
    assert "  web2: as shipped" in out.splitlines()
    assert "\x1b" not in out
    quick = changes(verify_release(project, "verify=quick", code=3))
    assert "same-size.txt" not in quick
    assert "run" in quick


def test_verify_lists_files_that_hosts_received_differently(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def differ(host, release):
            host.run(f'echo {host.name} >which', cwd=release.path)
        """,
    )
    live = deploy(project)
    said = verify_release(project)
    assert changes(said, "web1") == changes(said, "web2") == {}
    assert said["well"] is True
    assert [change["path"] for change in said["differences"]] == ["which"]
    out = project.doit("cap", "verify").ok().out
    assert "  web1: as shipped\n" in out
    assert "Remark: files differ between the hosts as they were shipped" in out
    assert "which: file 644 5 bytes" in out
    (release_dir(project, live) / "which").write_text("x")
    assert verify_release(project, code=3)["well"] is False


@pytest.mark.extended("detail")
def test_verify_accepts_a_release_name(project: Project) -> None:
    first, second = deploy(project), deploy(project)
    (release_dir(project, first, "web2") / "app.txt").unlink()
    assert verify_release(project, "production", second)["well"] is True
    said = verify_release(project, first, code=3)
    assert changes(said, "web2") == {"app.txt": ("missing", [])}
    shutil.rmtree(release_dir(project, first))
    assert "web1: does not have it (missing)" in project.doit("cap", "verify", first).failed(3).out


@pytest.mark.extended("detail")
def test_verify_changes_nothing(project: Project) -> None:
    deploy(project)
    before = {path: path.lstat().st_mtime_ns for path in project.deploy_to("web1").rglob("*")}
    verify_release(project)
    assert {path: path.lstat().st_mtime_ns for path in project.deploy_to("web1").rglob("*")} == before


def test_verify_reports_a_release_without_manifest_as_unknown(project: Project) -> None:
    live = deploy(project)
    manifest_file(project, live, "web2").unlink()
    out = project.doit("cap", "verify").failed(3).out
    assert "  web1: as shipped" in out.splitlines()
    assert "web2: has no manifest" in out
    assert "alike" not in out


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["20200101000000"], "no host has a release 20200101000000"),
        *further(([RELEASE, "20200101000000"], "at most one release")),
    ],
)
def test_verify_of_a_missing_release_is_refused(project: Project, words: list[str], answer: str) -> None:
    deploy(project)
    done = project.doit("cap", "verify", *words).failed(3)
    assert answer in done.out.splitlines()[0]


@pytest.mark.extended("detail")
def test_verify_before_the_first_deploy_reports_that_nothing_is_live(project: Project) -> None:
    assert "no release is live" in project.doit("cap", "verify").failed(3).out


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_verify_works_over_ssh(make_project: MakeProject) -> None:
    project = make_project(2, ssh=True)
    live = deploy(project)
    assert verify_release(project)["well"] is True
    (release_dir(project, live, "web2") / "app.txt").unlink()
    assert changes(verify_release(project, code=3), "web2") == {"app.txt": ("missing", [])}


@pytest.mark.extended("detail")
def test_files_that_a_rollback_hook_creates_are_not_damage_in_the_next_rollback(project: Project) -> None:
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


@pytest.mark.extended("detail")
@pytest.mark.parametrize("ssh", [False, *further(True)])
def test_a_rollback_updates_the_manifest_only_with_changes_of_its_hooks(make_project: MakeProject, ssh: bool) -> None:
    project = make_project(2, ssh=ssh)
    project.dodo(ONE_AS_LONG)
    first, _ = deploy(project), deploy(project)
    (release_dir(project, first, "web2") / "app.txt").write_text("other\n")
    (release_dir(project, first, "web2") / "by-hand").touch()
    project.doit("rollback:production", check=True)
    said = verify_release(project, code=3)
    assert changes(said, "web1") == {}
    assert changes(said, "web2") == {"app.txt": ("changed", ["contents"]), "by-hand": ("added", [])}


def test_a_missing_linked_file_refuses_a_rollback_and_its_dry_run(project: Project) -> None:
    first, second = deploy(project), deploy(project)
    (project.shared("web2") / "config/database.yml").unlink()
    for variables in (["dry_run=yes"], []):
        done = project.doit("rollback:production", *variables).failed()
        assert f"web2: release {first} could not be verified" in done.out
        assert "linked file config/database.yml does not exist in" in done.out
    assert project.current("web1") == project.current("web2") == second
    project.doit("rollback:production", "force=yes", check=True)
    assert project.current("web2") == first


@pytest.mark.extended("detail")
def test_verify_tells_why_a_release_cannot_be_compared(make_project: MakeProject) -> None:
    project = make_project(1)
    deploy(project)
    (project.shared("web1") / "config/database.yml").unlink()
    assert verify_release(project, code=3)["well"] is False
    assert "linked file config/database.yml does not exist in" in project.doit("cap", "verify").failed(3).out


@pytest.mark.extended("detail")
def test_manual_changes_before_archiving_or_cleanup_are_not_taken_for_changes_of_hooks(project: Project) -> None:
    write_command_hook(project, "after('reverted')", "touch warm", name="warm", in_release=True)
    first, second = deploy(project), deploy(project)
    (release_dir(project, second) / "app.txt").write_text("other\n")
    project.doit("rollback:production", check=True)
    (release_dir(project, first) / "app.txt").write_text("other\n")
    project.doit("rollback:production", f"rollback_release={second}", check=True)
    assert changes(verify_release(project, code=3))["app.txt"] == ("changed", ["contents"])
    drilled = project.deploy_to("web1") / ".capdoit/drill"
    shutil.copytree(release_dir(project, first), drilled, copy_function=os.link, symlinks=True)
    project.doit("run", "-s", "rollback:production:warm", check=True)
    project.doit("rollback:production", check=True)
    assert changes(verify_release(project, code=3))["app.txt"] == ("changed", ["contents"])
