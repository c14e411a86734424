"""The mirror of the repository on a host: made by hand, copied, shallow, damaged, or left behind by a killed git.

What goes live is always the commit that the repository names for the branch now.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capdoit.testing import GitRepo, Project
from tests.support import (
    WITHOUT_ROOT_RIGHTS,
    MakeProject,
    choose_ordinary,
    deploy,
    replace_programs,
    start_until_sleeping,
    unique_seconds,
)

REPLACED = "is damaged, so it is replaced by a new clone"


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """Return a project with two hosts and a first release."""
    made = make_project()
    made.config(repo_url=f"file://{made.repo.path}")  # with a path, git would make hard links to its objects
    made.repo.commit({"b.txt": "b\n" * 1000, "c.txt": "c\n"})
    deploy(made)
    return made


def mirror(project: Project, host: str = "web1") -> Path:
    return project.deploy_to(host) / "repo"


def git(*words: str | Path) -> str:
    done = subprocess.run(["git", *map(str, words)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def live_revision(project: Project) -> str:
    """Return the revision that is live on all hosts."""
    (revision,) = {(project.deploy_to(host) / "current/REVISION").read_text().strip() for host in project.hosts}
    return revision


def clone_again(project: Project, *options: str, source: Path | None = None) -> None:
    """Replace the mirror of web1 by a clone of the repository that someone makes by hand."""
    shutil.rmtree(mirror(project))
    git("clone", "--quiet", *options, f"file://{source or project.repo.path}", mirror(project))


def copy_git_directory(project: Project) -> None:
    """Replace the mirror of web1 by the .git directory of a clone with a working tree."""
    shutil.rmtree(mirror(project))
    clone = project.path.with_name("clone")
    git("clone", "--quiet", project.repo.path, clone)
    shutil.copytree(clone / ".git", mirror(project))


def clone_another_repository(project: Project) -> None:
    """Replace the mirror of web1 by a mirror of another repository, which has a branch main, too."""
    other = GitRepo(project.path.with_name("other"), {**os.environ, "HOME": str(project.repo.path.parent / "home")})
    other.git("config", "user.email", "t@example.com")
    other.git("config", "user.name", "T")
    other.git("checkout", "--quiet", "-B", "main")
    other.commit({"app.txt": "another application\n"})
    clone_again(project, "--mirror", source=other.path)


def forget_the_remote(project: Project) -> None:
    git("-C", mirror(project), "remote", "remove", "origin")


def name_two_urls(project: Project) -> None:
    """Give the remote of the mirror of web1 an old URL before the right one."""
    old = project.path.with_name("old")
    git("clone", "--quiet", "--bare", project.repo.path, old)
    git("-C", mirror(project), "config", "remote.origin.url", old)
    git("-C", mirror(project), "config", "--add", "remote.origin.url", project.repo.path)


MIRRORS: dict[str, Callable[[Project], None]] = {
    "a bare clone, whose fetch moves no branch": lambda project: clone_again(project, "--bare"),
    "a clone of one other branch": lambda project: clone_again(project, "--bare", "--single-branch", "--branch=old"),
    "a shallow mirror": lambda project: clone_again(project, "--mirror", "--depth=1"),
    "the git directory of a working tree": copy_git_directory,
    "a mirror of another repository": clone_another_repository,
    "a mirror without a remote": forget_the_remote,
    "a mirror with two urls": name_two_urls,
}


@pytest.mark.parametrize("made", choose_ordinary(MIRRORS, "a bare clone, whose fetch moves no branch"))
def test_the_newest_commit_goes_live_whatever_mirror_a_host_has(project: Project, made: str) -> None:
    project.repo.git("branch", "old")
    MIRRORS[made](project)
    newest = project.repo.commit({"app.txt": "newest\n"})
    said = project.doit("deploy:production", "dry_run=yes", check=True).out
    assert f"({newest[:12]}, main)" in said
    for _ in range(2):
        deploy(project)
        assert live_revision(project) == newest
        newest = project.repo.commit({"app.txt": f"newer than {newest}\n"})


@pytest.mark.extended("variant")
def test_the_head_of_the_repository_goes_live_after_its_default_branch_has_changed(project: Project) -> None:
    project.repo.git("checkout", "--quiet", "-b", "next")
    newest = project.repo.commit({"app.txt": "next\n"})
    deploy(project, "branch=HEAD")
    assert live_revision(project) == newest


@pytest.mark.extended("variant")
def test_a_commit_goes_live_as_it_was_made_although_the_repository_replaces_it(project: Project) -> None:
    commit = project.repo.git("rev-parse", "HEAD")
    other = project.repo.commit({"app.txt": "something else\n"})
    project.repo.git("replace", commit, other)
    deploy(project, f"branch={commit}")
    assert (project.deploy_to("web1") / "current/app.txt").read_text() == "first\n"


@pytest.mark.extended("variant")
def test_a_right_configuration_of_the_mirror_is_not_written(project: Project) -> None:
    before = (mirror(project) / "config").stat()
    project.repo.commit({"app.txt": "2\n"})
    deploy(project)
    after = (mirror(project) / "config").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


# -- commits by their sha


@pytest.mark.extended("variant")
@pytest.mark.parametrize("digits", [40, 10])
def test_a_commit_that_is_older_than_a_shallow_mirror_is_checked_and_deployed(project: Project, digits: int) -> None:
    old = project.repo.git("rev-parse", "HEAD")
    for number in range(3):
        project.repo.commit({"app.txt": f"{number}\n"})
    for host in project.hosts:
        shutil.rmtree(mirror(project, host))
        git("clone", "--quiet", "--mirror", "--depth=1", f"file://{project.repo.path}", mirror(project, host))
    branch = f"branch={old[:digits]}"
    assert "2 hosts are ready" in project.doit("check:production", branch, check=True).out
    assert f"({old[:12]}," in project.doit("deploy:production", branch, "dry_run=yes", check=True).out
    deploy(project, branch)
    assert live_revision(project) == old


@pytest.mark.parametrize("task", ["check:production", "deploy:production dry_run=yes", "deploy:production"])
@pytest.mark.extended("variant")
def test_a_sha_that_the_repository_does_not_have_is_refused_by_every_task(project: Project, task: str) -> None:
    sha = "1234567890abcdef1234567890abcdef12345678"
    said = project.doit(*task.split(), f"branch={sha}").failed().out
    assert said.count(f"has no branch, tag or commit '{sha}'") >= 1
    assert "Traceback" not in said


@pytest.mark.extended("variant")
@pytest.mark.parametrize("digits", [40, 10])
def test_check_and_dry_run_find_a_commit_that_no_mirror_has_yet(make_project: MakeProject, digits: int) -> None:
    project = make_project()
    commit = project.repo.git("rev-parse", "HEAD")
    project.repo.commit({"app.txt": "2\n"})
    branch = f"branch={commit[:digits]}"
    assert "2 hosts are ready" in project.doit("check:production", branch, check=True).out
    assert f"({commit[:12]}," in project.doit("deploy:production", branch, "dry_run=yes", check=True).out
    assert not mirror(project).exists()
    deploy(project, branch)
    assert live_revision(project) == commit


@pytest.mark.extended("variant")
def test_a_commit_that_a_forced_push_removed_from_its_branch_can_be_deployed(project: Project) -> None:
    project.repo.commit({"app.txt": "removed\n"})
    removed = project.repo.git("rev-parse", "HEAD")
    project.repo.git("reset", "--quiet", "--hard", "HEAD~1")
    branch = f"branch={removed}"
    assert "2 hosts are ready" in project.doit("check:production", branch, check=True).out
    deploy(project, branch)
    assert live_revision(project) == removed


# -- damage


def packs(project: Project) -> list[Path]:
    return sorted((mirror(project) / "objects/pack").glob("*.pack"))


def damage_all_packs(project: Project, damage: Callable[[Path], object]) -> None:
    for pack in packs(project):
        pack.chmod(0o644)
        damage(pack)


def truncate_loose_objects(project: Project) -> None:
    """Leave every object of web1 as an empty file, as a machine that lost its power may."""
    kept = project.path.with_name("kept")
    shutil.copytree(mirror(project) / "objects/pack", kept)
    shutil.rmtree(mirror(project) / "objects/pack")
    (mirror(project) / "objects/pack").mkdir()
    for pack in kept.glob("*.pack"):
        with pack.open("rb") as objects:
            subprocess.run(["git", "-C", mirror(project), "unpack-objects", "-q"], stdin=objects, check=True)
    for file in (mirror(project) / "objects").glob("??/*"):
        file.chmod(0o644)
        os.truncate(file, 0)


def scramble(file: Path) -> None:
    """Overwrite the middle of a file."""
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(size // 3)
        opened.write(b"\xff" * (size // 2))


def write(project: Project, name: str, content: bytes) -> None:
    file = mirror(project) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


DAMAGES: dict[str, Callable[[Project], object]] = {
    "a truncated pack": lambda project: damage_all_packs(project, lambda pack: os.truncate(pack, 200)),
    "a scrambled pack": lambda project: damage_all_packs(project, scramble),
    "missing packs": lambda project: damage_all_packs(project, Path.unlink),
    "empty objects": truncate_loose_objects,
    "a branch of zeros": lambda project: write(project, "refs/heads/main", bytes(41)),
    "an empty branch": lambda project: write(project, "refs/heads/main", b""),
    "refs of zeros": lambda project: write(project, "packed-refs", bytes(100)),
    "no HEAD": lambda project: (mirror(project) / "HEAD").unlink(),
    "an empty HEAD": lambda project: write(project, "HEAD", b""),
    "no refs": lambda project: shutil.rmtree(mirror(project) / "refs"),
    "no objects": lambda project: shutil.rmtree(mirror(project) / "objects"),
    "a broken configuration": lambda project: write(project, "config", b"[core"),
    "an empty configuration": lambda project: write(project, "config", b""),
    "a lost alternate": lambda project: write(project, "objects/info/alternates", b"/nowhere/objects\n"),
}
HEALED_BY_FETCH = ("missing packs", "an empty configuration")  # git fetches what is missing, or needs no new clone


@pytest.mark.parametrize(
    ("damage", "is_new"), [*((damage, n % 2 == 0) for n, damage in enumerate(DAMAGES)), ("a truncated pack", False)]
)
@pytest.mark.extended("variant")
def test_a_damaged_mirror_is_replaced_once_and_the_deploy_goes_on(project: Project, damage: str, is_new: bool) -> None:
    DAMAGES[damage](project)
    revision = project.repo.commit({"app.txt": "2\n"}) if is_new else project.repo.git("rev-parse", "HEAD")
    said = project.doit("deploy:production", check=True).out
    assert said.count(f"{mirror(project)} {REPLACED}") == (0 if damage in HEALED_BY_FETCH else 1)
    assert str(mirror(project, "web2")) not in said
    assert live_revision(project) == revision
    assert (project.deploy_to("web1") / "current/b.txt").read_text() == "b\n" * 1000
    again = project.doit("deploy:production", check=True).out
    assert "web1  " not in again
    assert REPLACED not in again
    git("-C", mirror(project), "fsck", "--strict")


@pytest.mark.extended("variant")
def test_damage_below_the_newest_commit_is_found_when_the_release_is_made(project: Project) -> None:
    newest = project.repo.commit({"app.txt": "2\n"})
    deploy(project)
    damage_all_packs(project, scramble)
    said = project.doit("deploy:production", check=True).out
    assert said.count(REPLACED) == 1
    assert live_revision(project) == newest
    assert (project.deploy_to("web1") / "current/b.txt").read_text() == "b\n" * 1000


@pytest.mark.extended("variant")
def test_check_and_dry_run_are_ready_although_the_mirror_is_damaged(project: Project) -> None:
    damage_all_packs(project, lambda pack: os.truncate(pack, 200))
    newest = project.repo.commit({"app.txt": "2\n"})
    assert "2 hosts are ready" in project.doit("check:production", check=True).out
    assert f"({newest[:12]}," in project.doit("deploy:production", "dry_run=yes", check=True).out


@pytest.mark.extended("variant")
def test_an_unreachable_repository_is_not_taken_for_damage(project: Project) -> None:
    repository = project.repo.path.rename(project.repo.path.with_name("moved"))
    damage_all_packs(project, lambda pack: os.truncate(pack, 200))
    said = project.doit("deploy:production").failed().out
    assert REPLACED not in said
    assert "does not appear to be a git repository" in said
    assert packs(project)
    repository.rename(project.repo.path)
    assert REPLACED in project.doit("deploy:production", check=True).out


@pytest.mark.extended("variant")
def test_a_mirror_that_replaces_a_damaged_one_keeps_its_settings(project: Project) -> None:
    git("-C", mirror(project), "config", "core.sshCommand", "ssh -i /home/deploy/.ssh/shop")
    (mirror(project) / "HEAD").unlink()
    deploy(project)
    assert git("-C", mirror(project), "config", "core.sshCommand") == "ssh -i /home/deploy/.ssh/shop"


@pytest.mark.extended("variant")
def test_a_repo_that_is_not_a_mirror_is_not_touched(project: Project) -> None:
    shutil.rmtree(mirror(project))
    write(project, "objects/of/someone", b"x")
    write(project, "config", b"[core]\n\tmode=bare\n")
    said = project.doit("deploy:production").failed().out
    assert f"{mirror(project)} is not a mirror of a repository; move it away" in said
    assert (mirror(project) / "objects/of/someone").read_bytes() == b"x"


# -- what a killed git leaves


LOCKS = ("config.lock", "HEAD.lock", "packed-refs.lock", "shallow.lock", "refs/heads/main.lock", "refs/heads/x/y.lock")
DEEP_LOCKS = ("objects/info/commit-graphs/commit-graph-chain.lock", "objects/maintenance.lock", "gc.log.lock")


def leave_locks(project: Project) -> list[Path]:
    names = [*LOCKS, *DEEP_LOCKS, "objects/pack/tmp_pack_Yr3gTz"]
    for name in names:
        write(project, name, b"")
    return [mirror(project) / name for name in names]


def test_locks_that_a_killed_git_left_do_not_fail_the_next_deploy(project: Project) -> None:
    left = leave_locks(project)
    newest = project.repo.commit({"app.txt": "2\n"})
    said = project.doit("deploy:production", check=True).out
    assert live_revision(project) == newest
    assert [file for file in left if file.exists()] == []
    assert "removed what a git process that was killed left behind:" in said
    assert "repo/refs/heads/x/y.lock" in said


@pytest.mark.extended("variant")
def test_a_check_and_a_dry_run_leave_the_locks_alone(project: Project) -> None:
    left = leave_locks(project)
    project.repo.commit({"app.txt": "2\n"})
    project.doit("check:production", check=True)
    project.doit("deploy:production", "dry_run=yes", check=True)
    assert all(file.exists() for file in left)


@pytest.fixture
def git_at_work(project: Project) -> Iterator[subprocess.Popen[bytes]]:
    """Return a git process that works in the mirror of web1 until its stdin is closed."""
    with subprocess.Popen(
        ["git", "cat-file", "--batch"], cwd=mirror(project), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"HEAD\n")
        process.stdin.flush()
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.extended("variant")
def test_the_locks_of_a_git_that_is_alive_are_left_alone(
    project: Project, git_at_work: subprocess.Popen[bytes]
) -> None:
    lock = mirror(project) / "refs/heads/main.lock"
    lock.touch()
    project.repo.commit({"app.txt": "2\n"})
    said = project.doit("deploy:production").failed().out
    assert f"{mirror(project)} has lock files, and the git process {git_at_work.pid} is at work there" in said
    assert lock.exists()
    git_at_work.kill()
    git_at_work.wait()
    deploy(project)
    assert not lock.exists()


@pytest.mark.extended("variant")
def test_a_deploy_works_after_ctrl_c_while_git_had_a_lock(project: Project) -> None:
    seconds = unique_seconds(project)
    real = shutil.which("git")
    take_lock = 'case "$*" in *" fetch "*) : >"${1#--git-dir=}/packed-refs.lock"; exec sleep ' + seconds + " ;; esac"
    replace_programs(project, "web1", git=f'{take_lock}\nexec {real} "$@"')
    newest = project.repo.commit({"app.txt": "2\n"})
    process = start_until_sleeping(project, seconds, 1, "deploy:production")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert (mirror(project) / "packed-refs.lock").exists()
    del project.hosts["web1"]["default_env"]
    project.config(repo_url=f"file://{project.repo.path}")
    deploy(project)
    assert live_revision(project) == newest


# -- another user


@pytest.mark.extended("variant")
@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user, which needs root")
def test_a_mirror_that_another_user_of_the_group_made_is_used(project: Project) -> None:
    for host in project.hosts:
        subprocess.run(["chown", "-R", "12345", mirror(project, host)], check=True)
    distrusting = {"GIT_CONFIG_GLOBAL": "/dev/null"}
    project.config(repo_url=f"file://{project.repo.path}", default_env=distrusting)
    newest = project.repo.commit({"app.txt": "2\n"})
    project.doit("check:production", check=True)
    project.doit("deploy:production", "dry_run=yes", check=True)
    deploy(project)
    assert live_revision(project) == newest
    assert (mirror(project) / "HEAD").stat().st_uid == 12345  # it was not made again


@pytest.mark.skipif(os.geteuid() != 0, reason="takes rights from root, which needs root")
@pytest.mark.extended("variant")
def test_a_mirror_whose_objects_this_user_cannot_write_is_refused_before_the_deploy(project: Project) -> None:
    (mirror(project) / "objects").chmod(0o555)
    command = [*WITHOUT_ROOT_RIGHTS, sys.executable, "-m", "doit"]
    for task in ("check:production", "deploy:production"):
        done = subprocess.run([*command, task], cwd=project.path, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stdout + done.stderr
        assert f"{mirror(project)}/objects cannot be written to by " in done.stdout + done.stderr
    (mirror(project) / "objects").chmod(0o755)
