"""The integrity of releases: manifests, and rollbacks that are refused because of damage."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from capdoit.records.manifest import parse_listing
from capdoit.testing import DODO, GitRepo, Project
from tests.support import (
    MakeProject,
    choose_ordinary,
    deploy,
    further,
    manifest_file,
    release_dir,
    verify_release,
    write_command_hook,
)

# -- manifests


def test_a_deploy_writes_a_manifest_that_includes_changes_of_hooks(project: Project) -> None:
    write_command_hook(project, "before('publishing')", "echo built >app.js", in_release=True)
    live = deploy(project)
    found = parse_listing(manifest_file(project, live).read_text().split("\n"))
    assert found["./app.js"]["sha256"] == hashlib.sha256(b"built\n").hexdigest()
    assert found["./REVISION"]["stat"].endswith(" 41")
    assert found["./log"] == {"link": "<deploy_to>/shared/log"}
    assert not list(release_dir(project, live).rglob("*manifest*"))
    assert verify_release(project)["well"] is True


@pytest.mark.extended("detail")
def test_a_manifest_is_removed_with_its_release_and_kept_with_its_archive(project: Project) -> None:
    project.config(keep_releases=2)
    first, second, third = (deploy(project) for _ in range(3))
    assert not manifest_file(project, first).exists()
    project.doit("rollback:production", check=True)
    assert project.releases("web1") == [second]
    assert sorted(os.listdir(manifest_file(project, "").parent / "manifests")) == [second, third]
    for archive in project.deploy_to("web1").glob("rolled-back-release-*"):
        archive.unlink()
    fourth = deploy(project)
    assert sorted(os.listdir(manifest_file(project, "").parent / "manifests")) == [second, fourth]


@pytest.mark.extended("detail")
def test_a_failed_deploy_leaves_no_manifest(project: Project) -> None:
    first = deploy(project)
    write_command_hook(project, "before('publishing')", "false")
    project.doit("deploy:production").failed()
    assert os.listdir(manifest_file(project, "")) == [first]


def test_a_manifest_that_cannot_be_written_fails_the_deploy_before_publish(project: Project) -> None:
    first = deploy(project)
    shutil.rmtree(manifest_file(project, ""))
    manifest_file(project, "").parent.joinpath("manifests").write_text("in the way")
    project.doit("deploy:production").failed()
    assert project.current("web1") == project.current("web2") == first


# -- what a rollback refuses


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda tree: (tree / "app.txt").unlink(), "missing app.txt"),
    "longer": (lambda tree: (tree / "app.txt").write_text("longer than before\n"), "changed app.txt: size 6 -> 19"),
    "mode": (lambda tree: (tree / "app.txt").chmod(0o600), " -> 600\n"),
    "link": (lambda tree: relink(tree / "log"), "changed log: symlink <deploy_to>/shared/log -> /elsewhere"),
    "kind": (lambda tree: remake(tree / "app.txt"), "changed app.txt: was a file, is a directory"),
}


def relink(link: Path) -> None:
    link.unlink()
    link.symlink_to("/elsewhere")


def remake(file: Path) -> None:
    file.unlink()
    file.mkdir()


def tree_of(project: Project) -> dict[str, object]:
    """Return everything on the hosts except the journal, the lock and the reserve, which a refused flow writes, too."""
    return {
        str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else "")
        for host in project.hosts
        for path in project.deploy_to(host).rglob("*")
        if not {"journal", "lock", "reserve"} & {*path.parts}
    }


@pytest.mark.parametrize("kind", choose_ordinary(DAMAGE, "missing"))
def test_a_rollback_to_a_damaged_release_is_refused_with_the_differences(project: Project, kind: str) -> None:
    damage, said = DAMAGE[kind]
    first, second = deploy(project), deploy(project)
    for host in project.hosts:
        damage(release_dir(project, first, host))
    before = tree_of(project)
    done = project.doit("rollback:production").failed()
    assert "web1, web2: " in done.out
    assert done.out.count(said) == 1
    assert f"release {first} is not as it was shipped: 1 " in done.out
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


@pytest.mark.extended("detail")
def test_hosts_with_only_busybox_write_manifests_and_find_damage(project: Project, tmp_path: Path) -> None:
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
    assert verify_release(project)["well"] is True
    (release_dir(project, first, "web2") / "app.txt").unlink()
    assert "missing app.txt" in project.doit("rollback:production").failed().out
    project.doit("rollback:production", "force=yes", check=True)
    project.doit("rollback:production", f"rollback_release={second}", "verify=full", check=True)
    assert verify_release(project)["well"] is True


@pytest.mark.extended("detail")
def test_damage_is_found_before_hooks_of_reverted_run(project: Project) -> None:
    first, _ = deploy(project), deploy(project)
    write_command_hook(project, "after('reverted')", "echo TAKEN")
    (release_dir(project, first, "web2") / "app.txt").unlink()
    done = project.doit("rollback:production").failed()
    assert "TAKEN" not in done.out
    assert "web2: release" in done.out


@pytest.mark.extended("detail")
def test_only_verify_full_finds_changed_contents_of_the_same_size(project: Project) -> None:
    first, second = deploy(project), deploy(project)
    (release_dir(project, first) / "app.txt").write_text("FIRST\n")
    done = project.doit("rollback:production", "verify=full").failed()
    assert "changed app.txt: contents" in done.out
    assert project.current("web1") == second
    project.doit("rollback:production", "verify=quick", check=True)
    assert project.current("web1") == first


def test_force_rolls_back_to_a_damaged_release_with_a_recorded_warning(project: Project) -> None:
    first, _ = deploy(project), deploy(project)
    (release_dir(project, first) / "app.txt").unlink()
    done = project.doit("rollback:production", "force=yes", check=True)
    assert f"warning: web1: release {first} is not as it was shipped" in done.out
    assert project.current("web1") == project.current("web2") == first
    assert "is not as it was shipped" in project.doit("cap", "status").out


@pytest.mark.extended("detail")
def test_added_files_and_runtime_files_do_not_prevent_a_rollback(project: Project, git_repo: GitRepo) -> None:
    git_repo.commit({"tmp/kept": "", "lib/a.py": ""})
    first, _ = deploy(project), deploy(project)
    for name in ("added.txt", "tmp/kept", "lib/__pycache__/a.pyc"):
        path = release_dir(project, first) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("written while it ran")
    project.doit("rollback:production", "verify=full", check=True)
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_rollback_to_a_release_without_manifest_works(project: Project) -> None:
    first, _ = deploy(project), deploy(project)
    for host in project.hosts:
        manifest_file(project, first, host).unlink()
        (release_dir(project, first, host) / "app.txt").unlink()
    project.doit("rollback:production", "verify=full", check=True)
    assert project.current("web1") == first


@pytest.mark.extended("detail")
@pytest.mark.parametrize("text", ["./app.txt\tstat\t81a4 6\n", *further("\0\xff\n", "~\tend\tyes\n./gone\n")])
def test_a_broken_manifest_is_damage_that_force_overrides(project: Project, text: str) -> None:
    first, _ = deploy(project), deploy(project)
    manifest_file(project, first).write_text(text, encoding="latin-1")
    done = project.doit("rollback:production").failed()
    assert "is not as it was shipped" in done.out
    project.doit("rollback:production", "force=yes", check=True)
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_host_that_cannot_compare_refuses_unless_forced(project: Project, tmp_path: Path) -> None:
    first, second = deploy(project), deploy(project)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/sort").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "tools/sort").chmod(0o755)
    project.config(default_env={"PATH": f"{tmp_path}/tools:{os.environ['PATH']}"})
    done = project.doit("rollback:production").failed()
    assert f": release {first} could not be verified" in done.out
    assert "force=yes" in done.out
    assert project.current("web1") == second
    project.doit("rollback:production", "force=yes", check=True)
    assert project.current("web1") == project.current("web2") == first


@pytest.mark.extended("detail")
def test_an_archived_release_is_verified_and_keeps_its_modes(project: Project, git_repo: GitRepo) -> None:
    git_repo.commit({"app.txt": "first\n"})
    first = deploy(project)
    write_command_hook(project, "after('updated')", "chmod 666 app.txt", in_release=True)
    second = deploy(project)
    project.dodo(DODO)
    project.doit("rollback:production", check=True)
    project.doit("rollback:production", f"rollback_release={second}", "verify=full", check=True)
    assert project.current("web1") == second
    assert (release_dir(project, second) / "app.txt").stat().st_mode & 0o777 == 0o666
    assert verify_release(project)["well"] is True
    assert first in project.releases("web1")


def test_a_damaged_archive_is_refused_and_not_unpacked(project: Project) -> None:
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
        *further(
            ("rollback", "verfiy=full", "did you mean verify?"),
            ("rollback", "forse=yes", "did you mean force?"),
            ("rollback", "force=maybe", "expected yes or no"),
            ("deploy", "force=yes", "has no effect on a deploy"),
        ),
    ],
)
def test_a_misspelled_or_meaningless_variable_is_refused(
    make_project: MakeProject, task: str, variable: str, answer: str
) -> None:
    project = make_project(linked_files_exist=False)
    done = project.doit(f"{task}:production", variable)
    assert done.code != 0
    assert answer in done.out
    assert not (project.path / "hosts").exists()
