"""The console: masked secrets, terminals, colors and pipes."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys

import pytest

from capdoit.testing import Project
from tests.support import further, write_command_hook, write_hooks

KEY = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n\n  c2hvcnQgYnV0\tbm90\r\nabc=\n-----END KEY-----\n"


def test_a_secret_in_a_warning_is_masked_in_the_journal(project: Project) -> None:
    text = (project.path / "deploy.yml").read_text().replace('"branch"', '"default_env": {KEY: !env KEY}, "branch"')
    (project.path / "deploy.yml").write_text(text)
    write_hooks(project, """
        import os
        @cap.after('published', once=True)
        def tell(flow):
            flow.warn('token ' + os.environ['KEY'])
        """)  # fmt: skip
    project.doit("deploy:production", env={"KEY": "hush-hush-hush"}, check=True)
    journal = (project.deploy_to("web1") / ".capdoit/journal").read_text()
    assert "token ***" in journal
    assert "hush" not in journal


def test_a_multiline_key_printed_line_by_line_is_masked(project: Project) -> None:
    project.config(linked_files=None)
    text = (project.path / "deploy.yml").read_text()
    (project.path / "deploy.yml").write_text("{default_env: {KEY: !env KEY}," + text.strip()[1:])
    write_command_hook(project, "after('updated')", 'echo "$KEY"; exit 4')
    done = project.doit("deploy:production", env={"KEY": KEY}).failed(1)

    assert "exit status 4" in done.out
    for line in ("BEGIN KEY", "MIIEpAIBAAKCAQEA", "c2hvcnQgYnV0", "END KEY"):
        assert line not in done.out


@pytest.mark.parametrize(
    "show",
    ["host.run(\"printf '<\\\\342\\\\234\\\\223>\\\\\\\\n'\")", *further("print('<\\u2713>')")],
    ids=["by the host", "by the hook"],
)
def test_a_deploy_succeeds_when_the_terminal_cannot_show_a_character(project: Project, show: str) -> None:
    write_hooks(
        project,
        f"""
        @cap.after("updated")
        def tick(host):
            {show}
        """,
    )
    done = project.doit("deploy:production", env={"PYTHONIOENCODING": "ascii"}).ok()

    assert "<\\u2713>" in done.out
    assert project.current("web1")


@pytest.mark.extended("detail")
def test_the_error_handler_of_pythonioencoding_is_respected(project: Project) -> None:
    write_hooks(
        project,
        """
        @cap.after("updated", once=True)
        def tick(hosts):
            print("<\\u2713>")
        """,
    )
    assert "<?>" in project.doit("deploy:production", env={"PYTHONIOENCODING": "ascii:replace"}).ok().out


def run_on_terminal(project: Project, env: dict[str, str], *words: str) -> str:
    """Return what doit shows on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "doit", *words]
    with subprocess.Popen(command, cwd=project.path, env=env, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody has its other end any more
        return b""


def test_a_terminal_shows_live_and_missing_releases_in_color(project: Project, env: dict[str, str]) -> None:
    for _ in range(2):
        project.doit("deploy:production").ok()
    shutil.rmtree(project.host("web2").release(project.releases("web2")[0]))
    shown = run_on_terminal(project, {**env, "TERM": "xterm"}, "cap", "releases")

    assert "\033[1m  release" in shown
    assert "\033[32mlive\033[0m" in shown
    assert "\033[33mmissing\033[0m" in shown


@pytest.mark.parametrize(
    "said", [{"TERM": "xterm", "NO_COLOR": "1"}, *further({"TERM": "dumb"})], ids=["NO_COLOR", "dumb"]
)
def test_no_color_and_a_dumb_terminal_turn_colors_off(
    project: Project, env: dict[str, str], said: dict[str, str]
) -> None:
    shown = run_on_terminal(project, {**env, **said}, "cap", "status")

    assert "nothing" in shown
    assert "\033" not in shown


def test_piped_output_has_no_colors(project: Project) -> None:
    for word in ("status", "releases", "history", "doctor", "recipes", "stages"):
        assert "\033" not in project.doit("cap", word, env={"TERM": "xterm"}).out


def run_in_bash(project: Project, env: dict[str, str], line: str) -> tuple[int, str]:
    """Return the exit status of the first command of a pipe that fails, and its stderr."""
    words = ["bash", "-o", "pipefail", "-c", line.replace("doit", f"'{sys.executable}' -m doit", 1)]
    done = subprocess.run(words, cwd=project.path, env=env, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("reads", ["true", *further("head -n 1 >read", "head -n 5 >read")])
@pytest.mark.parametrize("words", ["deploy:production", *further("cap status", "list")])
def test_output_to_a_closed_pipe_keeps_the_exit_status(
    project: Project, env: dict[str, str], words: str, reads: str
) -> None:
    project.doit("deploy:production", check=True)
    assert run_in_bash(project, env, f"doit {words} | {reads}") == (0, "")
    assert '"event": "finished"' in (project.deploy_to("web1") / ".capdoit/journal").read_text().splitlines()[-1]


def test_output_to_a_full_disk_fails_a_read_only_command_but_not_a_flow(project: Project, env: dict[str, str]) -> None:
    why = "capdoit cannot write its output: No space left on device; it goes on\n"
    assert run_in_bash(project, env, "doit deploy:production >/dev/full") == (0, why)
    assert project.current("web1") == project.current("web2") is not None
    assert run_in_bash(project, env, "doit cap status --json >/dev/full") == (1, why)
    assert run_in_bash(project, env, "doit deploy:production >/dev/full 2>&1") == (0, "")
