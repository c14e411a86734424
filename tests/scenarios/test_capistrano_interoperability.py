"""Stock Capistrano and capdoit on the same trees in turn, over real ssh."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from capdoit.testing import Project, SshdFleet
from tests.capistrano_project import CapistranoProject
from tests.support import MakeProject, deploy

pytestmark = pytest.mark.ssh

Cap = Callable[..., str]


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """Return a project with one sshd, to whose tree both tools deploy."""
    return make_project(1, ssh=True)


@pytest.fixture
def cap(project: Project, sshds: SshdFleet, tmp_path: Path) -> Cap:
    """Return a function that runs stock Capistrano on the hosts of the project, and returns the live release."""
    return CapistranoProject(project, sshds, tmp_path, keep_releases=2).cap


def roll_back(project: Project, *args: str) -> str:
    project.doit("rollback:production", *args, check=True)
    return str(project.current("web1"))


def in_order_of_time(project: Project) -> list[str]:
    places = (project.deploy_to("web1") / "releases").iterdir()
    return [place.name for place in sorted(places, key=lambda place: place.stat().st_mtime)]


def log(project: Project) -> list[str]:
    return (project.deploy_to("web1") / "revisions.log").read_text().splitlines()


@pytest.mark.extended("variant")
def test_capdoit_rolls_back_a_capistrano_deploy(project: Project, cap: Cap) -> None:
    before = deploy(project)
    first, second = cap("deploy"), cap("deploy")
    assert before < first < second
    assert in_order_of_time(project) == [first, second]  # Capistrano keeps two, and tells them by their times
    assert roll_back(project) == first
    assert (project.deploy_to("web1") / f"rolled-back-release-{second}.tar.gz").exists()
    assert project.releases("web1") == [first]
    assert log(project)[-1] == f"tester rolled back to release {first}"


def test_capistrano_rolls_back_a_capdoit_deploy(project: Project, cap: Cap) -> None:
    first, second, third = [deploy(project) for _ in range(3)]
    assert in_order_of_time(project) == [first, second, third]
    assert cap("deploy:rollback") == second
    assert project.releases("web1") == [first, second]
    assert log(project)[-1] == f"jane rolled back to release {second}"
    assert roll_back(project, f"rollback_release={third}") == third  # Capistrano's archive is read
    assert (project.deploy_to("web1") / "current/app.txt").read_text() == "first\n"
    assert os.readlink(project.deploy_to("web1") / "current/log") == f"{project.shared('web1')}/log"


@pytest.mark.extended("detail")
def test_capdoit_does_not_choose_a_release_that_capistrano_skipped(project: Project, cap: Cap) -> None:
    first, second, third = [deploy(project) for _ in range(3)]
    assert cap("deploy:rollback", release=first) == first
    assert project.releases("web1") == [first, second]
    fourth = deploy(project)
    assert fourth > third
    assert roll_back(project) == first
    assert in_order_of_time(project) == [first, second]
