"""Files that not everybody may read stay closed, whatever the umask of the controller and of the hosts."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.support import MakeProject, deploy, further, release_dir, replace_programs, write_hooks

PRIVATE_FILE = """
@cap.after('updated')
def write_environment(host, release):
    host.run('echo PASSWORD=hidden > .env; chmod 600 .env', cwd=release.path)
    host.run('mkdir -m 700 keys; echo key > keys/private', cwd=release.path)
"""
SetUmask = Callable[[int], None]


@pytest.fixture
def set_umask() -> Iterator[SetUmask]:
    """Return a function that sets the umask until the end of the test."""
    before = os.umask(0o022)
    os.umask(before)

    def set_it(umask: int) -> None:
        os.umask(umask)

    yield set_it
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def deploy_twice(project: Project, mode_of_deploy_to: int) -> str:
    """Deploy two releases to directories with this mode, and return the second one, which is live."""
    for host in project.hosts:
        project.deploy_to(host).chmod(mode_of_deploy_to)
    deploy(project)
    return deploy(project)


def records(project: Project, host: str) -> dict[str, int]:
    """Return the modes of all files that tell something of the contents of releases."""
    deploy_to = project.deploy_to(host)
    found = [deploy_to / ".capdoit/journal", *deploy_to.glob(".capdoit/manifests/*"), *deploy_to.glob("rolled-*")]
    return {path.name: mode(path) for path in found}


@pytest.mark.parametrize("umask", [0o000, *further(0o022, 0o077)])
def test_a_private_file_of_a_release_is_private_in_its_archive_and_manifest(
    project: Project, set_umask: SetUmask, umask: int
) -> None:
    set_umask(umask)
    write_hooks(project, PRIVATE_FILE)
    second = deploy_twice(project, 0o755)

    project.doit("rollback:production", check=True)

    for host in project.hosts:
        found = records(project, host)
        assert len(found) == 4
        assert set(found.values()) == {0o600}
    with tarfile.open(project.deploy_to("web1") / f"rolled-back-release-{second}.tar.gz") as archive:
        modes = {member.name.rpartition("/")[2]: member.mode for member in archive.getmembers()}
    assert (modes[".env"], modes["keys"]) == (0o600, 0o700)


@pytest.mark.extended("detail")
def test_where_a_group_deploys_the_group_can_read_and_write_them(project: Project, set_umask: SetUmask) -> None:
    set_umask(0o022)
    deploy_twice(project, 0o2775)

    project.doit("rollback:production", check=True)

    for host in project.hosts:
        assert set(records(project, host).values()) == {0o660}


@pytest.mark.extended("detail")
def test_files_that_an_earlier_version_left_open_are_closed_by_the_next_flow(project: Project) -> None:
    deploy_twice(project, 0o755)
    project.doit("rollback:production", check=True)
    for host in project.hosts:
        deploy_to = project.deploy_to(host)
        for path in [deploy_to / ".capdoit/journal", *deploy_to.glob(".capdoit/manifests/*"), *deploy_to.glob("roll*")]:
            path.chmod(0o644)

    deploy(project)

    for host in project.hosts:
        assert set(records(project, host).values()) == {0o600}


@pytest.mark.extended("detail")
def test_the_archive_is_closed_while_it_is_packed_and_the_manifest_while_it_is_written(
    make_project: MakeProject, tmp_path: Path
) -> None:
    project, seen = make_project(1), tmp_path / "seen"
    project.deploy_to("web1").chmod(0o755)
    look = f"stat -c '%n %a' .capdoit/manifest .capdoit/archive.tar.gz 2>/dev/null >>{seen}"
    replace_programs(project, "web1", sort=f'{look}; exec /bin/sort "$@"', sync=f'{look}; exec /bin/sync "$@"')
    deploy(project)
    deploy(project)

    project.doit("rollback:production", check=True)

    lines = set(seen.read_text().splitlines())
    assert lines == {".capdoit/manifest 600", ".capdoit/archive.tar.gz 600"}


@pytest.mark.extended("detail")
def test_a_private_file_that_is_uploaded_is_private_from_its_first_byte(
    make_project: MakeProject, tmp_path: Path, set_umask: SetUmask
) -> None:
    set_umask(0o022)
    project, seen = make_project(1), tmp_path / "seen"
    secret = project.path / "secret"
    secret.write_text("hidden")
    secret.chmod(0o600)
    folder = project.path / "tools"
    folder.mkdir()
    look = f"stat -c %a {project.deploy_to('web1')}/x.web1.capdoit-part >{seen}"
    (folder / "wc").write_text(f'#!/bin/sh\n{look}; exec /usr/bin/wc "$@"\n')
    (folder / "wc").chmod(0o755)
    write_hooks(
        project,
        f"""
        @cap.after('updated')
        def send(host):
            host.upload({str(secret)!r}, {str(project.deploy_to("web1") / "x")!r})
        """,
    )

    project.doit("deploy:production", env={"PATH": f"{folder}:{os.environ['PATH']}"}, check=True)

    assert seen.read_text() == "600\n"
    assert mode(project.deploy_to("web1") / "x") == 0o600


@pytest.mark.extended("detail")
@pytest.mark.parametrize("exists", [False, True], ids=["new", "again"])
def test_a_plan_file_is_closed(project: Project, set_umask: SetUmask, exists: bool) -> None:
    set_umask(0o000)
    plan = project.path / "friday.plan"
    if exists:
        project.doit("deploy:production", f"plan={plan}", check=True)
        plan.chmod(0o644)

    project.doit("deploy:production", f"plan={plan}", check=True)

    assert mode(plan) == 0o600
    project.doit("deploy:production", f"apply={plan}", check=True)


@pytest.mark.extended("detail")
def test_the_verdict_of_a_drill_is_closed_and_releases_keep_their_modes(project: Project, set_umask: SetUmask) -> None:
    set_umask(0o022)
    deploy_twice(project, 0o755)

    project.doit("drill:production", check=True)

    for host in project.hosts:
        assert mode(project.deploy_to(host) / ".capdoit/drilled") == 0o600
        assert mode(project.deploy_to(host) / "revisions.log") == 0o644
        release = release_dir(project, str(project.current(host)), host)
        assert (mode(release), mode(release / "REVISION")) == (0o755, 0o644)
        assert mode(project.deploy_to(host) / "repo") == 0o755


@pytest.mark.extended("detail")
def test_who_cannot_read_them_is_told_so_and_nothing_wrong(project: Project) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user needs root")
    for host in project.hosts:
        project.deploy_to(host).chmod(0o755)
    release = deploy(project)

    status, releases, history, verify = (
        doit_as_nobody(project, "cap", word) for word in ("status", "releases", "history", "verify")
    )

    for said in (status, releases, history):
        assert "web1, web2: .capdoit/journal cannot be read by nobody, so not all is known" in said
    assert f"the manifest of {release} cannot be read by nobody" in verify
    assert "missing" not in verify
    for words in ("releases", "history"):
        found = json.loads(doit_as_nobody(project, "cap", words, "--json"))
        assert found["unreadable"] == ["web1, web2: .capdoit/journal cannot be read by nobody, so not all is known"]


@pytest.mark.extended("detail")
def test_the_history_of_records_that_cannot_be_read_is_not_called_empty(project: Project) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user needs root")
    deploy_twice(project, 0o755)
    for host in project.hosts:
        (project.deploy_to(host) / "revisions.log").chmod(0o600)

    said = doit_as_nobody(project, "cap", "history")

    assert "web1, web2: .capdoit/journal cannot be read by nobody, so not all is known" in said
    assert "web1, web2: revisions.log cannot be read by nobody, so not all is known" in said
    assert "empty" not in said


@pytest.mark.extended("detail")
def test_a_host_whose_journal_cannot_be_read_is_not_said_to_have_missed_a_flow(project: Project) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user needs root")
    deploy_twice(project, 0o755)
    (project.deploy_to("web1") / ".capdoit/journal").chmod(0o644)

    said = doit_as_nobody(project, "cap", "history")

    assert "web2: .capdoit/journal cannot be read by nobody, so not all is known" in said
    assert "not on web2" not in said
    assert "only on web1" not in said


def doit_as_nobody(project: Project, *words: str) -> str:
    for folder in (project.path, *project.path.parents):  # each start of pytest closes a parent again
        folder.chmod(folder.stat().st_mode | 0o055)
    command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", sys.executable, "-m", "doit", *words]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=project.path, env=env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
