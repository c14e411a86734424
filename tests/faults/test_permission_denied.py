"""Hosts whose user lacks a permission that a flow needs. Root has all permissions, so the user is nobody."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from capdoit.testing import Project, SshdFleet
from tests.nobody import make_project_of_nobody, run_sshds_of_nobody
from tests.support import further, write_command_hook

pytestmark = pytest.mark.ssh
HOSTS = ("web1", "web2", "web3")
CLOSED = (".", "releases", ".capdoit", ".capdoit/lock", ".capdoit/journal", "shared", "repo", "revisions.log")
ONE = ("web2",)
CASES = [*itertools.product(CLOSED, (ONE, HOSTS), ("deploy", "rollback"))]
ORDINARY = ("releases", ONE, "deploy")
EXTENDED = [case for case in CASES if case[1:] in ((ONE, "deploy"), (HOSTS, "rollback")) and case != ORDINARY]
FULL = [pytest.param(case, marks=pytest.mark.full) for case in CASES if case not in (ORDINARY, *EXTENDED)]


@pytest.fixture(scope="module")
def nobodys() -> Iterator[SshdFleet]:
    """Yield three sshd's whose commands run as nobody."""
    with run_sshds_of_nobody(3) as fleet:
        yield fleet


@pytest.fixture
def project(nobodys: SshdFleet, env: dict[str, str], tmp_path: Path) -> Project:
    """Return a project that was deployed twice."""
    project = make_project_of_nobody(nobodys, env, tmp_path)
    for _ in range(2):
        project.doit("deploy:production", check=True)
    return project


@pytest.mark.parametrize(
    "case",
    [ORDINARY, *further(*((case,) for case in EXTENDED)), *FULL],
    ids=lambda case: f"{case[0]}-{len(case[1])}-{case[2]}",
)
def test_a_path_without_write_permission_leaves_no_incomplete_release(
    project: Project, case: tuple[str, tuple[str, ...], str]
) -> None:
    closed, hosts, flow = case
    before = project.current("web1")
    paths = [project.deploy_to(host) / closed for host in hosts]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(modes[path] & ~0o222)

    done = project.doit(f"{flow}:production")

    live = {project.current(host) for host in HOSTS}
    assert len(live) == 1, (live, done.out)
    assert (live == {before}) == (done.code != 0), done.out
    assert "Traceback" not in done.out
    if done.code:
        named = {
            name
            for names in re.findall(r"(?:^| )(web\d(?:, web\d)*): ", done.out, re.MULTILINE)
            for name in names.split(", ")
        }
        assert named >= {*hosts}, done.out
        assert "denied" in done.out or "cannot be written" in done.out, done.out
    for path in paths:
        path.chmod(modes[path])
    project.doit("deploy:production", check=True)
    live = {project.current(host) for host in HOSTS}
    assert len(live) == 1
    assert before not in live
    for host in HOSTS:
        assert (project.deploy_to(host) / ".capdoit/lock").read_text().strip() == ""


@pytest.mark.extended("detail")
def test_releases_with_read_only_directories_are_removed(project: Project) -> None:
    write_command_hook(
        project, "after('updated')", "mkdir -p vendor/m; touch vendor/m/x; chmod 555 vendor/m", in_release=True
    )
    for _ in range(4):
        project.doit("deploy:production", check=True)
    project.config(keep_releases=1)
    live = project.current("web1")
    done = project.doit("deploy:production", check=True)
    assert "warning" not in done.out
    assert project.releases("web1") == [live, project.current("web1")]
    done = project.doit("rollback:production", check=True)
    assert "warning" not in done.out
    assert project.releases("web1") == [live]
