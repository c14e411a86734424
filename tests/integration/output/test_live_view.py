"""The live view of a flow, on the screen of a terminal."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from capdoit.testing import Project
from capdoit.testing.invariants import find_violations
from tests.support import (
    MakeProject,
    deploy,
    find_sleeping,
    further,
    unique_seconds,
    wait_for,
    write_hooks,
)
from tests.terminal import Terminal

SIZES = ((24, 80), (40, 120))
SUBJECT = "Fix the login form"
REPORTER = 'DOIT_CONFIG = {"reporter": "capdoit"}\n'


def write_hook(project: Project, command: str, step: str = "updated") -> None:
    """Let each deploy run a command on every host; the reporter is that of `doit cap install`."""
    write_hooks(project, f"{REPORTER}@cap.after({step!r})\ndef warm(host):\n    host.run({command!r})\n")


def write_waiting_hook(project: Project, output: str) -> Path:
    """Let each deploy print something on every host, and wait there until the returned file exists."""
    go = project.path / "go"
    write_hook(project, f"{output}; until [ -e '{go}' ]; do sleep 0.1; done")
    return go


def region(screen: str) -> list[str]:
    """Return the lines of the region: the title begins with the elapsed time."""
    lines = screen.splitlines()
    first = next((number for number, line in enumerate(lines) if re.match(r"\d\d:\d\d  ", line)), len(lines))
    return lines[first:]


@pytest.mark.parametrize("size", [SIZES[0], *further((SIZES[1],))])
def test_the_current_step_has_a_line_for_each_host_and_a_finished_step_one_line(
    project: Project, env: dict[str, str], size: tuple[int, int]
) -> None:
    project.repo.git("commit", "--quiet", "--allow-empty", "-m", SUBJECT)
    go = write_waiting_hook(project, "echo early; echo late")
    with Terminal(project, env, "deploy:production", size=size) as terminal:
        screen = terminal.look_for(lambda screen: screen.count("late") == 2)
        title, *rest, step, one, other = region(screen)
        assert len(rest) == (size == SIZES[0]), "a title that is too long has two lines"
        title = "".join((title, *rest))
        assert re.fullmatch(rf'00:\d\d  deploy:production  \d{{14}}  by tester  main [0-9a-f]{{12}} "{SUBJECT}"', title)
        assert re.fullmatch(r"▸ warm  \(3 of 6\)  00:\d\d  0 of 2 hosts", step)
        assert [re.fullmatch(r"  ▸ (web\d) +[0-9.]+s late", host)[1] for host in (one, other)] == ["web1", "web2"]  # type: ignore[index]
        assert re.search(r"^✔ starting +[0-9.]+s$", screen, re.M)
        assert "early" not in screen
        go.touch()
        assert terminal.wait_for_end() == 0

    release = project.current("web1")
    assert re.search(r"^✔ warm +[0-9.]+s$", terminal.screen_text, re.M)
    *_, result, code, times, way_back = terminal.screen_text.splitlines()
    assert result == f"✔ deploy:production: {release} is live on web1, web2"
    assert code == f'  main {project.repo.git("rev-parse", "HEAD")[:12]} "{SUBJECT}", by tester'
    assert re.fullmatch(r"  live after [0-9.]+s, done after [0-9.]+s", times)
    assert way_back == "  There is no other release that every host can go back to."
    assert region(terminal.screen_text) == [], "nothing of the region is left"
    assert "early" not in terminal.paper, "output is shown while it is new"


@pytest.mark.extended("detail")
def test_the_summary_of_a_second_deploy_says_how_to_go_back(project: Project, env: dict[str, str]) -> None:
    first = deploy(project)
    with Terminal(project, env, "deploy:production") as terminal:
        assert terminal.wait_for_end() == 0
    back = terminal.screen_text.splitlines()[-1].strip()
    assert back == f"To go back: doit rollback:production rollback_release={first}"
    project.doit(*back.partition("doit ")[2].split(), check=True)
    assert project.current("web1") == project.current("web2") == first


@pytest.mark.parametrize("size", [SIZES[0], *further((SIZES[1],))])
def test_a_host_that_fails_is_named_and_the_cause_begins_the_report_in_red(
    project: Project, env: dict[str, str], size: tuple[int, int]
) -> None:
    write_hooks(
        project,
        f"""
        {REPORTER}
        @cap.after('updated')
        def warm(host):
            host.run('echo no room >&2; exit 7' if host.name == 'web2' else 'sleep {unique_seconds(project)}')
        """,
    )
    with Terminal(project, env, "deploy:production", size=size) as terminal:
        assert terminal.wait_for_end() == 1
    assert re.search(r"^✘ warm  failed after [0-9.]+s on web2$", terminal.paper, re.M)
    assert "TaskFailed" not in terminal.paper
    assert terminal.colors_of("deploy:production: warm failed") == {"red"}
    assert "no room" in terminal.screen_text
    assert region(terminal.screen_text) == []


def test_ctrl_c_ends_the_flow_in_order_and_leaves_a_clean_screen(project: Project, env: dict[str, str]) -> None:
    seconds = unique_seconds(project)
    write_hook(project, f"echo now; sleep {seconds}")
    with Terminal(project, env, "deploy:production") as terminal:
        terminal.look_for(lambda screen: screen.count("now") == 2)
        terminal.type("\x03")
        assert terminal.wait_for_end() == 1
    assert "Ctrl-C: stopping in order; a second signal stops at once" in terminal.screen_text
    assert re.search(r"^✘ warm  interrupted after [0-9.]+s", terminal.screen_text, re.M)
    assert "What is live was not changed." in terminal.screen_text
    assert region(terminal.screen_text) == []
    assert not find_sleeping(seconds)
    assert project.releases("web1") == []


@pytest.mark.extended("variant")
@pytest.mark.parametrize("size", [(24, 60), (30, 132)])
def test_another_size_of_the_terminal_is_used_from_the_next_drawing(
    project: Project, env: dict[str, str], size: tuple[int, int]
) -> None:
    project.repo.git("commit", "--quiet", "--allow-empty", "-m", "A subject line " * 12)
    go = write_waiting_hook(project, "seq -s ' ' 100")
    with Terminal(project, env, "deploy:production") as terminal:
        terminal.look_for(lambda screen: screen.count(" 1 2 3") == 2)
        terminal.resize(*size)
        width = size[1] - 1
        terminal.look_for(lambda screen: [len(line) for line in region(screen) if line.endswith("…")][:1] == [width])
        assert [len(line) for line in region(terminal.screen_text)[-2:]] == [width, width]
        go.touch()
        assert terminal.wait_for_end() == 0
    assert region(terminal.screen_text) == []
    assert f"{project.current('web1')} is live on web1, web2" in terminal.screen_text


def find_cut_line(screen: str) -> int:
    """Return the length of the last line that is cut; 0 without one."""
    return next((len(line) for line in reversed(screen.splitlines()) if line.endswith("…")), 0)


@pytest.mark.extended("variant")
@pytest.mark.skipif(not shutil.which("tmux"), reason="needs tmux, a terminal that wraps lines again when it is resized")
def test_a_resized_terminal_shows_each_line_once(project: Project, env: dict[str, str], tmp_path: Path) -> None:
    go = write_waiting_hook(project, "seq -s ' ' 100")
    command = f"{sys.executable} -m doit deploy:production; sleep 60"

    def tmux(*words: str) -> str:
        return subprocess.run(
            ["tmux", "-S", tmp_path / "socket", "-f", "/dev/null", *words],
            cwd=project.path, env={**env, "TERM": "xterm"}, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    tmux("new-session", "-d", "-x", "80", "-y", "24", command)
    try:
        wait_for(60, lambda: tmux("capture-pane", "-p").count(" 1 2 3") == 2)
        for columns in (60, 120):
            tmux("resize-window", "-x", str(columns), "-y", "24")
            width = columns - 1
            wait_for(60, lambda: find_cut_line(tmux("capture-pane", "-p")) == width)  # noqa: B023
            shown = tmux("capture-pane", "-p", "-S", "-")  # a narrower screen has its first lines in the history
            assert shown.count("✔ starting") == shown.count("▸ warm") == shown.count("  by tester") == 1, shown
        go.touch()
        wait_for(60, lambda: "is live on web1, web2\n" in tmux("capture-pane", "-p"))
        assert "▸" not in tmux("capture-pane", "-p")
    finally:
        tmux("kill-server")


@pytest.mark.extended("variant")
def test_a_terminal_that_goes_away_ends_the_flow_in_order(project: Project, env: dict[str, str]) -> None:
    first, seconds = deploy(project), unique_seconds(project)
    write_hook(project, f"echo now; sleep {seconds}")
    with Terminal(project, env, "deploy:production") as terminal:
        terminal.look_for(lambda screen: screen.count("now") == 2)
        terminal.hang_up()
        assert terminal.process.wait(60) == 1
    assert not find_sleeping(seconds)
    assert project.releases("web1") == [first]
    assert not find_violations(project, may_be_empty=False)


@pytest.mark.extended("variant")
def test_a_flow_that_ignores_the_loss_of_its_terminal_comes_to_its_end(project: Project, env: dict[str, str]) -> None:
    go = write_waiting_hook(project, "echo now")
    ignore = ("sh", "-c", 'trap "" HUP; exec "$@"', "sh")
    with Terminal(project, env, "deploy:production", before=ignore) as terminal:
        terminal.look_for(lambda screen: screen.count("now") == 2)
        terminal.hang_up()
        go.touch()
        assert terminal.process.wait(60) == 0
    assert project.current("web1") == project.current("web2") is not None


@pytest.mark.extended("variant")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_flow_that_is_killed_leaves_a_terminal_that_shows_its_cursor(
    project: Project, env: dict[str, str], number: signal.Signals
) -> None:
    write_hook(project, f"echo now; sleep {unique_seconds(project)}")
    with Terminal(project, env, "deploy:production") as terminal:
        terminal.look_for(lambda screen: screen.count("now") == 2)
        terminal.process.send_signal(number)
        terminal.wait_for_end()
    assert "\x1b[?" not in terminal._shown.decode(), "no mode of the terminal was changed"


@pytest.mark.extended("detail")
def test_hooks_print_and_ask_above_the_region(project: Project, env: dict[str, str]) -> None:
    write_hooks(
        project,
        f"""
        {REPORTER}
        @cap.after('updated', once=True)
        def ask(hosts):
            print('a remark')
            answer = input('the answer? ')
            hosts[0].run('sleep 0.5; echo heard')
            print('it is', answer)
        """,
    )
    with Terminal(project, env, "deploy:production") as terminal:
        terminal.look_for("the answer?")
        terminal.type("42\n")
        assert terminal.wait_for_end() == 0
    assert "a remark\nthe answer? 42\n" in terminal.paper
    assert "\nit is 42\n" in terminal.paper


LOUD = 'n=0; while [ $n -lt 200 ]; do n=$((n + 1)); echo "line $n"; done'


@pytest.mark.extended("detail")
def test_a_loud_hook_does_not_flood_the_screen(make_project: MakeProject, env: dict[str, str]) -> None:
    project = make_project(3)
    write_hook(project, LOUD)
    with Terminal(project, env, "deploy:production") as terminal:
        assert terminal.wait_for_end() == 0
    assert "line" not in terminal.paper
    assert len(terminal.paper.splitlines()) < 24


@pytest.mark.extended("detail")
def test_verbosity_2_shows_all_output_above_the_region(make_project: MakeProject, env: dict[str, str]) -> None:
    project = make_project(3)
    write_hook(project, LOUD)
    with Terminal(project, env, "-v", "2", "deploy:production") as terminal:
        assert terminal.wait_for_end() == 0
    for host in project.hosts:
        assert re.findall(rf"^   {host} \| line (\d+)$", terminal.paper, re.M) == [str(n + 1) for n in range(200)]


@pytest.mark.extended("detail")
def test_a_host_keeps_its_colors_but_cannot_move_the_cursor_or_change_the_title(
    project: Project, env: dict[str, str]
) -> None:
    go = write_waiting_hook(project, r"printf '\033[32mgreen\033[0m \033[5A\033]0;evil\007 end\n'")
    with Terminal(project, env, "deploy:production") as terminal:
        terminal.look_for(lambda screen: screen.count(" end") == 2)
        assert terminal.colors_of("green") == {"green"}
        assert terminal.screen_text.count(r"green  end") == 2
        go.touch()
        assert terminal.wait_for_end() == 0
    assert terminal._emulator.title == ""


@pytest.mark.extended("variant")
def test_a_terminal_without_colors_has_a_view_without_them(project: Project, env: dict[str, str]) -> None:
    go = write_waiting_hook(project, r"printf '\033[32mgreen\033[0m\n'")
    with Terminal(project, {**env, "NO_COLOR": "1"}, "deploy:production") as terminal:
        terminal.look_for(lambda screen: screen.count("green") == 2)
        assert terminal.colors_of("green") == {"default"}
        go.touch()
        assert terminal.wait_for_end() == 0
    assert not re.search(r"\x1b\[[0-9;]*m", terminal._shown.decode())


@pytest.mark.extended("variant")
@pytest.mark.parametrize("more", [{"TERM": "dumb"}, {"TERM": "xterm", "CI": "true"}], ids=["dumb", "ci"])
def test_a_terminal_that_cannot_be_redrawn_has_a_line_for_each_event(
    project: Project, env: dict[str, str], more: dict[str, str]
) -> None:
    with Terminal(project, {**env, **more}, "deploy:production") as terminal:
        assert terminal.wait_for_end() == 0
    assert re.search(r"^00:\d\d deploy:production:updating  ✔ [0-9.]+s \(2 of 5\)$", terminal.paper, re.M)
    assert "\x1b[J" not in terminal._shown.decode()


@pytest.mark.extended("variant")
def test_a_terminal_without_unicode_has_marks_in_ascii(project: Project, env: dict[str, str]) -> None:
    go = write_waiting_hook(project, "echo now")
    with Terminal(project, {**env, "LC_ALL": "C"}, "deploy:production") as terminal:
        terminal.look_for(lambda screen: screen.count("now") == 2)
        go.touch()
        assert terminal.wait_for_end() == 0
    assert f"ok deploy:production: {project.current('web1')} is live on web1, web2" in terminal.paper
    assert terminal._shown.isascii()


@pytest.mark.extended("detail")
@pytest.mark.parametrize("step", ["at once", "wait"])
def test_a_live_view_that_fails_is_reported_once_and_lines_go_on(
    project: Project, env: dict[str, str], step: str
) -> None:
    write_hooks(
        project,
        f"""
        {REPORTER}
        from capdoit.output import live_view
        render = live_view.render_region
        def fail(display, *args):
            if display.step and display.step.name == {step!r} or {step!r} == 'at once':
                open('failed', 'w').close()
                raise ValueError('no room to draw')
            return render(display, *args)
        live_view.render_region = fail
        @cap.after('updated')
        def wait(host):
            host.run('until [ -e {project.path}/failed ]; do sleep 0.1; done')
        @cap.after('updated', once=True)
        def tell(hosts):
            print('a remark')
        """,
    )
    with Terminal(project, env, "deploy:production") as terminal:
        assert terminal.wait_for_end() == 0
    text = terminal.paper.replace("\n", "")
    assert text.count("failed: ValueError: no room to draw") == 1
    assert "a remark" in text
    assert re.search(r"00:\d\d deploy:production:finished  ✔", text)
    assert f"✔ deploy:production: {project.current('web1')} is live on web1, web2" in text
    assert "Traceback" not in text


@pytest.mark.extended("detail")
def test_without_rich_there_are_lines(project: Project, env: dict[str, str]) -> None:
    project.write_module("rich.py", "")
    with Terminal(project, env, "deploy:production") as terminal:
        assert terminal.wait_for_end() == 0
    assert terminal.paper.replace("\n", "").count("failed: ModuleNotFoundError") == 1
    assert f"✔ deploy:production: {project.current('web1')} is live on web1, web2" in terminal.paper
