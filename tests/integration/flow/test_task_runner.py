"""Tasks on demand: on real ssh servers, with real processes, locks and terminals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from capdoit.testing import Project, SshdFleet
from capdoit.testing.processes import find_processes_with_home
from tests.support import (
    deploy,
    deploy_text,
    find_sleeping,
    further,
    printed_words,
    start_until_sleeping,
    start_waiting_deploy,
    unique_seconds,
    unwrap,
    verify_release,
    wait_for,
    write_hooks,
    write_recipe,
)
from tests.typist import Typist

TASKS = """
    from typing import Literal

    @cap.task
    def cache_clear(host, release, flow, *, pool: Literal["app", "api"] = "app", count: int = 1, warm: bool = False,
                    paths: tuple[str, ...] = ("/",), note: str | None = None):
        '''Clear the cache.

        It is not in the list.
        '''
        host.run(["echo", f"<{pool} {count} {warm} {' '.join(paths)} {note}>"], cwd=release.path)
        host.run(f"echo \\"<$GREETING $PWD {flow.name} {flow.release}>\\"", cwd=release.path)

    @cap.task(primary=True)
    def rake(host, release, arguments):
        '''Run a task of rake.'''
        host.run(["printf", "<%s>\\\\n", *arguments], cwd=release.path)

    @cap.task(once=True)
    def dump(hosts, *, to: str):
        '''Dump the database.'''
        hosts[0].run(["echo", f"<{to} of {len(hosts)}>"])
"""
CONSOLE = """
    @cap.task(interactive=True)
    def console(host, release, arguments):
        '''Open a console.'''
        host.run(["bin/console", *arguments], cwd=release.path)
"""
PROGRAM = """#!/usr/bin/env python3
import os, sys
print("ready in", os.getcwd(), sys.argv[1:], len(os.environ.get("TOKEN", "")), *os.get_terminal_size(0), flush=True)
while True:
    try:
        line = input("> ")
    except KeyboardInterrupt:  # like irb and the shell of Django
        print("caught")
        continue
    if line.startswith("exit"):
        sys.exit(int(line[4:] or 0))
"""


def with_environment(project: Project, **settings: object) -> None:
    project.config(default_env={"GREETING": "hello you"}, **settings)


@pytest.mark.ssh
def test_a_task_runs_on_the_live_release_of_each_host_with_the_environment_of_the_stage(ssh_project: Project) -> None:
    with_environment(ssh_project)
    write_hooks(ssh_project, TASKS)
    release = deploy(ssh_project)
    listed = dict(line.split(None, 1) for line in ssh_project.doit("list", check=True).out.splitlines())
    assert listed["cache_clear:production"] == "Clear the cache."
    assert listed["cache_clear"] == "cache_clear on production"
    out = ssh_project.doit("cache_clear:production", "pool=api", "count=3", "warm=yes", "paths=/a,/b", check=True).out
    for host in ssh_project.hosts:
        path = ssh_project.deploy_to(host) / "releases" / release
        assert printed_words(out, host) == ["api 3 True /a /b None", f"hello you {path} cache_clear {release}"]
    assert "cache_clear:production: done on web1, web2, web3" in out


def test_hosts_and_defaults_and_short_names(project: Project) -> None:
    write_hooks(project, TASKS)
    deploy(project)
    out = project.doit("cache_clear", "hosts=web2", check=True).out
    assert printed_words(out, "web2")[0] == "app 1 False / None"
    assert printed_words(out, "web1") == []


DIFFICULT = ["db:migrate", "VERSION=7", "branch=x", "-v", "two words"]
WORDS = [
    (["--", *DIFFICULT], DIFFICULT),
    *further((["hosts=web1", "--", "A=1"], ["A=1"]), (["--", "production"], ["production"])),
]


@pytest.mark.parametrize(("typed", "given"), WORDS)
def test_words_behind_dashes_are_arguments(project: Project, typed: list[str], given: list[str]) -> None:
    write_hooks(project, TASKS)
    deploy(project)
    assert printed_words(project.doit("rake:production", *typed, check=True).out, "web1") == given


MISTAKES = [
    (["cache_clear:production", "poll=api"], "has no parameter poll=; did you mean pool?"),
    (["cache_clear:production", "count=many"], "count=many: expected an integer"),
    (["cache_clear:production", "--", "x"], "takes no words behind --"),
    *further(
        (["cache_clear:production", "zzz=1"], "has no parameter zzz= (there are pool="),
        (["cache_clear:production", "pool=ap"], "pool=ap: expected app or api; did you mean app?"),
        (["cache_clear:production", "skip=x"], "skip=x: no hook has that name"),
        (["cache_clear:prodution"], "Did you mean `doit cache_clear:production`?"),
        (["cache_claer"], "Did you mean"),
        (
            ["rake:production", "-T"],
            "words for the command of rake:production stand behind --: doit rake:production -- -T",
        ),
        (["rake:production", "db:seed"], "doit rake:production -- db:seed"),
        (["cache_clear:production", "wait=5"], "wait= has no effect on cache_clear, which takes no locks"),
        (["rake", "production"], "Did you mean `doit rake:production`?"),
        (["rake:production", "VERSION=7"], "words for its command stand behind --: -- VERSION=…"),
        (["dump"], "the task needs to= (a text)"),
        (["cache_clear:production", "roles=db"], "no role db"),
    ),
]


@pytest.mark.parametrize(("typed", "answer"), MISTAKES)
def test_a_mistake_on_the_command_line_is_refused_before_a_host_is_touched(
    project: Project, typed: list[str], answer: str
) -> None:
    write_hooks(project, TASKS)
    done = project.doit(*typed)
    assert done.code in (1, 3)
    assert answer in unwrap(done.out)
    assert not project.deploy_to("web1").joinpath(".capdoit").exists()


DECLARATIONS = [
    (
        "def t(host, pool: int = 1, *, note=''): ...",
        "argument pool: a variable of the command line stands behind *: def t(host, *, pool: int = 1, note='')",
    ),
    *further(
        ("def t(host, pool: 'int' = 1): ...", "stands behind *: def t(host, *, pool: int = 1)"),
        ("def t(host, *pools): ...", "task t has the argument *pools, but a task can only have arguments, flow"),
        ("def t(host, relese): ...", "but a task can only have arguments, flow, host, release; did you mean release?"),
        ("def t(host, *, hosts_of: dict): ...", "the type of hosts_of cannot be typed as NAME=VALUE"),
        ("def t(host, *, branch: str): ...", "branch= is a variable of capdoit; rename the parameter"),
        ("def deploy(host): ...", "task deploy has the name of a task of capdoit"),
        ("def t(hosts): ...", "task t has the argument hosts"),
        ("def t(host): ...\n@cap.task\ndef t(host): ...", "there are two tasks with the name t"),
        ("async def t(host): ...", "it is async"),
    ),
]


@pytest.mark.parametrize(("function", "answer"), DECLARATIONS)
def test_a_mistake_in_a_declaration_is_refused_with_its_line(project: Project, function: str, answer: str) -> None:
    write_hooks(project, f"@cap.task\n{function}\n")
    out = project.doit("list").failed(3).out
    assert answer in unwrap(out)
    assert "dodo.py:" in out


@pytest.mark.extended("detail")
def test_an_unknown_keyword_or_role_is_refused(project: Project) -> None:
    write_hooks(project, "@cap.task(exclusiv=True)\ndef t(host): ...\n")
    assert "task has no exclusiv=; did you mean exclusive?" in project.doit("list").failed(3).out
    write_hooks(project, "@cap.task(roles='wbe')\ndef t(host): ...\n")
    assert "no host has the role wbe; did you mean web?" in project.doit("list").failed(3).out


def test_a_task_of_the_project_with_the_same_name_is_refused_and_its_short_name_wins(project: Project) -> None:
    own = "\ndef task_rake():\n    return {'actions': ['echo mine'], 'verbosity': 2}\n"
    write_hooks(project, TASKS + own.replace("\n", "\n    "))
    assert "mine" in project.doit("rake", check=True).out
    write_hooks(
        project, TASKS + own.replace("return {", "return {'basename': 'rake:production', ").replace("\n", "\n    ")
    )
    assert "rake:production has the name of a task" in unwrap(project.doit("list").failed(3).out)


def test_without_a_live_release_a_task_is_refused(project: Project) -> None:
    write_hooks(project, TASKS)
    out = unwrap(project.doit("cache_clear:production").failed().out)
    assert "no release is live" in out
    assert "Deploy one: doit deploy:production" in out
    assert "<app" not in out


def test_hosts_with_different_releases_each_run_the_task_in_theirs(project: Project) -> None:
    write_hooks(project, TASKS)
    first = deploy(project)
    project.repo.commit({"app.txt": "second"})
    project.doit("deploy:production", "hosts=web2", check=True)
    out = project.doit("cache_clear:production", check=True).out
    assert f"releases/{first}" in printed_words(out, "web1")[1]
    assert f"releases/{project.current('web2')}" in printed_words(out, "web2")[1]


def test_a_host_without_code_can_run_a_task_for_its_role(project: Project) -> None:
    db = {"transport": "local", "deploy_to": "hosts/db1", "roles": ["db"], "no_release": True}
    project.config(stages={"production": {"hosts": {**project.hosts, "db1": db}}})
    write_hooks(project, TASKS.replace("once=True", "once=True, roles='db'"))
    project.doit("deploy:production", check=True)
    assert printed_words(project.doit("dump", "to=a", check=True).out, "db1") == ["a of 1"]
    assert printed_words(project.doit("dump", "to=b", "hosts=db1", check=True).out, "db1") == ["b of 1"]
    assert "none of the selected hosts has the role db" in project.doit("dump", "to=a", "hosts=web1").failed().out


@pytest.mark.ssh
def test_a_failure_names_the_hosts_the_command_and_what_to_type(ssh_project: Project) -> None:
    write_hooks(
        ssh_project,
        """
        @cap.task
        def work(host, arguments, *, code: int = 0):
            if host.name == "web2":
                host.run(f"echo the reason; exit {code}")
        """,
    )
    release = deploy(ssh_project)
    out = unwrap(ssh_project.doit("work:production", "code=4", "--", "a b").failed().out)
    assert "work:production failed: web2: echo the reason; exit 4: exit status 4 the reason" in out
    assert f"web1, web2, web3 {release}" in out
    assert "Once fixed, run: doit work:production code=4 -- 'a b'" in out
    assert re.search(r"Log: log/capdoit.log:\d+", out)


def test_a_task_stops_after_its_timeout(project: Project) -> None:
    write_hooks(project, "@cap.task(timeout=1)\ndef work(host):\n    host.run('sleep 1000')\n")
    deploy(project)
    assert "the task work took longer than its timeout, 1 s," in unwrap(project.doit("work").failed().out)


# -- locks

EXCLUSIVE = """
    import time
    from pathlib import Path

    @cap.task(exclusive=True)
    def compact(host, release, *, seconds: str = "0", code: int = 0):
        '''Compact the files of the release.'''
        host.run(f"echo compacted >app.txt; sleep {seconds}; exit {code}", cwd=release.path)

    @cap.task
    def look(host, release):
        host.run("echo '<seen>'", cwd=release.path)
"""


def read_history(project: Project) -> list[tuple[str, str]]:
    found = json.loads(project.doit("cap", "history", "--json", check=True).out)["history"]
    return [(flow["event"], flow["flow"]) for flow in found]


@pytest.mark.ssh
def test_an_exclusive_task_holds_the_locks_like_a_flow(ssh_project: Project, sshds: SshdFleet) -> None:
    write_hooks(ssh_project, EXCLUSIVE)
    deploy(ssh_project)
    seconds = unique_seconds(ssh_project)
    process = start_until_sleeping(ssh_project, seconds, 3, "compact:production", f"seconds={seconds}")
    for refused in (["deploy:production"], ["compact:production"]):
        out = unwrap(ssh_project.doit(*refused).failed().out)
        assert re.search(r"the hosts are locked: web1, web2, web3: compact by tester from \S+ since", out)
    assert printed_words(ssh_project.doit("look", check=True).out, "web3") == ["seen"]
    process.send_signal(signal.SIGINT)
    out = unwrap(process.communicate(timeout=60)[0])
    assert process.returncode == 1
    assert "compact:production failed: interrupted by Ctrl-C" in out
    assert f"To run it again: doit compact:production seconds={seconds}" in out
    wait_for(60, lambda: not find_sleeping(seconds))
    ssh_project.doit("compact:production", check=True)
    assert read_history(ssh_project)[:2] == [("task", "compact"), ("interrupted", "compact")]
    assert ("task", "look") not in read_history(ssh_project)
    wait_for(60, lambda: not find_processes_with_home([host.home for host in sshds.hosts.values()]))


def test_a_flow_refuses_an_exclusive_task_and_not_another_one(project: Project) -> None:
    deploy(project)
    process = start_waiting_deploy(project)
    text = (project.path / "dodo.py").read_text()
    write_hooks(project, EXCLUSIVE)
    assert "deploy by tester" in unwrap(project.doit("compact:production").failed().out)
    assert printed_words(project.doit("look", check=True).out, "web1") == ["seen"]
    project.dodo(text)
    (project.path / "go").touch()
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_what_an_exclusive_task_changes_in_the_release_is_no_damage(project: Project) -> None:
    write_hooks(project, EXCLUSIVE)
    deploy(project)
    project.doit("compact:production", check=True)
    project.doit("compact:production", "code=1").failed()
    verify_release(project)
    deploy_text(project, "second")
    project.doit("rollback:production", check=True)


@pytest.mark.ssh
@pytest.mark.extended("variant")
def test_a_killed_exclusive_task_leaves_no_process_and_a_stale_lock(ssh_project: Project, sshds: SshdFleet) -> None:
    write_hooks(ssh_project, EXCLUSIVE)
    deploy(ssh_project)
    seconds = unique_seconds(ssh_project)
    process = start_until_sleeping(ssh_project, seconds, 3, "compact:production", f"seconds={seconds}")
    process.kill()
    process.communicate(timeout=60)
    wait_for(60, lambda: not find_processes_with_home([host.home for host in sshds.hosts.values()]))
    assert not find_sleeping(seconds)
    out = unwrap(ssh_project.doit("compact:production", check=True).out)
    assert "took over the stale lock of compact by tester" in out


@pytest.mark.extended("detail")
def test_a_failed_task_is_not_the_bad_end_of_a_flow_in_status(project: Project) -> None:
    write_hooks(project, EXCLUSIVE)
    deploy(project)
    project.doit("compact:production", "code=1").failed()
    assert read_history(project)[0] == ("failed", "compact")
    assert "failed" not in project.doit("cap", "status", check=True).out


# -- terminals


def type_task(project: Project, env: dict[str, str], *words: str) -> Typist:
    env = {"PS1": "$ ", **env}
    return Typist([sys.executable, "-m", "doit", *words], project.path, env, (30, 100))


@pytest.mark.ssh
def test_an_interactive_task_has_a_real_terminal_on_the_primary(
    ssh_project: Project, sshds: SshdFleet, env: dict[str, str]
) -> None:
    ssh_project.repo.commit({"bin/console": PROGRAM})
    write_hooks(ssh_project, CONSOLE)
    release = deploy(ssh_project)
    text = json.dumps(ssh_project.settings)
    (ssh_project.path / "deploy.yml").write_text("{default_env: {TOKEN: !env TOKEN}," + text[1:])
    with type_task(ssh_project, {**env, "TOKEN": "s3cret"}, "console:production", "--", "a", "B=c d") as typist:
        typist.wait_for(f"ready in {ssh_project.deploy_to('web1')}/releases/{release} ['a', 'B=c d'] 6 100 30\n> ")
        wait_for(60, lambda: not [name for name in os.listdir("/tmp") if re.fullmatch("capdoit-[0-9a-f]{32}", name)])
        time.sleep(1.5)  # the view would name a hook that is slow, and Python misses a Ctrl-C right after its prompt
        typist.type("\x03")
        typist.wait_for("caught")
        assert "is running" not in typist.text
        typist.type("exit 3\n")
        assert typist.wait_for_end() == 1
        assert "exit status 3" in unwrap(typist.text)
    wait_for(60, lambda: not find_processes_with_home([host.home for host in sshds.hosts.values()]))
    with type_task(ssh_project, {**env, "TOKEN": "s3cret"}, "console", "hosts=web2") as typist:
        typist.wait_for(f"ready in {ssh_project.deploy_to('web2')}")
        typist.type("exit\n")
        assert typist.wait_for_end() == 0
        assert "console:production: done on web2" in typist.text


@pytest.mark.extended("detail")
def test_another_user_and_a_timeout_work_on_a_terminal(project: Project, env: dict[str, str]) -> None:
    write_hooks(
        project,
        """
        @cap.task(interactive=True)
        def rest(host, *, seconds: str):
            host.run(["sleep", seconds], timeout=2)

        @cap.task(interactive=True)
        def ask(host, *, seconds: float = 60):
            host.run("id -un; echo so $((1 + 1)); read answer; echo got $answer", user="nobody", cwd="/",
                     env={"TOKEN": "s3cret"}, timeout=seconds)
        """,
    )
    deploy(project)
    with type_task(project, env, "ask:production") as typist:
        typist.wait_for("nobody\nso 2\n")
        assert "s3cret" not in run_ps()
        typist.type("hello\n")
        assert typist.wait_for_end() == 0
        assert "got hello" in typist.text
    with type_task(project, env, "ask:production", "seconds=1.5") as typist:
        assert typist.wait_for_end() == 1
        assert "took longer than 1.5 s" in unwrap(typist.text)
    seconds = unique_seconds(project)
    line = f"{sys.executable} -m doit rest:production seconds={seconds}; echo en''ded; sleep 1000"
    with Typist(["sh", "-c", line], project.path, env) as typist:  # the terminal stays
        typist.wait_for("ended")
        assert find_sleeping(seconds) == []


@pytest.mark.extended("detail")
def test_the_host_of_an_interactive_task_knows_the_arguments_and_keeps_the_terminal(
    project: Project, env: dict[str, str]
) -> None:
    (project.path / "note.j2").write_text("release {{ release.name }}")
    write_hooks(
        project,
        """
        @cap.task(interactive=True)
        def show(host, release):
            host.template("note.j2", f"{host.deploy_to}/note")
            host.with_env({"NAME": "value"}).run("cat note; echo; echo $NAME; tty", cwd=host.deploy_to)
        """,
    )
    release = deploy(project)
    with type_task(project, env, "show:production") as typist:
        assert typist.wait_for_end() == 0
        assert f"release {release}\nvalue\n/dev/" in typist.text


@pytest.mark.extended("detail")
def test_a_program_that_is_stopped_leaves_the_terminal_as_it_was(project: Project, env: dict[str, str]) -> None:
    write_hooks(
        project,
        """
        @cap.task(interactive=True)
        def edit(host):
            host.run("stty raw -echo; sleep 1000", timeout=2)
        """,
    )
    deploy(project)
    line = f"stty -a; {sys.executable} -m doit edit:production; stty -a; echo en''ded; sleep 1000"
    with Typist(["sh", "-c", line], project.path, env) as typist:
        typist.wait_for("ended")
        assert "took longer than 2 s" in unwrap(typist.text)
        assert [typist.text.split().count(mode) for mode in ("opost", "icanon", "isig", "echo")] == [2, 2, 2, 2]


def run_ps() -> str:
    return subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout


def test_an_interactive_task_needs_a_terminal(project: Project) -> None:
    write_hooks(project, CONSOLE)
    assert "console needs a terminal on stdin" in project.doit("console:production").failed().out


def test_an_interactive_task_is_refused_on_several_named_hosts(project: Project, env: dict[str, str]) -> None:
    write_hooks(project, CONSOLE)
    with type_task(project, env, "console:production", "hosts=web2,web1") as typist:
        assert typist.wait_for_end() == 1
        assert (
            "console:production runs on one host, and hosts= names web2, web1; name one of them: hosts=web2"
            " or hosts=web1. Nothing was done"
        ) in unwrap(typist.text)


@pytest.mark.extended("detail")
def test_an_interactive_task_is_refused_in_a_thread(project: Project, env: dict[str, str]) -> None:
    write_hooks(project, CONSOLE)
    deploy(project)
    with type_task(project, env, "-n", "2", "-P", "thread", "console:production") as typist:
        assert typist.wait_for_end() == 1
        assert "use doit without -n" in unwrap(typist.text)


@pytest.mark.extended("detail")
def test_a_signal_ends_a_terminal_in_order(project: Project, env: dict[str, str]) -> None:
    project.repo.commit({"bin/console": PROGRAM})
    write_hooks(project, CONSOLE.replace("interactive=True", "interactive=True, exclusive=True"))
    deploy(project)
    with type_task(project, env, "console:production") as typist:
        typist.wait_for("ready in")
        os.kill(typist.process.pid, signal.SIGTERM)
        assert typist.wait_for_end() == 1
        assert "interrupted by SIGTERM" in unwrap(typist.text)
    deploy(project)
    wait_for(60, lambda: not [name for name in os.listdir("/tmp") if re.fullmatch("capdoit-[0-9a-f]{32}", name)])


# -- recipes


def test_the_task_of_a_recipe_has_its_name_and_its_options(project: Project) -> None:
    write_recipe(
        project,
        "tool",
        """
@dataclass(frozen=True)
class Options:
    word: str = "default"

tool = Recipe("tool", options=Options)

@tool.task(primary=True)
def say(host, release, options, *, times: int = 1):
    '''Say a word.'''
    host.run(["echo", f"<{options.word * times}>"])
""",
    )
    deploy(project)
    assert printed_words(project.doit("tool.say:production", "times=2", check=True).out, "web1") == ["defaultdefault"]
    assert "tool.say" in project.doit("cap", "recipes", "tool", check=True).out


def test_a_dry_run_of_a_task_is_refused_with_the_reason_and_runs_nothing(project: Project) -> None:
    deploy(project)
    write_hooks(project, TASKS)
    for words in (["dump:production", "to=x"], ["dump", "to=x"], ["deploy:production", "dump:production", "to=x"]):
        said = project.doit(*words, "dry_run=yes").failed().out
        assert "dry_run= is for flows and setup, not for dump: a function decides what it runs" in said
        assert "<x of" not in said
