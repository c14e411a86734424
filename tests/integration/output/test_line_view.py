"""The lines of a flow in a pipe and in CI, and what -v and the reporters of doit show."""

from __future__ import annotations

import json
import re

import pytest

from capdoit.testing import Project
from tests.support import deploy, write_hooks

HOOK = """
    DOIT_CONFIG = {"reporter": "capdoit"}
    @cap.after('updated')
    def talk(host):
        host.run("printf '\\\\033[32mhello\\\\033[0m\\\\n'")
    """
FAILING = """
    DOIT_CONFIG = {"reporter": "capdoit"}
    @cap.after('updated')
    def talk(host):
        host.run('seq 30')
        if host.name == 'web2':
            host.run('exit 7')
    """


def test_each_event_is_a_line_with_the_elapsed_time_and_the_task(project: Project) -> None:
    first = deploy(project)
    write_hooks(project, HOOK)
    lines = project.doit("deploy:production", check=True).out.splitlines()
    *events, result, code, times, back = lines
    for line in events:
        assert re.match(r"00:\d\d deploy:production(:\w+)?  \S", line), line
    assert "deploy:production:talk  web2 | hello" in [line[6:] for line in events]
    assert result == f"✔ deploy:production: {project.current('web1')} is live on web1, web2"
    assert re.fullmatch(r'  main [0-9a-f]{12} "change app.txt", by tester', code)
    assert re.fullmatch(r"  live after [0-9.]+s, done after [0-9.]+s", times)
    assert back == f"  To go back: doit rollback:production rollback_release={first}"


def test_verbosity_0_shows_the_result_alone(project: Project) -> None:
    write_hooks(project, HOOK)
    lines = project.doit("-v", "0", "deploy:production", check=True).out.splitlines()
    assert lines[0] == f"✔ deploy:production: {project.current('web1')} is live on web1, web2"
    assert len(lines) == 4


def test_a_hook_that_runs_once_is_done_on_no_host(project: Project) -> None:
    write_hooks(
        project,
        """
        DOIT_CONFIG = {"reporter": "capdoit"}
        @cap.after('updated', once=True)
        def sync(hosts):
            for host in hosts:
                host.run('echo begun')
        """,
    )
    lines = project.doit("deploy:production", check=True).out.splitlines()
    told = [line.partition("  ")[2] for line in lines if ":sync  " in line]
    assert told[:2] == ["web1 | begun", "web2 | begun"]
    assert re.fullmatch(r"✔ [0-9.]+s \(\d of \d\)", told[2])
    assert not [line for line in told if line.startswith("✔ web")]


def test_a_failure_of_a_hook_that_runs_once_names_no_host_unless_a_host_failed(project: Project) -> None:
    write_hooks(
        project,
        """
        import os
        DOIT_CONFIG = {"reporter": "capdoit"}
        @cap.after('updated', once=True)
        def look(hosts):
            if 'HOST' in os.environ:
                hosts[1].run('echo lost; exit 4')
            raise ValueError('no answer')
        """,
    )
    out = project.doit("deploy:production").failed().out
    assert "ValueError: no answer" in out
    assert "✖ web" not in out
    assert "web1: ValueError" not in out
    out = project.doit("-v", "1", "deploy:production", env={"HOST": "1"}).failed().out
    assert "web2 | lost" in out
    assert "web2: " in out


@pytest.mark.extended("detail")
def test_verbosity_0_holds_what_hooks_print_until_a_failure(project: Project) -> None:
    write_hooks(
        project,
        """
        import os
        DOIT_CONFIG = {"reporter": "capdoit"}
        @cap.after('updated', once=True)
        def ask(hosts):
            print('a remark')
            if 'FAIL' in os.environ:
                raise ValueError('no answer')
        @cap.after('published', once=True)
        def tell(hosts):
            print('another')
        """,
    )
    out = project.doit("-v", "0", "deploy:production", check=True).out
    assert "a remark" not in out
    assert "another" not in out
    out = project.doit("-v", "0", "deploy:production", env={"FAIL": "1"}).failed().out
    assert out.startswith("a remark\n")
    assert "no answer" in out


def test_verbosity_1_shows_steps_and_only_the_output_of_a_host_that_failed(project: Project) -> None:
    write_hooks(project, FAILING)
    out = project.doit("-v", "1", "deploy:production").failed().out
    assert re.search(r"deploy:production:updating  ✔ [0-9.]+s \(2 of 6\)$", out, re.M)
    assert "web1 | " not in out
    assert re.findall(r"web2 \| (\d+)$", out, re.M) == [str(number) for number in range(1, 31)]


@pytest.mark.extended("variant")
@pytest.mark.parametrize("verbosity", ["0", "2"])
def test_a_failure_is_reported_at_every_verbosity(project: Project, verbosity: str) -> None:
    write_hooks(project, FAILING)
    out = project.doit("-v", verbosity, "deploy:production").failed().out
    assert "deploy:production: talk failed" in out
    assert "TaskFailed" not in out
    assert "####" not in out
    assert ("web1 | 1\n" in out) == (verbosity == "2")


def test_the_json_reporter_prints_json_alone(project: Project) -> None:
    write_hooks(project, HOOK)
    told = json.loads(project.doit("-r", "json", "deploy:production", check=True).out)
    assert {task["result"] for task in told["tasks"]} == {"success"}
    assert "deploy:production:talk  web1 | hello\n" in told["out"]
    assert "is live on web1, web2\n" in told["out"]

    write_hooks(project, FAILING)
    told = json.loads(project.doit("-r", "json", "deploy:production").failed().out)
    (failed,) = [task for task in told["tasks"] if task["result"] == "fail"]
    assert "What is live was not changed" in failed["error"]


def test_the_reporter_error_only_prints_nothing_but_a_failure(project: Project) -> None:
    write_hooks(project, HOOK)
    assert project.doit("-r", "error-only", "deploy:production", check=True).out == ""
    write_hooks(project, FAILING)
    out = project.doit("-r", "error-only", "deploy:production").failed().out
    assert "web1 | 1" not in out
    assert "What is live was not changed" in out


@pytest.mark.extended("variant")
def test_the_console_reporter_of_doit_names_each_task_once(project: Project) -> None:
    write_hooks(project, HOOK)
    out = project.doit("-r", "console", "deploy:production", check=True).out
    assert out.count(".  deploy:production:talk\n") == 1
    assert "deploy:production:talk  web1 | hello\n" in out


@pytest.mark.extended("detail")
def test_tasks_of_the_project_are_named_and_their_failures_are_complete(project: Project) -> None:
    write_hooks(
        project,
        """
        DOIT_CONFIG = {"reporter": "capdoit"}
        def task_build():
            return {'actions': ['echo compiled; echo no room >&2; exit 7']}
        cap.before('starting', 'build')
        """,
    )
    out = project.doit("deploy:production").failed().out
    assert ".  build\n✘ the task build failed\n" in out
    assert "no room" in out
    assert "UnmetDependency" not in project.doit("-c", "deploy:production").failed(2).out


@pytest.mark.extended("detail")
def test_github_and_gitlab_can_fold_each_step(project: Project) -> None:
    write_hooks(project, HOOK)
    github = project.doit("deploy:production", env={"CI": "true", "GITHUB_ACTIONS": "true"}, check=True).out
    groups = re.findall(r"^::group::deploy:production:(\w+)$", github, re.M)
    assert groups == ["starting", "updating", "talk", "publishing", "finishing", "finished"]
    assert github.count("\n::endgroup::\n") == 6
    assert github.rpartition("::endgroup::\n")[2].startswith("✔ deploy:production: ")

    gitlab = project.doit("deploy:production", env={"CI": "true", "GITLAB_CI": "true"}, check=True).out
    # The carriage return in it is a line feed for the test.
    assert re.search(
        r"^\x1b\[0Ksection_start:\d+:deploy_production_talk\n\x1b\[0Kdeploy:production:talk$", gitlab, re.M
    )
    assert gitlab.count("section_start:") == gitlab.count("section_end:") == 6


@pytest.mark.extended("detail")
def test_the_report_of_a_failure_is_not_in_a_group(project: Project) -> None:
    write_hooks(project, FAILING)
    out = project.doit("deploy:production", env={"CI": "true", "GITHUB_ACTIONS": "true"}).failed().out
    assert "deploy:production: talk failed" in out.rpartition("::endgroup::\n")[2]
    assert out.count("::group::") == out.count("::endgroup::")


@pytest.mark.extended("variant")
@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({"FORCE_COLOR": "1"}, "web1 | \x1b[32mhello\x1b[0m"),
        ({"FORCE_COLOR": "0"}, "web1 | hello"),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "web1 | hello"),
    ],
)
def test_colors_in_a_pipe_are_a_wish(project: Project, more: dict[str, str], shown: str) -> None:
    write_hooks(project, HOOK)
    assert shown in project.doit("deploy:production", env=more, check=True).out


@pytest.mark.extended("variant")
@pytest.mark.parametrize("more", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}], ids=["C", "latin-1"])
def test_without_utf_8_the_lines_are_ascii(project: Project, more: dict[str, str]) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def greet(host):
            host.run("echo '„Grüße“ …'")
    """,
    )
    out = project.doit("deploy:production", "message=„neu“", env=more, check=True).out
    assert re.search(r"deploy:production:updating  ok [0-9.]+s", out)
    assert '| "Gr\\xfc\\xdfe" ...' in out
    assert out.isascii()
    assert project.doit("cap", "history", env=more, check=True).out.isascii()


@pytest.mark.extended("detail")
def test_a_step_that_says_nothing_for_ten_seconds_is_still_running(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def wait(host):
            host.run('sleep 12' if host.name == 'web2' else 'true')
        """,
    )
    out = project.doit("deploy:production", check=True).out
    assert re.search(r"^00:1\d deploy:production:wait  still running on web2 \(1\ds\)$", out, re.M)


@pytest.mark.extended("detail")
def test_two_flows_at_the_same_time_have_their_own_names_in_front(project: Project) -> None:
    hosts = project.settings["stages"]["production"]["hosts"]
    elsewhere = {name: {**host, "deploy_to": f"{host['deploy_to']}-staging"} for name, host in hosts.items()}
    project.config(stages={"production": {"hosts": hosts}, "staging": {"hosts": elsewhere}}, linked_files=None)
    write_hooks(project, HOOK)
    out = project.doit("-n", "2", "-P", "thread", "deploy:production", "deploy:staging", check=True).out
    for stage in ("production", "staging"):
        assert re.search(rf"^00:\d\d deploy:{stage}:talk  web1 \| hello$", out, re.M)
        assert re.search(rf"^✔ deploy:{stage}: \d{{14}} is live on web1, web2$", out, re.M)


LOADED = """
    import atexit, sys
    atexit.register(lambda: open('loaded', 'w').write(' '.join(sys.modules)))
    """


@pytest.mark.extended("detail")
@pytest.mark.parametrize("words", ["list", "-v 2 deploy:production", "deploy:production dry_run=yes"])
def test_without_a_terminal_nothing_waits_for_rich(project: Project, words: str) -> None:
    write_hooks(project, LOADED)
    project.doit(*words.split(), check=True)
    loaded = (project.path / "loaded").read_text().split()
    assert "capdoit" in loaded
    assert not {"rich", "capdoit.output.live_view"} & {*loaded}
    assert ("capdoit.output.view" in loaded) == (words != "list")


@pytest.mark.extended("detail")
def test_the_subject_of_a_commit_is_shown_and_cannot_control_the_terminal(project: Project) -> None:
    project.repo.git("commit", "--quiet", "--allow-empty", "-m", "Fix \x1b[31mthe\x1b[0m login\n\nwith a body")
    subject = '"Fix \\x1b[31mthe\\x1b[0m login"'
    assert f"{subject}, by tester\n" in project.doit("deploy:production", check=True).out
    project.repo.commit({"app.txt": "second\n"})
    deploy(project)
    assert f"{subject}, by tester\n" in project.doit("rollback:production", check=True).out
