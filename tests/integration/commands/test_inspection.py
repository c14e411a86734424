"""`doit cap exec`, `history` and `pending` on real hosts; none of them changes anything there."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from capdoit.commands.exec import MOST_KEPT, Output
from capdoit.commands.pending import Gap, sentence
from capdoit.testing import DODO, Completed, Fleet, GitRepo, Project
from capdoit.testing.processes import at_home, within
from capdoit.transfers.git_commits import Commit
from tests.support import LIKE_ANYBODY, MakeProject, deploy, hosts_of

NOWHERE = {"hostname": "127.0.0.1", "port": 1, "ssh_options": ["ConnectTimeout=3"], "deploy_to": "/srv/shop"}
SAYS_ITS_NAME = 'echo "I am $NAME"'


@pytest.fixture
def named(project: Project) -> Project:
    """A project with two hosts that know their names, and one without code that plays db."""
    hosts = {**project.hosts, "db1": {"transport": "local", "deploy_to": "hosts/db1", "roles": ["db"]}}
    hosts = {name: {**said, "default_env": {"NAME": name}} for name, said in hosts.items()}
    hosts["db1"]["no_release"] = True
    project.config(stages={"production": {"hosts": hosts}})
    return project


def add_host(project: Project, name: str, said: dict[str, Any]) -> None:
    project.config(stages={"production": {"hosts": {**project.hosts, name: said}}})


def said_by(completed: Completed) -> list[str]:
    return completed.out.splitlines()


# -- exec


def test_hosts_that_answer_alike_are_shown_together_and_others_apart(named: Project):
    command = 'case $NAME in web*) echo alike ;; *) echo "not alike" >&2; exit 3 ;; esac'
    assert said_by(named.doit("cap", "exec", command).failed(1)) == [
        "web1, web2: exit status 0",
        "    alike",
        "db1: exit status 3",
        "    not alike",
    ]


def test_hosts_with_equal_output_and_different_statuses_are_shown_apart(named: Project):
    heads = said_by(named.doit("cap", "exec", "echo same; [ $NAME != web2 ]").failed(1))[::2]
    assert heads == ["web1, db1: exit status 0", "web2: exit status 1"]


def test_it_succeeds_when_the_command_does_on_every_host(named: Project):
    assert said_by(named.doit("cap", "exec", "true").ok()) == ["web1, web2, db1: exit status 0"]


def test_both_streams_are_shown_in_the_order_in_which_they_were_written(named: Project):
    command = "for n in 1 2 3; do echo out $n; echo err $n >&2; done"
    said = said_by(named.doit("cap", "exec", command, check=True))[1:]
    assert [line.strip() for line in said] == ["out 1", "err 1", "out 2", "err 2", "out 3", "err 3"]


CHOSEN = [
    (["--hosts", "web2"], ["I am web2"]),
    (["--hosts=web1,db1"], ["I am web1", "I am db1"]),
    (["--roles", "db"], ["I am db1"]),
    (["roles=web"], ["I am web1", "I am web2"]),
    (["--roles=web", "hosts=web1", "production"], ["I am web1"]),
]


@pytest.mark.parametrize(("words", "expected"), CHOSEN, ids=[" ".join(words) for words, _ in CHOSEN])
def test_it_runs_on_the_chosen_hosts_only(named: Project, words: list[str], expected: list[str]):
    said = said_by(named.doit("cap", "exec", SAYS_ITS_NAME, *words, check=True))
    assert [line.strip() for line in said[1::2]] == expected


def test_options_may_stand_before_the_command(named: Project):
    assert "I am db1" in named.doit("cap", "--roles", "db", "exec", SAYS_ITS_NAME, check=True).out


@pytest.mark.parametrize("command", ['x=1; echo "x is $x"', '[ "a=b" = "a=b" ] && echo "x is 1"', "echo x is 1 #=="])
def test_a_command_with_an_equals_sign_is_no_variable(named: Project, command: str):
    assert said_by(named.doit("cap", "exec", command, "production", "--hosts=web1", check=True))[1:] == ["    x is 1"]


def test_a_command_that_a_signal_ends_says_so(named: Project):
    said = said_by(named.doit("cap", "exec", "kill -9 $$", "hosts=web1").failed(1))
    assert said[0] == "web1: was killed by signal 9"


def test_a_host_that_is_down_is_a_line_and_the_others_answer(project: Project):
    add_host(project, "far", NOWHERE)
    said = said_by(project.doit("cap", "exec", "echo hello").failed(1))
    assert said[:2] == ["web1, web2: exit status 0", "    hello"]
    assert [line.startswith("  far: cannot connect: ") for line in said[2:]] == [True]


def test_a_secret_reaches_the_command_and_is_not_shown(project: Project):
    text = json.dumps(project.settings)
    (project.path / "deploy.yml").write_text("{default_env: {TOKEN: !env TOKEN}," + text[1:])
    said = project.doit("cap", "exec", 'echo "$TOKEN"; echo ${#TOKEN}', env={"TOKEN": "s3cr3t-value"}, check=True).out
    assert said.splitlines()[1:] == ["    ***", "    12"]


def test_it_takes_no_lock_and_changes_nothing(project: Project):
    project.doit("deploy:production", check=True)
    before = hosts_of(project)
    project.doit("cap", "exec", "cd hosts/web1 && flock -n .capdoit/lock true", "hosts=web1", check=True)
    assert hosts_of(project) == before


@pytest.mark.ssh
def test_over_ssh_it_runs_in_the_users_home_by_one_connection_a_host(ssh_project: Project, sshds: Fleet):
    before = {host: sshds.connections(host) for host in ssh_project.hosts}
    said = said_by(ssh_project.doit("cap", "exec", "pwd", check=True))
    assert {host: sshds.connections(host) - n for host, n in before.items()} == dict.fromkeys(ssh_project.hosts, 1)
    assert said == ["web1, web2, web3: exit status 0", f"    {pwd.getpwuid(os.getuid()).pw_dir}"]


@pytest.mark.ssh
def test_ctrl_c_ends_the_command_on_every_host(ssh_project: Project, sshds: Fleet):
    homes = [sshds.hosts[name].home for name in ssh_project.hosts]
    process = ssh_project.start("cap", "exec", "touch ~/begun; sleep 1000")
    assert within(60, lambda: all((home / "begun").exists() for home in homes))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    for home in homes:
        (home / "begun").unlink()
    assert (process.returncode, out) == (130, "interrupted\n")
    assert within(60, lambda: not at_home(homes)), at_home(homes)


def output(*lines: str) -> Output:
    made = Output()
    for line in lines:
        made.add("out", line)
    return made


def test_of_a_lot_of_output_the_end_is_kept_and_the_rest_counted():
    line = "x" * 999
    kept = output("first", *[line] * (MOST_KEPT // 1000), "x" * 999, "last")
    assert (kept.lines[-1], kept.left_out, len(kept.lines)) == ("last", 2, MOST_KEPT // 1000 + 1)
    assert sum(len(line) + 1 for line in kept.lines) <= MOST_KEPT


def test_outputs_that_agree_in_their_ends_alone_are_not_alike():
    rest = ["x" * 999] * (MOST_KEPT // 1000 + 1)
    one, other = output("one", *rest), output("two", *rest)
    assert one.lines == other.lines
    assert one.digest != other.digest


def test_what_is_left_out_is_said(named: Project):
    said = said_by(named.doit("cap", "exec", "seq 1 200000", "hosts=web1", check=True))
    assert said[1].endswith("lines are left out")
    assert said[-1] == "    200000"


# -- history


def rows(completed: Completed) -> list[list[str]]:
    return [line.split() for line in completed.out.splitlines()]


def history(project: Project, *words: str) -> list[dict[str, Any]]:
    said = json.loads(project.doit("cap", "history", "--json", *words, check=True).out)
    found: list[dict[str, Any]] = said["history"]
    return found


def test_history_tells_of_deploys_rollbacks_failures_and_unlocks(project: Project):
    project.doit("deploy:production", check=True)
    first = project.current("web1")
    revision = project.repo.commit({"app.txt": "second\n"})
    project.doit("deploy:production", "message=the 2nd", check=True)
    second = project.current("web1")
    project.dodo(DODO + '\n@cap.after("updated")\ndef breaks(host):\n    host.run("exit 3")\n')
    project.doit("deploy:production").failed(1)
    project.doit("rollback:production", check=True)
    (project.deploy_to("web2") / ".capdoit/lock").write_text('{"flow": "deploy", "run": "1"}\n')
    project.doit("cap", "unlock", check=True)

    found = history(project)
    assert [(one["event"], one["flow"], one["results"]) for one in found] == [
        ("unlock", "", {"web2": "freed"}),
        ("rollback", "rollback", {"web1": "live", "web2": "live"}),
        ("failed", "deploy", {"web1": "not live", "web2": "not live"}),
        ("deploy", "deploy", {"web1": "live", "web2": "live"}),
        ("deploy", "deploy", {"web1": "live", "web2": "live"}),
    ]
    _, rollback, failed, deploy, _ = found
    assert (rollback["release"], rollback["left"]["web1"]) == (first, second)
    assert failed["ending"] == "in breaks"
    assert (deploy["revision"], deploy["why"], deploy["by"]) == (revision, "the 2nd", "tester")
    assert all(0 < one["seconds"] < 60 for one in found[1:])


def test_history_tells_a_flow_that_was_interrupted_from_one_that_failed(project: Project):
    project.doit("deploy:production", check=True)
    project.dodo(DODO + '\n@cap.after("updated")\ndef waits(host):\n    host.run("touch begun; sleep 1000")\n')
    process = project.start("deploy:production")
    assert within(60, (project.path / "begun").exists)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    newest = history(project)[0]
    assert (newest["event"], newest["results"]) == ("interrupted", {"web1": "not live", "web2": "not live"})
    assert newest["ending"] == "interrupted by SIGTERM in waits"


def test_what_cannot_be_entered_is_not_said_to_be_nothing(project: Project, tmp_path: Path):
    project.doit("deploy:production", check=True)
    sh = tmp_path / "bin/sh"  # root's, too, cannot enter what is closed to it
    sh.parent.mkdir()
    sh.write_text(f'#!/bin/sh\nexec {" ".join(LIKE_ANYBODY)} /bin/sh "$@"\n')
    sh.chmod(0o755)
    project.deploy_to("web2").chmod(0)
    try:
        status = project.doit("cap", "status", env={"PATH": f"{sh.parent}:{os.environ['PATH']}"}).failed(3).out
    finally:
        project.deploy_to("web2").chmod(0o755)
    assert re.search(rf"web2: survey: exit status 1: {project.deploy_to('web2')} cannot be entered by", status)
    assert "is live on web1" not in status


def test_a_release_whose_files_are_gone_and_one_of_two_revisions_are_differences(project: Project):
    release = deploy(project)
    tree = project.deploy_to("web2") / "releases" / release
    (tree / "REVISION").write_text("f" * 40 + "\n")
    revision = project.repo.git("rev-parse", "HEAD")[:12]
    status = project.doit("cap", "status").failed(3).out
    assert f"The hosts differ: {release} is {revision} on web1; ffffffffffff on web2." in status
    shutil.rmtree(tree)
    assert f"{release} is live on web2, but its files are gone" in project.doit("cap", "status").failed(3).out


def test_status_says_why_a_rollback_would_be_refused(project: Project):
    deploy(project)
    deploy(project)
    (project.deploy_to("web2") / "current").unlink()
    (project.deploy_to("web2") / "current").mkdir()
    assert "A rollback is refused: web2: " in project.doit("cap", "status").failed(3).out


def test_looking_and_unlocking_need_no_secret(project: Project):
    project.doit("deploy:production", check=True)
    text = (project.path / "deploy.yml").read_text().replace('"branch"', '"default_env": {KEY: !env KEY}, "branch"')
    (project.path / "deploy.yml").write_text(text)
    for command in ("status", "history", "releases", "verify", "unlock"):
        project.doit("cap", command, check=True)
    assert "needs the environment variable KEY" in project.doit("rollback:production").failed().out


def test_history_shows_the_newest_lines_in_80_columns_and_counts_the_rest(project: Project):
    for _ in range(3):
        project.doit("deploy:production", "message=" + "a long story " * 9, check=True)
    said = project.doit("cap", "history", "-n", "2", check=True)
    assert max(map(len, said.out.splitlines())) <= 80
    assert [row[2] for row in rows(said) if row[0].startswith("2")] == ["deploy", "deploy"]
    assert said.out.splitlines()[-1] == "and 1 before that; -n 3 shows all"
    assert len(history(project, "-n3")) == 3


def test_history_includes_what_capistrano_did(project: Project):
    project.deploy_to("web1").mkdir(parents=True, exist_ok=True)
    (project.deploy_to("web1") / "revisions.log").write_text(
        "Branch main (at 1f3e) deployed as release 20160614133327 by bob\nbob rolled back to release 20160614133327\n"
    )
    assert rows(project.doit("cap", "history", check=True))[1:] == [
        ["not", "known", "rollback", "live", "20160614133327", "bob"],
        ["only", "on", "web1"],
        ["2016-06-14", "13:33", "deploy", "live", "20160614133327", "bob", "1f3e"],
        ["only", "on", "web1"],
    ]


def test_history_before_the_first_deploy_and_with_no_host(project: Project):
    assert "No host remembers anything." in project.doit("cap", "history", check=True).out
    add_host(project, "far", NOWHERE)
    (line,) = project.doit("cap", "history", "hosts=far").failed(1).out.splitlines()
    assert line.startswith("  far: cannot connect: ")
    project.doit("cap", "history").failed(3)


# -- pending


def pending(project: Project, *words: str) -> list[dict[str, Any]]:
    said = json.loads(project.doit("cap", "pending", "--json", *words, check=True).out)
    found: list[dict[str, Any]] = said["live"]
    return found


def subjects(commits: list[dict[str, str]]) -> list[str]:
    return [commit["subject"] for commit in commits]


def only_hosts_reach(project: Project) -> Project:
    """From now on the repository is where the hosts' git finds it, and this machine's does not."""
    env = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{project.repo.path}.insteadOf",
        "GIT_CONFIG_VALUE_0": "/no/such/repository",
    }
    project.config(repo_url="/no/such/repository", default_env=env)
    return project


def clone_into(project: Project, *options: str) -> None:
    """Make the project's directory a clone of the repository."""
    apart = project.path.with_name("clone")
    source = f"file://{project.repo.path}"
    git = ["git", "clone", "--quiet", "--no-checkout", *options, source, str(apart)]
    subprocess.run(git, check=True)
    (apart / ".git").rename(project.path / ".git")


def test_pending_lists_the_commits_that_a_deploy_would_bring(project: Project):
    project.doit("deploy:production", check=True)
    live = project.repo.git("rev-parse", "HEAD")
    second, third = project.repo.commit({"b.txt": "2"}), project.repo.commit({"c.txt": "3"})
    said = project.doit("cap", "pending", check=True)
    assert said.out.splitlines()[0] == "main is 2 commits ahead of what is live on web1, web2:"
    assert [(row[0], row[2:]) for row in rows(said)[1:]] == [
        (third[:12], ["Tester", "change", "c.txt"]),
        (second[:12], ["Tester", "change", "b.txt"]),
    ]
    (found,) = pending(project)
    assert (found["hosts"], found["revision"], found["goes"]) == (["web1", "web2"], live, [])
    assert [commit["revision"] for commit in found["comes"]] == [third, second]


def test_pending_speaks_of_each_revision_that_is_live(project: Project):
    project.doit("deploy:production", check=True)
    project.repo.commit({"b.txt": "2"})
    project.doit("deploy:production", "hosts=web2", check=True)
    project.repo.commit({"c.txt": "3"})
    found = pending(project)
    assert [(one["hosts"], subjects(one["comes"])) for one in found] == [
        (["web1"], ["change c.txt", "change b.txt"]),
        (["web2"], ["change c.txt"]),
    ]


SERVERS = {
    "that sends commits without files": ({"uploadpack.allowFilter": "true"}, {}),
    "that gives only what it advertises": (
        {},
        {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.version", "GIT_CONFIG_VALUE_0": "0"},
    ),
}


@pytest.mark.parametrize(("config", "said_to_git"), SERVERS.values(), ids=SERVERS)
def test_pending_takes_commits_from_a_server(project: Project, config: dict[str, str], said_to_git: dict[str, str]):
    for name, value in config.items():
        project.repo.git("config", name, value)
    project.repo.commit({"a.txt": "1"})
    project.doit("deploy:production", check=True)
    project.repo.commit({"b.txt": "2"})
    said = project.doit("cap", "pending", env=said_to_git, check=True).out
    assert said.startswith("main is 1 commit ahead of")
    assert said.endswith("change b.txt\n")


def test_pending_says_when_a_branch_is_behind_or_has_diverged(project: Project):
    project.repo.git("branch", "old")
    project.repo.commit({"b.txt": "2"})
    project.doit("deploy:production", check=True)
    said = said_by(project.doit("cap", "pending", "branch=old", check=True))
    assert said[0] == "old is 1 commit behind what is live on web1, web2; a deploy would take away (-):"
    assert said[1].split()[0] == "-"
    project.repo.git("checkout", "--quiet", "old")
    project.repo.commit({"c.txt": "3"})
    (found,) = pending(project, "branch=old")
    assert (subjects(found["comes"]), subjects(found["goes"])) == (["change c.txt"], ["change b.txt"])
    assert "have diverged" in project.doit("cap", "pending", "branch=old", check=True).out


def test_pending_needs_no_repository_when_what_is_live_is_what_would_come(project: Project):
    project.doit("deploy:production", check=True)
    said = said_by(only_hosts_reach(project).doit("cap", "pending", check=True))
    assert said == [
        f"Nothing is pending: main is {project.repo.git('rev-parse', 'HEAD')[:12]}, what is live on web1, web2."
    ]


def test_pending_uses_the_projects_clone_and_fetches_nothing_into_it(project: Project):
    project.doit("deploy:production", check=True)
    project.repo.commit({"b.txt": "2"})
    clone_into(project)
    before = sorted((project.path / ".git").rglob("*"))
    (found,) = pending(only_hosts_reach(project))
    assert subjects(found["comes"]) == ["change b.txt"]
    assert sorted((project.path / ".git").rglob("*")) == before


@pytest.mark.parametrize("options", [None, ["--depth=1"]], ids=["no clone", "a shallow clone"])
def test_pending_says_when_neither_clone_nor_repository_is_at_hand(project: Project, options: list[str] | None):
    project.doit("deploy:production", check=True)
    project.repo.commit({"b.txt": "2"})
    if options:
        clone_into(project, *options)
    said = only_hosts_reach(project).doit("cap", "pending").failed(3).out
    assert "cannot be told" in said
    assert "cannot fetch from /no/such/repository" in said


def test_pending_leaves_nothing_behind_and_changes_nothing_on_the_hosts(project: Project, tmp_path: Path):
    project.doit("deploy:production", check=True)
    project.repo.commit({"b.txt": "2"})
    before, temporary = hosts_of(project), tmp_path / "tmp"
    temporary.mkdir()
    for command in ("pending", "history"):
        project.doit("cap", command, env={"TMPDIR": str(temporary)}, check=True)
    assert hosts_of(project) == before
    assert os.listdir(temporary) == []


def test_pending_says_when_the_live_commit_is_gone_from_the_repository(project: Project):
    project.doit("deploy:production", check=True)
    gone = project.repo.git("rev-parse", "HEAD")
    project.repo.git("commit", "--quiet", "--amend", "-m", "rewritten")
    project.repo.git("reflog", "expire", "--expire=now", "--all")
    project.repo.git("gc", "--quiet", "--prune=now")
    said = project.doit("cap", "pending", check=True).out
    assert f"{gone[:12]}, what is live on web1, web2, is no commit that the repository still has" in said
    assert pending(project)[0]["comes"] is None


def test_pending_says_that_nothing_is_live(project: Project):
    said = project.doit("cap", "pending", check=True).out
    assert said == "What is live on web1, web2 has no revision, or nothing is: a deploy would bring all of main.\n"


def test_pending_needs_the_git_transfer_and_a_branch_that_is_there(project: Project):
    project.doit("deploy:production", check=True)
    assert "no branch, tag or commit 'nope'" in project.doit("cap", "pending", "branch=nope").failed(3).out
    project.config(transfer="archive", archive="dist/shop.tar.gz", repo_url=None, branch=None)
    assert "pending needs the git transfer" in project.doit("cap", "pending").failed(3).out


def test_pending_with_a_host_that_is_down(project: Project):
    project.doit("deploy:production", check=True)
    add_host(project, "far", NOWHERE)
    assert "Nothing is pending" in project.doit("cap", "pending").failed(3).out
    (line,) = project.doit("cap", "pending", "hosts=far").failed(1).out.splitlines()
    assert line.startswith("  far: cannot connect: ")


COMMIT = Commit("1f3e" * 10, "2016-06-14", "Ann", "a fix")
GONE = "aaaaaaaaaaaa, what is live on web1, is no commit that the repository still has"
SENTENCES = [
    ((COMMIT,), (), "main is 1 commit ahead of what is live on web1:"),
    ((COMMIT, COMMIT), (), "main is 2 commits ahead of what is live on web1:"),
    ((), (COMMIT,), "main is 1 commit behind what is live on web1; a deploy would take away (-):"),
    ((), (), "Nothing is pending: main is bbbbbbbbbbbb, what is live on web1."),
    (
        None,
        (),
        f"{GONE}; pending needs the git transfer.",
    ),
]


@pytest.mark.parametrize(("comes", "goes", "expected"), SENTENCES, ids=range(len(SENTENCES)))
def test_what_pending_says(comes: tuple[Commit, ...] | None, goes: tuple[Commit, ...], expected: str):
    assert sentence("main", "b" * 40, Gap(("web1",), "a" * 40, comes, goes)) == expected


def test_an_archives_sha256_is_known_for_what_it_is():
    said = sentence("main", "b" * 40, Gap(("web1",), "a" * 64))
    assert said.endswith("is no commit, but the sha256 of an archive; pending needs the git transfer.")


# -- what is wrong with the question


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["exec"], "exec needs a command"),
        (["exec", " "], "exec needs a command"),
        (["exec", "ls", "production", "web1"], "quote the command"),
        (["exec", "ls", "-l"], "option -l not recognized"),
        (["exec", "ls", "producton"], "did you mean production?"),
        (["exec", "ls", "--roles", "wbe"], "did you mean web?"),
        (["exec", "ls", "--hosts", "web1", "hosts=web2"], "hosts is said twice"),
        (["exec", "ls", "--hosts="], "hosts= is empty"),
        (["exec", "ls", "--roles="], "roles= is empty"),
        (["exec", "ls", "--json"], "no --json"),
        (["status", "--hosts", "web1"], "no --hosts"),
        (["history", "--roles", "web"], "no --roles"),
        (["releases", "-n", "3"], "no --number"),
        (["history", "-n", "few"], "expected a number"),
        (["history", "-n", "0"], "expected a number"),
        (["history", "-n", "9" * 5000], "expected a number"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_a_line(project: Project, words: list[str], answer: str):
    completed = project.doit("cap", *words).failed(3)
    assert answer in completed.out
    assert len(completed.out.splitlines()) == 1


def test_a_mirror_over_ssh_is_only_asked(make_project: MakeProject, git_repo: GitRepo):
    project = make_project(2, ssh=True)
    project.doit("deploy:production", check=True)
    git_repo.commit({"b.txt": "2"})
    before = hosts_of(project)
    (found,) = pending(project)
    assert subjects(found["comes"]) == ["change b.txt"]
    assert hosts_of(project) == before


def test_a_very_long_line_is_cut_with_a_mark_and_is_the_same_on_all_hosts(project: Project):
    out = project.doit("cap", "exec", "head -c 200000 /dev/zero | tr '\\0' a; echo; echo end", check=True).out

    assert out.splitlines() == ["web1, web2: exit status 0", f"    {'a' * 8192}…", "    end"]
