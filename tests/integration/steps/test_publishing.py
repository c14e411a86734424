"""The step `publishing`: all hosts switch to the release, or none."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from textwrap import dedent

import pytest

from capdoit.testing import DODO, Project
from tests.support import assert_no_incomplete_release, deploy, further, replace_programs, wait_for, write_command_hook


def test_a_host_that_cannot_publish_makes_the_others_switch_back(project: Project) -> None:
    first = deploy(project)
    replace_programs(
        project, "web2", mv='case "$*" in *next/current*) echo no rights >&2; exit 1;; esac; exec /bin/mv "$@"'
    )
    done = project.doit("deploy:production").failed()
    assert "web2: publishing: exit status 1" in done.out
    assert "no rights" in done.out
    assert re.search(r"^Hosts that had switched to \d{14} were switched back\.$", done.out, re.MULTILINE)
    assert project.current("web1") == project.current("web2") == first
    events = [
        json.loads(line)["event"] for line in (project.deploy_to("web1") / ".capdoit/journal").read_text().splitlines()
    ]
    assert events[-4:] == ["live", "noted", "back", "failed"]
    assert_no_incomplete_release(project, [first])


@pytest.mark.parametrize("ended_by", [signal.SIGINT, *further(signal.SIGTERM, "timeout")])
def test_hosts_that_switched_go_back_when_a_publish_is_stopped(
    project: Project, tmp_path: Path, ended_by: signal.Signals | str
) -> None:
    first = deploy(project)
    mark = tmp_path / "flips"
    slow = f'case "$*" in *next/current*) : >{mark}; sleep 20;; esac; exec /bin/mv "$@"'
    replace_programs(project, "web2", mv=slow)
    project.config(timeout=5 if ended_by == "timeout" else None)
    flow = project.start("deploy:production")
    wait_for(60, mark.exists)
    wait_for(60, lambda: project.current("web1") != first)
    if isinstance(ended_by, signal.Signals):
        flow.send_signal(ended_by)
    out, _ = flow.communicate(timeout=60)
    assert flow.returncode == 1, out
    assert project.current("web1") == project.current("web2") == first
    assert "What is live was not changed." in out
    assert_no_incomplete_release(project, [first])


def test_a_first_deploy_that_cannot_be_published_leaves_no_current(project: Project) -> None:
    replace_programs(project, "web2", mv='case "$*" in *next/current*) exit 1;; esac; exec /bin/mv "$@"')
    project.doit("deploy:production").failed()
    assert not os.path.lexists(project.deploy_to("web1") / "current")
    assert not os.path.lexists(project.deploy_to("web2") / "current")
    assert_no_incomplete_release(project, [])


def test_a_host_that_cannot_prepare_prevents_all_from_publishing(project: Project) -> None:
    first = deploy(project)
    replace_programs(project, "web2", ln='case "$*" in *next/current*) exit 1;; esac; exec /bin/ln "$@"')
    project.doit("deploy:production").failed()
    assert project.current("web1") == project.current("web2") == first
    assert '"event": "back"' not in (project.deploy_to("web1") / ".capdoit/journal").read_text()
    assert_no_incomplete_release(project, [first])


@pytest.mark.extended("variant")
def test_a_rollback_that_cannot_be_published_is_undone(project: Project) -> None:
    first, second = deploy(project), deploy(project)
    replace_programs(project, "web2", mv='case "$*" in *next/current*) exit 1;; esac; exec /bin/mv "$@"')
    done = project.doit("rollback:production").failed()
    assert "doit rollback:production" in done.out
    assert project.current("web1") == project.current("web2") == second
    assert_no_incomplete_release(project, [first, second])


@pytest.mark.extended("detail")
def test_a_failed_hook_run_alone_advises_to_run_it_alone_again(project: Project) -> None:
    first = deploy(project)
    write_command_hook(project, "after('published')", "exit 1", name="restart")
    done = project.doit("run", "-s", "deploy:production:restart", "hosts=web1").failed()
    again = "doit run -s deploy:production:restart hosts=web1\n"
    assert f"What is live was not changed.\nOnce fixed, run: {again}" in done.out
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_rollback_whose_last_hook_fails_reports_live_and_how_to_repeat_the_hook(project: Project) -> None:
    first, _ = deploy(project), deploy(project)
    write_command_hook(project, "after('published')", "exit 1", name="restart")
    done = project.doit("rollback:production").failed()
    assert (
        f"The rollback to {first} is live nevertheless. Not done because of that: finishing_rollback, finished."
        in done.out
    )
    assert "To run only restart again: doit run -s rollback:production:restart\n" in done.out


def test_a_failure_after_publish_reports_that_the_release_is_live(project: Project) -> None:
    first = deploy(project)
    write_command_hook(project, "after('published')", "exit 1", name="restart")
    done = project.doit("deploy:production").failed()
    second = project.current("web1")
    assert second != first
    assert f"Release {second} is live nevertheless" in done.out
    assert f"doit rollback:production rollback_release={first}" in done.out
    assert "To run only restart again: doit run -s deploy:production:restart\n" in done.out
    assert_no_incomplete_release(project, [first, str(second)])
    project.dodo(DODO)
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_failing_cleanup_is_a_warning(project: Project) -> None:
    project.config(keep_releases=1)
    releases = [deploy(project), deploy(project)]
    replace_programs(project, "web2", rm='case "$*" in *removed*) echo rights! >&2; exit 1;; esac; exec /bin/rm "$@"')
    project.config(keep_releases=1)
    done = project.doit("deploy:production", check=True)
    assert "warning: web2" in done.out
    assert "rights!" in done.out
    third = project.current("web1")
    assert project.current("web2") == third
    assert project.releases("web1") == project.releases("web2") == [releases[1], third]


@pytest.mark.extended("detail")
def test_a_deploy_that_fails_after_publish_reports_the_steps_not_done(project: Project) -> None:
    deploy(project)
    hooks = dedent("""
        @cap.after('published')
        def warm(host):
            host.run('exit 5')
        """)
    hooks += dedent("""
        @cap.after('published')
        def restart(host):
            host.run('true')
        """)
    project.dodo(DODO + hooks)
    done = project.doit("deploy:production").failed()
    assert "is live nevertheless. Not done because of that: restart, finishing, finished.\n" in done.out
    status = project.doit("cap", "status").out
    assert f"{project.current('web1')} is live, but the steps after publishing were not done." in status


def test_a_full_disk_is_reported_as_such(project: Project) -> None:
    deploy(project)
    replace_programs(
        project, "web2", df='printf "Filesystem 1024-blocks Used Available Capacity Mounted on\n/d 9 9 0 100%% /\n"'
    )
    assert f"web2: no space is left in {project.deploy_to('web2')}\n" in project.doit("check:production").failed().out
