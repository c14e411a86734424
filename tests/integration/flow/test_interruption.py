"""Flows that a signal ends, to the controller or by a kill."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import termios
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from capdoit.testing import DODO, Project
from tests.support import (
    assert_no_incomplete_release,
    deploy,
    find_sleeping,
    further,
    replace_programs,
    reported_state,
    start_until_sleeping,
    unique_seconds,
    wait_for,
    write_hooks,
    write_sleeping_hook,
)


def locks_are_free(project: Project, hosts: Iterable[str] | None = None) -> bool:
    """Return True if no process holds the lock of a host."""
    for host in hosts or project.hosts:
        with (project.deploy_to(host) / ".capdoit/lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
    return True


def kill_and_wait(project: Project, process: subprocess.Popen[str], seconds: str) -> None:
    """Kill the controller, and wait until no process of it is left on the hosts."""
    process.kill()
    process.communicate()
    wait_for(3, lambda: not find_sleeping(seconds) and locks_are_free(project))


@pytest.mark.ssh
@pytest.mark.parametrize("number", [signal.SIGINT, *further(signal.SIGTERM)], ids=lambda number: number.name)
def test_a_signal_stops_remote_processes_and_leaves_no_incomplete_release(
    ssh_project: Project, number: signal.Signals
) -> None:
    first, seconds = deploy(ssh_project), unique_seconds(ssh_project)
    write_sleeping_hook(ssh_project, seconds)
    process = start_until_sleeping(ssh_project, seconds, 3, "deploy:production")
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    wait_for(3, lambda: not find_sleeping(seconds))
    assert process.returncode not in (0, None)
    assert ("Ctrl-C" if number == signal.SIGINT else number.name) in out
    assert "live releases now" in out
    assert "Traceback" not in out
    for host in ssh_project.hosts:
        assert reported_state(out, host) == first
    assert_no_incomplete_release(ssh_project, [first])


def count_unread_bytes(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    return int.from_bytes(fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)), "little")


@pytest.mark.extended("variant")
def test_a_signal_stops_remote_processes_also_while_nobody_reads_the_output(project: Project) -> None:
    first, seconds = deploy(project), unique_seconds(project)
    write_hooks(
        project,
        f"""
        @cap.after('updated')
        def talk(host):
            host.run('sleep {seconds}' if host.name == 'web1' else 'yes | head -n 200000')
        """,
    )
    process = start_until_sleeping(project, seconds, 1, "deploy:production")
    wait_for(60, lambda: count_unread_bytes(process) > 60_000)
    process.send_signal(signal.SIGINT)
    wait_for(20, lambda: not find_sleeping(seconds))
    out, _ = process.communicate(timeout=60)
    assert "Ctrl-C: stopping in order" in out
    assert reported_state(out, "web1") == reported_state(out, "web2") == first


def test_a_second_ctrl_c_ends_the_flow_at_once_and_advises_status(project: Project) -> None:
    deploy(project)
    write_hooks(
        project,
        """
        import os, time
        @cap.on_failed
        def tell(failure):
            open('telling', 'w')
            time.sleep(60)
        @cap.after('updated')
        def act(host):
            host.run('exit 9')
        """,
    )
    flow = project.start("deploy:production")
    wait_for(60, (project.path / "telling").exists)
    flow.send_signal(signal.SIGINT)
    wait_for(60, lambda: flow.stdout is not None and "a second signal stops at once" in flow.stdout.readline())
    flow.send_signal(signal.SIGINT)
    out, _ = flow.communicate(timeout=60)
    assert flow.returncode == 130
    assert out == "   stopped at once. To see what is live: doit cap status\n"


@pytest.mark.parametrize("during", ["the tidying up", *further("a hook")])
def test_a_ctrl_c_during_failure_cleanup_does_not_prevent_the_report(
    project: Project, tmp_path: Path, during: str
) -> None:
    first = deploy(project)
    mark = tmp_path / "mark"
    wait = "time.sleep(2)" if during == "a hook" else "pass"
    write_hooks(
        project,
        f"""
        import pathlib, time

        @cap.after('updated')
        def act(host):
            host.run('exit 9')

        @cap.on_failed
        def tell(failure):
            pathlib.Path({str(mark)!r}).touch()
            {wait}
        """,
    )
    if during != "a hook":
        replace_programs(project, "web2", rm=f'case "$*" in *removed*) : >{mark}; sleep 2;; esac; exec /bin/rm "$@"')
    flow = project.start("deploy:production")
    wait_for(60, mark.exists)
    flow.send_signal(signal.SIGINT)
    out, _ = flow.communicate(timeout=60)
    assert flow.returncode == 1, out
    assert "Ctrl-C: stopping in order" in out
    assert "exit 9: exit status 9" in out
    assert "What is live was not changed." in out
    assert_no_incomplete_release(project, [first])


@pytest.mark.extended("detail")
def test_a_ctrl_c_during_a_project_task_ends_the_flow(project: Project) -> None:
    write_hooks(
        project,
        """
        cap.before('publishing', 'smoke')
        def task_smoke():
            return {'actions': ['touch begun; exec sleep 2']}
        """,
    )
    process = project.start("deploy:production")
    wait_for(60, (project.path / "begun").exists)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert "Traceback" not in out
    assert "live releases now" in out
    assert_no_incomplete_release(project, [])


@pytest.mark.ssh
def test_a_killed_controller_leaves_no_process_and_the_next_deploy_takes_its_lock(ssh_project: Project) -> None:
    first, seconds = deploy(ssh_project), unique_seconds(ssh_project)
    write_sleeping_hook(ssh_project, seconds)
    process = start_until_sleeping(ssh_project, seconds, 3, "deploy:production")
    kill_and_wait(ssh_project, process, seconds)
    for host in ssh_project.hosts:
        assert ssh_project.current(host) == first
        assert len(ssh_project.releases(host)) == 2
    ssh_project.dodo(DODO)
    done = ssh_project.doit("deploy:production", check=True)
    holder = r"deploy by tester from \S+ since 20\S+ \S+ UTC"
    taken = re.findall(f"(web[web123, ]*): took over the stale lock of {holder}: that flow died", done.out)
    assert sorted(name for names in taken for name in names.split(", ")) == [*ssh_project.hosts]
    assert_no_incomplete_release(ssh_project, [first, str(ssh_project.current("web1"))])


@pytest.mark.extended("detail")
def test_the_release_of_a_killed_controller_is_not_a_target(project: Project) -> None:
    first, seconds = deploy(project), unique_seconds(project)
    deploy(project)
    write_sleeping_hook(project, seconds)
    process = start_until_sleeping(project, seconds, 2, "deploy:production")
    kill_and_wait(project, process, seconds)
    project.dodo(DODO)
    project.doit("rollback:production", check=True)
    assert project.current("web1") == project.current("web2") == first


@pytest.mark.extended("detail")
def test_a_rollback_works_after_the_controller_was_killed_after_publish(project: Project) -> None:
    first, seconds = deploy(project), unique_seconds(project)
    write_sleeping_hook(project, seconds, "published")
    process = start_until_sleeping(project, seconds, 2, "deploy:production")
    kill_and_wait(project, process, seconds)
    assert project.current("web1") != first
    project.dodo(DODO)
    project.doit("rollback:production", check=True)
    assert project.current("web1") == project.current("web2") == first


def test_ctrl_c_while_waiting_for_a_lock_takes_effect_at_once(project: Project) -> None:
    lock = project.deploy_to("web1") / ".capdoit/lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    with subprocess.Popen(["flock", str(lock), "sleep", "60"], start_new_session=True) as holder:
        waiting = project.start("deploy:production", "wait=50")
        wait_for(60, lambda: waiting.stdout is not None and "waiting up to" in waiting.stdout.readline())
        waiting.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, _ = waiting.communicate(timeout=60)
        os.killpg(holder.pid, signal.SIGKILL)
    assert waiting.returncode != 0
    assert time.monotonic() - began < 30, out
    assert "Ctrl-C" in out
