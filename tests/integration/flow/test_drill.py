"""Drills: they rehearse a rollback on the real hosts and never change the real tree."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from capdoit.testing import DODO, Project
from tests.support import MakeProject, deploy, further, replace_programs, wait_for, write_command_hook, write_hooks

# Written by every flow; not what a rollback goes by.
OURS = {".capdoit/lock", ".capdoit/drilled", ".capdoit"}
WAIT = "    host.run('touch ../../../started; while :; do sleep 0.1; done', cwd=release.path)\n"
GUARD = """
from capdoit import Recipe
db = Recipe("db")
@db.guard()
def unknown(host, release):
    "It cannot be read by older code."
    host.run(["test", "-d", release.path + "/../" + str(release.left)])
    assert "/.capdoit/" not in release.path
    return ["a_new_table"]
"""


def snapshot_real_trees(project: Project) -> dict[str, Any]:
    """Return everything in the real trees: names, kinds, modes, times, contents and targets of symlinks."""
    found = {}
    for host in project.hosts:
        top = project.deploy_to(host)
        for path in [top, *top.rglob("*")]:
            if str(path.relative_to(top)) in OURS:
                continue
            stat = path.lstat()
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            found[str(path)] = (oct(stat.st_mode), stat.st_uid, stat.st_mtime_ns, content)
    return found


def deploy_releases(project: Project, *texts: str) -> list[str]:
    """Deploy N releases, and return their names."""
    names = []
    for text in texts:
        project.repo.commit({"app.txt": text})
        project.doit("deploy:production", check=True)
        names.append(str(project.current("web1")))
    return names


def read_verdict(project: Project, host: str = "web1") -> dict[str, str]:
    return dict(json.loads((project.deploy_to(host) / ".capdoit/drilled").read_text()))


def assert_shadow_tree_removed(project: Project) -> None:
    for host in project.hosts:
        assert {path.name for path in (project.deploy_to(host) / ".capdoit").iterdir()} <= {
            "journal", "lock", "drilled", "next", "manifests", "reserve",
        }  # fmt: skip
        assert (project.deploy_to(host) / ".capdoit/lock").read_text().strip() == ""


def start_drill_in_hook(project: Project) -> subprocess.Popen[str]:
    """Start a drill, and wait until its hook runs on every host."""
    project.dodo(
        DODO
        + dedent("""
        @cap.after('published', drill=True)
        def wait(host, release):
        """)
        + WAIT
    )
    process = project.start("drill:production")
    shadows = [project.deploy_to(host) / ".capdoit/drill" for host in project.hosts]
    wait_for(60, lambda: process.poll() is not None or all((shadow.parent / "started").exists() for shadow in shadows))
    assert process.poll() is None, process.communicate()[0]
    assert all(shadow.is_dir() for shadow in shadows)
    for shadow in shadows:
        (shadow.parent / "started").unlink()
    return process


# -- what it touches


@pytest.mark.extended("variant")
@pytest.mark.ssh
def test_a_drill_on_ssh_hosts_succeeds_and_changes_nothing_real(ssh_project: Project) -> None:
    first, second = deploy_releases(ssh_project, "1", "2")
    write_command_hook(ssh_project, "after('published')", "false", name="restart")
    before = snapshot_real_trees(ssh_project)
    done = ssh_project.doit("drill", check=True)
    assert snapshot_real_trees(ssh_project) == before
    assert_shadow_tree_removed(ssh_project)
    for host in ssh_project.hosts:
        assert f"  {host}  works       {second}  9 members" in done.out
        assert read_verdict(ssh_project, host)["verdict"] == "works"
    for step in ("starting", "reverting", "publishing", "finishing_rollback", "finished", "verify the archive"):
        assert re.search(rf"drill:production.*  {step} +[0-9.]+s$", done.out, re.M)
    assert "skipped: restart (dodo.py:3), after published: it is not declared with drill=True" in done.out
    assert f"a rollback to {first} works: live after" in done.out
    assert "is live on" not in done.out
    ssh_project.dodo(DODO)
    ssh_project.doit("rollback", check=True)
    assert ssh_project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_drill_goes_to_the_named_release(project: Project) -> None:
    first, _, _ = deploy_releases(project, "1", "2", "3")
    before = snapshot_real_trees(project)
    assert f"a rollback to {first} works" in project.doit("drill", f"rollback_release={first}", check=True).out
    assert snapshot_real_trees(project) == before


@pytest.mark.extended("detail")
def test_an_archived_target_is_unpacked_in_the_shadow_tree(project: Project) -> None:
    _, second = deploy_releases(project, "1", "2")
    project.doit("rollback:production", check=True)
    write_command_hook(
        project, "after('reverted', drill=True)", "readlink log; cat app.txt; echo more >>log/x", in_release=True
    )
    before = snapshot_real_trees(project)
    done = project.doit("drill", f"rollback_release={second}", check=True)
    assert snapshot_real_trees(project) == before
    assert f"web1 | {project.deploy_to('web1')}/.capdoit/drill/shared/log\n" in done.out
    assert "web1 | 2\n" in done.out
    assert_shadow_tree_removed(project)


@pytest.mark.extended("detail")
def test_a_wrong_archive_fails_the_drill_as_it_fails_a_rollback(project: Project) -> None:
    _, second = deploy_releases(project, "1", "2")
    project.doit("rollback:production", check=True)
    archive = project.deploy_to("web2") / f"rolled-back-release-{second}.tar.gz"
    shutil.copy(project.deploy_to("web1") / archive.name, archive)
    before = snapshot_real_trees(project)
    done = project.doit("drill", f"rollback_release={second}").failed()
    assert snapshot_real_trees(project) == before
    why = f"{archive.name} does not contain {project.deploy_to('web2')}/releases/{second}"
    assert why in done.out
    assert why in project.doit("rollback", f"rollback_release={second}").failed().out


WRITES = """
    host.run('''
        pwd
        for file in app.txt config/database.yml log/x ../../shared/mine up/mine abs/mine other/mine odd; do
            echo written >>$file || :
        done
        echo written >>"$(printf 'two\\nlines')"/mine || :
        echo written >>"$ELSEWHERE"/mine || :
        chmod 600 app.txt config/database.yml
        touch . ../.. ../../shared
    ''', cwd=release.path)
    host.run(["touch", release.shared + "/touched", release.beside(release.left) + "/app.txt"])
"""


def test_a_hook_with_drill_true_runs_in_the_shadow_tree_and_cannot_change_the_real_one(
    make_project: MakeProject,
) -> None:
    project = make_project(1)
    top = project.deploy_to("web1")
    config = project.hosts["web1"]
    config["default_env"] = {"ELSEWHERE": f"{top}/shared/log"}
    project.config()
    outside = project.path / "outside"
    outside.mkdir()
    os.utime(outside, (1, 1))
    (project.shared("web1") / "log").symlink_to(outside)  # a shared directory may be a symlink to another place
    (project.path / "alias").symlink_to(top)
    for name, target in {
        "up": "../../../../shared/log",  # above deploy_to; from the shadow, the real shared/
        "abs": f"{top}/shared/tmp",
        "other": f"{project.path}/alias/shared/tmp",
        "odd": f"{top}/releases/../shared/log/y",
        "two\nlines": f"{top}/shared/tmp",
    }.items():
        (project.repo.path / name).symlink_to(target)
    deploy_releases(project, "1", "2")
    (project.shared("web1") / "config/database.yml").chmod(0o640)
    project.dodo(f"{DODO}@cap.after('reverted', drill=True)\ndef write(host, release):{WRITES}")
    before = snapshot_real_trees(project)
    done = project.doit("drill", check=True)
    assert f"web1 | {top}/.capdoit/drill/releases/" in done.out
    assert snapshot_real_trees(project) == before
    assert list(outside.iterdir()) == []
    assert outside.stat().st_mtime == 1
    assert_shadow_tree_removed(project)


@pytest.mark.extended("detail")
def test_the_shadow_tree_has_empty_shared_directories_and_copies_of_shared_files(project: Project) -> None:
    deploy_releases(project, "1", "2")
    (project.shared("web1") / "log/production.log").write_text("long\n")
    (project.shared("web1") / "config/database.yml").chmod(0o640)
    write_hooks(
        project,
        """
        @cap.before('reverting', drill=True)
        def look(host, release, flow):
            assert flow.drill
            shown = 'cat config/database.yml; stat -Lc %a config/database.yml; ls log | wc -l; stat -c %a ../..'
            host.run(shown, cwd=release.path)
        """,
    )
    done = project.doit("drill", check=True)
    said = [line.partition("web1 | ")[2] for line in done.out.splitlines() if "web1 |" in line]
    assert said == ["config/database.yml of web1", "640", "0", "700"]


@pytest.mark.extended("detail")
def test_without_hooks_the_shadow_tree_uses_hard_links(project: Project, tmp_path: Path) -> None:
    deploy_releases(project, "1", "2")
    calls = tmp_path / "bin"
    calls.mkdir()
    (calls / "cp").write_text(f'#!/bin/sh\necho "$1" >>{tmp_path}/cp\nexec {shutil.which("cp")} "$@"\n')
    (calls / "cp").chmod(0o755)
    project.doit("drill", env={"PATH": f"{calls}:{os.environ['PATH']}"}, check=True)
    assert "-al" in (tmp_path / "cp").read_text().split()
    assert "-a" not in (tmp_path / "cp").read_text().split()


@pytest.mark.extended("detail")
@pytest.mark.parametrize("without", [(), ("-al",), ("-al", "--reflink=auto")])
def test_a_drill_works_with_busybox_and_without_hard_links_or_reflinks(
    project: Project, tmp_path: Path, without: tuple[str, ...]
) -> None:
    deploy_releases(project, "1", "2")
    tools = tmp_path / "bin"
    tools.mkdir()
    busybox = shutil.which("busybox")
    for tool in ("cat", "dirname", "find", "head", "ln", "mkdir", "mv", "readlink", "rm", "tail", "tar", "tr", "wc"):
        (tools / tool).symlink_to(str(busybox))
    refuses = "".join(f'case " $* " in *" {option} "*) exit 1 ;; esac\n' for option in without)
    (tools / "cp").write_text(f'#!/bin/sh\n{refuses}exec {busybox} cp "$@"\n')
    (tools / "cp").chmod(0o755)
    before = snapshot_real_trees(project)
    done = project.doit("drill", env={"PATH": f"{tools}:{os.environ['PATH']}"}, check=True)
    assert "web1  works" in done.out
    assert snapshot_real_trees(project) == before
    assert_shadow_tree_removed(project)


# -- when a rollback would not work


def test_a_failing_hook_fails_the_drill_and_is_reported_for_both_hosts(project: Project) -> None:
    deploy_releases(project, "1", "2")
    write_hooks(
        project,
        """
        @cap.after('published', drill=True)
        def restart(host):
            host.run('echo no unit; exit 5')
        @cap.on_failed
        def cry(failure):
            open('cried', 'w')
        """,
    )
    before = snapshot_real_trees(project)
    done = project.doit("drill").failed()
    assert snapshot_real_trees(project) == before
    assert_shadow_tree_removed(project)
    assert "drill:production: a rollback would be live, but not be finished: restart failed" in done.out
    assert "web1, web2: echo no unit; exit 5: exit status 5" in done.out
    assert "web1, web2: echo no unit; exit 5: exit status 5" in done.out
    assert "Nothing that is live was touched." in done.out
    assert "is live nevertheless" not in done.out
    assert not (project.path / "cried").exists()
    assert read_verdict(project)["verdict"] == "fails"
    assert "restart failed" in read_verdict(project, "web2")["why"]
    assert "restart failed" in project.doit("cap", "status").out


@pytest.mark.extended("detail")
def test_an_archive_that_cannot_be_created_fails_the_drill(project: Project, tmp_path: Path) -> None:
    deploy_releases(project, "1", "2")
    (tmp_path / "bin").mkdir()
    tar = tmp_path / "bin/tar"
    tar.write_text(f'#!/bin/sh\n[ "$1" != -czf ] || exit 2\nexec {shutil.which("tar")} "$@"\n')
    tar.chmod(0o755)
    before = snapshot_real_trees(project)
    done = project.doit("drill", env={"PATH": f"{tar.parent}:{os.environ['PATH']}"}).failed()
    assert "finishing_rollback failed" in done.out
    assert snapshot_real_trees(project) == before
    tar.write_text(f'#!/bin/sh\n[ "$1" != -czf ] || set -- --exclude=app.txt "$@"\nexec {shutil.which("tar")} "$@"\n')
    done = project.doit("drill", env={"PATH": f"{tar.parent}:{os.environ['PATH']}"}).failed()
    assert "lists 8 members, but the release had 9" in done.out
    assert snapshot_real_trees(project) == before
    assert_shadow_tree_removed(project)


@pytest.mark.extended("detail")
def test_a_drill_result_that_cannot_be_recorded_is_a_warning(project: Project) -> None:
    deploy_releases(project, "1", "2")
    replace_programs(project, "web2", mv='case "$*" in *drilled.new*) exit 1;; esac; exec /bin/mv "$@"')
    done = project.doit("drill:production", check=True)
    assert "warning: web2: remove the shadow: exit status 1" in done.out
    assert "the verdict of this drill could not be written" in done.out
    assert_shadow_tree_removed(project)
    assert not (project.deploy_to("web2") / ".capdoit/drilled.new").exists()


@pytest.mark.extended("detail")
def test_a_missing_target_is_refused_with_the_message_of_the_rollback(project: Project) -> None:
    first = deploy_releases(project, "1")[0]
    before = snapshot_real_trees(project)
    done = project.doit("drill").failed()
    refused = project.doit("rollback").failed().out
    what = "there are no older releases to roll back to that were live, are good and are complete"
    assert what in done.out
    assert what in refused
    assert read_verdict(project)["verdict"] == "fails"
    deploy_releases(project, "2")
    (project.deploy_to("web2") / f"releases/{first}/REVISION").unlink()
    before = snapshot_real_trees(project)
    done = project.doit("drill").failed()
    assert snapshot_real_trees(project) == before
    what = "the hosts would go back to different releases"
    assert what in done.out
    assert f"web2  {project.current('web2')}  nothing" in done.out
    assert what in project.doit("rollback").failed().out


def test_a_refusing_guard_checks_the_real_release_and_fails_the_drill(project: Project) -> None:
    deploy_releases(project, "1", "2")
    (project.path / "recipes").mkdir()
    (project.path / "recipes/db.py").write_text(GUARD)
    project.config(recipes={"db": {}})
    before = snapshot_real_trees(project)
    done = project.doit("drill").failed()
    assert snapshot_real_trees(project) == before
    assert "a rollback would not work: starting failed" in done.out
    why = "recipe db: web1 has changes that release"
    assert why in done.out
    assert "  a_new_table" in done.out
    assert why in project.doit("rollback").failed().out
    assert "works" in project.doit("drill", "migrations=keep", check=True).out


@pytest.mark.extended("detail")
def test_relative_symlinks_into_shared_work_in_the_shadow_tree(project: Project) -> None:
    for host in project.hosts:
        (project.shared(host) / "prices.yml").write_text("tea: 3\n")
    os.symlink("../../shared/prices.yml", project.repo.path / "prices.yml")
    subprocess.run(["git", "add", "prices.yml"], cwd=project.repo.path, check=True)
    deploy_releases(project, "1", "2")
    write_hooks(
        project,
        """
        @cap.after('reverted', drill=True)
        def look(host, release):
            host.run(['grep', '-q', 'tea: 3', 'prices.yml'], cwd=release.path)
        """,
    )
    before = snapshot_real_trees(project)
    project.doit("drill:production", check=True)
    assert snapshot_real_trees(project) == before


@pytest.mark.extended("detail")
def test_a_target_symlink_to_a_removed_shared_path_fails_the_drill(project: Project) -> None:
    first, _ = deploy_releases(project, "1", "2")
    (project.shared("web2") / "config/database.yml").unlink()
    before = snapshot_real_trees(project)
    done = project.doit("drill").failed()
    assert snapshot_real_trees(project) == before
    shared = project.shared("web2") / "config/database.yml"
    assert f"web2 | releases/{first}/config/database.yml -> {shared}" in done.out
    assert f"symlinks of {first} to shared/ have no target" in done.out


@pytest.mark.extended("detail")
def test_a_shadow_tree_that_cannot_be_created_is_reported(project: Project, tmp_path: Path) -> None:
    deploy_releases(project, "1", "2")
    (tmp_path / "bin").mkdir()
    cp = tmp_path / "bin/cp"
    cp.write_text("#!/bin/sh\necho 'cp: No space left on device' >&2\nexit 1\n")
    cp.chmod(0o755)
    before = snapshot_real_trees(project)
    done = project.doit("drill", env={"PATH": f"{cp.parent}:{os.environ['PATH']}"}).failed()
    assert snapshot_real_trees(project) == before
    assert_shadow_tree_removed(project)
    assert "web1, web2: " in done.out
    assert "    cp: No space left on device" in done.out
    assert "drill:production: no room for a drill: fill the shadow failed:" in done.out


@pytest.mark.extended("detail")
def test_a_drill_is_refused_while_another_flow_runs(project: Project) -> None:
    deploy_releases(project, "1", "2")
    lock = project.deploy_to("web1") / ".capdoit/lock"
    lock.write_text('{"event": "locked", "flow": "deploy", "by": "jane", "run": "x"}\n')
    with subprocess.Popen(["flock", str(lock), "sleep", "60"], start_new_session=True) as holder:
        try:
            wait_for(60, lambda: subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode)
            done = project.doit("drill").failed()
        finally:
            os.killpg(holder.pid, signal.SIGTERM)
    assert "the hosts are locked" in done.out
    assert "deploy by jane" in done.out
    assert not (project.deploy_to("web2") / ".capdoit/drilled").exists()


@pytest.mark.parametrize("variable", ["branch=main", *further("dry_run=yes", "plan=x")])
def test_a_variable_without_meaning_for_a_drill_is_refused(project: Project, variable: str) -> None:
    done = project.doit("drill", variable).failed()
    assert "has no effect on a drill" in done.out
    assert not (project.deploy_to("web1") / ".capdoit").exists()


# -- when it is stopped


@pytest.mark.extended("detail")
@pytest.mark.parametrize("number", [signal.SIGINT, *further(signal.SIGTERM)], ids=lambda number: number.name)
def test_a_drill_interrupted_in_a_hook_removes_its_shadow_tree(project: Project, number: signal.Signals) -> None:
    deploy_releases(project, "1", "2")
    before = snapshot_real_trees(project)
    process = start_drill_in_hook(project)
    lock = (project.deploy_to("web1") / ".capdoit/lock").read_text()
    assert '"flow": "drill"' in lock
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    name = "Ctrl-C" if number == signal.SIGINT else number.name
    assert f"drill:production: interrupted by {name} in wait" in out
    assert "Traceback" not in out
    assert snapshot_real_trees(project) == before
    assert_shadow_tree_removed(project)
    assert not (project.deploy_to("web1") / ".capdoit/drilled").exists()


def is_free(lock: Path) -> bool:
    return subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode == 0


@pytest.mark.extended("detail")
@pytest.mark.parametrize("task", ["drill:production", *further("deploy:production")])
def test_the_next_flow_removes_the_shadow_tree_of_a_killed_drill(project: Project, task: str) -> None:
    deploy_releases(project, "1", "2")
    before = snapshot_real_trees(project)
    process = start_drill_in_hook(project)
    process.kill()
    process.communicate()
    locks = [project.deploy_to(host) / ".capdoit/lock" for host in project.hosts]
    wait_for(60, lambda: all(is_free(lock) for lock in locks))
    left = {name: what for name, what in snapshot_real_trees(project).items() if "/.capdoit/drill" not in name}
    assert left == before
    project.dodo(DODO)
    done = project.doit(task, check=True)
    assert "took over the stale lock of drill by tester" in done.out
    assert_shadow_tree_removed(project)
    if task == "drill:production":
        assert snapshot_real_trees(project) == before


# -- what is remembered, and the short form


def test_status_and_check_report_the_last_drill(project: Project) -> None:
    project.config(drill_max_age="30d")
    first, _ = deploy_releases(project, "1", "2")
    assert "Last drill: none" in project.doit("cap", "status").out
    done = project.doit("check", check=True)
    assert "warning: web1: a rollback was never drilled here; doit drill:production rehearses one" in done.out
    project.doit("drill", check=True)
    assert f"by tester: a rollback to {first} works, in " in project.doit("cap", "status").out
    assert "warning" not in project.doit("check", check=True).out
    (told,) = {host["drilled"]["verdict"] for host in json.loads(project.doit("cap", "status", "--json").out)["hosts"]}
    assert told == "works"
    for host in project.hosts:
        file = project.deploy_to(host) / ".capdoit/drilled"
        file.write_text(json.dumps({**read_verdict(project, host), "at": "2020-01-01T00:00:00Z"}))
    assert "warning: web2: the last drill is" in project.doit("check", check=True).out


@pytest.mark.parametrize("age", ["30", *further("30m", "0d", "-1d", "d", 30)])
def test_drill_max_age_must_be_in_days_or_hours(project: Project, age: object) -> None:
    project.config(drill_max_age=age)
    assert "expected days or hours, such as 30d or 12h" in project.doit("list").failed(3).out


def test_a_deploy_with_drill_after_deploy_warns_when_a_rollback_would_fail(project: Project) -> None:
    project.config(drill="after_deploy")
    first = project.doit("deploy:production", check=True)
    assert "warning: a rollback would not work now: there are no older releases" in first.out
    release = project.current("web1")
    done = project.doit("deploy:production", env={"ROLLBACK_RELEASE": "20010101000000"}, check=True)
    assert f"a rollback would go to {release}" in done.out
    write_hooks(
        project,
        """
        @cap.after('finished')
        def lose(host, release):
            host.run(f'rm {release.shared}/config/database.yml; touch lost')
        """,
    )
    done = project.doit("deploy:production", check=True)
    assert "to shared/ have no target" in done.out
    assert re.search(r"^  [0-9]+ warnings?:$", done.out, re.M)
    assert "finished, but: a rollback would not work now" in project.doit("cap", "status").out


@pytest.mark.extended("detail")
def test_a_deploy_with_drill_after_deploy_warns_when_a_guard_refuses(project: Project) -> None:
    (project.path / "recipes").mkdir()
    (project.path / "recipes/db.py").write_text(GUARD)
    project.config(drill="after_deploy", recipes={"db": {}})
    project.doit("deploy:production", check=True)
    done = project.doit("deploy:production", check=True)
    assert "warning: a rollback would not work now: recipe db: web1 has changes that release" in done.out


@pytest.mark.extended("detail")
def test_a_late_change_after_the_short_drill_belongs_to_the_release_of_the_deploy(project: Project) -> None:
    """Otherwise the next rollback is refused, since the release is not as its deploy left it."""
    project.config(drill="after_deploy")
    write_hooks(
        project,
        """
        @cap.after('finished', flows='deploy')
        def late(host, release):
            host.run(f'echo late >> {release.path}/app.txt')
        """,
    )
    second = [deploy(project) for _ in range(3)][1]
    project.doit("cap", "verify", check=True)
    project.doit("rollback:production", check=True)
    assert project.current("web1") == second


def test_a_damaged_target_fails_the_drill_and_is_a_warning_after_a_deploy(project: Project) -> None:
    project.config(drill="after_deploy")
    for _ in range(2):
        project.doit("deploy:production", check=True)
    first = project.releases("web2")[0]
    (project.deploy_to("web2") / "releases" / first / "app.txt").unlink()
    done = project.doit("drill:production").failed()
    assert f"web2: release {first} is not as it was shipped: 1 missing" in done.out
    assert "To roll back to it anyway: doit rollback:production force=yes" in done.out
    assert_shadow_tree_removed(project)
    second = project.current("web2")
    (project.deploy_to("web2") / "releases" / str(second) / "app.txt").unlink()
    done = project.doit("deploy:production", check=True)
    assert f"a rollback would not work now: web2: release {second} is not as it was shipped" in done.out


@pytest.mark.extended("detail")
def test_a_damaged_archived_release_fails_the_drill_as_it_fails_a_rollback(
    project: Project,
) -> None:
    first, second = deploy(project), deploy(project)
    (project.deploy_to("web1") / "releases" / second / "app.txt").write_text("longer than it was")
    project.doit("rollback:production", check=True)
    for task in ("drill:production", "rollback:production"):
        done = project.doit(task, f"rollback_release={second}").failed(1)
        assert f"web1: release {second} is not as it was shipped: 1 changed" in done.out
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_an_environment_value_with_the_real_path_has_the_shadow_path_in_a_drill(project: Project) -> None:
    for host in project.hosts:
        real = project.deploy_to(host)
        project.hosts[host]["default_env"] = {"ROOT": str(real), "MANY": f"/usr:{real}/x", "ELSEWHERE": f"/mnt{real}/x"}
    project.config()
    deploy(project)
    deploy(project)
    look = dedent("""
        @cap.after('published', drill=True)
        def look(host):
            host.run('echo $ROOT $MANY $ELSEWHERE')
        """)
    project.dodo(DODO + look)
    said = project.doit("drill:production", check=True).out
    real = project.deploy_to("web1")
    assert f"{real}/.capdoit/drill /usr:{real}/.capdoit/drill/x /mnt{real}/x" in said


@pytest.mark.extended("detail")
def test_a_drill_to_an_unknown_release_is_refused_and_not_recorded(project: Project) -> None:
    deploy(project)
    deploy(project)
    project.doit("drill:production", check=True)
    project.doit("drill:production", "rollback_release=20200101000000").failed(1)
    assert "a rollback to" in project.doit("cap", "status", check=True).out
    assert "works, in" in project.doit("cap", "status", check=True).out


@pytest.mark.extended("detail")
def test_a_drill_on_some_hosts_works_when_a_hook_has_none_of_them(project: Project) -> None:
    project.hosts["web2"]["roles"] = ["db"]
    write_command_hook(project, "after('published', roles='db', drill=True)", "true", name="tidy")
    project.config()
    deploy(project)
    deploy(project)
    said = project.doit("drill:production", "hosts=web1", check=True).out
    assert "tidy was not called: none of its hosts was chosen (web2)" in said
