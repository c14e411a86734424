"""A lock that an operator frees by force while its flow publishes: some hosts have the new release, others do not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from capdoit.testing import Project
from tests.support import MakeProject, deploy_text, further, replace_programs, reported_state, wait_for


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    return make_project(3)


@contextmanager
def publish_that_waits_on(project: Project, host: str) -> Iterator[list[str]]:
    """Start a deploy whose rename of `current` waits on one host until the block ends; then yield its output."""
    output: list[str] = []
    begun, go = project.path / "begun", project.path / "go"
    waits = f"*next/current*) touch {begun}; while [ ! -e {go} ]; do sleep 0.05; done"
    replace_programs(project, host, mv=f'case "$*" in {waits} ;; esac; exec /bin/mv "$@"')
    with project.start("deploy:production") as flow:
        wait_for(60, begun.exists)
        others = [name for name in project.hosts if name != host]
        before = project.current(host)
        wait_for(60, lambda: before not in {project.current(name) for name in others})
        yield output
        go.touch()
        output += flow.communicate(timeout=60)[0].splitlines()


@pytest.mark.parametrize("freed", ["web1,web2", *further("web2")])
def test_a_flow_and_unlock_tell_that_a_publish_was_ended_between_its_phases(project: Project, freed: str) -> None:
    old = deploy_text(project, "old")
    project.repo.commit({"app.txt": "new"})
    with publish_that_waits_on(project, "web2") as output:
        new = project.current("web1")
        unlocked = project.doit("cap", "unlock", f"hosts={freed}", "message=ticket 7").ok().out
    out = "\n".join(output)

    live = {"web1": new if "web1" in freed else old, "web2": old, "web3": old}
    assert {host: project.current(host) for host in project.hosts} == live
    now = "; ".join(f"{live[host]} is live on {host}" for host in freed.split(","))
    assert f"A publish was under way. Hosts now: {now}\n" in unlocked
    assert "Once that flow has ended, look again: doit cap status production" in unlocked
    assert "web2: publishing: its lock is no longer held by this flow" in out
    if "web1" in freed:
        assert f"{new} is still live on web1, which could not be switched back." in out
        assert f"doit rollback:production rollback_release={old}" in out
    why = "not cleaned up: tester freed its lock by doit cap unlock from"
    for host in freed.split(","):
        assert re.fullmatch(rf"{live[host]} {why} \S+ \(ticket 7\)", reported_state(out, host))


@pytest.mark.extended("variant")
def test_a_host_whose_lock_is_freed_after_its_flip_does_not_keep_the_others_from_theirs(project: Project) -> None:
    deploy_text(project, "old")
    project.repo.commit({"app.txt": "new"})
    with publish_that_waits_on(project, "web2") as output:
        new = project.current("web1")
        unlocked = project.doit("cap", "unlock", "hosts=web1").ok().out
    assert {project.current(host) for host in project.hosts} == {new}
    assert f"A publish was under way. Hosts now: {new} is live on web1\n" in unlocked
    assert f"Release {new} is live nevertheless." in "\n".join(output)
