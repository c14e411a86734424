"""shared, or a directory in it, is on a file server: a symlink leads there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import Project
from tests.support import deploy, further, snapshot_tree, write_hooks


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """Return the directory of a file server that both hosts use."""
    (tmp_path / "server/shop").mkdir(parents=True)
    return tmp_path / "server/shop"


def move_shared(project: Project, server: Path) -> None:
    """Move shared of both hosts to the server, as an operator does it by hand."""
    for host in project.hosts:
        project.shared(host).rename(server.parent / f"{host}-old")
        project.shared(host).symlink_to(server)
    (server / "config").mkdir(exist_ok=True)
    (server / "config/database.yml").write_text("of the server\n")


# -- shared itself


def test_a_shared_that_leads_where_deploy_yml_says_is_used(project: Project, server: Path) -> None:
    project.config(shared_to=str(server))
    move_shared(project, server)
    project.doit("check:production", check=True)
    first, second = deploy(project), deploy(project)
    for host in project.hosts:
        assert (project.deploy_to(host) / "current/config/database.yml").read_text() == "of the server\n"
        assert (project.deploy_to(host) / "current/log").readlink() == project.shared(host) / "log"
    assert (server / "tmp/pids").is_dir()
    project.doit("drill:production", check=True)
    project.doit("rollback:production", check=True)
    assert project.current("web1") == project.current("web2") == first
    project.doit("rollback:production", f"rollback_release={second}", check=True)
    project.doit("cap", "verify", check=True)
    project.doit("cap", "doctor", check=True)


def test_without_the_setting_check_and_deploy_name_it_and_change_nothing(project: Project, server: Path) -> None:
    move_shared(project, server)
    before = snapshot_tree(server)
    said = project.doit("check:production").failed().out
    for host in project.hosts:
        problem = (
            f"{project.shared(host)} is a symlink; if it is meant to be one, add to deploy.yml: shared_to: {server}"
        )
        assert said.count(f"  {host}: {problem}\n") == 1
    assert "exit status" not in said
    assert f"shared_to: {server}\n" in project.doit("deploy:production").failed().out
    assert snapshot_tree(server) == before
    assert project.releases("web1") == []


@pytest.mark.extended("detail")
@pytest.mark.parametrize("flow", ["deploy", "rollback", "drill", "check"])
def test_a_shared_that_leads_elsewhere_is_refused(project: Project, server: Path, flow: str) -> None:
    deploy(project)
    live = deploy(project)
    move_shared(project, server)
    project.config(shared_to="/mnt/other")
    said = project.doit(f"{flow}:production").failed().out
    assert f"{project.shared('web1')} leads to {server}, and shared_to in deploy.yml says /mnt/other" in said
    assert project.current("web1") == live


@pytest.mark.parametrize("flow", ["deploy:production", *further("check:production")])
def test_a_file_system_that_is_not_mounted_stops_a_deploy_before_a_release(
    project: Project, server: Path, flow: str
) -> None:
    project.config(shared_to=str(server))
    move_shared(project, server)
    live = deploy(project)
    server.rename(server.parent / "unmounted")
    said = project.doit(flow).failed().out
    assert f"web1: {server}, where {project.shared('web1')} leads, is not a directory" in said
    assert project.releases("web1") == [live]
    assert not server.exists()
    assert f"{server}, where" in project.doit("deploy:production", "dry_run=yes").failed().out


@pytest.mark.extended("detail")
def test_a_rollback_works_although_the_file_system_is_not_mounted(project: Project, server: Path) -> None:
    project.config(shared_to=str(server), linked_files=None)
    move_shared(project, server)
    first, _ = deploy(project), deploy(project)
    server.rename(server.parent / "unmounted")
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_symlink_that_is_missing_is_made(make_project: Any, server: Path) -> None:
    project = make_project(2, linked_files_exist=False, shared_to=str(server))
    (server / "config").mkdir()
    (server / "config/database.yml").write_text("of the server\n")
    project.doit("check:production", check=True)
    deploy(project)
    for host in project.hosts:
        assert project.shared(host).readlink() == server
        assert (project.deploy_to(host) / "current/config/database.yml").read_text() == "of the server\n"


@pytest.mark.extended("detail")
def test_a_directory_in_the_place_of_the_symlink_stops_deploys_and_no_rollback(project: Project, server: Path) -> None:
    first, _ = deploy(project), deploy(project)
    project.config(shared_to=str(server))
    said = project.doit("deploy:production").failed().out
    assert f"web2: {project.shared('web2')} is not a symlink, and shared_to says {server}" in said
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_a_relative_symlink_and_one_by_another_symlink_lead_to_the_same_place(project: Project, server: Path) -> None:
    (server.parent / "by").symlink_to(server)
    move_shared(project, server)
    project.shared("web1").unlink()
    project.shared("web1").symlink_to("../../../server/shop")
    project.config(shared_to=f"{server.parent}/by/")
    deploy(project)


# -- a directory in shared


@pytest.mark.extended("variant")
def test_a_directory_in_shared_leads_where_deploy_yml_says(project: Project, server: Path) -> None:
    settings = {"shared_to": {"log/big": str(server)}, "linked_dirs": ["log", "tmp/pids"]}
    project.config(**settings)
    first, _ = deploy(project), deploy(project)
    assert (project.shared("web1") / "log/big").readlink() == server
    (project.deploy_to("web2") / "current/log/big/f").write_text("x")
    assert (server / "f").read_text() == "x"
    project.doit("drill:production", check=True)
    project.doit("rollback:production", check=True)
    assert project.current("web2") == first


@pytest.mark.extended("detail")
def test_a_directory_in_shared_that_leads_elsewhere_is_refused(project: Project, server: Path) -> None:
    project.config(linked_dirs=["uploads"])
    live = deploy(project)
    for host in project.hosts:
        (project.shared(host) / "uploads").rmdir()
        (project.shared(host) / "uploads").symlink_to(server)
    project.config(linked_dirs=["uploads"], shared_to={"uploads": "/mnt/uploads"})
    said = project.doit("check:production").failed().out
    assert f"{project.shared('web1')}/uploads leads to {server}, and shared_to in deploy.yml says /mnt/uploads" in said
    project.config(linked_dirs=["uploads"])
    assert deploy(project) > live  # a symlink in shared is the application's, unless deploy.yml says more


@pytest.mark.extended("detail")
def test_a_host_may_have_its_own_place_and_hooks_see_paths_of_deploy_to(project: Project, server: Path) -> None:
    other = server.parent / "other"
    other.mkdir()
    for place in (server, other):
        (place / "config").mkdir()
        (place / "config/database.yml").write_text(place.name)
    for host in project.hosts:
        (project.shared(host) / "config/database.yml").unlink()
        (project.shared(host) / "config").rmdir()
        project.shared(host).rmdir()
    project.hosts["web2"]["shared_to"] = str(other)
    project.config(shared_to=str(server))
    write_hooks(
        project,
        """
        @cap.after('updated')
        def look(host, release):
            host.run(['ls', '-d', release.shared])
        """,
    )
    said = project.doit("deploy:production", check=True).out
    assert f"web2 | {project.shared('web2')}\n" in said
    assert (project.deploy_to("web1") / "current/config/database.yml").read_text() == "shop"
    assert (project.deploy_to("web2") / "current/config/database.yml").read_text() == "other"
    settings = json.loads(project.doit("cap", "doctor", "--json", check=True).out)["settings"]
    assert [one["value"] for one in settings if one["name"] == "shared_to"] == [str(server), str(other)]
