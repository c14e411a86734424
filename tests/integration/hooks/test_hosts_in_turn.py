"""Hooks that run on one group of hosts after the other, with a pause in between."""

from __future__ import annotations

import itertools
import json
import signal
import time

import pytest

from capdoit.testing import Project, Stages
from tests.support import (
    MakeProject,
    deploy,
    find_sleeping,
    further,
    start_until_sleeping,
    unique_seconds,
    unwrap,
    wait_for,
    write_hooks,
    write_recipe,
)

RESTART = """
    import json, time
    @cap.after("published", PACE)
    def restart(host):
        began = time.monotonic()
        host.run("COMMAND")
        with open("spans", "a") as file:
            print(json.dumps([host.name, began, time.monotonic()]), file=file)
"""


def write_restart(project: Project, pace: str, command: str = "sleep 0.3") -> None:
    write_hooks(project, RESTART.replace("PACE", pace).replace("COMMAND", command))


def read_groups(project: Project) -> list[list[str]]:
    """Return the hosts that worked at the same time, in order."""
    lines = (project.path / "spans").read_text().splitlines()
    groups: list[list[str]] = []
    latest = 0.0
    for host, began, ended in sorted(map(json.loads, lines), key=lambda span: span[1]):
        if began >= latest:
            groups.append([])
        groups[-1].append(host)
        latest = max(latest, ended)
    return [sorted(group) for group in groups]


def pauses(project: Project) -> list[float]:
    spans = sorted(map(json.loads, (project.path / "spans").read_text().splitlines()), key=lambda span: span[1])
    return [after[1] - before[2] for before, after in itertools.pairwise(spans)]


@pytest.mark.ssh
def test_a_hook_runs_on_one_host_after_the_other_with_a_pause(ssh_project: Project) -> None:
    write_restart(ssh_project, "at_once=1, wait=0.5")
    out = ssh_project.doit("deploy:production", check=True).out
    assert read_groups(ssh_project) == [["web1"], ["web2"], ["web3"]]
    assert min(pauses(ssh_project)) >= 0.5
    assert "restart  waiting 0.5 s, then web2" in out
    (ssh_project.path / "spans").unlink()
    deploy(ssh_project)
    ssh_project.doit("rollback:production", check=True)
    assert read_groups(ssh_project) == [["web1"], ["web2"], ["web3"]] * 2


@pytest.mark.extended("variant")
@pytest.mark.parametrize(("at_once", "groups"), [(2, [["web1", "web2"], ["web3"]]), (5, [["web1", "web2", "web3"]])])
def test_hosts_run_in_groups(make_project: MakeProject, at_once: int, groups: list[list[str]]) -> None:
    project = make_project(3)
    write_restart(project, f"at_once={at_once}", "sleep 1")
    deploy(project)
    assert read_groups(project) == groups


def test_a_failure_keeps_the_hook_from_the_hosts_that_follow(make_project: MakeProject) -> None:
    project = make_project(4)
    write_hooks(
        project,
        """
        @cap.after("published", at_once=1, wait=0.2)
        def restart(host):
            host.run(f"echo on {host.name}; [ {host.name} != web2 ]")
        """,
    )
    out = project.doit("deploy:production").failed().out
    assert "web2: echo on web2; [ web2 != web2 ]: exit status 1" in unwrap(out)
    assert "done: web1 not begun because of that: web3, web4" in unwrap(out)
    assert "web1 | on web1" in out
    assert "web3 | on web3" not in out
    assert "is live nevertheless" in unwrap(out)


def test_ctrl_c_in_the_pause_ends_the_flow_at_once(project: Project) -> None:
    write_restart(project, "at_once=1, wait=1000", "echo restarted")
    deploy_process = project.start("deploy:production")
    wait_for(60, (project.path / "spans").exists)
    time.sleep(0.3)  # the pause has begun
    deploy_process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out = unwrap(deploy_process.communicate(timeout=60)[0])
    assert time.monotonic() - began < 30
    assert deploy_process.returncode == 1
    assert "interrupted by Ctrl-C" in out
    assert "done: web1 not begun: web2" in out
    assert read_groups(project) == [["web1"]]
    assert not [line for line in out.splitlines() if "web2 | restarted" in line]
    write_hooks(project, "")
    deploy(project)  # no lock is left


def test_each_group_has_the_timeout_of_the_hook_for_itself(make_project: MakeProject) -> None:
    project = make_project(3)
    write_restart(project, "at_once=1, wait=0.1, timeout=3", "sleep 1.5")
    deploy(project)
    assert len(read_groups(project)) == 3


@pytest.mark.extended("detail")
def test_a_group_that_takes_longer_than_the_timeout_stops_the_hook(project: Project) -> None:
    seconds = unique_seconds(project)
    write_restart(project, "at_once=1, timeout=1", f"sleep {seconds}")
    out = unwrap(project.doit("deploy:production").failed().out)
    assert "web1: sleep" in out
    assert "the hook took longer than its timeout, 1 s, and was stopped" in out
    assert "not begun because of that: web2" in out
    assert not find_sleeping(seconds)


@pytest.mark.extended("detail")
def test_the_timeout_of_the_flow_ends_a_pause(project: Project) -> None:
    project.config(timeout=6)
    write_restart(project, "at_once=1, wait=1000", "true")
    out = unwrap(project.doit("deploy:production").failed().out)
    assert "the flow took longer than its timeout, 6 s," in out
    assert read_groups(project) == [["web1"]]


@pytest.mark.parametrize("kind", ["after('published', at_once=1)", *further("task(at_once=1)")])
def test_ctrl_c_in_a_group_names_the_hosts_that_are_done_and_not_begun(make_project: MakeProject, kind: str) -> None:
    project = make_project(3)
    deploy(project)
    seconds = unique_seconds(project)
    write_hooks(
        project,
        f"""
        @cap.{kind}
        def restart(host):
            host.run("sleep {seconds}" if host.name == "web2" else "true")
        """,
    )
    process = start_until_sleeping(project, seconds, 1, "restart:production" if "task" in kind else "deploy:production")
    process.send_signal(signal.SIGINT)
    out = unwrap(process.communicate(timeout=60)[0])
    assert "done: web1 stopped: web2 not begun: web3" in out


def test_a_dry_run_tells_the_pace(project: Project) -> None:
    write_restart(project, "at_once=1, wait=5")
    assert "one host at a time, 5 s apart" in project.doit("deploy:production", "dry_run=yes", check=True).out
    assert not (project.path / "spans").exists()


MISTAKES = [
    ("at_once=0", "hook restart: at_once=0: expected a number of hosts, 1 or more"),
    *further(
        ("at_once=True", "at_once=True: expected a number of hosts"),
        ("at_once=1, wait=-1", "wait=-1: expected a number of seconds"),
        ("wait=5", "wait is the time between groups of hosts, so it needs at_once"),
        ("at_once=1, primary=True", "at_once has no meaning with primary=True"),
        ("at_onec=1", "after has no at_onec=; did you mean at_once?"),
    ),
]


@pytest.mark.parametrize(("pace", "answer"), MISTAKES)
def test_an_impossible_pace_is_refused_when_it_is_loaded(project: Project, pace: str, answer: str) -> None:
    write_restart(project, pace)
    assert answer in unwrap(project.doit("list").failed(3).out)


RECIPE = """
@dataclass(frozen=True)
class Options:
    at_once: int | None = None
    wait: float = 0.0

tool = Recipe("tool", options=Options)

@tool.after("published", at_once=lambda options: options.at_once, wait=lambda options: options.wait)
def restart(host):
    host.run("sleep 0.3; date +%s.%N >>$HOME/restarts")
"""


def test_a_recipe_takes_the_pace_from_its_options(project: Project) -> None:
    write_recipe(project, "tool", RECIPE)
    project.config(recipes={"tool": {"at_once": 1, "wait": 0.2}})
    assert "waiting 0.2 s, then web2" in project.doit("deploy:production", check=True).out
    assert "all hosts, in groups (at_once)" in project.doit("cap", "recipes", "tool", check=True).out
    project.config(recipes={"tool": {"wait": 0.2}})
    out = unwrap(project.doit("list").failed(3).out)
    assert "recipe tool: wait is the time between groups of hosts, so it needs at_once" in out
    assert "deploy.yml:" in out


def test_a_task_on_demand_runs_on_one_host_after_the_other(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.task(at_once=1, wait=0.2)
        def restart(host):
            host.run("true")
        """,
    )
    deploy(project)
    assert "waiting 0.2 s, then web2" in project.doit("restart:production", check=True).out


@pytest.mark.extended("recipe")
def test_a_bundled_recipe_restarts_one_host_after_the_other(stage: Stages) -> None:
    shop = stage(hosts=2, recipes={"supervisor": {"programs": ["worker"], "at_once": 1, "wait": 0.1}})
    shop.stand_in("supervisorctl", script='[ "$1" = restart ] || echo "worker    RUNNING   pid $$, uptime 0:00:01"')
    assert "waiting 0.1 s, then web2" in shop.deploy().ok().out
    assert [call.host for call in shop.calls("supervisorctl")] == [*["web1"] * 3, *["web2"] * 3]
