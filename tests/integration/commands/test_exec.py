"""`doit cap exec` on real hosts."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
from typing import Any

import pytest

from capdoit.testing import Completed, Project, SshdFleet
from capdoit.testing.processes import find_processes_with_home, wait_until
from tests.scenarios.test_values_from_commands import write_settings
from tests.support import find_sleeping, further, snapshot_hosts, unique_seconds, wait_for
from tests.typist import Typist

NOWHERE = {"hostname": "127.0.0.1", "port": 1, "ssh_options": ["ConnectTimeout=3"], "deploy_to": "/srv/shop"}
SAYS_ITS_NAME = 'echo "I am $NAME"'


@pytest.fixture
def named(project: Project) -> Project:
    """Return a project with two hosts that know their names, and a no_release host with the role db."""
    hosts = {**project.hosts, "db1": {"transport": "local", "deploy_to": "hosts/db1", "roles": ["db"]}}
    hosts = {name: {**said, "default_env": {"NAME": name}} for name, said in hosts.items()}
    hosts["db1"]["no_release"] = True
    project.config(stages={"production": {"hosts": hosts}})
    return project


def add_host(project: Project, name: str, said: dict[str, Any]) -> None:
    project.config(stages={"production": {"hosts": {**project.hosts, name: said}}})


def said_by(completed: Completed) -> list[str]:
    return completed.out.splitlines()


def test_hosts_with_equal_output_share_one_block(named: Project) -> None:
    command = 'case $NAME in web*) echo alike ;; *) echo "not alike" >&2; exit 3 ;; esac'
    assert said_by(named.doit("cap", "exec", command).failed(1)) == [
        "web1, web2: exit status 0",
        "    alike",
        "db1: exit status 3",
        "    not alike",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["echo tag=$TAG", "production", "tag=3"],
        *further(
            ["tag=3", "echo tag=$TAG", "production"],
            ["production", "tag=3", "--", "sh", "-c", "echo tag=$TAG"],
        ),
    ],
)
def test_a_question_of_deploy_yml_is_answered_next_to_the_command(project: Project, words: list[str]) -> None:
    write_settings(project, "default_env: {TAG: !ask {name: tag} }, ", default_env=None)
    assert said_by(project.doit("cap", "exec", *words).ok())[-2:] == ["web1, web2: exit status 0", "    tag=3"]


def test_a_missing_answer_names_the_complete_command(project: Project) -> None:
    write_settings(project, "default_env: {TAG: !ask {name: tag} }, ", default_env=None)
    out = project.doit("cap", "exec", "echo $TAG", "production").failed(3).out
    assert "needs an answer, and there is no terminal to ask on: add tag=VALUE" in out
    assert "for example: doit cap exec tag=VALUE 'echo $TAG' production" in out
    assert "tag=VALUE" not in project.doit("cap", "exec", "echo $TAG", "production", "tga=1").failed(3).out


@pytest.mark.extended("detail")
def test_hosts_with_equal_output_but_different_statuses_have_separate_blocks(named: Project) -> None:
    heads = said_by(named.doit("cap", "exec", "echo same; [ $NAME != web2 ]").failed(1))[::2]
    assert heads == ["web1, db1: exit status 0", "web2: exit status 1"]


@pytest.mark.extended("detail")
def test_exec_succeeds_when_the_command_succeeds_on_every_host(named: Project) -> None:
    assert said_by(named.doit("cap", "exec", "true").ok()) == ["web1, web2, db1: exit status 0"]


def test_exec_shows_stdout_and_stderr_in_the_order_written(named: Project) -> None:
    command = "for n in 1 2 3; do echo out $n; echo err $n >&2; done"
    said = said_by(named.doit("cap", "exec", command, check=True))[1:]
    assert [line.strip() for line in said] == ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--hosts", "web2"], ["I am web2"]),
        (["roles=web"], ["I am web1", "I am web2"]),
        *further(
            (["--hosts=web1,db1"], ["I am web1", "I am db1"]),
            (["--roles", "db"], ["I am db1"]),
            (["--roles=web", "hosts=web1", "production"], ["I am web1"]),
        ),
    ],
)
def test_exec_runs_on_the_selected_hosts_only(named: Project, words: list[str], expected: list[str]) -> None:
    said = said_by(named.doit("cap", "exec", SAYS_ITS_NAME, *words, check=True))
    assert [line.strip() for line in said[1::2]] == expected


@pytest.mark.extended("detail")
def test_options_may_precede_the_command(named: Project) -> None:
    assert "I am db1" in named.doit("cap", "--roles", "db", "exec", SAYS_ITS_NAME, check=True).out


@pytest.mark.parametrize(
    "command", ['x=1; echo "x is $x"', *further('[ "a=b" = "a=b" ] && echo "x is 1"', "echo x is 1 #==")]
)
def test_a_command_with_an_equals_sign_is_not_taken_for_a_variable(named: Project, command: str) -> None:
    assert said_by(named.doit("cap", "exec", command, "production", "--hosts=web1", check=True))[1:] == ["    x is 1"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--roles", "db", "--", "printf", "%s;", "a b", "$NAME"], "a b;$NAME;"),
        *further(
            (["--hosts=db1", "production", "--", 'printf "%s;" a $NAME'], "a;db1;"),
            (["hosts=db1", "--", "env", "A=1", "hosts=2", "sh", "-c", 'echo "$A$hosts"'], "12"),
            (["--stage", "production", "--hosts", "db1", "--", "echo", "--hosts"], "--hosts"),
        ),
    ],
)
def test_words_behind_dashes_are_the_command(named: Project, words: list[str], expected: str) -> None:
    assert said_by(named.doit("cap", "exec", *words, check=True)) == ["db1: exit status 0", f"    {expected}"]


def test_a_command_ended_by_a_signal_is_reported_as_such(named: Project) -> None:
    said = said_by(named.doit("cap", "exec", "kill -9 $$", "hosts=web1").failed(1))
    assert said[0] == "web1: was killed by signal 9"


def test_an_unreachable_host_has_a_line_and_a_hint_and_the_others_answer(project: Project) -> None:
    add_host(project, "far", NOWHERE)
    said = said_by(project.doit("cap", "exec", "echo hello").failed(1))
    assert said[:2] == ["web1, web2: exit status 0", "    hello"]
    line, hint = said[2:]
    assert line.startswith("  far: cannot connect: ")
    assert hint.startswith("  Hint: ")


def test_a_secret_reaches_the_command_and_is_masked(project: Project) -> None:
    text = json.dumps(project.settings)
    (project.path / "deploy.yml").write_text("{default_env: {TOKEN: !env TOKEN}," + text[1:])
    said = project.doit("cap", "exec", 'echo "$TOKEN"; echo ${#TOKEN}', env={"TOKEN": "s3cr3t-value"}, check=True).out
    assert said.splitlines()[1:] == ["    ***", "    12"]


def test_exec_takes_no_lock_and_changes_nothing(project: Project) -> None:
    project.doit("deploy:production", check=True)
    before = snapshot_hosts(project)
    project.doit("cap", "exec", "cd hosts/web1 && flock -n .capdoit/lock true", "hosts=web1", check=True)
    assert snapshot_hosts(project) == before


@pytest.mark.ssh
def test_over_ssh_exec_runs_in_the_home_directory_with_one_connection_per_host(
    ssh_project: Project, sshds: SshdFleet
) -> None:
    before = {host: sshds.connections(host) for host in ssh_project.hosts}
    said = said_by(ssh_project.doit("cap", "exec", "pwd", check=True))
    assert {host: sshds.connections(host) - n for host, n in before.items()} == dict.fromkeys(ssh_project.hosts, 1)
    assert said == ["web1, web2, web3: exit status 0", f"    {pwd.getpwuid(os.getuid()).pw_dir}"]


def type_exec(project: Project, env: dict[str, str], *words: str) -> Typist:
    """Start `doit cap exec` on a terminal."""
    return Typist([sys.executable, "-m", "doit", "cap", "exec", *words], project.path, env)


WAIT = "while [ ! -e go ]; do sleep 0.1; done"


def test_on_a_terminal_a_long_command_shows_its_lines_as_they_come(named: Project, env: dict[str, str]) -> None:
    with type_exec(named, env, f"echo begun; {WAIT}; echo ended; [ $NAME != db1 ]") as typist:
        shown = typist.wait_for("db1  | begun")
        assert "ended" not in shown
        (named.path / "go").touch()
        assert typist.wait_for_end() == 1
    assert "   web1 | ended" in typist.text
    assert typist.text.splitlines()[-2:] == ["web1, web2: exit status 0", "db1: exit status 1"]


@pytest.mark.extended("detail")
def test_follow_shows_lines_as_they_come_in_a_pipe_too(named: Project) -> None:
    process = named.start("cap", "exec", "--follow", f"echo begun; {WAIT}; echo ended", "--hosts", "web1")
    assert process.stdout
    assert process.stdout.readline() == "   web1 | begun\n"
    (named.path / "go").touch()
    assert process.communicate(timeout=60)[0] == "   web1 | ended\nweb1: exit status 0\n"


@pytest.mark.extended("detail")
def test_follow_names_a_host_that_cannot_be_reached_while_the_others_go_on(project: Project) -> None:
    add_host(project, "far", NOWHERE)
    process = project.start("cap", "exec", "--follow", WAIT)
    assert process.stdout
    assert process.stdout.readline().startswith("  far: cannot connect: ")
    (project.path / "go").touch()
    assert process.communicate(timeout=60)[0].splitlines()[-1] == "web1, web2: exit status 0"
    assert process.returncode == 1


@pytest.mark.extended("detail")
def test_follow_ends_when_nobody_reads_its_lines_any_more(named: Project, env: dict[str, str]) -> None:
    seconds = unique_seconds(named)
    command = f"{sys.executable} -m doit cap exec --follow 'sleep {seconds} & while :; do echo x; sleep 0.1; done'"
    done = subprocess.run(
        ["sh", "-c", f"{command} --hosts web1 | head -1"],
        cwd=named.path, env=env, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "   web1 | x\n"
    wait_for(60, lambda: not find_sleeping(seconds))


@pytest.mark.extended("detail")
def test_an_interruption_shows_the_lines_that_were_held(named: Project, env: dict[str, str]) -> None:
    with type_exec(named, env, f"echo begun; {WAIT}") as typist:
        typist.wait_for("| begun")
        typist.type("\x03")
        assert typist.wait_for_end() == 130
    assert typist.text.splitlines()[-1].removeprefix("^C") == "interrupted"  # the terminal shows the keys


def test_exec_prints_json(named: Project) -> None:
    add_host(named, "far", NOWHERE)
    answer = json.loads(named.doit("cap", "exec", "echo a; echo b >&2; exit 3", "--json").failed(1).out)
    assert answer["hosts"] == [
        {"host": name, "status": 3, "output": ["a", "b"], "omitted": 0} for name in ("web1", "web2")
    ]
    assert answer["errors"]["far"].startswith("far: cannot connect: ")


@pytest.mark.extended("detail")
def test_json_and_follow_exclude_each_other(named: Project) -> None:
    said = named.doit("cap", "exec", "true", "--json", "--follow").failed(3).out
    assert "--json prints the answer at the end, and --follow before it; which one?" in said


@pytest.mark.ssh
@pytest.mark.parametrize("words", [(), *further((("--follow",),))])
def test_ctrl_c_ends_the_command_on_every_host(ssh_project: Project, sshds: SshdFleet, words: tuple[str, ...]) -> None:
    homes = [sshds.hosts[name].home for name in ssh_project.hosts]
    process = ssh_project.start("cap", "exec", *words, "touch ~/begun; sleep 1000")
    assert wait_until(60, lambda: all((home / "begun").exists() for home in homes))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    for home in homes:
        (home / "begun").unlink()
    assert (process.returncode, out) == (130, "interrupted\n")
    assert wait_until(60, lambda: not find_processes_with_home(homes)), find_processes_with_home(homes)


def test_omitted_output_is_mentioned(named: Project) -> None:
    said = said_by(named.doit("cap", "exec", "seq 1 200000", "hosts=web1", check=True))
    assert said[1].endswith("lines are left out")
    assert said[-1] == "    200000"
