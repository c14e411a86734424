"""A stage with `confirm: true` shows what a flow would do and asks before a host is changed."""

from __future__ import annotations

import json
import os
import re
import signal
import sys

import pyte
import pytest

from capdoit.testing import Project
from tests.support import deploy_text, further, snapshot_hosts, start_waiting_deploy, unwrap, write_hooks
from tests.typist import Typist

QUESTION = "Go on with {}? [y/N] "


@pytest.fixture
def asking(project: Project) -> Project:
    """Return a project with a live release, whose stage asks from now on."""
    deploy_text(project, "1")
    project.repo.commit({"app.txt": "2"})
    project.config(confirm=True)
    return project


def start(project: Project, env: dict[str, str], *words: str) -> Typist:
    """Type a doit command on a terminal of 80 columns and 24 lines."""
    return Typist([sys.executable, "-m", "doit", *words], project.path, env)


def answer(project: Project, env: dict[str, str], keys: str, *words: str) -> tuple[int, str]:
    """Type a doit command, wait for its question, type an answer; return the exit status and what was shown."""
    with start(project, env, *words) as typist:
        typist.wait_for("[y/N] ")
        typist.type(keys)
        return typist.wait_for_end(), typist.text


def test_yes_does_what_was_shown(asking: Project, env: dict[str, str]) -> None:
    commit = asking.repo.git("rev-parse", "HEAD")
    with start(asking, env, "deploy:production") as typist:
        shown = unwrap(typist.wait_for(QUESTION.format("deploy:production")))
        (release,) = re.findall(rf"live then ([0-9]{{14}}) \({commit[:12]}, main\)", shown)
        asking.repo.commit({"app.txt": "3"})
        typist.type("y\n")
        assert typist.wait_for_end() == 0
    assert "This was a dry run" not in typist.text
    assert [asking.current(host) for host in asking.hosts] == [release, release]
    assert (asking.deploy_to("web1") / "current/REVISION").read_text().strip() == commit


def test_the_question_and_all_that_it_is_about_are_on_one_screen(asking: Project, env: dict[str, str]) -> None:
    with start(asking, env, "deploy:production") as typist:
        typist.wait_for("[y/N] ")
        screen = pyte.Screen(80, 24)
        pyte.ByteStream(screen).feed(typist._shown)
        lines = [line.rstrip() for line in screen.display]
        typist.type("n\n")
        typist.wait_for_end()
    assert "deploy:production on web1, web2 would do this:" in lines
    assert "Go on with deploy:production? [y/N]" in lines
    assert not re.search("^✔", typist.text, re.MULTILINE)  # no step is said to be done


@pytest.mark.parametrize("keys", ["n\n", *further("\n", "no\n", "x\nn\n", "\x04", "\x03")])
def test_any_other_end_of_the_question_changes_nothing(asking: Project, env: dict[str, str], keys: str) -> None:
    before = snapshot_hosts(asking)
    code, shown = answer(asking, env, keys, "deploy:production")
    assert code == 1
    assert "Nothing was changed." in shown
    assert "Traceback" not in shown
    assert snapshot_hosts(asking) == before


def test_without_a_terminal_a_flow_is_refused_and_yes_answers(asking: Project) -> None:
    before = snapshot_hosts(asking)
    done = asking.doit("deploy:production", "branch=main").failed(1)
    assert "there is no terminal to ask on. No host was touched." in done.out
    assert done.out.rstrip().endswith("type: doit deploy:production branch=main yes=1")
    assert snapshot_hosts(asking) == before
    asking.doit("deploy:production", "branch=main", "yes=1", check=True)
    assert snapshot_hosts(asking) != before


@pytest.mark.extended("detail")
def test_a_stage_without_confirm_asks_nothing(project: Project) -> None:
    project.doit("deploy:production", check=True)
    project.doit("deploy:production", "yes=1", check=True)


def test_a_deploy_of_somebody_else_during_the_question_is_named_and_nothing_is_done(
    asking: Project, env: dict[str, str]
) -> None:
    with start(asking, env, "deploy:production") as typist:
        typist.wait_for("[y/N] ")
        asking.doit("deploy:production", "yes=1", check=True, env={"USER": "otto"})  # no lock is held
        live = [asking.current(host) for host in asking.hosts]
        typist.type("y\n")
        assert typist.wait_for_end() == 1
        shown = unwrap(typist.text)
    assert "what you said yes to is outdated" in shown
    assert re.search(rf"{asking.current('web1')} was deployed .* ago by otto", shown)
    assert "To see what it would do now, and answer again: doit deploy:production" in shown
    assert [asking.current(host) for host in asking.hosts] == live


@pytest.mark.extended("detail")
def test_a_flow_that_waits_for_another_one_is_refused_after_it(project: Project, env: dict[str, str]) -> None:
    deploy_text(project, "1")
    with start_waiting_deploy(project) as other:
        project.config(confirm=True)
        with start(project, env, "deploy:production", "wait=60") as typist:
            shown = unwrap(typist.wait_for("[y/N] "))
            typist.type("y\n")
            typist.wait_for("waiting up to 60 s")
            (project.path / "go").touch()
            assert typist.wait_for_end() == 1
        assert other.wait(60) == 0
    assert re.search("would wait web1, web2: locked by deploy by ", shown)
    assert f"{project.current('web1')} was deployed" in unwrap(typist.text)


@pytest.mark.extended("detail")
@pytest.mark.parametrize("task", ["rollback:production", "deploy:rollback", "rollback"])
def test_a_rollback_asks_too_whatever_it_is_called(asking: Project, env: dict[str, str], task: str) -> None:
    first = asking.current("web1")
    asking.doit("deploy:production", "yes=1", check=True)
    code, shown = answer(asking, env, "y\n", task)
    assert code == 0
    assert "Go on with rollback:production? [y/N] " in shown
    assert asking.current("web1") == asking.current("web2") == first


@pytest.mark.extended("detail")
@pytest.mark.parametrize(
    "words", [("check:production",), ("deploy:production", "dry_run=yes"), ("deploy:production", "plan=p")]
)
def test_what_changes_nothing_live_asks_nothing(asking: Project, words: tuple[str, ...]) -> None:
    asking.doit(*words, check=True)


@pytest.mark.extended("detail")
def test_a_drill_asks_nothing(asking: Project) -> None:
    asking.doit("deploy:production", "yes=1", check=True)
    asking.doit("drill:production", check=True)


@pytest.mark.extended("detail")
def test_a_plan_that_is_applied_is_shown_first(asking: Project, env: dict[str, str]) -> None:
    asking.doit("deploy:production", "plan=p", check=True)
    planned = json.loads((asking.path / "p").read_text())
    assert asking.doit("deploy:production", "apply=p").failed(1).out.rstrip().endswith("apply=p yes=1")
    asking.repo.commit({"app.txt": "3"})
    code, shown = answer(asking, env, "y\n", "deploy:production", "apply=p")
    assert code == 0
    assert f"live then {planned['release']} ({planned['revision'][:12]}, main)" in unwrap(shown)
    assert asking.current("web1") == planned["release"]


@pytest.mark.extended("detail")
def test_an_automatic_rollback_does_not_ask(asking: Project, env: dict[str, str]) -> None:
    first = asking.current("web1")
    asking.config(confirm=True, on_failure="rollback")
    write_hooks(
        asking,
        """
        @cap.after('published', flows=('deploy',))
        def restart(host):
            host.run('false')
        """,
    )
    code, shown = answer(asking, env, "y\n", "deploy:production")
    assert code == 1
    assert shown.count("[y/N]") == 1
    assert asking.current("web1") == asking.current("web2") == first


@pytest.mark.extended("detail")
def test_a_single_hook_asks_and_shows_only_itself(asking: Project, env: dict[str, str]) -> None:
    write_hooks(
        asking,
        """
        @cap.after('published', roles='web')
        def restart(host):
            open(f'restarted-{host.name}', 'w')

        @cap.after('published')
        def tell(host):
            host.run('touch told')
        """,
    )
    name = "deploy:production:restart"
    refused = asking.doit("run", "-s", name).failed(1)
    assert refused.out.rstrip().endswith("To do it without a question, add yes=1 to the command")
    code, shown = answer(asking, env, "y\n", "run", "-s", name)
    assert code == 0
    assert re.search("^  restart +on all hosts$", shown, re.MULTILINE)
    assert "tell" not in shown
    assert "live then" not in shown
    assert (asking.path / "restarted-web2").exists()


@pytest.mark.extended("detail")
def test_a_flow_that_would_fail_asks_nothing(asking: Project, env: dict[str, str]) -> None:
    with start(asking, env, "deploy:production", "branch=nowhere") as typist:
        assert typist.wait_for_end() == 1
    assert "[y/N]" not in typist.text
    assert "has no branch, tag or commit 'nowhere'" in " ".join(typist.text.split())
    assert "dry_run" not in typist.text


@pytest.mark.extended("detail")
def test_keys_that_were_typed_before_the_question_do_not_answer_it(asking: Project, env: dict[str, str]) -> None:
    before = snapshot_hosts(asking)
    with start(asking, env, "deploy:production") as typist:
        typist.wait_for("starting")
        typist.type("y\n")
        typist.wait_for("[y/N] ")
        typist.type("n\n")
        assert typist.wait_for_end() == 1
    assert snapshot_hosts(asking) == before


@pytest.mark.extended("detail")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_during_the_question_ends_it(asking: Project, env: dict[str, str], number: signal.Signals) -> None:
    before = snapshot_hosts(asking)
    with start(asking, env, "deploy:production") as typist:
        typist.wait_for("[y/N] ")
        os.kill(typist.process.pid, number)
        assert typist.wait_for_end() == 1
    assert f"{number.name} came instead of an answer. Nothing was changed." in unwrap(typist.text)
    assert snapshot_hosts(asking) == before


@pytest.mark.extended("variant")
def test_ctrl_c_ends_the_question_of_a_flow_in_a_thread(asking: Project, env: dict[str, str]) -> None:
    code, shown = answer(asking, env, "\x03", "run", "-n", "2", "-P", "thread", "deploy:production")
    assert code == 1
    assert "Ctrl-C came instead of an answer. Nothing was changed." in unwrap(shown)


@pytest.mark.extended("variant")
def test_a_reporter_without_output_shows_what_the_question_is_about(asking: Project, env: dict[str, str]) -> None:
    code, shown = answer(asking, env, "n\n", "run", "-r", "zero", "deploy:production")
    assert code == 1
    assert shown.startswith("deploy:production on web1, web2 would do this:")
