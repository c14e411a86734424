"""The archive transfer: the controller sends a file."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest

from capdoit.testing import DODO, Project
from tests.support import MakeProject, deploy, replace_programs, write_hooks

BUILD = (
    DODO
    + """
from pathlib import Path

def task_build():
    def build():
        import tarfile
        assert not any(Path(f"hosts/{host}/.capdoit").exists() for host in ("web1", "web2")), "a host was touched"
        Path("dist").mkdir(exist_ok=True)
        with tarfile.open("dist/shop.tar.gz", "w:gz") as tar:
            tar.add("src", ".")
    return {"actions": [build], "file_dep": ["src/app.txt"], "targets": ["dist/shop.tar.gz"]}
"""
)


def live(project: Project, host: str) -> Path:
    return project.deploy_to(host) / "current"


def log(project: Project, host: str) -> str:
    return (project.deploy_to(host) / "revisions.log").read_text()


def archive_of(project: Project, files: dict[str, str]) -> str:
    """Write dist/shop.tar.gz, and return its sha256."""
    (project.path / "dist").mkdir()
    for name, text in files.items():
        (project.path / name).write_text(text)
    file = project.path / "dist/shop.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        for name in files:
            tar.add(project.path / name, name)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_archive_is_built_by_its_task_before_any_host_is_touched(make_project: MakeProject) -> None:
    project = make_project(repo_url=None, branch=None, archive="dist/shop.tar.gz", linked_files_exist=True)
    (project.path / "src").mkdir()
    (project.path / "src/app.txt").write_text("built\n")
    project.dodo(BUILD)
    release = deploy(project)
    digest = hashlib.sha256((project.path / "dist/shop.tar.gz").read_bytes()).hexdigest()
    for host in project.hosts:
        assert (live(project, host) / "app.txt").read_text() == "built\n"
        assert (live(project, host) / "REVISION").read_text() == f"{digest}\n"
        assert log(project, host) == f"Branch dist/shop.tar.gz (at {digest}) deployed as release {release} by tester\n"
        assert not (project.deploy_to(host) / ".capdoit/incoming").exists()


def test_a_build_that_fails_leaves_the_hosts_untouched(make_project: MakeProject) -> None:
    project = make_project(linked_files_exist=False, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    write_hooks(
        project,
        """
        def task_build():
            return {'actions': ['exit 9'], 'targets': ['dist/shop.tar.gz']}
        """,
    )
    project.doit("deploy:production").failed()
    assert not (project.path / "hosts").exists()


def test_a_missing_archive_is_reported_before_any_host_is_touched(make_project: MakeProject) -> None:
    project = make_project(linked_files_exist=False, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    done = project.doit("deploy:production")
    assert done.code != 0
    assert "dist/shop.tar.gz" in done.out
    assert "Traceback" not in done.out
    assert not (project.path / "hosts").exists()


@pytest.mark.ssh
def test_the_archive_is_sent_over_ssh(make_project: MakeProject) -> None:
    project = make_project(2, ssh=True, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    digest = archive_of(project, {"app.txt": "x" * 300_000})
    deploy(project)
    for host in project.hosts:
        assert (live(project, host) / "app.txt").read_text() == "x" * 300_000
        assert (live(project, host) / "REVISION").read_text() == f"{digest}\n"


def test_an_archive_corrupted_on_one_host_is_refused_on_all(make_project: MakeProject) -> None:
    project = make_project(repo_url=None, branch=None, archive="dist/shop.tar.gz")
    digest = archive_of(project, {"app.txt": "one"})
    replace_programs(project, "web2", cat='[ $# -gt 0 ] && exec /bin/cat "$@"; head -c 20; /bin/cat >/dev/null')
    done = project.doit("deploy:production").failed()
    assert f"but {digest} was sent" in done.out
    assert "web2: " in done.out
    assert project.current("web1") is project.current("web2") is None
    assert project.releases("web1") == project.releases("web2") == []
    assert not list((project.path / "hosts").glob("*/.capdoit/incoming"))


def test_a_file_that_is_not_an_archive_fails_and_leaves_nothing(make_project: MakeProject) -> None:
    project = make_project(repo_url=None, branch=None, archive="shop.tar.gz")
    (project.path / "shop.tar.gz").write_text("no archive")
    project.doit("deploy:production").failed()
    assert project.releases("web1") == project.releases("web2") == []
    assert not list((project.path / "hosts").glob("*/.capdoit/incoming"))
