"""Everything that no flow may change: files outside of `releases/<14 digits>` and `.capdoit/`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from capdoit.testing import DODO, Project
from tests.support import MakeProject, deploy, further, pair

FLOWS = ("deploy:production", "rollback:production")
MANAGED = ("releases", ".capdoit", "shared", ".capdoit/lock", ".capdoit/journal", ".capdoit/manifests")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a directory with a file that no flow may change."""
    place = tmp_path / "elsewhere"
    for name in ("20160614133327/app.txt", "failed/app.txt", "config/database.yml"):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text("precious\n")
    return place


def snapshot(place: Path) -> Mapping[Path, float]:
    """Return everything in a directory, with the times of changes."""
    return {path: path.lstat().st_mtime for path in [place, *place.rglob("*")]}


def deployed_twice(project: Project) -> tuple[str, str]:
    return deploy(project), deploy(project)


@pytest.mark.parametrize(("flow", "name"), [(FLOWS[0], "releases"), *further(*pair(FLOWS[::-1], MANAGED))])
def test_a_managed_directory_that_is_a_symlink_elsewhere_is_refused(
    project: Project, elsewhere: Path, name: str, flow: str
) -> None:
    _, live = deployed_twice(project)
    tree = project.deploy_to("web2")
    (tree / name).rename(tree / f"{name}.old")
    (tree / name).symlink_to(elsewhere)
    before = snapshot(elsewhere)

    done = project.doit(flow).failed()

    assert f"{tree}/{name} is a symlink" in done.out
    assert snapshot(elsewhere) == before
    assert project.current("web1") == project.current("web2") == live


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("place", ["/", *further("home")])
def test_a_deploy_to_that_resolves_to_root_or_a_home_is_refused(
    project: Project, tmp_path: Path, env: dict[str, str], place: str, flow: str
) -> None:
    target = Path("/") if place == "/" else Path(env["HOME"])
    project.hosts["web2"]["deploy_to"] = str(tmp_path / "srv")
    (tmp_path / "srv").symlink_to(target)
    project.config()
    before = set(target.iterdir())

    done = project.doit(flow).failed()

    assert f"deploy_to is {target}: it must be a directory of its own" in done.out
    assert set(target.iterdir()) == before


def test_a_release_that_is_a_symlink_elsewhere_is_never_live_and_never_followed(
    make_project: MakeProject, elsewhere: Path
) -> None:
    project = make_project(1, keep_releases=1)
    strange = "20160614133327"
    (elsewhere / strange / "REVISION").write_text("a" * 40 + "\n")
    project.doit("deploy:production", check=True)
    (project.deploy_to("web1") / "releases" / strange).symlink_to(elsewhere / strange)
    before = snapshot(elsewhere)

    refused = project.doit("rollback:production", f"rollback_release={strange}").failed()
    _, live = deployed_twice(project)

    assert strange in refused.out
    assert project.current("web1") == live
    assert snapshot(elsewhere) == before


def link_everything(project: Project, elsewhere: Path) -> Iterator[Path]:
    """Make every name that a flow uses in .capdoit a symlink to another directory."""
    for name in ("failed", "next", "incoming", "unpack", "removed"):
        link = project.deploy_to("web1") / ".capdoit" / name
        if not link.exists():
            link.symlink_to(elsewhere)
            yield link


@pytest.mark.parametrize("kept", [True, *further(False)])
def test_symlinks_in_the_capdoit_directory_are_not_followed(
    make_project: MakeProject, elsewhere: Path, kept: bool
) -> None:
    project = make_project(1, keep_releases=1, keep_failed=kept)
    deployed_twice(project)
    before = snapshot(elsewhere)
    for flow, hook, code in (
        ("deploy", "", 0),
        (
            "deploy",
            dedent("""
        @cap.after('updated')
        def fails(host):
            host.run('exit 7')
        """),
            1,
        ),
        ("rollback", "", 0),
    ):
        assert list(link_everything(project, elsewhere))
        project.dodo(DODO + hook)
        done = project.doit(f"{flow}:production")
        assert done.code == code, done.out
        assert snapshot(elsewhere) == before


@pytest.mark.extended("variant")
@pytest.mark.parametrize("name", ["revisions.log", *further(".capdoit/journal", ".capdoit/lock")])
@pytest.mark.parametrize("make", [os.mkfifo, *further(os.mkdir)], ids=["fifo", "directory"])
def test_a_managed_file_that_is_not_a_regular_file_is_refused_at_once(
    project: Project, name: str, make: Callable[[Path], None]
) -> None:
    _, first = deployed_twice(project)
    releases = project.releases("web1")
    (project.deploy_to("web2") / name).unlink()
    make(project.deploy_to("web2") / name)
    for flow in ("deploy", "rollback"):
        done = project.doit(f"{flow}:production", timeout=60).failed()
        assert f"{name} is not a regular file: move it away" in done.out
    assert project.current("web1") == project.current("web2") == first
    assert project.releases("web1") == releases
