"""Sessions with real shells: their input, their output, and that no process is left."""

from __future__ import annotations

import os
import random
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from capdoit.errors import Cancelled, HostError, Unreachable
from capdoit.hosts.request import Request
from capdoit.hosts.session import LOOP, MAX_UNREAD_BYTES, Session
from capdoit.hosts.stop_signal import StopSignal
from capdoit.script import Script
from capdoit.testing import SshdFleet
from capdoit.testing.processes import find_processes_in
from tests.integration.hosts import sessions
from tests.integration.hosts.sessions import (
    AT_ONCE,
    REMOTE,
    Sleeper,
    ask,
    ask_all,
    kill_all,
    request,
    session_of,
    started,
    wait_until,
)
from tests.support import choose_ordinary, further

SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "ash"]}


OpenSession = Callable[..., Session]
SetSeconds = Callable[..., None]


@pytest.fixture
def set_seconds(monkeypatch: pytest.MonkeyPatch) -> SetSeconds:
    """Return a function that sets times of sessions, such as HEARTBEAT_SECONDS, until the end of the test."""

    def set_them(**seconds: float) -> None:
        for name, value in seconds.items():
            monkeypatch.setattr(f"capdoit.hosts.session.{name}", value)

    return set_them


@pytest.fixture
def opened() -> Iterator[OpenSession]:
    """Return a function that opens sessions, which end when the test is over."""
    begun: list[Session] = []

    def opened(*command: str) -> Session:
        begun.append(session_of(*command))
        return begun[-1]

    yield opened
    for session in begun:
        if session.is_open:
            session.close()


@pytest.fixture(params=choose_ordinary(SHELLS, "dash"))
def shell(request: pytest.FixtureRequest) -> list[str]:
    return SHELLS[request.param]


@pytest.fixture
def session(shell: list[str], opened: OpenSession) -> Session:
    return opened(*shell, "-c", LOOP)


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    sleeper = Sleeper()
    yield sleeper
    sleeper.kill()


def stop_once_running(sleeper: Sleeper, stop: StopSignal) -> None:
    sleeper.wait_until_it_runs()
    stop.set()


# -- what comes out

OUTPUTS = {
    "nothing": b"",
    "one newline": b"\n",
    "blank lines": b"\n\n\n",
    "no newline at the end": b"abc",
    "a newline at the end": b"abc\n",
    "blank lines within and at the end": b"\na\n\nb\n\n",
    "spaces and tabs": b"  a \t b  \n \n",
    "carriage returns": b"10%\r20%\r\n",
    "NULs": b"\0a\0\n\0",
    "no UTF-8": b"\xff\xfe\n\xe9",
    "one long line": b"x" * 200_001,
    "a long line and a newline": b"x" * 65_536 + b"\n",
    "many lines": b"line\n" * 100_000,
}


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_captured_output_equals_the_written_bytes(session: Session, tmp_path: Path, output: bytes) -> None:
    (tmp_path / "output").write_bytes(output)
    answer = ask(session, f"cat {tmp_path}/output; cat {tmp_path}/output >&2")
    assert (answer.status, answer.output) == (0, output)


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_output_redirected_to_a_file_equals_the_written_bytes(session: Session, tmp_path: Path, output: bytes) -> None:
    (tmp_path / "output").write_bytes(output)
    with (tmp_path / "copy").open("wb") as copy:
        ask(session, f"cat {tmp_path}/output", capture=False, into=copy)
    assert (tmp_path / "copy").read_bytes() == output


def test_output_that_is_not_utf_8_can_be_encoded_back_to_its_bytes(session: Session) -> None:
    assert ask(session, r"printf 'caf\351'").text.encode("utf-8", "surrogateescape") == b"caf\xe9"


@pytest.mark.parametrize("status", [0, 1, 7, 127, 255])
def test_the_exit_status_of_a_script_is_returned(session: Session, status: int) -> None:
    assert ask(session, f"exit {status}").status == status


def test_an_unknown_command_is_a_failure_with_a_message(session: Session) -> None:
    answer = ask(session, "no-such-command-here")
    assert answer.status == 127
    assert "no-such-command-here" in answer.lines[-1]


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("sh -c 'kill -9 $$'", 137),
        ("exec sh -c 'kill -9 $$'", 137),
        ("sh -c 'kill -TERM $$'", 143),
        ("exec sh -c 'kill -TERM $$'", 143),
    ],
)
def test_a_script_killed_by_a_signal_fails_and_the_session_goes_on(session: Session, script: str, status: int) -> None:
    assert ask(session, script).status == status
    assert ask(session, "echo still here").output == b"still here\n"


@pytest.mark.parametrize("script", ["if (", "'", 'echo "', "done", "$(", "}", ")"])
def test_a_script_with_a_syntax_error_fails_and_the_session_goes_on(session: Session, script: str) -> None:
    assert ask(session, script).status not in (0, None)
    assert ask(session, "echo still here").output == b"still here\n"


def test_a_script_does_not_change_the_shell_of_the_next_script(session: Session, tmp_path: Path) -> None:
    ask(session, f"cd {tmp_path}; set -eu; umask 777; nonce=x; trap '' TERM; ended() {{ :; }}; exec 1>&2")
    assert ask(session, 'cd "$OLDPWD" 2>/dev/null; echo "$-$nothing"; umask').output.endswith(
        ask(session, "umask").output
    )
    assert ask(session, "pwd").output == os.fsencode(os.getcwd()) + b"\n"


def test_a_script_keeps_backslashes_spaces_and_newlines(session: Session) -> None:
    script = "cat <<'END'\n  a\\tb \\\n\n\\\\  \nEND\n"
    assert ask(session, script).output == b"  a\\tb \\\n\n\\\\  \n"


def test_a_script_of_a_thousand_lines_runs_completely(session: Session) -> None:
    assert ask(session, "n=0\n" + "n=$((n + 1))\n" * 1000 + "echo $n").output == b"1000\n"


def test_stdin_of_a_script_is_empty(session: Session) -> None:
    assert ask(session, "cat; read line || echo end").output == b"end\n"


def test_megabytes_on_stderr_and_then_on_stdout_do_not_block(session: Session) -> None:
    line = "x" * 99
    answer = ask(session, f"yes {line} | head -c 20000000 >&2; yes {line} | head -c 20000000")
    assert (answer.status, answer.output) == (0, f"{line}\n".encode() * 200_000)


def test_answers_to_several_requests_come_in_order_with_their_own_output(session: Session) -> None:
    answers = ask_all(
        session,
        request("sleep 0.3; echo first; echo; hold_status=1", verb="hold", capture=True),
        request("hold_status=2", verb="hold", capture=True),
        request("echo third; exit 3", capture=True),
    )
    assert [(a.status, a.output) for a in answers] == [(1, b"first\n\n"), (2, b""), (3, b"third\n")]


def test_output_that_looks_like_a_status_line_of_the_loop_is_output(session: Session) -> None:
    forged = "".join(f"\n{nonce} {tag} 0\n" for nonce in ("0" * 32, "f" * 32, "$nonce") for tag in "123")
    answer = ask(session, f"printf '%s' '{forged}'; printf '%s' '{forged}' >&2; exit 9")
    assert (answer.status, answer.output) == (9, forged.encode())


# -- what is shown


def adding_to(shown: list[tuple[str, str]]) -> Callable[[str, str], None]:
    """Return a function that adds each line that is shown, and its stream, to a list."""
    return lambda stream, lines: shown.extend((stream, line) for line in lines.split("\n"))


def test_output_is_streamed_by_line_with_its_stream_and_the_last_lines_kept(session: Session) -> None:
    shown: list[tuple[str, str]] = []
    answer = ask(
        session,
        "echo one; echo; echo two; sleep 0.1; echo three >&2; sleep 0.1; printf four",
        capture=False,
        show=adding_to(shown),
    )
    assert shown == [("out", "one"), ("out", ""), ("out", "two"), ("err", "three"), ("out", "four")]
    assert answer.lines == ("one", "", "two", "three", "four")
    assert answer.output == b""


def test_the_answer_to_a_question_is_no_line_for_people(session: Session) -> None:
    answer = ask(session, "echo fact; echo reason >&2; exit 1", capture=True, show=None)
    assert answer.lines == ("reason",)
    assert answer.output == b"fact\n"


def test_a_line_is_shown_as_soon_as_it_is_written(session: Session) -> None:
    moments = {}

    def show(_stream: str, lines: str) -> None:
        moments.update(dict.fromkeys(lines.split("\n"), time.monotonic()))

    ask(session, "echo early; sleep 1; echo late", capture=False, show=show)
    assert moments["late"] - moments["early"] > 0.5


def test_sequences_for_terminals_are_left_out_and_other_control_characters_are_shown_as_text(session: Session) -> None:
    shown = []
    script = r"printf '\033[2Jred\007\tx\r\n\377\n'; printf '\033]0;title\007\n' >&2"
    ask(session, script, capture=False, show=lambda _, lines: shown.extend(lines.split("\n")))
    assert sorted(shown) == ["", "\\xff", "red\\x07    x"]


def test_captured_output_is_not_shown(session: Session) -> None:
    shown: list[tuple[str, str]] = []
    ask(
        session,
        "echo value; echo warning >&2",
        show=adding_to(shown),
    )
    assert shown == [("err", "warning")]


def test_only_the_last_lines_of_long_output_are_kept(session: Session) -> None:
    lines = ask(session, "n=0; while [ $n -lt 500 ]; do n=$((n + 1)); echo $n; done", capture=False).lines
    assert lines == tuple(str(n) for n in range(481, 501))


# -- what goes in


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1_000_001])
def test_a_fed_script_gets_exactly_the_bytes_of_the_source(session: Session, tmp_path: Path, size: int) -> None:
    content = random.randbytes(size)  # noqa: S311 - no secret
    (tmp_path / "source").write_bytes(content)
    with (tmp_path / "source").open("rb") as source:
        answer = ask(session, f"cat >{tmp_path}/copy; echo done", verb="feed", source=source)
    assert (answer.status, answer.output) == (0, b"done\n")
    assert (tmp_path / "copy").read_bytes() == content
    assert ask(session, "echo still here").output == b"still here\n"


@pytest.mark.parametrize("script", ["exit 7", "head -c 10 >/dev/null; exit 7", "exec sh -c 'exit 7'"])
def test_a_fed_script_that_ignores_its_input_leaves_the_session_usable(
    session: Session, tmp_path: Path, script: str
) -> None:
    (tmp_path / "source").write_bytes(b"echo never\n" * 100_000)
    with (tmp_path / "source").open("rb") as source:
        assert ask(session, script, verb="feed", source=source).status == 7
    assert ask(session, "echo still here").output == b"still here\n"


def test_the_environment_of_a_script_applies_to_that_script_only(session: Session) -> None:
    value = 'it\'s $(not) `run`\n"twice"\\'
    script = Script("test", 'printf %s "$VALUE"', {"VALUE": value})
    (answer,) = ask_all(session, Request(script, capture=True))
    assert answer.output == value.encode()
    assert ask(session, 'printf %s "$VALUE"').output == b""


# -- how it ends


def test_stop_ends_a_script_whose_child_ignores_sigterm(session: Session, sleeper: Sleeper) -> None:
    script = f"trap '' TERM HUP INT; {sleeper.command} & {sleeper.command}; echo never"
    said = []

    def stop_once_it_runs() -> None:
        sleeper.wait_until_it_runs()
        said.append(time.monotonic())
        stop.set()

    with closing(StopSignal()) as stop:
        threading.Thread(target=stop_once_it_runs).start()
        with pytest.raises(Cancelled, match="web1: stopped"):
            session.ask([request(script)], stop)
    assert time.monotonic() - said[0] < AT_ONCE
    assert sleeper.is_gone()
    assert not session.is_open


def test_an_earlier_stop_signal_stops_at_once(session: Session, sleeper: Sleeper) -> None:
    with closing(StopSignal()) as stop:
        stop.set()
        with pytest.raises(Cancelled):
            session.ask([request(sleeper.command)], stop)
    assert sleeper.is_gone()


def test_a_script_that_exceeds_its_timeout_is_ended(session: Session, sleeper: Sleeper) -> None:
    with pytest.raises(HostError, match=r"web1: test: took longer than 0\.5 s and was stopped") as caught:
        ask(session, sleeper.command, timeout=0.5)
    assert not isinstance(caught.value, Cancelled)
    assert sleeper.is_gone()


def test_aborting_a_session_ends_background_processes_of_its_scripts(session: Session, sleeper: Sleeper) -> None:
    ask(session, f"(trap '' TERM; {sleeper.command}) >/dev/null 2>&1 &")
    sleeper.wait_until_it_runs()
    session.abort()
    assert sleeper.is_gone()


def test_stop_ends_programs_in_a_process_group_of_their_own(session: Session, sleeper: Sleeper) -> None:
    with closing(StopSignal()) as stop:
        threading.Thread(target=stop_once_running, args=(sleeper, stop)).start()
        with pytest.raises(Cancelled):
            session.ask([request(f"timeout 900 {sleeper.command}")], stop)
    assert sleeper.is_gone()


def test_closing_a_session_keeps_background_processes_running(session: Session, sleeper: Sleeper) -> None:
    ask(session, f"nohup {sleeper.command} >/dev/null 2>&1 &")
    sleeper.wait_until_it_runs()
    session.close()
    time.sleep(1.5)  # longer than the loop would take to kill it
    assert sleeper.runs()


def test_a_killed_controller_leaves_no_process(shell: list[str], sleeper: Sleeper) -> None:
    controller = subprocess.Popen([sys.executable, sessions.__file__, sleeper.command, *shell])
    sleeper.wait_until_it_runs()
    controller.kill()
    controller.wait()
    assert sleeper.is_gone()


def test_a_killed_loop_is_a_lost_connection(session: Session) -> None:
    ask(session, "kill -9 $$")
    with pytest.raises(HostError, match="web1: test: the connection was lost, or the shell on it was killed"):
        ask(session, "echo never")
    assert not session.is_open


@pytest.mark.parametrize("noise", ["echo noise; echo more >&2; ", "printf noise; printf more >&2; "])
def test_output_of_a_login_profile_is_ignored(shell: list[str], opened: OpenSession, noise: str) -> None:
    shown: list[tuple[str, str]] = []
    session = opened(*shell, "-c", noise + LOOP)
    answer = ask(
        session,
        "echo answer; echo warning >&2",
        show=adding_to(shown),
    )
    assert (answer.output, answer.lines) == (b"answer\n", ("answer", "warning"))
    assert shown == [("err", "warning")]


def test_a_connection_that_ends_at_once_is_unreachable_with_its_last_line(
    shell: list[str], opened: OpenSession
) -> None:
    complaint = "echo Banner >&2; echo 'Permission denied (publickey).' >&2; exit 255"
    session = opened(*shell, "-c", complaint)
    with pytest.raises(HostError) as caught:
        ask(session, "echo never")
    assert caught.value.reason == "cannot connect: Permission denied (publickey)."
    assert caught.value.lines == ("Banner",)
    assert caught.value.status is None


def test_a_connection_that_ends_silently_is_unreachable(shell: list[str], opened: OpenSession) -> None:
    with pytest.raises(HostError, match=r"^web1: cannot connect: the login ended without a message \(exit status 0\)$"):
        ask(opened(*shell, "-c", "exit 0"), "echo never")


# -- through login shells and ssh

LOGIN_SHELLS = {
    "sh": ["sh", "-c"],
    "dash": ["dash", "-c"],
    "bash": ["bash", "-lc"],
    "zsh": ["zsh", "-c"],
    "fish": ["fish", "-c"],
}


@pytest.mark.parametrize("login_shell", LOGIN_SHELLS.values(), ids=LOGIN_SHELLS)
def test_every_login_shell_passes_the_loop_on_unchanged(
    opened: OpenSession, env: dict[str, str], login_shell: str
) -> None:
    clean = [f"{name}={value}" for name, value in env.items()]
    session = opened("env", "-i", *clean, *login_shell, REMOTE)
    answer = ask(session, "echo \"it's\" '$HOME' \\\\; exit 3")
    assert (answer.status, answer.output) == (3, b"it's $HOME \\\n")


@pytest.mark.ssh
@pytest.mark.parametrize("login_shell", LOGIN_SHELLS.values(), ids=LOGIN_SHELLS)
def test_a_session_works_through_ssh_and_every_login_shell(
    opened: OpenSession, sshds: SshdFleet, tmp_path: Path, login_shell: str
) -> None:
    remote = shlex.join([*login_shell, REMOTE])
    session = opened("ssh", "-F", str(sshds.ssh_config), "-o", "BatchMode=yes", "web1", remote)
    before = ask(session, "printf '\\0a\\377\\n\\n'; head -c 1000000 /dev/zero >&2; exit 3")
    (tmp_path / "source").write_bytes(random.randbytes(200_000))  # noqa: S311 - no secret
    with (tmp_path / "source").open("rb") as source:
        ask(session, f"cat >{tmp_path}/copy", verb="feed", source=source)
    assert (before.status, before.output) == (3, b"\0a\xff\n\n")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "source").read_bytes()


@pytest.mark.ssh
def test_scripts_of_one_session_share_one_connection(opened: OpenSession, sshds: SshdFleet) -> None:
    before = sshds.connections("web2")
    session = opened("ssh", "-F", str(sshds.ssh_config), "web2", REMOTE)
    for _ in range(20):
        ask(session, "true")
    assert sshds.connections("web2") == before + 1


@pytest.mark.ssh
def test_stop_ends_a_script_over_ssh(opened: OpenSession, sshds: SshdFleet, sleeper: Sleeper) -> None:
    session = opened("ssh", "-F", str(sshds.ssh_config), "web1", REMOTE)
    with closing(StopSignal()) as stop:
        threading.Thread(target=stop_once_running, args=(sleeper, stop)).start()
        with pytest.raises(Cancelled):
            session.ask([request(f"trap '' TERM; {sleeper.command}")], stop)
    assert sleeper.is_gone()


@pytest.mark.ssh
@pytest.mark.parametrize("wrapped", ["", "timeout 900 "], ids=["alone", "in a group of its own"])
def test_a_killed_controller_leaves_no_process_over_ssh(sshds: SshdFleet, sleeper: Sleeper, wrapped: str) -> None:
    ssh = ["ssh", "-F", str(sshds.ssh_config), "web1"]
    controller = subprocess.Popen([sys.executable, sessions.__file__, wrapped + sleeper.command, *ssh, "--remote"])
    sleeper.wait_until_it_runs()
    controller.kill()
    controller.wait()
    assert sleeper.is_gone()


@pytest.mark.ssh
def test_a_host_that_goes_down_is_a_lost_connection(opened: OpenSession, sshds: SshdFleet, sleeper: Sleeper) -> None:
    session = opened("ssh", "-F", str(sshds.ssh_config), "web5", REMOTE)

    def cut_power() -> None:
        sleeper.wait_until_it_runs()
        sshds.stop("web5")

    power_cut = threading.Thread(target=cut_power)
    power_cut.start()
    try:
        with pytest.raises(HostError, match="web1: test: the connection was lost, or the shell on it was killed"):
            ask(session, sleeper.command)
        assert sleeper.is_gone()
    finally:
        power_cut.join()
        sshds.start("web5")


# -- a host that keeps its controller waiting


def test_a_login_without_a_shell_is_unreachable(opened: OpenSession, set_seconds: SetSeconds) -> None:
    set_seconds(GREETING_TIMEOUT_SECONDS=1, HEARTBEAT_SECONDS=0.2)
    session = opened("sh", "-c", "sleep 1000")
    with pytest.raises(Unreachable, match="no shell answered within 1 s; does a start-up file"):
        ask(session, "true")
    assert not session.is_open


def test_a_host_that_ends_only_one_stream_cannot_fill_memory(opened: OpenSession, tmp_path: Path) -> None:
    (tmp_path / "hostile").write_text(
        r"""IFS= read -r nonce; read -r watch; read -r frame; read -r script
            printf '\n%s hello 0\n' "$nonce" | tee /dev/stderr
            printf '\n%s 1 0\n' "$nonce"
            yes "$nonce" """
    )
    session = opened("bash", str(tmp_path / "hostile"))
    with pytest.raises(HostError, match="took longer than 2 s"):
        ask(session, "true", timeout=2)
    assert session._out.unread_bytes < 2 * MAX_UNREAD_BYTES


# -- a controller that is not there any more, and does not say so


def test_a_connection_cut_during_a_fed_script_leaves_no_process(
    opened: OpenSession, shell: list[str], sleeper: Sleeper, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    session = opened(*shell, "-c", LOOP)
    with (tmp_path / "file").open("rb") as source, pytest.raises(HostError, match="took longer than 2 s"):
        ask(session, f"wc -c; (trap '' TERM; {sleeper.command})", verb="feed", source=source, timeout=2)
    assert sleeper.is_gone()


def test_a_connection_cut_during_a_big_upload_leaves_no_process(
    opened: OpenSession, shell: list[str], sleeper: Sleeper, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    os.truncate(tmp_path / "file", 10**11)
    session = opened(*shell, "-c", LOOP)
    with (tmp_path / "file").open("rb") as source, pytest.raises(HostError, match="took longer than 1 s"):
        ask(session, f"{sleeper.command} <&- & cat >/dev/null; wait", verb="feed", source=source, timeout=1)
    assert sleeper.is_gone()


def test_an_aborted_session_with_a_hanging_shell_leaves_no_process(shell: list[str], sleeper: Sleeper) -> None:
    session = session_of(*shell, "-c", LOOP)
    with pytest.raises(HostError, match="took longer than 1 s"):
        ask(session, sleeper.command, verb="hold", timeout=1)
    assert sleeper.is_gone()


def test_a_connection_cut_while_the_shell_is_busy_leaves_no_process(shell: list[str], sleeper: Sleeper) -> None:
    with started(*shell, "-c", LOOP) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(f"nonce\nwatch 77\nrun 1 1\n{sleeper.command}\nhold 2 1\nsleep 1\n".encode())
        sleeper.wait_until_it_runs()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
        assert sleeper.is_gone()


@pytest.mark.extended("detail")
def test_a_host_ends_its_processes_when_an_upload_stalls(sleeper: Sleeper) -> None:
    with started("sh", "-c", LOOP) as process:
        assert process.stdin
        process.stdin.write(f"nonce\nwatch 1\nfeed 1 1 1000000\n(exec {sleeper.command}) & cat >/dev/null\n".encode())
        process.stdin.write(b"x" * 500_000)
        sleeper.wait_until_it_runs()
        assert wait_until(lambda: not sleeper.runs(), 2 * 5 + AT_ONCE)


def test_a_host_without_heartbeats_ends_its_processes_and_its_lock(
    opened: OpenSession, shell: list[str], sleeper: Sleeper, set_seconds: SetSeconds, tmp_path: Path
) -> None:
    set_seconds(HEARTBEAT_TIMEOUT_SECONDS=1, HEARTBEAT_SECONDS=1000)
    session = opened(*shell, "-c", LOOP)
    ask(session, f"exec 9>{tmp_path}/lock && flock -n 9", verb="hold")
    ask(session, f"(trap '' TERM; {sleeper.command}) >/dev/null 2>&1 &")
    sleeper.wait_until_it_runs()
    assert wait_until(lambda: not sleeper.runs(), 1 + AT_ONCE)
    assert wait_until(
        lambda: subprocess.run(["flock", "-n", f"{tmp_path}/lock", "true"], check=False).returncode == 0, 3
    )
    with pytest.raises(HostError, match="the connection was lost"):
        ask(session, "true")


def test_a_host_with_heartbeats_keeps_working(opened: OpenSession, shell: list[str], set_seconds: SetSeconds) -> None:
    set_seconds(HEARTBEAT_TIMEOUT_SECONDS=1, HEARTBEAT_SECONDS=0.2)
    session = opened(*shell, "-c", LOOP)
    assert ask(session, "sleep 2.5; echo done").text == "done\n"
    for _ in range(10):
        time.sleep(0.2)
        session.send_heartbeat()
    assert ask(session, "echo there").text == "there\n"


@pytest.mark.extended("detail")
def test_a_host_that_falls_silent_is_a_lost_connection(
    opened: OpenSession, shell: list[str], set_seconds: SetSeconds
) -> None:
    set_seconds(HOST_HEARTBEAT_SECONDS=1, SILENCE_TIMEOUT_SECONDS=3)
    session = opened(*shell, "-c", LOOP)
    assert ask(session, "sleep 4; echo done").text == "done\n"
    pids = ask(session, "ps -o pid= -s $(ps -o sid= -p $$)").text.split()
    try:
        with pytest.raises(HostError, match="the connection was lost: nothing was heard from the host for 3 s"):
            ask(session, f"kill -STOP {' '.join(pids)}; sleep 60")
    finally:
        kill_all(pids)
    assert session.was_silent


@pytest.mark.extended("detail")
def test_a_host_with_heartbeats_that_nobody_reads_still_notices_that_its_controller_is_gone(
    shell: list[str], sleeper: Sleeper
) -> None:
    with started(*shell, "-c", LOOP) as process:
        assert process.stdin
        process.stdin.write(f"nonce\nwatch 4 1\nrun 1 1\nyes >&2 & {sleeper.command}\n".encode())
        sleeper.wait_until_it_runs()
        assert wait_until(lambda: not sleeper.runs(), 4 + 2 + AT_ONCE)


@pytest.mark.extended("detail")
def test_heartbeats_of_a_host_change_no_output(opened: OpenSession, shell: list[str], set_seconds: SetSeconds) -> None:
    set_seconds(HOST_HEARTBEAT_SECONDS=1)
    session = opened(*shell, "-c", LOOP)
    shown: list[tuple[str, str]] = []
    ask(
        session,
        "printf 'a' >&2; sleep 2.5; echo b >&2",
        show=adding_to(shown),
    )
    time.sleep(2.5)
    session.send_heartbeat()
    assert shown == [("err", "ab")]
    assert ask(session, "sleep 1.5; echo c").text == "c\n"


# -- a script for the case that the session is lost


def tell_loss_script(session: Session, text: str) -> str:
    return session.tell(request(text, verb="on_loss"))


def test_a_host_runs_the_script_for_a_lost_session_when_the_connection_ends(
    session: Session, sleeper: Sleeper, tmp_path: Path
) -> None:
    tag = tell_loss_script(session, f"set -eu; sleep 0.5; echo done >{tmp_path}/ran; echo; echo >&2")
    assert ask(session, f"(trap '' TERM; {sleeper.command}) >/dev/null 2>&1 & echo there").text == "there\n"
    sleeper.wait_until_it_runs()
    assert session.has_answered(tag)
    session.abort()
    assert (tmp_path / "ran").read_text() == "done\n"
    assert sleeper.is_gone()


def test_a_host_runs_the_script_for_a_lost_session_when_it_hears_nothing_although_its_shell_hangs(
    opened: OpenSession, shell: list[str], set_seconds: SetSeconds, tmp_path: Path
) -> None:
    set_seconds(HEARTBEAT_TIMEOUT_SECONDS=2, HEARTBEAT_SECONDS=1000)
    session = opened(*shell, "-c", LOOP)
    tell_loss_script(session, f"echo ran >>{tmp_path}/ran")
    with pytest.raises(HostError, match="the connection was lost"):
        ask(session, "trap '' TERM; sleep 60", verb="hold")
    assert (tmp_path / "ran").read_text() == "ran\n"


@pytest.mark.parametrize("end", ["revoked", *further("closed")])
def test_a_host_does_not_run_the_script_for_a_lost_session_otherwise(
    session: Session, tmp_path: Path, end: str
) -> None:
    tell_loss_script(session, f"echo ran >{tmp_path}/ran")
    assert ask(session, "echo there").text == "there\n"
    if end == "revoked":
        tag = session.tell(request("", verb="on_loss"))
        assert ask(session, "echo there").text == "there\n"
        assert session.has_answered(tag)
        session.abort()
    session.close()
    assert not (tmp_path / "ran").exists()


def test_an_upload_may_take_longer_than_the_heartbeat_timeout(
    opened: OpenSession, shell: list[str], set_seconds: SetSeconds, tmp_path: Path
) -> None:
    set_seconds(HEARTBEAT_TIMEOUT_SECONDS=1)
    (tmp_path / "file").write_bytes(b"x" * 1000)
    session = opened(*shell, "-c", LOOP)
    with (tmp_path / "file").open("rb") as source:
        assert ask(session, "sleep 2; wc -c", verb="feed", source=source).text.strip() == "1000"


def test_a_closed_session_leaves_no_process_however_short(
    opened: OpenSession, shell: list[str], tmp_path: Path
) -> None:
    for number in range(20):
        session = opened("env", "-C", str(tmp_path), *shell, "-c", LOOP)
        if number % 2:
            ask(session, "true")
        session.close()
    assert wait_until(lambda: not find_processes_in(tmp_path), AT_ONCE), find_processes_in(tmp_path)


def test_a_shell_that_exits_leaves_no_process(
    opened: OpenSession, shell: list[str], sleeper: Sleeper, tmp_path: Path
) -> None:
    session = opened("env", "-C", str(tmp_path), *shell, "-c", LOOP)
    ask(session, f"({sleeper.command}) >/dev/null 2>&1 &")
    sleeper.wait_until_it_runs()
    with pytest.raises(HostError, match="the connection was lost"):
        ask(session, "exit 4", verb="hold")
    assert sleeper.is_gone()
    assert wait_until(lambda: not find_processes_in(tmp_path), AT_ONCE), find_processes_in(tmp_path)
