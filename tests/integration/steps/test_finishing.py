"""The step `finishing`: which releases stay and which are removed."""

from __future__ import annotations

import pytest

from capdoit.testing import DODO, Project
from tests.support import deploy

FAIL_WHEN_ASKED = (
    DODO
    + """
import os

@cap.after("updated")
def perhaps(host):
    if os.environ.get("FAIL") in (host.name, "all"):
        host.run("exit 3")
"""
)


def test_keep_releases_keeps_the_newest(project: Project) -> None:
    project.config(keep_releases=2)
    releases = [deploy(project) for _ in range(4)]
    assert releases == sorted(set(releases))
    assert project.releases("web1") == project.releases("web2") == releases[-2:]


@pytest.mark.extended("detail")
def test_keep_releases_one_keeps_the_rollback_target(project: Project) -> None:
    project.config(keep_releases=1)
    _, second, third = [deploy(project) for _ in range(3)]
    assert project.releases("web1") == [second, third]
    project.doit("rollback:production", check=True)
    assert project.current("web1") == project.current("web2") == second


def test_failed_releases_are_removed_and_never_counted(project: Project) -> None:
    project.dodo(FAIL_WHEN_ASKED)
    project.config(keep_releases=2)
    first = deploy(project)
    for where in ("web1", "web2", "all"):
        project.doit("deploy:production", env={"FAIL": where}).failed()
        assert project.releases("web1") == project.releases("web2") == [first]
    second = deploy(project)
    assert project.releases("web1") == project.releases("web2") == [first, second]
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first


@pytest.mark.extended("detail")
def test_releases_without_revision_are_removed_and_not_counted(project: Project) -> None:
    project.config(keep_releases=2)
    first = deploy(project)
    half_made = project.deploy_to("web2") / "releases/20200101000000"
    half_made.mkdir()
    second = deploy(project)
    assert project.releases("web2") == [first, second]


@pytest.mark.extended("detail")
def test_files_that_are_not_releases_stay(project: Project) -> None:
    project.config(keep_releases=1)
    deploy(project)
    for name in ("new", "2020", "20201399999999"):
        (project.deploy_to("web1") / "releases" / name).mkdir()
    deploy(project)
    deploy(project)
    assert {"new", "2020", "20201399999999"} < set(project.releases("web1"))
