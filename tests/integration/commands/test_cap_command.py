"""`doit cap`: what it says of real hosts, and what it writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from capdoit import __version__
from capdoit.testing import DODO, Completed, Project
from tests.support import MakeProject, deploy

RECIPE = '''\
"""Greets the hosts.

Says hello.
"""
from __future__ import annotations
from dataclasses import dataclass
from capdoit import Recipe

@dataclass(frozen=True)
class Options:
    who: str  #: whom to greet
    #: how often,
    #: in one breath
    times: int = 2
    loudly: bool = False
    names: tuple[str, ...] = ("a",)

greet = Recipe("greet", options=Options)

@greet.after("published")
def hello(host):
    "Say hello."
'''
MANUAL = """
Options:
  who: a text; needed
      whom to greet
  times: a whole number; default 2
      how often, in one breath
  loudly: true or false; default false
  names: a list of texts; default ["a"]

Hooks:
  flow      when             on         hook
  deploy    after published  all hosts  greet.hello  Say hello.
  rollback  after published  all hosts  greet.hello  Say hello.
"""
LOCK = (
    '{"flow": "deploy", "by": "ann", "origin": "laptop", "at": "2026-11-25T18:00:00Z", '
    '"message": "prices", "run": "1"}\n'
)
WITH_ENV = """\
application: shop
repo_url: x
default_env: {TOKEN: !env TOKEN}
stages: {production: {hosts: {web1: {transport: local, deploy_to: hosts/web1}}}}
"""


def look(project: Project, *words: str, code: int = 0) -> Any:
    return json.loads(project.doit("cap", *words, "--json").failed(code).out)


def lines(completed: Completed) -> list[list[str]]:
    return [line.split() for line in completed.out.splitlines()]


def set_live(project: Project, host: str, release: str) -> None:
    tree = project.deploy_to(host)
    (tree / "current").unlink()
    os.symlink(tree / "releases" / release, tree / "current")


def unreachable(project: Project, name: str) -> None:
    """Add a host with whose address nothing listens."""
    nowhere = {"hostname": "127.0.0.1", "port": 1, "ssh_options": ["ConnectTimeout=3"], "deploy_to": "/srv/shop"}
    project.config(stages={"production": {"hosts": {**project.hosts, name: nowhere}}})


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def doit(folder: Path, *args: str) -> Completed:
    done = subprocess.run(
        [sys.executable, "-m", "doit", *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return Completed(args, done.returncode, done.stdout)


# -- install


def test_install_writes_files_from_which_doit_has_tasks_for_both_stages(empty: Path):
    doit(empty, "cap", "install").ok()
    tasks = doit(empty, "list").ok().out
    assert all(f"{verb}:{s}" in tasks for verb in ("deploy", "rollback", "check") for s in ("staging", "production"))


def test_install_takes_the_stages_that_are_named_and_the_first_is_the_default(empty: Path):
    doit(empty, "cap", "install", "qa", "live").ok()
    rows = lines(doit(empty, "cap", "stages").ok())
    assert [row[:2] for row in rows[1:]] == [["qa", "default"], ["live", "git"]]


def test_install_leaves_what_is_there_as_it_is(empty: Path):
    (empty / "deploy.yml").write_text("mine")
    said = doit(empty, "cap", "install").ok().out
    assert "[skip] deploy.yml exists" in said
    assert (empty / "deploy.yml").read_text() == "mine"
    assert (empty / "dodo.py").exists()


def test_install_does_not_load_a_broken_dodo(empty: Path):
    (empty / "dodo.py").write_text("1 / 0")
    doit(empty, "cap", "install").ok()
    assert (empty / "dodo.py").read_text() == "1 / 0"


@pytest.mark.parametrize("names", [["rollback"], ["a b"], ["qa", "qa"], ["../up"], ["qa", "{x}"]])
def test_install_with_a_name_that_no_stage_can_have_writes_nothing(empty: Path, names: list[str]):
    doit(empty, "cap", "install", *names).failed(3)
    assert list(empty.iterdir()) == []


# -- stages


def test_stages_has_a_line_for_each(project: Project):
    hosts = {"hosts": project.hosts}
    archive = {**hosts, "transfer": "archive", "archive": "dist/shop.tar.gz"}
    project.config(stages={"a": hosts, "b": archive}, default_stage="b")
    rows = lines(project.doit("cap", "stages", check=True))
    assert rows[1:] == [
        ["a", "git", "main", "web1,", "web2"],
        ["b", "default", "archive", "dist/shop.tar.gz", "web1,", "web2"],
    ]


# -- status


def test_status_before_the_first_deploy_says_nothing_is_live(project: Project):
    said = look(project, "status")
    assert [(host["live"], host["rollback"], host["lock"]) for host in said["hosts"]] == [(None, None, None)] * 2
    assert said["agree"] is True
    assert "no older releases" in said["refused"]


def test_status_says_what_is_live_and_where_a_rollback_would_go(project: Project):
    revision = project.repo.git("rev-parse", "HEAD")
    first, second = deploy(project), deploy(project)
    rows = lines(project.doit("cap", "status", check=True))
    today = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    assert [[*row[:3], *row[4:]] for row in rows[1:3]] == [
        [host, second, today, "tester", revision[:8], "main"] for host in ("web1", "web2")
    ]
    said = project.doit("cap", "status", check=True).out
    assert f"A rollback goes to {first} (main, live less than a minute, until {today} " in said
    assert "possible on 2 of 2 hosts" in said
    assert re.search(r"^Free: [0-9.]+ GiB \([0-9]+%\), [0-9]+% of inodes on web1, web2$", said, re.MULTILINE)
    assert look(project, "status")["rollback"] == first


def test_status_exits_3_when_a_host_lacks_a_release_and_names_it(project: Project):
    first, _ = deploy(project), deploy(project)
    shutil.rmtree(project.deploy_to("web2") / "releases" / first)
    said = project.doit("cap", "status").failed(3).out
    assert f"The hosts differ: {first} is not on web2." in said
    assert look(project, "status", code=3)["differences"] == [f"{first} is not on web2"]


def test_a_rollback_goes_where_status_said(project: Project):
    deploy(project)
    deploy(project)
    said = look(project, "status")["rollback"]
    project.doit("rollback:production", check=True)
    assert [project.current(host) for host in project.hosts] == [said, said]


def test_status_exits_3_when_the_hosts_have_different_releases_live(project: Project):
    first, second = deploy(project), deploy(project)
    set_live(project, "web2", first)
    said = project.doit("cap", "status").failed(3).out
    assert f"The hosts differ: {second} is live on web1; {first} is live on web2." in said
    assert [host["live"] for host in look(project, "status", code=3)["hosts"]] == [second, first]


def test_status_exits_3_when_one_of_the_hosts_cannot_be_reached_and_shows_the_others(project: Project):
    live = deploy(project)
    unreachable(project, "far")
    said = lines(project.doit("cap", "status").failed(3))
    assert ["web1", live] in [row[:2] for row in said]
    assert ["far:", "cannot", "connect:"] in [row[:3] for row in said]


@pytest.mark.parametrize(
    "words",
    [
        ["cap", "status"],
        ["cap", "releases"],
        ["cap", "history"],
        ["cap", "pending"],
        ["cap", "verify"],
        ["cap", "doctor"],
        ["cap", "exec", "uptime"],
        ["cap", "recipes", "--diff"],
        ["deploy", "dry_run=yes"],
        ["rollback", "dry_run=yes"],
        ["drill:production"],
        ["check"],
    ],
    ids=" ".join,
)
def test_where_no_host_can_be_reached_each_has_one_line_and_it_exits_1(project: Project, words: list[str]):
    far = {"hostname": "127.0.0.1", "port": 1, "ssh_options": ["ConnectTimeout=3"]}
    hosts = {name: {**far, "deploy_to": f"/srv/{name}"} for name in ("far1", "far2")}
    project.config(stages={"production": {"hosts": hosts}})
    out = project.doit(*words).failed(1).out
    assert re.findall(r"^ *(far[12]): cannot connect", out, re.MULTILINE) == ["far1", "far2"], out


def test_status_names_who_holds_the_lock(project: Project):
    deploy(project)
    (project.deploy_to("web1") / ".capdoit/lock").write_text(LOCK)
    said = project.doit("cap", "status", check=True).out
    assert "web1: locked by deploy by ann from laptop since 2026-11-25 18:00 UTC (prices)" in said
    assert "web2: locked" not in said


def test_status_asks_only_the_hosts_that_are_selected(project: Project):
    assert [host["host"] for host in look(project, "status", "hosts=web2")["hosts"]] == ["web2"]


def test_status_changes_nothing(make_project: MakeProject):
    project = make_project(1, linked_files_exist=False)
    look(project, "status")
    assert not project.deploy_to("web1").exists()


def test_status_speaks_of_the_stage_that_is_named_by_word_or_variable(project: Project):
    stages = {name: {"hosts": project.hosts} for name in ("a", "b")}
    project.config(stages=stages)
    assert look(project, "status", "a")["stage"] == "a"
    assert look(project, "status", "stage=b")["stage"] == "b"
    assert "which stage" in project.doit("cap", "status").failed(3).out


def test_status_over_ssh(make_project: MakeProject):
    project = make_project(2, ssh=True)
    live = deploy(project)
    assert [host["live"] for host in look(project, "status")["hosts"]] == [live, live]


# -- releases


def test_releases_shows_each_release_on_each_host_and_marks_where_a_rollback_goes(project: Project):
    first, second, third = deploy(project), deploy(project), deploy(project)
    revision = project.repo.git("rev-parse", "HEAD")[:12]
    rows = lines(project.doit("cap", "releases", check=True))
    assert [row[:4] for row in rows[1:]] == [
        [third, "live", "live", revision],
        [second, "retired", "retired", "<-"],
        [first, "retired", "retired", revision],
    ]
    assert rows[1][5] == "KiB"
    its = look(project, "releases")["releases"][0]
    assert its["kib"]["web1"] > 0
    assert (its["lives"]["web2"]["by"], its["lives"]["web2"]["branch"]) == ("tester", "main")


def test_releases_shows_what_a_rollback_left_behind(project: Project):
    first, second = deploy(project), deploy(project)
    project.doit("rollback:production", check=True)
    states = {entry["release"]: entry["states"] for entry in look(project, "releases")["releases"]}
    assert states == {first: dict.fromkeys(project.hosts, "live"), second: dict.fromkeys(project.hosts, "archived")}


def test_releases_shows_where_a_host_lacks_one_that_another_has(project: Project):
    first = deploy(project)
    deploy(project)
    tree = project.deploy_to("web2") / "releases" / first
    tree.rename(tree.parent.parent / "elsewhere")
    (row,) = [row for row in lines(project.doit("cap", "releases", check=True)) if row[:1] == [first]]
    assert row[1:3] == ["retired", "missing"]


def test_releases_of_many_hosts_share_a_column_where_they_hold_the_same(make_project: MakeProject):
    project = make_project(9)
    deploy(project)
    set_aside = project.deploy_to("web9")
    (set_aside / "current").unlink()
    said = project.doit("cap", "releases").failed(3).out
    assert "web1 +7: web1, web2, web3, web4, web5, web6, web7, web8" in said
    assert max(len(line) for line in said.splitlines()[:2]) <= 80


def test_releases_before_the_first_deploy(project: Project):
    assert "No host has a release." in project.doit("cap", "releases", check=True).out


# -- recipes


def write_recipe(project: Project, name: str, text: str) -> None:
    folder = project.path / "recipes"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)


def test_recipes_lists_bundled_ones_and_the_projects_with_their_first_lines(project: Project):
    write_recipe(project, "greet", RECIPE)
    rows = lines(project.doit("cap", "recipes", check=True))
    assert ["greet", "project", "Greets", "the", "hosts."] in rows
    assert ["systemd", __version__, "bundled", "restart"] in [row[:4] for row in rows]


def test_a_recipe_that_stands_before_another_of_its_name_says_so(project: Project):
    write_recipe(project, "greet", RECIPE)
    assert "stands before" not in project.doit("cap", "recipes", check=True).out
    write_recipe(project, "health", RECIPE.replace("greet", "health"))
    said = project.doit("cap", "recipes", check=True).out
    assert re.search(r"^  health: project stands before \S+/recipes/health.py$", said, re.MULTILINE)


def test_a_recipe_is_shown_with_its_docstring_and_options(project: Project):
    write_recipe(project, "greet", RECIPE)
    completed = project.doit("cap", "recipes", "greet", check=True)
    assert "Says hello." in completed.out
    assert completed.out.endswith(MANUAL)


def test_the_bundled_recipe_for_systemd_needs_its_units(project: Project):
    said = project.doit("cap", "recipes", "systemd", check=True).out
    assert "  units: a list of texts; needed" in said.splitlines()


def test_a_recipe_that_cannot_be_loaded_is_listed_with_the_reason(project: Project):
    write_recipe(project, "broken", "import no_such_module")
    write_recipe(project, "greet", RECIPE)
    said = project.doit("cap", "recipes", check=True).out
    assert "no_such_module" in said
    assert "Greets the hosts." in said


# -- what is wrong with the question


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["statsu"], "did you mean status?"),
        (["status", "producton"], "did you mean production?"),
        (["releases", "hosts=wbe1"], "did you mean web1?"),
        (["status", "roles=wbe"], "did you mean web?"),
        (["status", "stgae=production"], "did you mean stage?"),
        (["status", "production", "stage=other"], "which stage"),
        (["status", "production", "web1"], "at most one stage"),
        (["stages", "production"], "found production"),
        (["stages", "--json"], "no --json"),
        (["recipes", "systemdd"], "did you mean systemd?"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_a_line(project: Project, words: list[str], answer: str):
    completed = project.doit("cap", *words).failed(3)
    assert answer in completed.out
    assert "Traceback" not in completed.out
    assert len(completed.out.splitlines()) == 1


def test_a_dodo_without_a_deploy_yml_is_told_what_it_lacks(project: Project):
    project.dodo("def task_x():\n    return {'actions': None}\n")
    assert "capdoit.load" in project.doit("cap", "status").failed(3).out


def test_a_mistake_in_deploy_yml_is_shown_with_its_place(project: Project):
    project.config(keep_releases="many")
    assert "deploy.yml:" in project.doit("cap", "status").failed(3).out


def test_where_no_dodo_is_there_is_no_traceback(empty: Path):
    doit(empty, "cap", "status").failed(3)


def test_without_a_subcommand_the_help_is_shown(empty: Path):
    said = doit(empty, "cap").ok().out
    assert all(name in said for name in ("install", "stages", "status", "releases", "recipes"))


def test_a_secret_never_shows_in_what_a_host_says(project: Project):
    deploy(project)
    (project.path / "deploy.yml").write_text(WITH_ENV)
    (project.deploy_to("web1") / ".capdoit/lock").write_text('{"flow": "deploy", "by": "s3cr3t-value"}\n')
    said = project.doit("cap", "status", env={"TOKEN": "s3cr3t-value"}, check=True).out
    assert "s3cr3t-value" not in said
    assert "deploy by ***" in said


def test_plumbum_is_not_imported_to_list_the_tasks(project: Project):
    code = "import sys; from doit.doit_cmd import DoitMain; DoitMain().run(['list']); print('plumbum' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=project.path, capture_output=True, text=True, check=True)
    assert "deploy:production" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_status_says_how_the_last_flow_ended_when_that_was_not_well(project: Project):
    live = deploy(project)
    project.dodo(DODO + '@cap.after("updated")\ndef boom(host):\n    host.run("exit 4")\n')
    project.doit("deploy:production").failed(1)
    said = project.doit("cap", "status", check=True).out
    assert re.search(r"^The last deploy failed \(in boom\); \d{14} is not live\.$", said, re.MULTILINE), said
    assert look(project, "status")["hosts"][0]["live"] == live


@pytest.mark.parametrize(
    "words",
    [
        ("unlock", "dry_run=yes"),
        ("exec", "touch done", "dry_run=yes"),
        ("verify", "rollback_release=20200101000000"),
        ("status", "wait=5"),
    ],
)
def test_variables_that_a_command_does_not_heed_are_refused(project: Project, words: tuple[str, ...]):
    said = project.doit("cap", *words).failed(3).out
    assert f"{words[-1].partition('=')[0]}= means nothing to cap {words[0]}; nothing was done" in said
    assert not (project.path / "done").exists()


def test_secrets_make_no_other_thing_of_json_and_are_in_none_of_its_spellings(project: Project):
    project.config(default_env={"A": "!", "SERVE": "!"})
    file = project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"A": "!"', '"A": !env A').replace('"SERVE": "!"', '"SERVE": !env SERVE'))
    env = {"A": 'geh"eim-\u00e4', "SERVE": "true", "USER": 'geh"eim-\u00e4'}
    project.doit("deploy:production", env=env, check=True)
    said = project.doit("cap", "status", "--json", env=env, check=True).out
    assert json.loads(said)["agree"] is True
    assert json.loads(said)["hosts"][0]["by"] == "***"


def test_hosts_that_do_not_fit_are_named(make_project: MakeProject):
    project = make_project(8)
    for number, host in enumerate([*project.hosts]):
        project.hosts[f"app-server-{number}"] = project.hosts.pop(host)
    project.config()
    for host in project.hosts:
        release = project.deploy_to(host) / "releases" / f"2026010100000{host[-1]}"
        release.mkdir(parents=True)
        (release / "REVISION").write_text("1f3e\n")
        (project.deploy_to(host) / "current").symlink_to(release)
    said = project.doit("cap", "releases").failed(3).out
    assert "Too many to show: " in said
    assert "app-server-7; hosts= chooses, --json has all" in said
