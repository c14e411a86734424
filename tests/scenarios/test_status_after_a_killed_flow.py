"""The answers of `doit cap status` after the controller of a flow was killed: one true sentence, and what to type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from capdoit.testing import DODO, Project
from tests.support import (
    deploy,
    further,
    hold_up_flip,
    is_free,
    let_flip,
    unwrap,
    wait_for,
)

HOSTS = ("web1", "web2")
WAITS = """
@cap.{point}
def wait(host):
    open({mark!r} + host.name, "w").close()
    host.run("sleep 60")
"""


def kill(project: Project, task: str, until: Callable[[], object]) -> None:
    """Kill the controller of a flow once a condition holds, and wait until the hosts noticed it."""
    with project.start(task) as process:
        wait_for(60, until)
        process.kill()
        process.communicate()
    wait_for(20, lambda: all(is_free(project, host) for host in HOSTS))
    project.dodo(DODO)


def kill_at(project: Project, point: str) -> None:
    """Kill the controller of a deploy while a hook runs on all hosts."""
    mark = str(project.path / "reached-")
    project.dodo(DODO + WAITS.format(point=point, mark=mark))
    kill(project, "deploy:production", lambda: all(Path(mark + host).exists() for host in HOSTS))


def kill_while_flipping(project: Project, task: str, held_up: Sequence[str]) -> None:
    """Kill the controller of a flow when some hosts, or all, cannot flip, and the others have flipped."""
    before = project.current("web1")
    marks = [hold_up_flip(project, host) for host in held_up]
    others = [host for host in HOSTS if host not in held_up]
    kill(
        project,
        task,
        lambda: {mark.exists() for mark in marks} == {True} and before not in map(project.current, others),
    )
    for host in held_up:
        let_flip(project, host)


def find_new(project: Project, *known: str) -> str:
    """Return the release that all hosts have besides those that are known."""
    (new,) = {release for host in HOSTS for release in project.releases(host)} - {*known}
    assert all(new in project.releases(host) for host in HOSTS)
    return new


def ask(project: Project) -> str:
    return unwrap(project.doit("cap", "status", check=True).out)


def assert_a_deploy_removes(project: Project, left_over: str) -> None:
    deploy(project)
    assert all(left_over not in project.releases(host) for host in HOSTS)
    said = ask(project)
    assert left_over not in said
    assert "interrupted" not in said


@pytest.mark.parametrize("held_up", [["web2"], *further(["web1"], ["web1", "web2"])])
def test_a_deploy_that_was_killed_between_the_flips_has_left_a_complete_release(
    project: Project, held_up: list[str]
) -> None:
    first = deploy(project)
    kill_while_flipping(project, "deploy:production", held_up)
    new = find_new(project, first)
    said = ask(project)
    assert f"The last deploy was interrupted (died); {new} is not live." in said
    assert "To deploy again: doit deploy:production " in said
    assert said.endswith(f"{new} was left complete on web1, web2; the next deploy that finishes removes it")
    assert "differ" not in said
    assert {project.current(host) for host in HOSTS} == {first}
    assert_a_deploy_removes(project, new)


@pytest.mark.extended("variant")
def test_after_a_first_deploy_that_was_killed_between_the_flips_nothing_is_live(project: Project) -> None:
    kill_while_flipping(project, "deploy:production", ["web2"])
    new = find_new(project)
    said = ask(project)
    assert "web1 nothing web2 nothing" in said
    assert said.endswith(f"{new} was left complete on web1, web2; the next deploy that finishes removes it")
    assert_a_deploy_removes(project, new)


@pytest.mark.extended("variant")
def test_a_deploy_that_was_killed_before_it_published_has_left_a_half_made_release(project: Project) -> None:
    first = deploy(project)
    kill_at(project, "before('publishing')")
    new = find_new(project, first)
    said = ask(project)
    assert f"{new} is not live." in said
    assert "To deploy again: doit deploy:production " in said
    assert said.endswith(f"{new} was left half-made on web1, web2; the next deploy that finishes removes it")
    assert_a_deploy_removes(project, new)


@pytest.mark.extended("variant")
def test_a_deploy_that_was_killed_while_it_prepared_the_flips_has_left_a_complete_and_a_half_made_release(
    project: Project,
) -> None:
    first = deploy(project)
    mark = project.path / "reached"
    journal = project.deploy_to("web1") / ".capdoit/journal"
    (project.path / "tools-web2").mkdir()
    touch = project.path / "tools-web2/touch"
    touch.write_text(f'#!/bin/sh\ncase $* in *releases/*) : >{mark}; exec sleep 60;; esac\nexec /usr/bin/touch "$@"\n')
    touch.chmod(0o755)
    project.hosts["web2"]["default_env"] = {"PATH": f"{touch.parent}:/usr/bin:/bin"}
    project.config()
    kill(project, "deploy:production", lambda: mark.exists() and '"ready"' in journal.read_text().splitlines()[-1])
    touch.unlink()
    new = find_new(project, first)
    said = ask(project)
    left = f"{new} was left complete on web1 and half-made on web2; the next deploy that finishes removes it"
    assert said.endswith(left)
    assert "differ" not in said
    assert_a_deploy_removes(project, new)


@pytest.mark.extended("variant")
def test_a_deploy_that_was_killed_after_all_flips_is_live_and_its_hooks_can_be_run(project: Project) -> None:
    first = deploy(project)
    kill_at(project, "after('published')")
    new = find_new(project, first)
    said = ask(project)
    assert f"(died); {new} is live, but the steps after publishing were not done." in said
    assert "To run a hook of the interrupted deploy: doit run -s deploy:production:HOOK " in said
    assert "left" not in said
    assert {project.current(host) for host in HOSTS} == {new}


@pytest.mark.parametrize("held_up", [["web2"], *further(["web1", "web2"])])
def test_a_rollback_that_was_killed_between_the_flips_can_be_repeated(project: Project, held_up: list[str]) -> None:
    first, second = deploy(project), deploy(project)
    kill_while_flipping(project, "rollback:production", held_up)
    said = ask(project)
    assert "differ" not in said
    assert "left" not in said
    assert {project.current(host) for host in HOSTS} == {second}
    if held_up == ["web2"]:  # otherwise no journal has a line of the rollback
        assert f"The last rollback was interrupted (died); {first} is not live." in said
        assert f"To roll back again: doit rollback:production rollback_release={first} " in said
    project.doit("rollback:production", f"rollback_release={first}", check=True)
    assert {project.current(host) for host in HOSTS} == {first}


@pytest.mark.extended("variant")
def test_a_release_of_a_deploy_at_work_is_not_said_to_be_removed(project: Project) -> None:
    mark = str(project.path / "reached-")
    project.dodo(DODO + WAITS.format(point="after('updated')", mark=mark))
    with project.start("deploy:production") as process:
        wait_for(60, lambda: all(Path(mark + host).exists() for host in HOSTS))
        said = ask(project)
        process.kill()
        process.communicate()
    assert "left" not in said
    assert "interrupted" not in said
    assert "locked by deploy" in said
