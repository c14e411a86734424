"""The hooks `on_failed`."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from capdoit.testing import DODO, Project
from tests.support import deploy, further, printed_words, wait_for, write_hooks

TELL = (
    DODO
    + """
import json, os

@cap.on_failed
def tell(failure):
    said = {
        "flow": failure.flow, "stage": failure.stage, "step": failure.step, "release": failure.release,
        "hosts": [host.name for host in failure.hosts], "outcomes": [o.host for o in failure.outcomes],
        "error": type(failure.error).__name__,
    }
    with open("told", "a") as file:
        file.write(json.dumps(said) + "\\n")
"""
)


def read_failures(project: Project) -> list[dict[str, Any]]:
    """Return what each call of the on_failed hook recorded."""
    file = project.path / "told"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def start_and_wait_for(project: Project, *args: str) -> Any:
    """Start doit, and wait until a hook has created the file `begun`."""
    process = project.start(*args)
    wait_for(60, lambda: process.poll() is not None or (project.path / "begun").exists())
    assert process.poll() is None, process.communicate()[0]
    return process


def test_on_failed_runs_after_a_step_failed_on_one_host(project: Project) -> None:
    (project.shared("web2") / "config/database.yml").unlink()
    project.dodo(TELL)
    project.doit("deploy:production").failed()
    (told_once,) = read_failures(project)
    assert (told_once["flow"], told_once["stage"], told_once["step"]) == ("deploy", "production", "starting")


@pytest.mark.extended("detail")
def test_a_skipped_on_failed_hook_does_not_run(project: Project) -> None:
    (project.shared("web2") / "config/database.yml").unlink()
    project.dodo(TELL)
    project.doit("deploy:production", "skip=tell").failed(1)
    assert read_failures(project) == []
    assert "skip=tel: no hook has that name; did you mean tell?" in project.doit("list", "skip=tel").failed(3).out


def test_on_failed_gets_the_hosts_on_which_a_hook_failed(project: Project) -> None:
    project.dodo(
        TELL
        + dedent("""
        @cap.after('updated')
        def boom(host):
            host.run('test $PWD = x || sleep 0.2; false' if host.name == 'web2' else 'true')
        """)
    )
    project.doit("deploy:production").failed()
    (told_once,) = read_failures(project)
    assert told_once["step"] == "boom"
    assert told_once["hosts"] == ["web2"]
    assert told_once["outcomes"] == ["web1", "web2"]
    assert re.fullmatch(r"\d{14}", told_once["release"])


@pytest.mark.extended("detail")
def test_an_invalid_argument_of_a_hook_is_reported_with_the_line_of_the_hook(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after('updated')
        def boom(host):
            host.run(['a\\0b'])
        """,
    )
    done = project.doit("deploy:production").failed()
    assert re.search(r"web1, web2: ValueError: .*\(dodo\.py:\d+\)", done.out), done.out


@pytest.mark.extended("detail")
def test_an_error_uses_the_description_that_the_hook_gives(project: Project) -> None:
    hook = "host.run(['sh', '-c', 'echo lost\\nexit 4'], called='the cache could not be filled')"
    write_hooks(
        project,
        f"""
        @cap.after('updated')
        def boom(host):
            {hook}
        """,
    )
    done = project.doit("deploy:production").failed()
    assert "  web1, web2: the cache could not be filled: exit status 4\n      lost\n" in done.out, done.out


def test_on_failed_runs_after_an_exception_in_a_hook(project: Project) -> None:
    project.dodo(
        TELL
        + dedent("""
        @cap.after('published', once=True)
        def boom(hosts):
            {}['lost']
        """)
    )
    done = project.doit("deploy:production").failed()
    assert "KeyError: 'lost' (dodo.py:" in done.out
    assert "Traceback" not in done.out
    (told_once,) = read_failures(project)
    assert (told_once["flow"], told_once["step"]) == ("deploy", "boom")


def test_on_failed_runs_after_a_failed_rollback(project: Project) -> None:
    deploy(project)
    project.dodo(TELL)
    project.doit("rollback:production").failed()
    (told_once,) = read_failures(project)
    assert (told_once["flow"], told_once["step"], told_once["error"]) == ("rollback", "starting", "NoTarget")


@pytest.mark.extended("detail")
def test_on_failed_runs_after_a_task_failed_inside_a_flow(project: Project) -> None:
    project.dodo(
        TELL
        + dedent("""
        cap.before('publishing', 'smoke')
        def task_smoke():
            return {'actions': ['exit 9']}
        """)
    )
    done = project.doit("deploy:production").failed()
    (told_once,) = read_failures(project)
    assert told_once["flow"] == "deploy"
    assert "live releases now" in done.out
    assert project.releases("web1") == []
    assert (project.deploy_to("web1") / ".capdoit/lock").read_text().strip() == ""


def test_on_failed_does_not_run_when_the_flow_did_not_begin(project: Project) -> None:
    project.dodo(
        TELL
        + dedent("""
        cap.before('starting', 'smoke')
        def task_smoke():
            return {'actions': ['exit 9']}
        """)
    )
    project.doit("deploy:production").failed()
    assert read_failures(project) == []
    assert not (project.deploy_to("web1") / ".capdoit").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, *further(signal.SIGTERM)], ids=lambda number: number.name)
def test_on_failed_runs_after_a_signal(project: Project, number: signal.Signals) -> None:
    wait = dedent("""
        @cap.after('updated')
        def wait(host):
            open('begun', 'w')
            host.run('sleep 30')
        """)
    project.dodo(TELL + wait)
    process = start_and_wait_for(project, "deploy:production")
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert f"interrupted by {'Ctrl-C' if number == signal.SIGINT else number.name}" in out
    assert "Traceback" not in out
    (told_once,) = read_failures(project)
    assert (told_once["flow"], told_once["step"], told_once["error"]) == ("deploy", "wait", "Interrupted")
    assert project.releases("web1") == project.releases("web2") == []


def test_a_failing_on_failed_hook_does_not_hide_the_error(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.on_failed
        def bad(failure):
            raise ValueError('not me')
        @cap.after('updated')
        def boom(host):
            host.run('exit 5')
        """,
    )
    done = project.doit("deploy:production").failed()
    assert "exit status 5" in done.out
    assert "on_failed hook bad (dodo.py:3) failed: ValueError: not me" in done.out
    assert "Traceback" not in done.out


@pytest.mark.extended("detail")
def test_on_failed_does_not_run_after_a_successful_deploy(project: Project) -> None:
    project.dodo(TELL)
    deploy(project)
    assert read_failures(project) == []


def test_hooks_of_a_project_recipe_run_in_the_flow(project: Project) -> None:
    (project.path / "recipes").mkdir()
    recipe = Path(project.path / "recipes/greeting.py")
    recipe.write_text(
        dedent("""
        from dataclasses import dataclass
        from capdoit import Recipe

        @dataclass(frozen=True)
        class Options:
            word: str = 'hello'

        greeting = Recipe('greeting', options=Options, roles='web')

        @greeting.after('published')
        def greet(host, options):
            host.run(['echo', f'<{options.word}>'])
        """)
    )
    project.config(recipes={"greeting": {"word": "good day"}})
    assert printed_words(project.doit("deploy:production", check=True).out, "web2") == ["good day"]
    project.config(recipes={"greeting": {"wrod": "good day"}})
    done = project.doit("deploy:production").failed(3)
    wrong = r"deploy\.yml:\d+:\d+: recipe greeting \(\S+greeting\.py\) has no option wrod; did you mean word\?"
    assert re.search(wrong, done.out)
