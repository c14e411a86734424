"""Known defects of other deploy tools, each named: here these situations end well."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from capdoit.testing import DODO, Project
from tests.support import (
    MakeProject,
    choose_ordinary,
    find_sleeping,
    replace_programs,
    start_until_sleeping,
    start_waiting_deploy,
    unique_seconds,
    wait_for,
    write_command_hook,
    write_hooks,
)

FAILS = (
    DODO
    + """
@cap.after('updated')
def fails(host):
    host.run('exit 7')
"""
)


def deploy(project: Project) -> str:
    project.dodo(DODO)
    project.doit("deploy:production", check=True)
    live = project.current("web1")
    assert live
    return live


@pytest.mark.extended("variant")
def test_a_rollback_with_one_release_left_deletes_nothing_and_fails_unlike_minas(project: Project) -> None:
    only = deploy(project)

    project.doit("rollback:production").failed()

    for host in project.hosts:
        assert project.current(host) == only
        assert project.releases(host) == [only]
        assert (project.deploy_to(host) / "current/app.txt").read_text() == "first\n"


def test_an_incomplete_release_is_never_published_unlike_deployers_and_capistranos(make_project: MakeProject) -> None:
    project = make_project(1)
    first, seconds = deploy(project), unique_seconds(project)
    write_command_hook(project, "after('updated')", f"sleep {seconds}")
    process = start_until_sleeping(project, seconds, 1, "deploy:production")
    process.kill()
    process.communicate()
    wait_for(3, lambda: not find_sleeping(seconds))
    (half_made,) = set(project.releases("web1")) - {first}
    project.dodo(DODO)

    project.doit("rollback:production").failed()
    project.doit("rollback:production", f"rollback_release={half_made}").failed()

    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_release_whose_removal_was_cut_short_cannot_become_live_again(make_project: MakeProject) -> None:
    project = make_project(1, keep_releases=2)
    first, _ = deploy(project), deploy(project)
    cut_short = 'for last; do :; done\n[ ! -f "$last/app.txt" ] || { /bin/rm "$last/app.txt"; kill -KILL $$; }\n'
    replace_programs(project, "web1", rm=f'{cut_short}exec /bin/rm "$@"')
    live = deploy(project)

    project.doit("rollback:production", f"rollback_release={first}").failed()

    assert project.current("web1") == live


@pytest.mark.extended("variant")
def test_two_failed_deploys_never_delete_the_live_release_unlike_shipits(project: Project) -> None:
    project.config(keep_releases=1)
    live = deploy(project)
    project.dodo(FAILS)

    for _ in range(2):
        project.doit("deploy:production").failed()

    for host in project.hosts:
        assert project.current(host) == live
        assert project.releases(host) == [live]
        assert (project.deploy_to(host) / "current/app.txt").exists()


@pytest.mark.extended("variant")
def test_a_host_that_fails_to_publish_leaves_no_mixed_fleet_unlike_ansistranos(make_project: MakeProject) -> None:
    project = make_project(3)
    first = deploy(project)
    replace_programs(project, "web2", mv='case "$*" in *next/current*) exit 1;; esac; exec /bin/mv "$@"')

    project.doit("deploy:production").failed()

    assert [project.current(host) for host in project.hosts] == [first] * 3
    assert [project.releases(host) for host in project.hosts] == [[first]] * 3


@pytest.mark.extended("variant")
def test_of_two_deploys_at_once_one_is_refused_unlike_minas_and_deployers(project: Project) -> None:
    process = start_waiting_deploy(project)

    refused = project.doit("deploy:production").failed()
    (project.path / "go").touch()
    out, _ = process.communicate(timeout=60)

    assert "the hosts are locked" in refused.out
    assert process.returncode == 0, out
    assert len(project.releases("web1")) == len(project.releases("web2")) == 1


@pytest.mark.extended("variant")
def test_remote_commands_end_with_ctrl_c_unlike_capistranos(project: Project) -> None:
    seconds = unique_seconds(project)
    write_command_hook(project, "after('updated')", f"sleep {seconds}")
    process = start_until_sleeping(project, seconds, 2, "deploy:production")

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    wait_for(3, lambda: not find_sleeping(seconds))
    assert process.returncode != 0
    assert project.releases("web1") == project.releases("web2") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_a_command_killed_by_a_signal_is_a_failure_unlike_capistranos(project: Project, number: int) -> None:
    write_command_hook(project, "after('updated')", f"sh -c 'kill -{int(number)} $$'")

    failed = project.doit("deploy:production").failed()

    assert f"was killed by signal {int(number)}" in failed.out
    assert project.current("web1") is project.current("web2") is None


def no_linked_file(project: Project) -> None:
    (project.shared("web2") / "config/database.yml").unlink()


def no_repository(project: Project) -> None:
    project.config(repo_url=str(project.path / "nowhere"))


def no_deploy_to(project: Project) -> None:
    (project.path / "a file").touch()
    project.hosts["web2"]["deploy_to"] = "a file/shop"
    project.config()


def a_failing_hook(project: Project) -> None:
    project.dodo(FAILS)


def a_hook_that_raises(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def wrong(host):
            1 / 0
        """,
    )


def a_hook_that_fails_after_the_publish(project: Project) -> None:
    write_command_hook(project, "after('published')", "false")


def no_connection(project: Project) -> None:
    address = {"hostname": "127.0.0.1", "port": 1, "transport": "ssh"}
    project.hosts["web2"].update(address, deploy_to=str(project.path / "web2"))
    project.config()


FAILURES = (
    no_linked_file,
    no_repository,
    no_deploy_to,
    a_failing_hook,
    a_hook_that_raises,
    a_hook_that_fails_after_the_publish,
    no_connection,
)


@pytest.mark.parametrize(
    "failure",
    choose_ordinary(FAILURES, no_repository, a_failing_hook, no_connection),
    ids=lambda failure: failure.__name__,
)
def test_every_failed_deploy_has_a_failing_exit_status(project: Project, failure: Callable[[Project], None]) -> None:
    failure(project)

    assert project.doit("deploy:production").code != 0


def test_readers_of_current_see_a_complete_release_during_a_publish(make_project: MakeProject) -> None:
    project = make_project(1)
    deploy(project)
    project.repo.commit({"app.txt": "second\n"})
    process, seen = project.start("deploy:production"), set()
    file = Path(project.deploy_to("web1") / "current/app.txt")

    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        seen.add(file.read_text() if os.path.lexists(file.parent) else "current is gone")
    process.communicate(timeout=10)

    assert seen <= {"first\n", "second\n"}
    assert file.read_text() == "second\n"
