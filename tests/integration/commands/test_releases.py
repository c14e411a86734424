"""`doit cap releases` of real hosts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from capdoit.testing import Completed, Project
from tests.support import MakeProject, deploy
from tests.terminal import Terminal


def look(project: Project, *words: str, code: int = 0) -> Any:
    return json.loads(project.doit("cap", *words, "--json").failed(code).out)


def lines(completed: Completed) -> list[list[str]]:
    return [line.split() for line in completed.out.splitlines()]


def test_releases_shows_each_release_on_each_host_and_marks_the_target(project: Project) -> None:
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


@pytest.mark.extended("detail")
def test_releases_shows_the_archive_that_a_rollback_left(project: Project) -> None:
    first, second = deploy(project), deploy(project)
    project.doit("rollback:production", check=True)
    states = {entry["release"]: entry["states"] for entry in look(project, "releases")["releases"]}
    assert states == {first: dict.fromkeys(project.hosts, "live"), second: dict.fromkeys(project.hosts, "archived")}


def test_releases_shows_which_host_lacks_a_release(project: Project) -> None:
    first = deploy(project)
    deploy(project)
    tree = project.deploy_to("web2") / "releases" / first
    tree.rename(tree.parent.parent / "elsewhere")
    (row,) = [row for row in lines(project.doit("cap", "releases", check=True)) if row[:1] == [first]]
    assert row[1:3] == ["retired", "missing"]


@pytest.mark.extended("detail")
def test_equal_hosts_share_a_column_on_a_terminal(make_project: MakeProject, env: dict[str, str]) -> None:
    project = make_project(9)
    deploy(project)
    set_aside = project.deploy_to("web9")
    (set_aside / "current").unlink()
    assert project.doit("cap", "releases").failed(3).out.split()[1:10] == [*project.hosts]
    with Terminal(project, env, "cap", "releases") as terminal:
        said = terminal.look_for("rollback_release=")
    assert "web1 +7: web1, web2, web3, web4, web5, web6, web7, web8" in said
    assert max(len(line) for line in said.splitlines()[:2]) <= 80


@pytest.mark.extended("detail")
def test_releases_before_the_first_deploy(project: Project) -> None:
    assert "No host has a release." in project.doit("cap", "releases", check=True).out
