"""`doit cap doctor`: problems of controller, hosts, ssh and deploy.yml, with their places."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from capdoit.doctor.host_condition import SHOWN_TOOLS
from capdoit.testing import GitRepo, Project, SshdFleet
from tests.support import MakeProject, make_path_without, replace_programs

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
    """Return the place of a text in deploy.yml."""
    lines = (project.path / "deploy.yml").read_text().splitlines()
    (number,) = [n for n, line in enumerate(lines, 1) if text in line]
    return f"deploy.yml:{number}"


# -- all is well


def test_doctor_reports_that_all_is_well_and_exits_0(project: Project) -> None:
    project.doit("deploy:production", check=True)
    done = project.doit("cap", "doctor").ok()
    assert done.out.splitlines()[-1] == "production: no problems, no remarks"


def test_doctor_shows_versions_state_and_settings_of_local_hosts(project: Project) -> None:
    project.doit("deploy:production", check=True)
    said = doctor(project)
    git = re.search(r"[0-9.]+[0-9]", subprocess.check_output(["git", "--version"], text=True))
    assert git
    assert said["controller"]["git"] == git[0]
    assert None not in [said["controller"][name] for name in ("python", "capdoit", "doit", "plumbum", "tar")]
    condition = on(said, "web1")["condition"]
    assert condition["tools"]["git"] == git[0]
    assert set(condition["tools"]) == {tool for tool in SHOWN_TOOLS if shutil.which(tool)}
    assert condition["place"] == condition["deploy_to"] == str(project.deploy_to("web1"))
    assert condition["charmap"] == "UTF-8"
    assert abs(condition["clock"]["offset"]) <= condition["clock"]["uncertainty"]
    assert condition["disk"]["total"] * 1024 == pytest.approx(shutil.disk_usage(project.path).total, rel=0.01)
    assert on(said, "web1")["ssh"] is None


@pytest.mark.ssh
def test_doctor_shows_the_ssh_route_with_the_options_of_capdoit(ssh_project: Project, sshds: SshdFleet) -> None:
    ssh_project.config(ssh_options=["ServerAliveInterval=7"])
    led = on(doctor(ssh_project), "web2")["ssh"]
    assert (led["key"], led["strict"], led["forwards_agent"], led["gateway"]) == ("known", "yes", False, None)
    assert (led["keepalive"], led["lost_after"]) == (7, 3)
    assert led["address"].endswith(f"@127.0.0.1:{sshds.hosts['web2'].port}")
    assert led["key_names"][0] == f"[127.0.0.1]:{sshds.hosts['web2'].port}"


@pytest.mark.ssh
def test_doctor_opens_one_connection_per_host(ssh_project: Project, sshds: SshdFleet) -> None:
    before = sshds.connections("web1")
    doctor(ssh_project)
    assert sshds.connections("web1") == before + 1


def test_doctor_changes_nothing_on_hosts(make_project: MakeProject) -> None:
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


@pytest.mark.extended("detail")
def test_doctor_works_while_a_host_is_locked(project: Project) -> None:
    project.doit("deploy:production", check=True)
    held = project.deploy_to("web1") / ".capdoit/lock"
    with subprocess.Popen(["flock", held, "cat"], stdin=subprocess.PIPE) as holder:
        doctor(project)
        assert holder.stdin
        holder.stdin.close()


@pytest.mark.extended("detail")
def test_in_a_pipe_doctor_cuts_nothing(make_project: MakeProject) -> None:
    project = make_project(2, branch="b" * 100)
    project.hosts["a-host-with-a-name-that-is-quite-long.example.com"] = project.hosts.pop("web2")
    project.config()

    tables = project.doit("cap", "doctor").ok().out.partition("Controller:")[2]

    assert "b" * 100 in tables
    assert "…" not in tables
    assert any(line.split()[:2] == ["host", "git"] for line in tables.splitlines())


# -- hosts


@pytest.mark.ssh
def test_an_unreachable_host_is_one_finding_and_the_others_are_examined(ssh_project: Project, sshds: SshdFleet) -> None:
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
def test_an_unknown_host_key_is_a_problem_with_the_command_to_show_it(
    ssh_project: Project, sshds: SshdFleet, tmp_path: Path
) -> None:
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


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_a_host_key_is_found_under_a_hashed_name_and_an_alias(
    ssh_project: Project, sshds: SshdFleet, tmp_path: Path
) -> None:
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


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_disabled_host_key_checking_is_a_remark(make_project: MakeProject) -> None:
    project = make_project(1, ssh=True, ssh_options=["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"])
    said = doctor(project)
    remarks = texts(said["remarks"])
    assert "web1: StrictHostKeyChecking is no: another machine could pretend to be this host" in remarks
    assert any("its host key is not known" in remark for remark in remarks)


@pytest.mark.extended("detail")
def test_invalid_ssh_options_are_a_problem(project: Project) -> None:
    host = {"hostname": "127.0.0.1", "deploy_to": "/srv/shop", "ssh_options": ["NoSuchOption=1"]}
    project.config(stages={"production": {"hosts": {**project.hosts, "far": host}}})
    assert any(text.startswith("far: ssh refuses its configuration") for text in problems(project))


def test_a_missing_program_is_a_problem_only_when_the_stage_needs_it(project: Project) -> None:
    said = doctor(project, code=3, env={"PATH": make_path_without(project.path / "tools", "flock", "git", "rsync")})
    missing = [f"{host}: {tool} is not installed" for host in ("web1", "web2") for tool in ("git", "flock")]
    assert texts(said["problems"]) == missing
    assert "rsync" not in on(said, "web2")["condition"]["tools"]


@pytest.mark.extended("detail")
def test_a_wrong_clock_is_a_problem(project: Project) -> None:
    replace_programs(project, "web2", date='echo "$(($(/bin/date +%s) + 90)) 0"')
    (text,) = problems(project)
    assert re.fullmatch(r"web2: its clock is (89|90|91)(\.\d)? s ± \d\.\d ahead of the controller's clock", text)


@pytest.mark.extended("detail")
def test_a_host_without_utf_8_is_a_remark(project: Project) -> None:
    project.hosts["web2"]["default_env"] = {"LANG": "C", "LC_ALL": "C"}
    project.config()
    said = doctor(project)
    (remark,) = texts(said["remarks"])
    assert remark.startswith("web2: its locale is C (ANSI_X3.4-1968), not UTF-8")


@pytest.mark.extended("detail")
def test_a_file_in_the_way_of_deploy_to_is_a_problem(make_project: MakeProject) -> None:
    project = make_project(1, linked_files_exist=False)
    way = project.deploy_to("web1").parent
    way.write_text("in the way")
    assert problems(project) == [f"web1: {project.deploy_to('web1')} does not exist, and {way} is not a directory"]


@pytest.mark.extended("detail")
def test_a_full_disk_is_a_problem(project: Project) -> None:
    line = "/dev/sda1 1000000 999000 1000 100% /"
    replace_programs(
        project, "web2", df=f'case "$1" in *i) echo "/dev/sda1 5000 4500 500 90% /";; *) echo "{line}";; esac'
    )
    at = project.deploy_to("web2")
    assert problems(project) == [f"web2: 1000 KiB free at {at}", f"web2: 500 inodes free at {at}"]


@pytest.mark.extended("detail")
def test_a_no_release_host_needs_only_a_shell(project: Project) -> None:
    project.hosts["web2"]["no_release"] = True
    project.config()
    said = doctor(project, code=3, env={"PATH": make_path_without(project.path / "tools", "git", "flock")})
    assert texts(said["problems"]) == ["web1: git is not installed", "web1: flock is not installed"]
    assert on(said, "web2")["condition"]["place"] is None


@pytest.mark.extended("detail")
def test_doctor_examines_only_the_selected_hosts(project: Project) -> None:
    assert [host["host"] for host in doctor(project, "hosts=web2")["hosts"]] == ["web2"]


@pytest.fixture
def nobodys(env: dict[str, str], tmp_path: Path) -> Iterator[Project]:
    """Return a project with one host whose commands run as nobody."""
    place = Path(tempfile.mkdtemp(prefix="capdoit"))
    place.chmod(0o755)
    with SshdFleet(place, 1, *([AS_NOBODY] if os.geteuid() == 0 else [])).running() as fleet:
        repo = GitRepo(tmp_path / "repo", env)
        hosts = {"web1": {"deploy_to": str(place / "srv/shop")}}
        yield Project(tmp_path / "project", repo, env, hosts, {"ssh_config": str(fleet.ssh_config)})
    shutil.rmtree(place)


@pytest.mark.ssh
def test_a_missing_write_permission_names_user_and_owner(nobodys: Project) -> None:
    shop = nobodys.deploy_to("web1")
    srv = shop.parent
    srv.mkdir(mode=0o555)
    (text,) = problems(nobodys)
    assert text.startswith(f"web1: {shop} does not exist, and {srv} cannot be written to or entered by ")
    assert "(dr-xr-xr-x of " in text

    srv.chmod(0o755)
    (shop / "releases").mkdir(parents=True)
    (shop / "releases").chmod(0o555)
    if os.geteuid() == 0:
        shutil.chown(shop, NOBODY, NOBODY)
    assert [text.partition(" cannot")[0] for text in problems(nobodys)] == [f"web1: {shop}/releases"]


# -- deploy.yml


def test_an_unset_secret_is_a_problem_with_its_place_and_hosts_are_examined(project: Project) -> None:
    file = project.path / "deploy.yml"
    text = json.loads(file.read_text())
    text["default_env"] = {"TOKEN": "@"}
    file.write_text(json.dumps(text, indent=2).replace('"@"', "!env SHOP_TOKEN"))
    said = doctor(project, code=3)
    place = place_of(project, "SHOP_TOKEN")
    assert texts(said["problems"]) == [f"{place}: default_env.TOKEN: the environment variable SHOP_TOKEN is not set"]
    assert on(said, "web1")["condition"]["tools"]["git"]


@pytest.mark.extended("detail")
def test_a_secret_in_the_answer_of_a_host_is_masked(project: Project) -> None:
    replace_programs(project, "web1", id='echo "user $TOKEN"')
    file = project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"PATH":', '"TOKEN": !env SHOP_TOKEN, "PATH":'))
    done = project.doit("cap", "doctor", env={"SHOP_TOKEN": "s3cr3t-value"}).ok()
    assert "environment variable SHOP_TOKEN  ***" in done.out
    assert "user ***" in done.out
    assert "s3cr3t-value" not in done.out


def test_an_unused_setting_is_a_remark_with_its_place(project: Project) -> None:
    project.config(archive="dist/shop.tar.gz", transfer="archive", port=2222)
    remarks = texts(doctor(project)["remarks"])
    archive, local = "production has transfer: archive", "all hosts of production are this machine"
    assert remarks == [
        f"{place_of(project, 'repo_url')}: repo_url is not used: {archive}",
        f"{place_of(project, 'branch')}: branch is not used: {archive}",
        f"{place_of(project, '2222')}: port is not used: {local}",
    ]


@pytest.mark.extended("detail")
def test_recipes_are_shown_with_versions_and_a_broken_one_is_a_problem(project: Project) -> None:
    recipes = project.path / "recipes"
    recipes.mkdir()
    (recipes / "greet.py").write_text(
        dedent("""
        from capdoit import Recipe
        greet = Recipe('greet')
        """)
    )
    project.config(recipes={"greet": {}})
    assert doctor(project)["recipes"] == {"greet": "project"}
    project.config(recipes={"greeet": {}})
    assert any("did you mean greet?" in text for text in problems(project))


@pytest.mark.extended("detail")
def test_without_ssh_local_hosts_are_examined_and_ssh_is_a_problem(project: Project, tmp_path: Path) -> None:
    project.config(stages={"production": {"hosts": {**project.hosts, "far": {"deploy_to": "/srv/shop"}}}})
    said = doctor(project, code=3, env={"PATH": make_path_without(tmp_path / "no-ssh", "ssh", "ssh-keygen")})
    assert texts(said["problems"]) == [
        "controller: ssh is not installed",
        "far: cannot connect: ssh is not installed on this machine",
    ]
    assert said["controller"]["ssh"] is None
    assert on(said, "web1")["condition"]["tools"]["git"]


@pytest.mark.extended("detail")
@pytest.mark.ssh
def test_without_ssh_keygen_the_state_of_host_keys_is_unknown(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(1, ssh=True)
    (text,) = problems(project, env={"PATH": make_path_without(tmp_path / "no-keygen", "ssh-keygen")})
    assert text.startswith("web1: the settings of ssh are not known: ")
    assert "ssh-keygen" in text
