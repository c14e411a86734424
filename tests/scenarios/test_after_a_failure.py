"""Settings for failures: keep_failed, on_failure, max_failures, timeout; and what status shows afterwards."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from contextlib import suppress
from textwrap import dedent
from typing import Any

import pytest

from capdoit.testing import DODO, Project, SshdFleet
from capdoit.testing.invariants import find_violations
from tests.support import deploy, find_sleeping, further, replace_programs, reported_state, wait_for, write_hooks


def hook(point: str, body: str, declared: str = "") -> str:
    return DODO + dedent(f"""
        @cap.{point}{declared}
        def act(host):
            {body}
        """)


def status(project: Project) -> dict[str, Any]:
    found = json.loads(project.doit("cap", "status", "--json").out)
    assert isinstance(found, dict)
    return found


def test_a_failed_release_is_removed_or_kept_with_keep_failed(project: Project) -> None:
    first = deploy(project)
    project.dodo(hook("after('updated')", "host.run('exit 9')"))
    project.doit("deploy:production").failed()
    assert not (project.deploy_to("web1") / ".capdoit/failed").exists()
    project.config(keep_failed=True)
    for _ in range(2):
        done = project.doit("deploy:production").failed()
    kept = project.deploy_to("web1") / ".capdoit/failed"
    (release,) = kept.iterdir()
    assert (release / "app.txt").read_text() == "first\n"
    assert f"the failed release is kept in {release}" in done.out
    assert project.releases("web1") == [first]
    where = f"{release.name} failed, and is kept in .capdoit/failed on web1, web2."
    assert where in project.doit("cap", "status", check=True).out.splitlines()
    rows = project.doit("cap", "releases", check=True).out.splitlines()
    assert [row.split()[:3] for row in rows[1:3]] == [[release.name, "failed", "failed"], [first, "live", "live"]]
    assert where in rows
    project.dodo(DODO)
    deploy(project)


def test_on_failure_rollback_rolls_back_and_marks_the_release_bad(project: Project) -> None:
    first = deploy(project)
    project.config(on_failure="rollback")
    project.dodo(
        hook("after('published', flows=('deploy',))", "host.run('exit 9')")
        + dedent("""
        @cap.after('published', flows=('rollback',))
        def restart(host):
            host.run('echo restarted')
        """)
    )
    done = project.doit("deploy:production").failed()
    assert "exit 9: exit status 9" in done.out
    heading = r"^== Automatic rollback \(on_failure\): the deploy of [0-9]{14} failed ==$"
    end = rf"^== Automatic rollback done after \S+: {first} is live on web1, web2 ==$"
    assert re.search(rf"{heading}.*rollback:production.*{end}", done.out, re.MULTILINE | re.DOTALL)
    assert f"It was rolled back (on_failure): {first} is live on web1, web2" in done.out
    assert done.out.count("restarted") == 2
    assert [project.current(host) for host in project.hosts] == [first, first]
    again = project.doit("rollback:production").failed()
    assert "there are no older releases to roll back to" in again.out


@pytest.mark.extended("detail")
def test_on_failure_rollback_without_a_target_leaves_the_release_live(project: Project) -> None:
    project.config(on_failure="rollback")
    project.dodo(hook("after('published')", "host.run('exit 9')"))
    done = project.doit("deploy:production").failed()
    assert "The automatic rollback (on_failure) failed, too:" in done.out
    assert "there are no older releases to roll back to" in done.out
    assert project.current("web1")
    assert "Traceback" not in done.out


@pytest.mark.extended("detail")
def test_on_failure_rollback_with_a_failing_hook_reports_that_it_went_back(project: Project) -> None:
    first = deploy(project)
    project.config(on_failure="rollback")
    project.dodo(hook("after('published')", "host.run('exit 9')"))
    done = project.doit("deploy:production").failed()
    assert f"{first} is live again, and " in done.out
    assert "The automatic rollback (on_failure) failed, too:" in done.out
    assert "is live nevertheless. The automatic rollback" not in done.out
    assert [project.current(host) for host in project.hosts] == [first, first]


@pytest.mark.extended("detail")
def test_on_failure_rollback_follows_a_project_task_failing_after_publish(project: Project) -> None:
    first = deploy(project)
    project.config(on_failure="rollback")
    smoke = dedent("""
        def task_smoke():
            return {'actions': ['exit 1']}
        """)
    project.dodo(f"{DODO}cap.before('finishing', 'smoke')\n\n\n{smoke}")
    done = project.doit("deploy:production").failed()
    assert "ended after publishing: a task that it needed failed" in done.out
    assert f"It was rolled back (on_failure): {first} is live on web1, web2" in done.out
    assert [project.current(host) for host in project.hosts] == [first, first]


def test_on_failure_stop_advises_the_rollback_command(project: Project) -> None:
    first = deploy(project)
    project.dodo(hook("after('published')", "host.run('exit 9')"))
    done = project.doit("deploy:production").failed()
    assert f"To go back: doit rollback:production rollback_release={first}" in done.out
    assert project.current("web1") != first


@pytest.mark.parametrize("whose", ["hook", *further("flow")])
def test_an_endless_command_is_stopped_by_the_timeout_of_hook_or_flow(project: Project, whose: str) -> None:
    first = deploy(project)
    seconds = {"hook": "54321.1", "flow": "54321.2"}[whose]
    point = "after('updated', timeout=1)" if whose == "hook" else "after('updated')"
    project.dodo(hook(point, f"host.run('sleep {seconds}')"))
    project.config(timeout=None if whose == "hook" else 5)
    done = project.doit("deploy:production").failed()
    assert f"sleep {seconds}: the {whose} took longer than its timeout, {1 if whose == 'hook' else 5} s," in done.out
    wait_for(3, lambda: not find_sleeping(seconds))
    assert project.releases("web1") == [first]
    project.dodo(DODO)
    project.config()
    deploy(project)


@pytest.mark.extended("detail")
def test_a_flow_that_times_out_in_its_cleanup_is_recorded(project: Project) -> None:
    deploy(project)
    replace_programs(project, "web2", rm='case "$*" in *removed*) sleep 12;; esac; exec /bin/rm "$@"')
    project.config(timeout=6, keep_releases=1)
    deploy(project)
    done = project.doit("deploy:production", check=True)
    assert "web2: cleanup: the flow took longer than its timeout, 6 s, and was stopped" in done.out
    for host in project.hosts:
        logged = (project.deploy_to(host) / "revisions.log").read_text().splitlines()
        assert f"deployed as release {project.current(host)} by" in logged[-1]
        assert (project.deploy_to(host) / ".capdoit/lock").read_text().strip() == ""
    assert "finished, but: " in project.doit("cap", "status").out


@pytest.mark.ssh
def test_a_deploy_continues_without_max_failures_hosts_and_records_them(ssh_project: Project, sshds: SshdFleet) -> None:
    first = deploy(ssh_project)
    ssh_project.config(max_failures=1)
    sshds.stop("web2")
    try:
        done = ssh_project.doit("deploy:production", check=True)
        second = ssh_project.current("web1")
        assert second != first
        assert "NOT deployed to web2, which could not be reached. Once reachable, run: doit deploy:" in done.out
        assert f"web2: release {second} was deployed without it" in ssh_project.doit("cap", "status").failed(3).out
        assert "going on without" not in ssh_project.doit("rollback:production").failed().out
        sshds.stop("web3")
        both = ssh_project.doit("deploy:production").failed()
        assert "web2: cannot connect" in both.out
        assert "web3: cannot connect" in both.out
        assert ssh_project.current("web1") == second
    finally:
        for name in ("web2", "web3"):
            if sshds.hosts[name].process is None:
                sshds.start(name)
    assert status(ssh_project)["unfinished"] == [f"web2: release {second} was deployed without it"]
    third = deploy(ssh_project)
    assert {ssh_project.current(host) for host in ssh_project.hosts} == {third}
    assert status(ssh_project)["unfinished"] == []


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_deploy_stops_when_the_only_host_for_a_hook_is_missing(ssh_project: Project, sshds: SshdFleet) -> None:
    ssh_project.hosts["web2"]["roles"] = ["app", "db"]
    ssh_project.config(max_failures=1)
    ssh_project.dodo(hook("before('publishing', roles='db', primary=True)", "host.run('echo migrated')"))
    first = deploy(ssh_project)
    sshds.stop("web2")
    try:
        done = ssh_project.doit("deploy:production").failed()
        assert re.search(r"web2 cannot be reached, and no other host can run act \(dodo\.py:\d+\)", done.out)
        assert ssh_project.current("web1") == ssh_project.current("web3") == first
        assert ssh_project.releases("web1") == [first]
        ssh_project.doit("deploy:production", "skip=act", check=True)
    finally:
        sshds.start("web2")
    deploy(ssh_project)


@pytest.mark.extended("detail")
def test_status_shows_a_failed_cleanup_until_the_next_deploy(project: Project) -> None:
    project.config(keep_releases=1)
    deploy(project)
    deploy(project)
    replace_programs(project, "web2", rm='case "$*" in *removed*) echo rights! >&2; exit 1;; esac; exec /bin/rm "$@"')
    project.config(keep_releases=1)
    third = deploy(project)
    [said] = status(project)["unfinished"]
    assert re.match(
        rf"web2: the deploy to {third} finished, but: web2: release \d{{14}} could not be removed \(rights!\)", said
    )
    (project.path / "tools-web2/rm").unlink(missing_ok=True)
    project.hosts["web2"].pop("default_env", None)
    project.config(keep_releases=1)
    deploy(project)
    assert status(project)["unfinished"] == []


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_host_lost_after_its_switch_is_in_doubt_until_the_next_flow(ssh_project: Project, sshds: SshdFleet) -> None:
    first = deploy(ssh_project)
    ssh_project.repo.commit({"app.txt": "second\n"})
    flipped = ssh_project.path / "flipped"
    stays = f'/bin/mv "$@"\ncase $* in *next/current*) : >{flipped}; exec sleep 30 ;; esac'
    replace_programs(ssh_project, "web2", mv=stays)
    process = ssh_project.start("deploy:production")
    wait_for(60, flipped.exists)
    sshds.stop("web2")
    try:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        second = max(ssh_project.releases("web2"))
        assert reported_state(out, "web2") == f"{second} or {first} not reached"
        assert {ssh_project.current("web1"), ssh_project.current("web3")} == {first}
    finally:
        sshds.start("web2")

    status_now = ssh_project.doit("cap", "status").failed(3)
    assert f"web2: the last flow did not learn whether {second} became live there; the table shows" in status_now.out
    assert re.search(rf"web2 +{second}", status_now.out)
    assert f"The hosts differ: {first} is live on web1, web3; {second} is live on web2." in status_now.out

    (ssh_project.path / "tools-web2/mv").unlink()
    third = deploy(ssh_project)
    assert {ssh_project.current(host) for host in ssh_project.hosts} == {third}
    assert status(ssh_project)["unfinished"] == []


FREEZES = """
import importlib, os, signal
publishing = importlib.import_module("capdoit.steps.publishing")
lock = importlib.import_module("capdoit.operations.lock")
publishing.FLIP_TIMEOUT_SECONDS = lock.LOST_SESSION_SECONDS = 1
prepare = publishing._prepare

def frozen(context, connection):
    prepare(context, connection)
    if connection.name == "web2":
        pids = connection.host.capture("ps -o pid= -s $(ps -o sid= -p $$)").split()
        open("frozen", "w").write(" ".join(pids))
        for pid in map(int, pids):
            if os.path.exists(f"/proc/{pid}"):
                os.kill(pid, signal.SIGSTOP)

publishing._prepare = frozen
"""


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_session_frozen_at_the_switch_does_not_switch_when_resumed(ssh_project: Project) -> None:
    first = deploy(ssh_project)
    ssh_project.dodo(DODO + FREEZES)
    ssh_project.doit("deploy:production").failed()
    for pid in map(int, (ssh_project.path / "frozen").read_text().split()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    lock = ssh_project.deploy_to("web2") / ".capdoit/lock"
    wait_for(60, lambda: subprocess.run(["flock", "-n", lock, "true"], check=False).returncode == 0)
    assert {ssh_project.current(host) for host in ssh_project.hosts} == {first}
    ssh_project.dodo(DODO)
    deploy(ssh_project)


def drop_connections(sshds: SshdFleet, host: str) -> None:
    """End the connections of a host, which can be reached again at once."""
    listener = sshds.hosts[host].process
    assert listener
    subprocess.run(["pkill", "-KILL", "-P", str(listener.pid)], check=True)


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_host_whose_connection_drops_after_its_switch_switches_back_with_the_others(
    ssh_project: Project, sshds: SshdFleet
) -> None:
    first = deploy(ssh_project)
    flipped = ssh_project.path / "flipped"
    stays = f'/bin/mv "$@"\ncase $* in *next/current*) : >{flipped}; exec sleep 30 ;; esac'
    replace_programs(ssh_project, "web2", mv=stays)
    process = ssh_project.start("deploy:production")
    wait_for(60, flipped.exists)
    (ssh_project.path / "tools-web2/mv").unlink()
    drop_connections(sshds, "web2")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "What is live was not changed." in out
    assert {ssh_project.current(host) for host in ssh_project.hosts} == {first}
    assert not find_violations(ssh_project, may_be_empty=False)


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_host_with_an_unnoticed_connection_loss_switches_back_over_a_new_connection(
    ssh_project: Project, sshds: SshdFleet
) -> None:
    first = deploy(ssh_project)
    waits = f'case $* in *next/current*) : >{ssh_project.path}/flipping; sleep 3; exit 1 ;; esac; exec /bin/mv "$@"'
    replace_programs(ssh_project, "web2", mv=waits)
    process = ssh_project.start("deploy:production")
    wait_for(60, lambda: (ssh_project.path / "flipping").exists() and ssh_project.current("web1") != first)
    drop_connections(sshds, "web1")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "What is live was not changed." in out
    assert {ssh_project.current(host) for host in ssh_project.hosts} == {first}


@pytest.mark.extended("detail")
def test_on_failure_rollback_skips_the_hooks_that_the_deploy_skipped(project: Project) -> None:
    first = deploy(project)
    project.config(on_failure="rollback")
    project.dodo(
        hook("after('published', flows=('deploy',))", "host.run('exit 9')")
        + dedent("""
        @cap.before('publishing')
        def drain(host, flow):
            host.run('exit 8')
        """)
    )
    done = project.doit("deploy:production", "skip=drain").failed()
    assert f"It was rolled back (on_failure): {first} is live" in done.out


SLOW_ON_ONE = """
@cap.after("{step}", flows=("deploy",))
def slow(host, release):
    if host.name == "web1":
        try:
            host.run("touch {mark}; sleep 20")
        except Exception:
            {then}
"""


SMOKE = """
@cap.after('published', once=True, flows=('deploy',))
def smoke(hosts):
    name = os.environ['NAME']
    open(f'{name}-began', 'w')
    while not os.path.exists(f'{name}-over'):
        time.sleep(0.02)
    assert name == 'fix'
"""


@pytest.mark.extended("detail")
@pytest.mark.parametrize("other", ["has ended", *further("is at work")])
def test_on_failure_rollback_does_not_undo_a_release_of_another_flow(project: Project, other: str) -> None:
    deploy(project)
    project.config(on_failure="rollback")
    project.dodo("import os, time\n" + DODO + SMOKE)
    mark = project.path
    with project.start("deploy:production", env={"NAME": "bad"}) as bad:
        wait_for(60, (mark / "bad-began").exists)
        project.doit("cap", "unlock", check=True)
        with project.start("deploy:production", env={"NAME": "fix"}) as fix:
            wait_for(60, (mark / "fix-began").exists)
            live = project.current("web1")
            if other == "has ended":
                (mark / "fix-over").touch()
                fix.communicate(timeout=60)
            (mark / "bad-over").touch()
            out, _ = bad.communicate(timeout=60)
            (mark / "fix-over").touch()
            fix.communicate(timeout=60)
    assert (bad.returncode, fix.returncode) == (1, 0)
    assert "Nothing was rolled back. Look at what is live before you do: doit cap status production" in out
    assert "is live nevertheless" not in out
    assert project.current("web1") == project.current("web2") == live


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_on_failure_rollback_works_after_a_lost_connection(ssh_project: Project, sshds: SshdFleet) -> None:
    first, mark = deploy(ssh_project), ssh_project.path / "slow"
    ssh_project.config(on_failure="rollback")
    ssh_project.dodo(DODO + SLOW_ON_ONE.format(step="published", mark=mark, then="raise"))
    process = ssh_project.start("deploy:production")
    wait_for(60, mark.exists)
    drop_connections(sshds, "web1")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"It was rolled back (on_failure): {first} is live on web1, web2, web3" in out
    assert {ssh_project.current(host) for host in ssh_project.hosts} == {first}


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_new_connection_holds_the_lock(ssh_project: Project, sshds: SshdFleet) -> None:
    mark, lock = ssh_project.path / "slow", ssh_project.deploy_to("web1") / ".capdoit/lock"
    then = f"host.run('! flock -n {lock} true')"
    ssh_project.dodo(DODO + SLOW_ON_ONE.format(step="updated", mark=mark, then=then))
    process = ssh_project.start("deploy:production")
    wait_for(60, mark.exists)
    drop_connections(sshds, "web1")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert not find_violations(ssh_project, may_be_empty=False)


@pytest.mark.parametrize(
    "ends", ["raise SystemExit(0)", *further("raise KeyboardInterrupt", "raise ValueError('a\\x1b[1mb')")]
)
def test_an_on_failed_hook_that_exits_does_not_hide_the_failure(project: Project, ends: str) -> None:
    write_hooks(
        project,
        f"""
        @cap.after("updated")
        def act(host):
            host.run("exit 4")
        @cap.on_failed
        def tell(failure):
            {ends}
        """,
    )
    done = project.doit("deploy:production").failed(1)

    assert "exit status 4" in done.out
    assert "warning: on_failed hook tell" in done.out
    assert "\x1b" not in done.out
    assert not find_violations(project, may_be_empty=True)


@pytest.mark.extended("detail")
def test_a_recipe_that_exits_while_loading_is_an_error(project: Project) -> None:
    project.write_module("recipes/gone.py", "raise SystemExit(0)\n")
    project.config(recipes={"gone": {}})
    done = project.doit("deploy:production").failed(3)

    assert "recipes/gone.py: cannot be loaded: SystemExit: 0" in done.out
    assert project.current("web1") is None


@pytest.mark.extended("detail")
def test_a_release_that_another_flow_created_meanwhile_is_not_removed(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after("started")
        def meddle(host, release):
            host.run(f"mkdir -p {release.path} && touch {release.path}/theirs")
        """,
    )
    done = project.doit("deploy:production").failed(1)

    assert "exists already, and this flow did not create it" in done.out
    (release,) = project.releases("web1")
    assert (project.host("web1").release(release) / "theirs").exists()
