"""The answers of `doit cap status` and `releases` after somebody moved, removed or changed things by hand."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import Project
from tests.support import (
    deploy,
    find_sleeping,
    further,
    release_dir,
    replace_programs,
    unique_seconds,
    wait_for,
    write_hooks,
)


def look(project: Project, code: int = 0) -> dict[str, Any]:
    found = json.loads(project.doit("cap", "status", "--json").failed(code).out)
    assert isinstance(found, dict)
    return found


def point_current(tree: Path, target: str | Path) -> None:
    (tree / "current").unlink(missing_ok=True)
    os.symlink(target, tree / "current")


@pytest.mark.extended("detail")
@pytest.mark.parametrize("target", ["/nowhere/else", *further("nowhere", "current", "/etc/passwd")])
def test_a_current_that_leads_nowhere_is_broken_and_not_live(project: Project, target: str) -> None:
    first = deploy(project)
    for host in project.hosts:
        point_current(project.deploy_to(host), target)
    said = project.doit("cap", "status").failed(3).out
    assert f"web1, web2: current is broken: it points to {target}, where there is no directory" in said
    assert [row.split()[:2] for row in said.splitlines()[1:3]] == [["web1", "broken"], ["web2", "broken"]]
    commands = f"doit rollback:production rollback_release={first}, or doit deploy:production"
    assert f"To bring all hosts to one release: {commands}" in said
    found = look(project, code=3)
    assert found["agree"] is False
    assert [host["live"] for host in found["hosts"]] == [None, None]
    assert found["broken"] == [f"web1, web2: current is broken: it points to {target}, where there is no directory"]

    assert "current is broken" in project.doit("cap", "releases").failed(3).out
    assert "a deploy replaces it" in project.doit("check:production", check=True).out
    project.doit("rollback:production", check=True)
    assert [project.current(host) for host in project.hosts] == [first, first]
    project.doit("cap", "status", check=True)


@pytest.mark.extended("detail")
def test_after_the_tree_was_moved_current_is_broken_until_the_next_deploy(project: Project) -> None:
    release = deploy(project)
    old = project.deploy_to("web2")
    old.rename(old.with_name("moved"))
    project.hosts["web2"]["deploy_to"] = "hosts/moved"
    project.config()
    said = project.doit("cap", "status").failed(3).out
    assert f"web2: current is broken: it points to {old}/releases/{release}, where there is no directory" in said
    deploy(project)
    project.doit("cap", "status", check=True)


@pytest.mark.extended("detail")
def test_a_current_outside_of_releases_is_no_release(project: Project) -> None:
    deploy(project)
    for host in project.hosts:
        point_current(project.deploy_to(host), "/etc")
    assert "web1, web2: current points to /etc, which is not a release" in project.doit("cap", "status").failed(3).out


@pytest.mark.extended("detail")
def test_a_live_release_whose_directory_is_gone_is_broken(project: Project) -> None:
    deploy(project)
    second = deploy(project)
    shutil.rmtree(release_dir(project, second, "web2"))
    assert f"web2: current is broken: the files of {second} are gone" in project.doit("cap", "status").failed(3).out


def test_status_does_not_promise_a_rollback_that_the_manifest_refuses(project: Project) -> None:
    first = deploy(project)
    deploy(project)
    (release_dir(project, first, "web2") / "app.txt").unlink()
    assert "is not as it was shipped" in project.doit("rollback:production").failed().out

    refused = f"web2: release {first} is not as it was shipped: 1 missing"
    for command in ("status", "releases"):
        said = project.doit("cap", command, check=True).out
        assert f"A rollback is refused: {refused}" in said
        assert f"To see all differences: doit cap verify production {first}" in said
        assert "To roll back to it anyway: doit rollback:production force=yes" in said
    found = look(project)
    assert (found["rollback"], found["refused"]) == (None, refused)
    assert [host["rollback"] for host in found["hosts"]] == [first, None]
    project.doit("rollback:production", "force=yes", check=True)


@pytest.mark.extended("detail")
def test_hosts_that_would_go_back_to_different_releases_get_the_commands_to_type(project: Project) -> None:
    first = deploy(project)
    project.repo.commit({"app.txt": "second\n"})
    project.doit("deploy:production", "hosts=web1", check=True)
    project.repo.commit({"app.txt": "third\n"})
    deploy(project)
    for command, code in (("status", 3), ("releases", 0)):
        said = project.doit("cap", command).failed(code).out
        assert "A rollback is refused: the hosts would go back to different releases" in said
        assert f"doit rollback:production rollback_release={first}" in said


@pytest.mark.extended("detail")
def test_hosts_with_different_live_releases_get_the_commands_that_bring_them_together(project: Project) -> None:
    deploy(project)
    for text in ("second", "third"):
        project.repo.commit({"app.txt": f"{text}\n"})
        deploy(project)
    second = sorted(project.releases("web1"))[1]
    point_current(project.deploy_to("web2"), release_dir(project, second, "web2"))
    commands = ("rollback:production", f"rollback_release={second}")
    for command in ("status", "releases"):
        said = project.doit("cap", command).failed(3).out
        assert f"doit {' '.join(commands)}" in said
    project.doit(*commands, check=True)
    assert [project.current(host) for host in project.hosts] == [second, second]
    assert "To bring all hosts" not in project.doit("cap", "status").out


@pytest.mark.extended("detail")
@pytest.mark.parametrize("command", ["status", "releases"])
def test_a_comparison_that_stalls_is_given_up_and_its_host_is_named(project: Project, command: str) -> None:
    first = deploy(project)
    deploy(project)
    replace_programs(project, "web2", uniq=f"exec sleep {unique_seconds(project)}")
    write_hooks(
        project,
        """
        from capdoit.commands import rollback_preview
        rollback_preview.COMPARISON_TIMEOUT_SECONDS = 8.0
        """,
    )
    said = project.doit("cap", command, check=True).out
    assert f"web2: {first} was not compared: took longer than 8 s" in said
    assert "web1: " not in said
    assert first in said
    assert "refused" not in said
    if command == "status":
        hosts = json.loads(project.doit("cap", "status", "--json", check=True).out)["hosts"]
        assert [host["not_compared"] for host in hosts] == [None, f"{first} was not compared: took longer than 8 s"]
    wait_for(10, lambda: not find_sleeping(unique_seconds(project)))
