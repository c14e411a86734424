"""`doit cap doctor`: what is wrong with controller, hosts, ssh and deploy.yml, and where it stands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from capdoit.config import origins, stages
from capdoit.doctor import controller, findings
from capdoit.doctor.host_condition import CONDITION, SHOWN, Clock, Condition, needed, parse
from capdoit.doctor.ssh_route import Leading, described, key_files, key_names, key_state, settings
from capdoit.errors import HostError
from capdoit.records.facts import FACTS
from capdoit.script import render
from capdoit.testing import Fleet, GitRepo, Project
from capdoit.text import fitted
from capdoit.units import Room
from tests.support import MakeProject, path_without, tools_in_front, without_tools

NOBODY = 65534
AS_NOBODY = f'ForceCommand=exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups sh -c "$SSH_ORIGINAL_COMMAND"'


def doctor(project: Project, *words: str, code: int = 0, env: dict[str, str] | None = None) -> Any:
    return json.loads(project.doit("cap", "doctor", *words, "--json", env=env).failed(code).out)


def texts(found: list[dict[str, str]]) -> list[str]:
    return [f"{one['where']}: {one['text']}" for one in found]


def problems(project: Project, *words: str, code: int = 3, env: dict[str, str] | None = None) -> list[str]:
    return texts(doctor(project, *words, code=code, env=env)["problems"])


def on(said: Any, name: str) -> Any:
    return next(host for host in said["hosts"] if host["host"] == name)


def place_of(project: Project, text: str) -> str:
    """Where a text stands in deploy.yml."""
    lines = (project.path / "deploy.yml").read_text().splitlines()
    (number,) = [n for n, line in enumerate(lines, 1) if text in line]
    return f"deploy.yml:{number}"


# -- all is well


def test_where_all_is_well_it_says_so_and_exits_0(project: Project):
    project.doit("deploy:production", check=True)
    done = project.doit("cap", "doctor").ok()
    assert done.out.splitlines()[-1] == "production: no problems, no remarks"


def test_it_shows_versions_state_and_settings_of_local_hosts(project: Project):
    project.doit("deploy:production", check=True)
    said = doctor(project)
    git = re.search(r"[0-9.]+[0-9]", subprocess.check_output(["git", "--version"], text=True))
    assert git
    assert said["controller"]["git"] == git[0]
    assert None not in [said["controller"][name] for name in ("python", "capdoit", "doit", "plumbum", "tar")]
    condition = on(said, "web1")["condition"]
    assert condition["tools"]["git"] == git[0]
    assert set(condition["tools"]) == {tool for tool in SHOWN if shutil.which(tool)}
    assert condition["place"] == condition["deploy_to"] == str(project.deploy_to("web1"))
    assert condition["charmap"] == "UTF-8"
    assert abs(condition["clock"]["offset"]) <= condition["clock"]["uncertainty"]
    assert condition["disk"]["total"] * 1024 == pytest.approx(shutil.disk_usage(project.path).total, rel=0.01)
    assert on(said, "web1")["ssh"] is None


@pytest.mark.ssh
def test_it_shows_how_ssh_leads_to_hosts_with_the_options_that_capdoit_gives(ssh_project: Project, sshds: Fleet):
    ssh_project.config(ssh_options=["ServerAliveInterval=7"])
    led = on(doctor(ssh_project), "web2")["ssh"]
    assert (led["key"], led["strict"], led["forwards_agent"], led["gateway"]) == ("known", "yes", False, "")
    assert (led["keepalive"], led["lost_after"]) == (7, 3)
    assert led["address"].endswith(f"@127.0.0.1:{sshds.hosts['web2'].port}")
    assert led["key_names"][0] == f"[127.0.0.1]:{sshds.hosts['web2'].port}"


@pytest.mark.ssh
def test_it_costs_a_host_one_connection(ssh_project: Project, sshds: Fleet):
    before = sshds.connections("web1")
    doctor(ssh_project)
    assert sshds.connections("web1") == before + 1


def test_it_changes_nothing_on_hosts(make_project: MakeProject):
    project = make_project(1, linked_files_exist=False)
    doctor(project)
    assert not project.deploy_to("web1").exists()
    project.link_files()
    project.doit("deploy:production", check=True)
    before = tree(project.deploy_to("web1"))
    doctor(project)
    assert tree(project.deploy_to("web1")) == before


def tree(root: Path) -> dict[Path, tuple[int, int, int]]:
    return {path: (stat.st_mode, stat.st_size, stat.st_mtime_ns) for path in root.rglob("*") for stat in [path.lstat()]}


def test_it_is_not_kept_from_looking_by_a_lock(project: Project):
    project.doit("deploy:production", check=True)
    held = project.deploy_to("web1") / ".capdoit/lock"
    with subprocess.Popen(["flock", held, "cat"], stdin=subprocess.PIPE) as holder:
        doctor(project)
        assert holder.stdin
        holder.stdin.close()


def test_every_table_fits_80_columns(make_project: MakeProject):
    project = make_project(2, branch="b" * 100)
    project.hosts["a-host-with-a-name-that-is-quite-long.example.com"] = project.hosts.pop("web2")
    project.config()
    tables = project.doit("cap", "doctor").ok().out.partition("Controller:")[2].splitlines()
    assert max(map(len, tables)) == 80
    assert any(line.split()[:2] == ["host", "git"] for line in tables)


# -- hosts


@pytest.mark.ssh
def test_a_host_that_is_down_is_one_line_and_the_rest_goes_on(ssh_project: Project, sshds: Fleet):
    sshds.stop("web2")
    try:
        said = doctor(ssh_project, code=3)
    finally:
        sshds.start("web2")
    assert [one["where"] for one in said["problems"]] == ["web2"]
    assert "cannot connect" in said["problems"][0]["text"]
    assert on(said, "web2")["condition"] is None
    assert on(said, "web3")["condition"]["tools"]["git"]


@pytest.mark.ssh
def test_a_host_key_that_is_not_known_is_named_with_what_would_show_it(
    ssh_project: Project, sshds: Fleet, tmp_path: Path
):
    known = tmp_path / "known_hosts"
    port = sshds.hosts["web2"].port
    lines = Path(sshds.ssh_config).with_name("keys").joinpath("known_hosts").read_text().splitlines(keepends=True)
    known.write_text("".join(line for line in lines if f"]:{port} " not in line))
    ssh_project.config(ssh_options=[f"UserKnownHostsFile={known}"])
    said = doctor(ssh_project, code=3)
    (text,) = [text for text in texts(said["problems"]) if "key is not known" in text]
    assert text.startswith(f"web2: its host key is not known: [127.0.0.1]:{port} is not in {known}")
    assert f"`ssh-keyscan -p {port} 127.0.0.1`" in text
    assert {host["host"]: host["ssh"]["key"] for host in said["hosts"]} == {
        "web1": "known",
        "web2": "unknown",
        "web3": "known",
    }


@pytest.mark.ssh
def test_a_key_is_known_under_its_hashed_name_and_under_an_alias(ssh_project: Project, sshds: Fleet, tmp_path: Path):
    known = tmp_path / "known_hosts"
    keys = Path(sshds.ssh_config).with_name("keys")
    alias = f"shop {(keys / 'web2.pub').read_text()}"
    known.write_text((keys / "known_hosts").read_text().splitlines(keepends=True)[0] + alias)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    ssh_project.hosts["web2"]["ssh_options"] = ["HostKeyAlias=shop"]
    ssh_project.config(ssh_options=[f"UserKnownHostsFile={known}"])
    said = doctor(ssh_project, "hosts=web1,web2")
    assert [host["ssh"]["key"] for host in said["hosts"]] == ["known", "known"]
    assert on(said, "web2")["ssh"]["key_names"] == ["shop"]


@pytest.mark.ssh
def test_a_host_whose_key_nobody_checks_is_remarked_on(make_project: MakeProject):
    project = make_project(1, ssh=True, ssh_options=["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"])
    said = doctor(project)
    remarks = texts(said["remarks"])
    assert "web1: StrictHostKeyChecking is no: another machine could pass for it" in remarks
    assert any("its host key is not known" in remark for remark in remarks)


def test_ssh_options_that_ssh_refuses_are_a_problem(project: Project):
    host = {"hostname": "127.0.0.1", "deploy_to": "/srv/shop", "ssh_options": ["NoSuchOption=1"]}
    project.config(stages={"production": {"hosts": {**project.hosts, "far": host}}})
    assert any(text.startswith("far: ssh refuses its configuration") for text in problems(project))


def test_a_program_that_the_stage_needs_is_a_problem_and_another_is_not(project: Project):
    without_tools(project, "web2", "git", "rsync")
    path = path_without(project.path / "no-flock", "flock")
    said = doctor(project, code=3, env={"PATH": path})
    flocks = ["web1: flock is not installed", "web2: flock is not installed"]
    assert texts(said["problems"]) == [flocks[0], "web2: git is not installed", flocks[1]]
    assert "rsync" not in on(said, "web2")["condition"]["tools"]


def test_a_clock_that_is_off_is_a_problem(project: Project):
    tools_in_front(project, "web2", date='echo "$(($(/bin/date +%s) + 90)) 0"')
    (text,) = problems(project)
    assert re.fullmatch(r"web2: its clock is (89|90|91)(\.\d)? s ± \d\.\d ahead of the controller's", text)


def test_a_host_without_utf_8_is_remarked_on(project: Project):
    project.hosts["web2"]["default_env"] = {"LANG": "C", "LC_ALL": "C"}
    project.config()
    said = doctor(project)
    (remark,) = texts(said["remarks"])
    assert remark.startswith("web2: its locale is C (ANSI_X3.4-1968), not UTF-8")


def test_a_file_in_the_way_of_deploy_to_is_a_problem(make_project: MakeProject):
    project = make_project(1, linked_files_exist=False)
    way = project.deploy_to("web1").parent
    way.write_text("in the way")
    assert problems(project) == [f"web1: {project.deploy_to('web1')} does not exist, and {way} is no directory"]


def test_a_full_disk_is_a_problem(project: Project):
    line = "/dev/sda1 1000000 999000 1000 100% /"
    tools_in_front(
        project, "web2", df=f'case "$1" in *i) echo "/dev/sda1 5000 4500 500 90% /";; *) echo "{line}";; esac'
    )
    at = project.deploy_to("web2")
    assert problems(project) == [f"web2: 1000 KiB free at {at}", f"web2: 500 inodes free at {at}"]


def test_a_host_that_gets_no_code_needs_no_more_than_a_shell(project: Project):
    without_tools(project, "web2", "git", "flock")
    project.hosts["web2"]["no_release"] = True
    project.config()
    assert on(doctor(project), "web2")["condition"]["place"] == ""


def test_only_the_selected_hosts_are_asked(project: Project):
    assert [host["host"] for host in doctor(project, "hosts=web2")["hosts"]] == ["web2"]


@pytest.fixture
def nobodys(env: dict[str, str], tmp_path: Path) -> Iterator[Project]:
    """One host whose commands run as nobody, when sshd could run them as root."""
    place = Path(tempfile.mkdtemp(prefix="capdoit"))
    place.chmod(0o755)
    fleet = Fleet(place, 1, *([AS_NOBODY] if os.geteuid() == 0 else []))
    try:
        fleet.start_all()
        repo = GitRepo(tmp_path / "repo", env)
        hosts = {"web1": {"deploy_to": str(place / "srv/shop")}}
        yield Project(tmp_path / "project", repo, env, hosts, {"ssh_config": str(fleet.ssh_config)})
    finally:
        fleet.stop_all()
        shutil.rmtree(place)


@pytest.mark.ssh
def test_where_nothing_may_be_written_it_says_by_whom_and_whose_it_is(nobodys: Project):
    shop = nobodys.deploy_to("web1")
    srv = shop.parent
    srv.mkdir(mode=0o555)
    (text,) = problems(nobodys)
    assert text.startswith(f"web1: {shop} does not exist, and {srv} cannot be written to and entered by ")
    assert "(dr-xr-xr-x of " in text

    srv.chmod(0o755)
    (shop / "releases").mkdir(parents=True)
    (shop / "releases").chmod(0o555)
    if os.geteuid() == 0:
        shutil.chown(shop, NOBODY, NOBODY)
    assert [text.partition(" cannot")[0] for text in problems(nobodys)] == [f"web1: {shop}/releases"]


# -- deploy.yml


def test_a_secret_that_is_not_set_is_a_problem_with_its_place_and_the_hosts_are_examined(project: Project):
    file = project.path / "deploy.yml"
    text = json.loads(file.read_text())
    text["default_env"] = {"TOKEN": "@"}
    file.write_text(json.dumps(text, indent=2).replace('"@"', "!env SHOP_TOKEN"))
    said = doctor(project, code=3)
    place = place_of(project, "SHOP_TOKEN")
    assert texts(said["problems"]) == [f"{place}: default_env.TOKEN: the environment variable SHOP_TOKEN is not set"]
    assert on(said, "web1")["condition"]["tools"]["git"]


def test_a_secret_that_is_set_is_not_shown_even_when_a_host_says_it(project: Project):
    tools_in_front(project, "web1", id='echo "user $TOKEN"')
    file = project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"PATH":', '"TOKEN": !env SHOP_TOKEN, "PATH":'))
    done = project.doit("cap", "doctor", env={"SHOP_TOKEN": "s3cr3t-value"}).ok()
    assert "!env SHOP_TOKEN (set)" in done.out
    assert "user ***" in done.out
    assert "s3cr3t-value" not in done.out


def test_a_setting_that_nothing_uses_is_remarked_on_with_its_place(project: Project):
    project.config(archive="dist/shop.tar.gz", transfer="archive", port=2222)
    remarks = texts(doctor(project)["remarks"])
    archive, local = "production deploys an archive", "all hosts of production are this machine"
    assert remarks == [
        f"{place_of(project, 'repo_url')}: repo_url is not used: {archive}",
        f"{place_of(project, 'branch')}: branch is not used: {archive}",
        f"{place_of(project, '2222')}: port is not used: {local}",
    ]


def test_recipes_are_shown_with_their_versions_and_a_broken_one_is_a_problem(project: Project):
    recipes = project.path / "recipes"
    recipes.mkdir()
    (recipes / "greet.py").write_text("from capdoit import Recipe\ngreet = Recipe('greet')\n")
    project.config(recipes={"greet": {}})
    assert doctor(project)["recipes"] == {"greet": "project"}
    project.config(recipes={"greeet": {}})
    assert any("did you mean greet?" in text for text in problems(project))


def test_without_ssh_it_says_so_and_examines_the_local_hosts(project: Project, tmp_path: Path):
    project.config(stages={"production": {"hosts": {**project.hosts, "far": {"deploy_to": "/srv/shop"}}}})
    said = doctor(project, code=3, env={"PATH": path_without(tmp_path / "no-ssh", "ssh", "ssh-keygen")})
    assert texts(said["problems"]) == [
        "controller: ssh is not installed",
        "far: cannot connect: ssh is not installed on this machine",
    ]
    assert said["controller"]["ssh"] is None
    assert on(said, "web1")["condition"]["tools"]["git"]


@pytest.mark.ssh
def test_without_ssh_keygen_how_ssh_leads_there_is_not_known(make_project: MakeProject, tmp_path: Path):
    project = make_project(1, ssh=True)
    (text,) = problems(project, env={"PATH": path_without(tmp_path / "no-keygen", "ssh-keygen")})
    assert text.startswith("web1: ssh's settings are not known: ")
    assert "ssh-keygen" in text


def test_the_controller_needs_ssh_only_for_hosts_that_ssh_leads_to(tmp_path: Path):
    here = stage_of(tmp_path, "{here: {transport: local}}")
    there = stage_of(tmp_path, "{far: {}}")
    assert controller.lacking({"ssh": None}, here) == []
    assert controller.lacking({"ssh": None}, there) == ["ssh"]


def stage_of(folder: Path, hosts: str) -> stages.Stage:
    file = folder / "deploy.yml"
    file.write_text(f"application: shop\nrepo_url: x\nstages: {{production: {{hosts: {hosts}}}}}\n")
    return stages.load(file).stages["production"]


FULL = """\
application: shop
repo_url: https://ann:hush@git.example.com/shop.git
archive: dist/a.tar.gz
user: ann
keep_releases: 3
default_env: {LANG: C.UTF-8, TOKEN: !env TOKEN}
ssh_options: [ConnectTimeout=5]
linked_dirs: [log, tmp]
recipes:
  systemd: {units: [a.service]}
  other: {}
  never: false
stages:
  local:
    transfer: archive
    default_env: {LANG: C}
    recipes: {other: false}
    hosts: {here: {transport: local, deploy_to: demo, port: 22}}
  production:
    keep_releases: 9
    default_env: {LANG: de_DE.UTF-8}
    ssh_options: [ConnectTimeout=9]
    recipes:
      systemd: {units: [b.service]}
      nothing: false
    hosts:
      web1: {user: deploy}
      web2: {user: deploy, default_env: {A: b}}
    transfer: git
"""


@pytest.fixture
def full(tmp_path: Path) -> tuple[origins.Written, stages.Config]:
    file = tmp_path / "deploy.yml"
    file.write_text(FULL)
    return origins.written(file), stages.load(file)


def test_each_setting_has_the_place_that_it_comes_from(full: tuple[origins.Written, stages.Config]):
    said, conf = full
    found = origins.settings(said, conf.stages["production"])
    assert [(s.name, s.value, s.host or s.level, s.place) for s in found] == [
        ("user", "ann", "top", "deploy.yml:4"),
        ("deploy_to", "/var/www/shop", "default", ""),
        ("default_env.LANG", "de_DE.UTF-8", "stage", "deploy.yml:21"),
        ("default_env.TOKEN", "!env TOKEN", "top", "deploy.yml:6"),
        ("ssh_options", "ConnectTimeout=5", "top", "deploy.yml:7"),
        ("ssh_options", "ConnectTimeout=9", "stage", "deploy.yml:22"),
        ("application", "shop", "top", "deploy.yml:1"),
        ("transfer", "git", "stage", "deploy.yml:29"),
        ("repo_url", "https://ann:***@git.example.com/shop.git", "top", "deploy.yml:2"),
        ("branch", "master", "default", ""),
        ("archive", "dist/a.tar.gz", "top", "deploy.yml:3"),
        ("keep_releases", "9", "stage", "deploy.yml:20"),
        ("linked_dirs", "log, tmp", "top", "deploy.yml:8"),
        ("keep_failed", "false", "default", ""),
        ("on_failure", "stop", "default", ""),
        ("max_failures", "0", "default", ""),
        ("drill", "never", "default", ""),
        ("recipes.systemd", "on", "stage", "deploy.yml:24"),
        ("recipes.systemd.units", "b.service", "stage", "deploy.yml:24"),
        ("recipes.other", "on", "top", "deploy.yml:11"),
        ("recipes.never", "off", "top", "deploy.yml:12"),
        ("recipes.nothing", "off", "stage", "deploy.yml:25"),
        ("user", "deploy", "web1", "deploy.yml:27"),
        ("user", "deploy", "web2", "deploy.yml:28"),
        ("default_env.A", "b", "web2", "deploy.yml:28"),
    ]


def test_options_of_a_recipe_that_the_stage_turns_off_do_not_hold(tmp_path: Path):
    file = tmp_path / "deploy.yml"
    file.write_text(FULL.replace("{other: false}", "{systemd: false}"))
    names = [s.name for s in origins.settings(origins.written(file), stages.load(file).stages["local"])]
    assert "recipes.systemd" in names
    assert "recipes.systemd.units" not in names


def test_settings_that_change_nothing_have_the_reason(full: tuple[origins.Written, stages.Config]):
    said, conf = full
    assert {(s.name, s.place): why for s, why in origins.unused(said, conf.stages, "production")} == {
        ("user", "deploy.yml:4"): "all hosts of local are this machine; every host of production says its own",
        ("default_env.LANG", "deploy.yml:6"): "local says its own; production says its own",
        ("recipes.never", "deploy.yml:12"): "a recipe is off unless something turns it on",
        ("recipes.nothing", "deploy.yml:25"): "a recipe is off unless something turns it on",
    }
    local = {(s.name, s.host): why for s, why in origins.unused(said, conf.stages, "local") if s.level != "top"}
    assert local == {("port", "here"): "here is this machine"}


def test_what_one_stage_uses_is_used(full: tuple[origins.Written, stages.Config]):
    said, conf = full
    names = {s.name for s, _ in origins.unused(said, conf.stages, "production")}
    assert not names & {"repo_url", "archive", "keep_releases", "ssh_options", "recipes.systemd.units"}


def test_an_option_of_a_recipe_may_be_off(tmp_path: Path):
    file = tmp_path / "deploy.yml"
    file.write_text(FULL.replace("other: {}", 'other: {x: "off"}').replace("{other: false}", "{}"))
    found = {s.name for s, _ in origins.unused(origins.written(file), stages.load(file).stages, "production")}
    assert "recipes.other.x" not in found


def test_a_recipe_that_every_stage_gives_options_is_used(tmp_path: Path):
    file = tmp_path / "deploy.yml"
    file.write_text(FULL.replace("{other: false}", "{systemd: {units: [c.service]}}"))
    found = {s.name for s, _ in origins.unused(origins.written(file), stages.load(file).stages, "production")}
    assert "recipes.systemd.units" in found
    assert "recipes.systemd" not in found


# -- what a host answers


SAID = [
    "clock\t1000 500000000",
    "locale\tC.UTF-8",
    "charmap\tUTF-8",
    "user\tann",
    "shell\t/usr/bin/bash",
    "shell_version\tGNU bash, version 5.2.15(1)-release",
    "tool\tgit git version 2.39.5",
    "tool\ttar tar (busybox) 1.35.0",
    "tool\tflock ",
    "place\t/srv/shop",
    "rights\tdrwxr-x---. 4 ann deploy 4096 Jan  1 10:00 /srv/shop",
    "disk\t/dev/sda 1000 900 100 90% /srv",
    "inodes\t/dev/sda 0 0 0 - /srv",
    "end\tyes",
]


def answered(*lines: str) -> Condition:
    return parse("web1", "/srv/shop", "\n".join(lines) + "\n", 999.0, 1001.0)


def test_an_answer_becomes_a_condition():
    assert answered(*SAID) == Condition(
        host="web1",
        clock=Clock(offset=0.5, uncertainty=1.0),
        locale="C.UTF-8",
        charmap="UTF-8",
        user="ann",
        sh="bash 5.2.15",
        tools={"git": "2.39.5", "tar": "busybox 1.35.0", "flock": ""},
        deploy_to="/srv/shop",
        place="/srv/shop",
        owner="ann:deploy",
        mode="drwxr-x---",
        disk=Room(free=100, total=1000),
    )


@pytest.mark.parametrize("said", ["1000 %N", "1000 ", "1000", "1000 N"])
def test_a_clock_without_fractions_is_known_the_less_exactly(said: str):
    assert answered(f"clock\t{said}", "end\tyes").clock == Clock(offset=0.5, uncertainty=1.5)


@pytest.mark.parametrize("said", ["", "soon", "-1000", "9" * 40])
def test_a_clock_that_tells_no_time_is_not_known(said: str):
    assert answered(f"clock\t{said}", "end\tyes").clock is None


@pytest.mark.parametrize("said", ["", "/dev/sda 1 2", "df: no", "/dev/sda x 1 2 3% /"])
def test_room_that_is_not_told_is_not_known(said: str):
    assert answered(f"disk\t{said}", "end\tyes").disk is None


def test_an_answer_cannot_steer_a_terminal_and_is_bounded():
    condition = answered("user\t\x1b[31m", f"locale\t{'x' * 10**6}", *["closed\t/x"] * 5000, "end\tyes")
    assert condition.user == "\\x1b[31m"
    assert len(condition.locale) <= 1000
    assert len(condition.closed) <= 100


@pytest.mark.parametrize("lines", [SAID[:-1], [*SAID[:-1], "user\tbob", "end\tyes"], ["hello\tyou", "end\tyes"]])
def test_what_the_script_never_prints_is_refused(lines: list[str]):
    with pytest.raises(HostError, match="answered the doctor with"):
        answered(*lines)


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "ash"]], ids=" ".join)
def test_the_script_says_the_same_under_every_shell(shell: list[str], tmp_path: Path):
    values = {"shown": SHOWN, "tools": ("no-such-tool", "sed"), "deploy_to": str(tmp_path / "a b" / "shop")}
    (tmp_path / "a b").mkdir()
    text = render("doctor", [FACTS, CONDITION], values).text
    done = subprocess.run([*shell, "-s"], input=text, capture_output=True, text=True, check=True)
    condition = parse("web1", str(tmp_path / "a b" / "shop"), done.stdout, 0, 2e9)
    assert condition.place == str(tmp_path / "a b")
    assert condition.no_tools == ("no-such-tool",)
    assert condition.is_directory
    assert not condition.closed
    assert condition.sh.partition(" ")[0] == Path(shutil.which(shell[0]) or "").resolve().name
    assert condition.mode.startswith("d")
    assert condition.disk


# -- judgement


WELL = Condition(
    host="web1",
    clock=Clock(0.1, 0.2),
    locale="C.UTF-8",
    charmap="UTF-8",
    user="ann",
    deploy_to="/srv/shop",
    place="/srv/shop",
    owner="ann:ann",
    mode="drwxr-xr-x",
    disk=Room(10**8, 10**9),
    inodes=Room(10**6, 10**7),
)


def test_nothing_is_wrong_with_a_host_that_is_well():
    assert findings.of_condition(WELL) == []


@pytest.mark.parametrize(
    ("facts", "text", "is_problem"),
    [
        ({"no_tools": ("git",)}, "git is not installed", True),
        ({"clock": Clock(7.0, 1.0)}, "its clock is 7 s ± 1.0 ahead of the controller's", True),
        ({"clock": Clock(-90.04, 0.03)}, "its clock is 90.04 s ± 0.03 behind the controller's", True),
        ({"closed": ("/srv/shop/repo",)}, "/srv/shop/repo cannot be written to and entered by ann", True),
        ({"is_directory": False}, "/srv/shop is no directory", True),
        ({"disk": Room(0, 10**9)}, "0 KiB free at /srv/shop", True),
        ({"disk": Room(2 * 10**5, 10**9)}, "0.0% of the disk free at /srv/shop", False),
        ({"inodes": Room(9, 10**7)}, "9 inodes free at /srv/shop", True),
        ({"locale": "", "charmap": "ANSI_X3.4-1968"}, "its locale is not set (ANSI_X3.4-1968), not UTF-8", False),
        ({"locale": "de_DE", "charmap": ""}, "its locale is de_DE, not UTF-8", False),
    ],
)
def test_what_is_wrong_with_a_host(facts: dict[str, Any], text: str, is_problem: bool):
    (found,) = findings.of_condition(replace(WELL, **facts))
    assert found.text.startswith(text)
    assert (found.where, found.is_problem) == ("web1", is_problem)


@pytest.mark.parametrize(
    "facts",
    [
        {"clock": Clock(7.0, 2.5)},  # the way there was so slow that it may be right
        {"clock": None},
        {"locale": "de_DE.utf8", "charmap": ""},  # musl has no `locale`
        {"disk": None, "inodes": None},
        {"deploy_to": "", "place": "", "owner": ""},
    ],
)
def test_what_is_not_certain_is_no_problem(facts: dict[str, Any]):
    assert findings.of_condition(replace(WELL, **facts)) == []


SSH = """\
host web1
user ann
hostname 10.0.0.1
port 2222
forwardagent no
stricthostkeychecking true
serveraliveinterval 5
serveralivecountmax 3
userknownhostsfile /home/ann/.ssh/known_hosts /home/ann/.ssh/known_hosts2
globalknownhostsfile /dev/null
proxyjump ann@gate:22
"""


def led(text: str = SSH, key: str = "known") -> Leading:
    return described("web1", settings(text), key)


def test_what_ssh_says_becomes_settings():
    assert led() == Leading(
        host="web1",
        address="ann@10.0.0.1:2222",
        gateway="ann@gate:22",
        keepalive=5,
        lost_after=3,
        strict="yes",
        forwards_agent=False,
        key="known",
        key_names=("[10.0.0.1]:2222", "10.0.0.1"),
        key_files=("/home/ann/.ssh/known_hosts", "/home/ann/.ssh/known_hosts2"),
    )


def test_a_key_is_looked_for_by_alias_or_by_host_and_port():
    assert key_names({"hostname": "a", "port": "22"}) == ["a"]
    assert key_names({"hostname": "a", "port": "22", "hostkeyalias": "b"}) == ["b"]
    assert key_files({"userknownhostsfile": "none", "globalknownhostsfile": "/etc/known"}) == ["/etc/known"]


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([], "unknown"),
        (["", ""], "unknown"),
        (["", "# Host a found: line 1 \na ssh-ed25519 AAAA\n"], "known"),
        (["# Host a found: line 3 CA\n@cert-authority * ssh-ed25519 AAAA\n"], "known"),
        (["# Host a found: line 1 REVOKED\n@revoked a ssh-rsa AAAA\n# Host a found: line 2 \n"], "revoked"),
    ],
)
def test_the_state_of_a_key(found: list[str], state: str):
    assert key_state(found) == state


def judged(text: str, key: str, reached: bool) -> list[tuple[str, bool]]:
    found = findings.of_leading(led(text, key), reached)
    return [(one.text.partition(":")[0], one.is_problem) for one in found]


def test_what_is_wrong_with_how_ssh_leads_to_a_host():
    loose = SSH.replace("checking true", "checking accept-new").replace("interval 5", "interval 0")
    strange = "its host key is not known"
    assert judged(SSH, "known", True) == []
    assert judged(SSH, "unknown", True) == []  # ssh knows it from elsewhere, or would not have gone there
    assert judged(SSH, "unknown", False) == [(strange, True)]
    assert judged(SSH, "revoked", False)[0][1]
    assert judged(SSH.replace("agent no", "agent yes"), "known", True) == [("ForwardAgent is on", False)]
    assert judged(loose, "unknown", True) == [
        (strange, False),
        ("StrictHostKeyChecking is accept-new", False),
        ("ServerAliveInterval is 0", False),
    ]


def test_each_problem_is_a_line_and_a_remark_on_several_hosts_is_one():
    said = [findings.Finding(f"web{n}", text, bad) for text, bad in (("no git", True), ("C", False)) for n in (1, 2)]
    assert findings.lines(said, True) == ["web1: no git", "web2: no git"]
    assert findings.lines(said, False) == ["web1, web2: C"]
    assert findings.summary(said) == "2 problems, 1 remark"
    assert findings.summary([]) == "no problems, no remarks"


def test_the_hosts_need_what_the_scripts_of_both_flows_use(tmp_path: Path):
    stage = stage_of(tmp_path, "{here: {transport: local}}")
    assert {"git", "tar", "readlink", "mv"} <= set(needed(stage))
    assert "git" not in needed(replace(stage, transfer="archive"))
    assert "sha256sum" in needed(replace(stage, transfer="archive"))


# -- tables


def test_a_table_that_is_too_wide_loses_its_last_columns():
    assert fitted(("a", "b", "c"), [("1", "22", "333")], 80) == "  a  b   c\n  1  22  333"
    assert fitted(("a", "b", "c"), [("1", "22", "333")], 9) == "  a  b\n  1  22"
    assert fitted(("a", "b", "c"), [("1", "22", "333")], 6) == "  a  b\n  1  …"
    assert fitted(None, [("1", "22", "333333")], 10, least=3) == "  1  22  …"
    assert fitted(None, [], 10) == ""
