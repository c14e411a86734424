"""The commands and options of doit with the tasks of capdoit."""

from __future__ import annotations

import re
import subprocess
import sys
from textwrap import dedent

import pytest

from capdoit.testing import DODO, Project
from tests.support import MakeProject, further, write_command_hook, write_hooks

STEPS = {
    "deploy": ["starting", "started", "updating", "updated", "publishing", "published", "finishing", "finished"],
    "rollback": ["starting", "started", "reverting", "reverted", "publishing", "published",
                 "finishing_rollback", "finished"],
}  # fmt: skip


@pytest.fixture
def untouched(make_project: MakeProject) -> Project:
    """Return a project whose hosts have no files, not even the linked files."""
    return make_project(linked_files_exist=False)


def test_a_bare_doit_runs_nothing(project: Project) -> None:
    done = project.doit(check=True)
    assert "doit list" in done.out
    assert not (project.deploy_to("web1") / ".capdoit").exists()
    assert project.releases("web1") == []


@pytest.mark.extended("detail")
def test_a_bare_doit_in_a_project_with_tasks_runs_nothing_on_hosts(project: Project) -> None:
    write_hooks(
        project,
        """
        def task_x():
            return {'actions': ['echo x > made']}
        """,
    )
    project.doit(check=True)
    assert project.releases("web1") == []


def test_a_bare_doit_runs_the_default_tasks_of_the_project(project: Project) -> None:
    project.dodo(
        "DOIT_CONFIG = {'default_tasks': ['x']}\n"
        + DODO
        + dedent("""
        def task_x():
            return {'actions': ['echo x > made']}
        """)
    )
    project.doit(check=True)
    assert (project.path / "made").exists()
    assert project.releases("web1") == []


def test_doit_list_shows_the_flows_of_each_stage_and_the_short_names(untouched: Project) -> None:
    hosts = untouched.hosts
    untouched.config(
        stages={"staging": {"hosts": {"web1": hosts["web1"]}}, "production": {"hosts": {"web2": hosts["web2"]}}}
    )
    done = untouched.doit("list", check=True)
    rows = [re.split(r" {2,}", line) for line in done.out.splitlines() if line.strip()]
    names = [row[0] for row in rows]
    assert set(names) == {
        "deploy", "deploy:staging", "deploy:production", "rollback", "rollback:staging", "rollback:production",
        "check", "check:staging", "check:production", "drill", "drill:staging", "drill:production",
        "setup", "setup:staging", "setup:production",
        "deploy:rollback", "deploy:check",
    }  # fmt: skip
    assert len(names) == len(set(names))
    assert all(len(row) == 2 and row[1].strip() for row in rows)
    assert not (untouched.path / "hosts").exists()


def test_doit_list_all_shows_the_steps_in_their_order(untouched: Project) -> None:
    untouched.dodo(DODO + "@cap.after('published')\ndef warm_cache(host):\n    '''Fill the page cache.'''\n")
    done = untouched.doit("list", "--all", "--sort=definition", check=True)
    rows = [re.split(r" {2,}", line) for line in done.out.splitlines()]
    for flow, steps in STEPS.items():
        at = steps.index("published") + 1
        names = [f"{flow}:production:{name}" for name in [*steps[:at], "warm_cache", *steps[at:]]]
        assert [row[0] for row in rows if row[0].startswith(f"{flow}:production:")] == names
    assert all(len(row) == 2 for row in rows)
    assert ["deploy:production:warm_cache", "Fill the page cache."] in rows


@pytest.mark.parametrize(
    "args",
    [
        ("info", "deploy:production:updating"),
        ("help", "deploy:production"),
        *further((("tabcompletion",),), (("tabcompletion", "--shell", "zsh"),)),
    ],
)
def test_the_commands_of_doit_work(untouched: Project, args: tuple[str, ...]) -> None:
    done = untouched.doit(*args)
    assert done.code in (0, 1)  # info says by its code whether the task is up to date
    assert "Traceback" not in done.out
    assert done.out.strip()
    assert not (untouched.path / "hosts").exists()


def test_doit_list_imports_only_what_names_the_tasks(untouched: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "doit", "list"],
        cwd=untouched.path,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "capdoit.doit_tasks" in modules
    assert not modules & {"plumbum", "rich", "capdoit.events", "capdoit.output.console", "capdoit.flow.runner"}
    assert not modules & {"jsonschema", "capdoit.config.editor_schema", "capdoit.hooks.recipe_schema"}


def test_a_deploy_is_never_up_to_date(project: Project) -> None:
    for number in (1, 2):
        done = project.doit("deploy:production", check=True)
        assert "--" not in [line.split(" ")[0] for line in done.out.splitlines()]
        assert len(project.releases("web1")) == number


@pytest.mark.extended("detail")
def test_threads_of_doit_give_the_same_result(project: Project) -> None:
    first = project.doit("-n", "4", "-P", "thread", "deploy:production", check=True)
    assert "live on web1, web2" in first.out
    release = project.current("web1")
    assert project.releases("web1") == project.releases("web2") == [release]
    project.doit("-n", "4", "-P", "thread", "deploy:production", check=True)
    project.doit("-n", "4", "-P", "thread", "rollback:production", check=True)
    assert project.current("web1") == project.current("web2") == release
    events = (project.deploy_to("web1") / ".capdoit/journal").read_text()
    assert events.count('"event": "finished"') == 3


@pytest.mark.extended("detail")
def test_threads_of_doit_fail_alike(project: Project) -> None:
    write_command_hook(project, "after('updated')", "exit 7")
    done = project.doit("-n", "4", "-P", "thread", "deploy:production").failed()
    assert "exit status 7" in done.out
    assert done.out.count("live releases now") == 1
    assert "Traceback" not in done.out
    assert project.releases("web1") == project.releases("web2") == []
    assert (project.deploy_to("web1") / ".capdoit/lock").read_text().strip() == ""


@pytest.mark.parametrize("flow", ["deploy", *further("rollback")])
def test_processes_of_doit_are_refused_before_any_host_is_touched(untouched: Project, flow: str) -> None:
    done = untouched.doit("-n", "4", f"{flow}:production").failed()
    assert "-P thread" in done.out
    assert "Traceback" not in done.out
    assert not (untouched.path / "hosts").exists()


@pytest.mark.extended("detail")
def test_two_flows_in_one_run_are_done_in_turn(project: Project) -> None:
    project.doit("deploy:production", check=True)
    first = project.current("web1")
    project.doit("deploy:production", "rollback:production", check=True)
    assert project.current("web1") == project.current("web2") == first


def test_part_of_a_flow_runs_to_the_named_step_and_is_undone(project: Project) -> None:
    done = project.doit("deploy:production:updating", check=True)
    assert "stopped after updating, as requested" in done.out
    assert project.current("web1") is None
    assert project.releases("web1") == []
    assert (project.deploy_to("web1") / ".capdoit/lock").read_text().strip() == ""


def test_a_step_without_the_steps_before_it_is_refused(untouched: Project) -> None:
    done = untouched.doit("-s", "deploy:production:publishing").failed()
    assert "publishing needs updating to be done first" in done.out
    assert "Traceback" not in done.out
    assert untouched.releases("web1") == []


def test_mistakes_of_deploy_yml_stop_doit_without_a_traceback(untouched: Project) -> None:
    untouched.config(keep_release=3, transfer="gti")
    done = untouched.doit("deploy:production").failed(3)
    assert re.search(r"deploy\.yml:\d+:\d+: keep_release", done.out)
    assert re.search(r"deploy\.yml:\d+:\d+: transfer", done.out)
    assert "Traceback" not in done.out


def test_doit_works_from_a_subdirectory(project: Project) -> None:
    (project.path / "sub").mkdir()
    inner = subprocess.run(
        [sys.executable, "-m", "doit", "--seek-file", "deploy:production"],
        cwd=project.path / "sub", capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert inner.returncode == 0, inner.stdout + inner.stderr
    assert project.current("web1") == project.current("web2") is not None


def test_each_line_of_output_has_the_name_of_its_host(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def talk(host):
            host.run('printf "a\\\\nb\\\\n"; echo c >&2')
        """,
    )
    done = project.doit("deploy:production", check=True)
    for host in project.hosts:
        for line in "abc":
            assert f"deploy:production:talk  {host} | {line}\n" in done.out


@pytest.mark.parametrize("task", ["deploy", *further("rollback", "check", "drill", "setup")])
def test_a_variable_stage_that_contradicts_the_task_is_refused(project: Project, task: str) -> None:
    project.config(stages={name: {"hosts": project.hosts} for name in ("production", "staging")})
    done = project.doit(f"{task}:production", "stage=staging").failed(1)

    assert "which stage, production or stage=staging? Nothing was done" in done.out
    assert project.current("web1") is None
