"""The lock: one flow at a time on each host."""

from __future__ import annotations

import os
import re
import subprocess
from textwrap import dedent

import pytest

from capdoit.testing import Project, processes
from tests.support import MakeProject, deploy, further, replace_programs, unwrap, wait_for, write_hooks


def make_deploys_wait(project: Project, step: str = "updated") -> Project:
    """Let deploys wait in a step until the file `over` exists."""
    mark, over = project.path / "at-work", project.path / "over"
    write_hooks(
        project,
        f"""
        @cap.after('{step}', once=True, flows=('deploy',))
        def slow(hosts):
            hosts[0].run("touch '{mark}'; for n in $(seq 400); do [ ! -e '{over}' ] || break; sleep 0.05; done")
        """,
    )
    return project


def end_flow(project: Project, flow: subprocess.Popen[str]) -> str:
    """Let the running flow end, and return its output."""
    (project.path / "over").touch()
    return flow.communicate(timeout=60)[0]


def test_a_flow_is_refused_while_another_runs_and_the_holder_named(project: Project) -> None:
    first = make_deploys_wait(project).start("deploy:production", "message=the big one", env={"USER": "ann"})
    wait_for(60, (project.path / "at-work").exists)
    refused = project.doit("deploy:production", env={"USER": "bob"}).failed(1)
    out = end_flow(project, first)

    assert "deploy by ann" in refused.out
    assert "(the big one)" in refused.out
    assert "doit cap unlock production\n" in refused.out
    assert first.returncode == 0, out
    assert len(project.releases("web1")) == 1


@pytest.mark.extended("detail")
def test_a_lock_on_some_hosts_advises_to_unlock_only_those(project: Project) -> None:
    with make_deploys_wait(project).start("deploy:production", "hosts=web2") as first:
        wait_for(60, (project.path / "at-work").exists)
        refused = project.doit("deploy:production")
        end_flow(project, first)

    assert "doit cap unlock production hosts=web2\n" in refused.failed().out


def test_read_only_commands_report_a_running_flow(project: Project) -> None:
    project.doit("deploy:production", check=True)
    with make_deploys_wait(project).start("deploy:production", env={"USER": "ann"}) as first:
        wait_for(60, (project.path / "at-work").exists)
        status = project.doit("cap", "status", check=True).out
        history = project.doit("cap", "history", "-n", "1", check=True).out
        dry = project.doit("deploy:production", "dry_run=yes").failed().out
        end_flow(project, first)

    assert re.search(r"^web1, web2: locked by deploy by ann from \S+ since \S+ \S+ UTC$", status, re.MULTILINE)
    assert "is at work" in history
    assert "died" not in history
    assert re.search(r"would stop it web1, web2: locked by deploy by ann from \S+ since \S+ \S+ UTC", unwrap(dry))


@pytest.mark.extended("detail")
def test_after_a_killed_flow_read_only_commands_report_that_none_runs(project: Project) -> None:
    with make_deploys_wait(project).start("deploy:production", env={"USER": "ann"}) as first:
        wait_for(60, (project.path / "at-work").exists)
        first.kill()
        first.communicate(timeout=60)
    for host in project.hosts:
        subprocess.run(["flock", project.deploy_to(host) / ".capdoit/lock", "true"], check=True, timeout=10)
    status = project.doit("cap", "status", check=True).out

    assert "locked by deploy by ann" in status
    assert "UTC; stale: that flow died" in status
    assert "The last deploy was interrupted (died)" in status


def test_a_waiting_flow_continues_when_the_other_has_ended(project: Project) -> None:
    with make_deploys_wait(project).start("deploy:production") as first:
        wait_for(60, (project.path / "at-work").exists)
        second = project.start("deploy:production", "wait=30")
        wait_for(60, lambda: second.stdout is not None and "waiting up to 30 s" in second.stdout.readline())
        end_flow(project, first)
        out, _ = second.communicate(timeout=60)

    assert first.returncode == second.returncode == 0, out
    assert len(project.releases("web1")) == len(project.releases("web2")) == 2


@pytest.mark.extended("detail")
def test_a_waiting_flow_holds_no_lock_on_other_hosts(make_project: MakeProject) -> None:
    project = make_project(3)
    project.doit("deploy:production", check=True)
    locks = {host: project.deploy_to(host) / ".capdoit/lock" for host in project.hosts}

    def is_free(host: str) -> bool:
        return subprocess.run(["flock", "-n", locks[host], "true"], check=False).returncode == 0

    with subprocess.Popen(["flock", locks["web2"], "cat"], stdin=subprocess.PIPE) as other:
        process = project.start("deploy:production", "wait=30")
        wait_for(60, lambda: not is_free("web1"))
        wait_for(60, lambda: is_free("web3"))
        assert not is_free("web1")
        other.communicate(b"")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out


@pytest.mark.extended("detail")
def test_removing_the_remains_of_a_dead_flow_may_exceed_the_heartbeat_timeout(project: Project) -> None:
    write_hooks(
        project,
        """
        import capdoit.hosts.session
        capdoit.hosts.session.HEARTBEAT_TIMEOUT_SECONDS = 1
        capdoit.hosts.session.HEARTBEAT_SECONDS = 0.2
        """,
    )
    replace_programs(project, "web1", rm='case "$*" in *drill*) sleep 4;; esac; exec /bin/rm "$@"')
    (project.deploy_to("web1") / ".capdoit/drill").mkdir(parents=True)
    project.doit("deploy:production", env={"PATH": f"{project.path}/tools-web1:{os.environ['PATH']}"}, check=True)
    assert not (project.deploy_to("web1") / ".capdoit/drill").exists()


def test_a_flow_that_lost_its_lock_cannot_publish(project: Project) -> None:
    with make_deploys_wait(project).start("deploy:production") as first:
        wait_for(60, (project.path / "at-work").exists)
        unlocked = project.doit("cap", "unlock", "production").ok()
        out = end_flow(project, first)

    assert unlocked.out.count("freed the lock") == 2
    assert first.returncode == 1
    assert "is no longer held by this flow" in out
    assert project.current("web1") is None
    project.doit("deploy:production", check=True)
    assert project.current("web1") == project.current("web2")


@pytest.mark.extended("detail")
def test_a_flow_whose_release_was_rolled_back_meanwhile_fails(project: Project) -> None:
    first = deploy(project)
    make_deploys_wait(project, "published")
    with project.start("deploy:production", "hosts=web1,web2") as flow:
        wait_for(60, (project.path / "at-work").exists)
        project.doit("cap", "unlock", "production", check=True)
        project.doit("rollback:production", check=True)
        out = end_flow(project, flow)

    assert flow.returncode == 1
    assert "What is live on web1, web2 was changed by another flow or by hand. Look: doit cap status production" in out
    assert "is live nevertheless" not in out
    assert project.current("web1") == project.current("web2") == first


def test_no_hook_runs_after_a_flow_lost_its_lock(project: Project) -> None:
    make_deploys_wait(project)
    (project.path / "file").touch()
    with (project.path / "dodo.py").open("a") as dodo:
        dodo.write(
            dedent("""
            @cap.after('updated')
            def migrate(host):
                host.run('touch migrated')
            """)
        )
        dodo.write(
            dedent("""
            @cap.on_failed
            def tell(hosts):
                hosts[0].upload('file', 'uploaded')
            """)
        )
    with project.start("deploy:production") as first:
        wait_for(60, (project.path / "at-work").exists)
        project.doit("cap", "unlock", "production", check=True)
        out = end_flow(project, first)

    assert "migrate failed" in out
    assert "no longer held by this flow" in out
    assert "on_failed hook tell" in out
    assert not list(project.path.rglob("migrated"))
    assert not list(project.path.rglob("uploaded"))


@pytest.mark.extended("detail")
def test_unlock_reports_that_no_host_was_locked(project: Project) -> None:
    for _ in range(2):  # also before the first deploy
        assert project.doit("cap", "unlock", "production").ok().out.count("was not locked") == 2
        project.doit("deploy:production", check=True)


@pytest.mark.parametrize("wait", ["soon", *further("-1", "1.5", "")])
def test_a_wait_that_is_not_a_number_of_seconds_is_refused(project: Project, wait: str) -> None:
    assert "wait=" in project.doit("deploy:production", f"wait={wait}").failed(3).out
    assert not project.releases("web1")


def wait_until_one_ends(flows: list[subprocess.Popen[str]]) -> bool:
    return processes.wait_until(60, lambda: any(flow.poll() is not None for flow in flows))


# 200 times in the full set, in parts that can run at the same time.
@pytest.mark.parametrize("times", [3, *further(10), *[pytest.param(25, marks=pytest.mark.full)] * 8])
def test_of_two_flows_started_together_exactly_one_runs(make_project: MakeProject, times: int) -> None:
    project = make_project(hosts=3, keep_releases=1000)
    make_deploys_wait(project)
    over = project.path / "over"
    for number in range(times):
        over.unlink(missing_ok=True)
        flows = [project.start("deploy:production") for _ in range(2)]
        wait_until_one_ends(flows)  # the flow with the lock waits until then; if both had it, both would wait
        over.touch()
        outs = [flow.communicate(timeout=60)[0] for flow in flows]

        assert sorted(flow.returncode for flow in flows) == [0, 1], "\n".join(outs)
        assert len(project.releases("web1")) == number + 1
