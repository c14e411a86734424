"""Flows that fail: their reports, and the files and processes that are left."""

from __future__ import annotations

import re
import time
from pathlib import Path
from textwrap import dedent

import pytest

from capdoit.testing import DODO, Project, SshdFleet
from tests.support import (
    MakeProject,
    assert_no_incomplete_release,
    deploy,
    find_sleeping,
    reported_state,
    start_until_sleeping,
    start_waiting_deploy,
    unique_seconds,
    wait_for,
    write_command_hook,
    write_hooks,
    write_sleeping_hook,
)

# -- one host fails


@pytest.mark.ssh
def test_a_failing_host_stops_the_others_and_the_report_covers_all(ssh_project: Project) -> None:
    first, seconds = deploy(ssh_project), unique_seconds(ssh_project)
    write_hooks(
        ssh_project,
        f"""
        @cap.after('updated')
        def warm(host):
            if host.name == 'web1':
                host.run('for n in 1 2 3; do echo line $n; done; sleep 0.5; echo no room >&2; exit 7')
            else:
                host.run('sleep {seconds}')
        """,
    )
    begun = time.monotonic()
    done = ssh_project.doit("deploy:production").failed()
    assert time.monotonic() - begun < 60
    wait_for(3, lambda: not find_sleeping(seconds))
    assert "deploy:production: warm failed" in done.out
    assert re.search(r"web1: for n in 1 2 3; .*: exit status 7\n +line 1\n +line 2\n +line 3\n +no room\n", done.out)
    assert "stopped because of that: web2, web3" in done.out
    for host in ssh_project.hosts:
        assert reported_state(done.out, host) == first
        assert ssh_project.current(host) == first
    assert "doit deploy:production" in done.out.splitlines()[-3], "the line before that of the log"
    assert "Traceback" not in done.out
    assert_no_incomplete_release(ssh_project, [first])


def test_all_hosts_that_fail_are_reported(make_project: MakeProject) -> None:
    project = make_project(3)
    # the hooks wait for each other, so that all hosts fail at the same time
    barrier = dedent("""
        import threading
        barrier = threading.Barrier(3)
        """)
    project.dodo(
        DODO
        + barrier
        + dedent("""
        @cap.after('updated')
        def bad(host):
            try:
                host.run(f'exit {host.name[-1]}')
            finally:
                barrier.wait(5)
        """)
    )
    done = project.doit("deploy:production").failed()
    for number in "123":
        assert f"web{number}: exit {number}: exit status {number}" in done.out
    assert_no_incomplete_release(project, [])


@pytest.mark.extended("detail")
def test_a_command_that_kills_its_shell_fails_on_its_host(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def killed(host):
            host.run('kill -9 $$; sleep 1; true' if host.name == 'web1' else 'true')
        """,
    )
    done = project.doit("deploy:production").failed()
    assert "web1: " in done.out
    assert "signal 9" in done.out
    assert_no_incomplete_release(project, [])


@pytest.mark.parametrize(
    ("command", "said"), [("sh -c 'kill -9 $$'", "signal 9"), ("no-such-program", "exit status 127")]
)
def test_the_report_tells_how_a_command_ended(project: Project, command: str, said: str) -> None:
    write_command_hook(project, "after('updated')", command)
    done = project.doit("deploy:production").failed()
    assert said in done.out
    assert_no_incomplete_release(project, [])


# -- hosts that are not there


@pytest.mark.ssh
def test_an_unreachable_host_fails_the_deploy_and_the_others_are_unchanged(
    ssh_project: Project, sshds: SshdFleet
) -> None:
    first = deploy(ssh_project)
    sshds.stop("web2")
    try:
        done = ssh_project.doit("deploy:production").failed()
    finally:
        sshds.start("web2")
    assert "web2: cannot connect: " in done.out
    assert "Connection refused" in done.out
    assert "Traceback" not in done.out
    for host in ("web1", "web3"):
        assert reported_state(done.out, host) == first
    others = (
        "To do it on the reachable hosts only, which leaves the fleet mixed: doit deploy:production hosts=web1,web3\n"
    )
    assert others in done.out
    assert_no_incomplete_release(ssh_project, [first], ["web1", "web3"])


@pytest.mark.ssh
def test_a_host_lost_during_the_deploy_fails_it(ssh_project: Project, sshds: SshdFleet) -> None:
    first, seconds = deploy(ssh_project), unique_seconds(ssh_project)
    write_sleeping_hook(ssh_project, seconds)
    process = start_until_sleeping(ssh_project, seconds, 3, "deploy:production")
    sshds.stop("web3")
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        sshds.start("web3")
    assert process.returncode == 1
    assert f"web3: sleep {seconds}: the connection was lost, or the shell on it was killed" in out
    assert "Traceback" not in out
    assert ssh_project.current("web1") == ssh_project.current("web3") == first
    assert_no_incomplete_release(ssh_project, [first], ["web1", "web2"])
    wait_for(3, lambda: not find_sleeping(seconds))
    ssh_project.dodo(DODO)
    second = deploy(ssh_project)
    assert_no_incomplete_release(ssh_project, [first, second])


@pytest.mark.ssh
def test_a_host_with_a_changed_key_is_refused(ssh_project: Project, sshds: SshdFleet, tmp_path: Path) -> None:
    config = sshds.ssh_config.read_text()
    (tmp_path / "known_hosts").write_text("")
    changed = re.sub(r"UserKnownHostsFile .*", f"UserKnownHostsFile {tmp_path}/known_hosts", config)
    (tmp_path / "ssh_config").write_text(changed)
    ssh_project.config(ssh_config=str(tmp_path / "ssh_config"))
    done = ssh_project.doit("deploy:production").failed()
    assert "Host key verification failed" in done.out
    assert (tmp_path / "known_hosts").read_text() == ""
    assert ssh_project.releases("web1") == []


# -- two at once


def test_a_second_flow_is_refused_and_the_first_named(project: Project) -> None:
    deploy(project)
    process = start_waiting_deploy(project)
    for flow in ("deploy", "rollback"):
        done = project.doit(f"{flow}:production", env={"USER": "other"}).failed()
        for host in project.hosts:
            assert re.search(rf"\b{host}\b.*: deploy by tester from \S+ since 20\S+ \S+ UTC", done.out)
        assert "Traceback" not in done.out
    (project.path / "go").touch()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert len(project.releases("web1")) == len(project.releases("web2")) == 2


# -- much output, little trouble


@pytest.mark.ssh
def test_megabytes_on_stdout_and_stderr_do_not_deadlock(make_project: MakeProject) -> None:
    project = make_project(1, ssh=True)
    lines = "yes | head -c 6000000 | tr -d '\\n' | fold -w 6000"
    write_hooks(
        project,
        f"""
        @cap.after('updated')
        def loud(host):
            host.run({f"{lines} >&2; {lines}; {lines} >&2"!r})
        """,
    )
    project.doit("deploy:production", check=True)


def test_terminal_escapes_in_output_are_not_passed_on(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def rude(host):
            host.run(r"printf '\\033[2Jhidden\\r\\033]0;x\\007\\n'; exit 1")
        """,
    )
    done = project.doit("deploy:production").failed()
    assert "\x1b" not in done.out
    assert "\x07" not in done.out
    assert "hidden" in done.out


@pytest.mark.extended("detail")
def test_a_host_whose_lock_cannot_be_written_is_reported_with_its_live_release(project: Project) -> None:
    project.doit("deploy:production", check=True)
    lock = project.deploy_to("web2") / ".capdoit/lock"
    lock.unlink()
    lock.mkdir()  # root could write to any file
    done = project.doit("deploy:production").failed()

    live = project.current("web2")
    assert "web2: deploy_to cannot be used" in done.out
    assert reported_state(done.out, "web2") == live
    assert project.releases("web1") == project.releases("web2") == [live]


@pytest.mark.extended("detail")
def test_a_flow_that_lost_its_lock_reports_the_release_another_flow_published(project: Project, tmp_path: Path) -> None:
    deploy(project)
    mark = tmp_path / "mark"
    mark.touch()
    write_hooks(
        project,
        f"""
        @cap.after('updated')
        def wait(host):
            host.run('while [ -e {mark} ]; do sleep 0.1; done')
        """,
    )
    flow = project.start("deploy:production")
    wait_for(60, lambda: len(project.releases("web1")) == len(project.releases("web2")) == 2)
    project.doit("cap", "unlock", check=True)
    project.dodo(DODO)
    second = deploy(project)
    mark.unlink()
    out, _ = flow.communicate(timeout=60)
    assert flow.returncode == 1
    assert reported_state(out, "web1").startswith(f"{second} not cleaned up: ")
    assert "What is live on web1, web2 was changed by another flow or by hand. Look: doit cap status production" in out
    assert [project.current(host) for host in project.hosts] == [second, second]


@pytest.mark.extended("detail")
def test_a_flow_that_is_refused_the_lock_reports_what_is_live(project: Project) -> None:
    project.doit("deploy:production", check=True)
    live = project.current("web1")
    mark = project.path / "at-work"
    work = f'hosts[0].run("touch {mark}; while [ -e {mark} ]; do sleep 0.05; done")'
    write_hooks(
        project,
        f"""
        @cap.after("updated", once=True)
        def slow(hosts):
            {work}
        """,
    )
    with project.start("deploy:production") as first:
        wait_for(60, mark.exists)
        refused = project.doit("deploy:production").failed()
        mark.unlink()
        first.communicate(timeout=60)

    for host in project.hosts:
        assert reported_state(refused.out, host) == live


# -- what a report must not get wrong


def test_a_hook_failing_after_finished_is_reported_with_the_new_live_release(project: Project) -> None:
    write_command_hook(project, "after('finished')", "exit 3")
    done = project.doit("deploy:production").failed()
    assert reported_state(done.out, "web1") == project.current("web1")
    assert "is live nevertheless" in done.out
    assert "no longer held" not in done.out


@pytest.mark.extended("detail")
def test_output_of_a_process_that_a_hook_left_running_is_not_an_answer(project: Project) -> None:
    noisy = "(for n in 1 2 3 4 5 6 7 8; do echo noise; sleep 0.1; done) &"
    write_hooks(
        project,
        f"""
        @cap.before('updating')
        def daemon(host):
            host.run({noisy!r})
        """,
    )
    revision = project.repo.git("rev-parse", "HEAD")
    project.doit("deploy:production", check=True)
    assert (project.deploy_to("web1") / "current/REVISION").read_text() == f"{revision}\n"


@pytest.mark.extended("detail")
def test_a_hook_that_survives_its_timeout_still_holds_the_lock(project: Project) -> None:
    project.dodo(
        DODO
        + """
from capdoit import CapdoitError
@cap.before('updating')
def wait(host):
    try:
        host.run('sleep 30', timeout=0.3)
    except CapdoitError as error:
        print(error)
    path = host.deploy_to + '/.capdoit/lock'
    host.run(['sh', '-c', 'if flock -n "$0" true; then echo free; else echo kept; fi', path])
"""
    )
    done = project.doit("deploy:production", check=True)
    assert "sleep 30: took longer than 0.3 s and was stopped" in done.out
    assert "kept" in done.out
    assert "free" not in done.out


@pytest.mark.extended("detail")
def test_exit_status_255_is_not_reported_as_a_signal(project: Project) -> None:
    write_command_hook(project, "before('updating')", "exit 255")
    done = project.doit("deploy:production").failed()
    assert "exit 255: exit status 255" in done.out


def test_symlinks_in_the_code_cannot_create_files_outside_the_release(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (project.repo.path / "REVISION").symlink_to(outside / "REVISION")
    project.repo.commit({"b.txt": "b"})
    project.doit("deploy:production", check=True)
    assert not (project.deploy_to("web1") / "current/REVISION").is_symlink()
    (project.repo.path / "config").symlink_to(outside)
    project.repo.commit({"c.txt": "c"})
    for host in project.hosts:
        (project.shared(host) / "config/sub").mkdir(parents=True)
        (project.shared(host) / "config/sub/x.yml").touch()
    project.config(linked_files=["config/sub/x.yml"])
    project.doit("deploy:production").failed()
    assert list(outside.iterdir()) == []


@pytest.mark.extended("detail")
def test_a_repo_directory_that_is_not_a_mirror_is_named(project: Project) -> None:
    (project.deploy_to("web2") / "repo").mkdir()
    (project.deploy_to("web2") / "repo/notes").touch()
    done = project.doit("deploy:production").failed()
    assert "hosts/web2/repo is not a mirror of a repository; move it away" in done.out


@pytest.mark.extended("detail")
def test_cdpath_in_the_login_environment_has_no_effect(project: Project, tmp_path: Path) -> None:
    (tmp_path / "releases/stray").mkdir(parents=True)
    project.doit("deploy:production", check=True, env={"CDPATH": str(tmp_path)})
    assert project.releases("web1") == [project.current("web1")]


def test_the_command_to_type_again_has_the_variables_that_were_typed(project: Project) -> None:
    write_command_hook(project, "after('updated')", "exit 4")
    done = project.doit("deploy:production", "hosts=web1", "branch=main", "message=new prices").failed(1)

    assert "Once fixed, run: doit deploy:production branch=main hosts=web1 'message=new prices'\n" in done.out
