"""The umask of everything that runs on hosts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.support import MakeProject, deploy, further, write_hooks

DETAIL = pytest.mark.extended("detail")
HOOK = """
    @cap.after('updated')
    def build(host, release):
        host.run('mkdir made && date >made/file', cwd=release.path)
        host.write('text', f'{release.path}/written')
        host.run('date >as-user', cwd=release.path, user='root')
"""


def modes(folder: Path, *names: str) -> dict[str, str]:
    return {name: f"{(folder / name).stat().st_mode & 0o777:o}" for name in names}


@pytest.mark.parametrize(("ssh", "settings"), [(False, {}), *further((True, {}), (False, {"become": "root"}))])
def test_releases_hooks_and_directories_have_the_modes_that_it_leaves(
    make_project: MakeProject, ssh: bool, settings: dict[str, str]
) -> None:
    project = make_project(1, ssh=ssh, umask="027", **settings)
    project.repo.commit({"run.sh": "#!/bin/sh\n", "public/index.html": "x"})
    write_hooks(project, HOOK)
    release = deploy(project)
    release = deploy(project)
    tree, files = project.deploy_to("web1"), project.host("web1").release(release)
    assert modes(files, ".", "public", "made", "run.sh") == dict.fromkeys((".", "public", "made", "run.sh"), "750")
    made = ("app.txt", "public/index.html", "made/file", "written", "as-user", "REVISION")
    assert modes(files, *made) == dict.fromkeys(made, "640")
    assert modes(tree, "releases", "shared/log", "revisions.log") == {
        "releases": "750",
        "shared/log": "750",
        "revisions.log": "640",
    }
    assert modes(tree, ".capdoit/lock", ".capdoit/journal") == {".capdoit/lock": "600", ".capdoit/journal": "600"}


@DETAIL
def test_an_archive_is_unpacked_with_it(make_project: MakeProject) -> None:
    project = make_project(1)
    (project.path / "src").mkdir()
    (project.path / "src/page").write_text("x")
    (project.path / "src/page").chmod(0o666)
    subprocess.run(["tar", "-czf", "a.tar.gz", "-C", "src", "."], cwd=project.path, check=True)
    project.config(repo_url=None, branch=None, archive="a.tar.gz", umask="002")
    release = deploy(project)
    assert modes(project.host("web1").release(release), "page", ".") == {"page": "664", ".": "775"}


@DETAIL
def test_a_host_may_have_another_one_and_commands_of_the_operator_have_it(project: Project) -> None:
    project.hosts["web2"]["umask"] = "077"
    project.config(umask="022")
    for host, umask in (("web1", "0022"), ("web2", "0077")):
        assert umask in project.doit("cap", "exec", "umask", "production", "--hosts", host, check=True).out


@DETAIL
def test_a_rollback_keeps_the_modes_of_its_target(project: Project) -> None:
    first = deploy(project)
    before = {path.name: path.stat().st_mode for path in project.host("web1").release(first).iterdir()}
    deploy(project)
    project.config(umask="077")
    project.doit("rollback:production", check=True)
    assert {path.name: os.stat(path).st_mode for path in project.host("web1").release(first).iterdir()} == before
