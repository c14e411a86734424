"""The archive transfer: the controller sends a file."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
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


def test_the_time_of_a_release_is_that_of_the_archive(make_project: MakeProject) -> None:
    project = make_project(1, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    archive_of(project, {"app.txt": "one"})
    os.utime(project.path / "dist/shop.tar.gz", (1_500_000_000, 1_500_000_000))

    deploy(project)

    assert (live(project, "web1") / "REVISION_TIME").read_text() == "1500000000\n"


def test_another_archive_that_arrives_on_one_host_is_refused_on_all(make_project: MakeProject) -> None:
    project = make_project(repo_url=None, branch=None, archive="dist/shop.tar.gz")
    digest = archive_of(project, {"app.txt": "one"})
    other = project.path / "other.tar"
    subprocess.run(["tar", "-czf", other, "-C", project.path, "deploy.yml"], check=True)
    replace_programs(project, "web2", tee=f'cat >/dev/null; /bin/tee "$@" <{other}')

    done = project.doit("deploy:production").failed()

    arrived = hashlib.sha256(other.read_bytes()).hexdigest()
    assert f"web2: updating: the archive arrived with sha256 {arrived}, but {digest} was sent" in done.out.replace(
        "\n", " "
    )
    assert project.current("web1") is project.current("web2") is None
    assert project.releases("web1") == project.releases("web2") == []


def test_an_archive_that_is_changed_while_it_is_sent_is_named_as_the_cause(make_project: MakeProject) -> None:
    project = make_project(1, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    archive_of(project, {"app.txt": "one"})
    changed = project.path / "dist/shop.tar.gz"
    replace_programs(project, "web1", tee=f'head -c 20 | /bin/tee "$@"; cat >/dev/null; echo more >>{changed}')

    said = project.doit("deploy:production").failed().out

    assert "dist/shop.tar.gz was changed while it was sent" in said
    assert project.releases("web1") == []


def test_an_archive_that_is_touched_while_it_is_sent_is_compared_and_goes_live(make_project: MakeProject) -> None:
    project = make_project(1, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    digest = archive_of(project, {"app.txt": "one"})
    replace_programs(project, "web1", tee=f'touch {project.path}/dist/shop.tar.gz; exec /bin/tee "$@"')

    deploy(project)

    assert (live(project, "web1") / "REVISION").read_text() == f"{digest}\n"


def test_an_archive_that_is_replaced_after_it_was_sent_to_all_hosts_is_refused(make_project: MakeProject) -> None:
    project = make_project(1, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    digest = archive_of(project, {"app.txt": "one"})
    archive = project.path / "dist/shop.tar.gz"
    replace_programs(project, "web1", tee=f'/bin/tee "$@"; echo more >>{archive}')

    said = project.doit("deploy:production").failed().out

    now = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert f"the archive arrived with sha256 {digest}, but {now} was sent" in said.replace("\n", " ")
    assert "dist/shop.tar.gz was changed while it was sent" in said
    assert project.releases("web1") == []


@pytest.mark.parametrize(
    "killed",
    [
        {"tee": 'head -c 1024 | /bin/tee "$@"; kill -KILL $$'},  # behind the first file: tar has no error
        {"openssl": "[ ! -p /dev/stdin ] || kill -KILL $$"},
    ],
    ids=["tee", "openssl"],
)
def test_a_program_that_is_killed_while_an_archive_arrives_leaves_no_release(
    make_project: MakeProject, killed: dict[str, str]
) -> None:
    project = make_project(1, repo_url=None, branch=None, archive="shop.tar")
    with tarfile.open(project.path / "shop.tar", "w") as tar:
        for name in ("first.txt", "second.txt"):
            (project.path / name).write_text(name)
            tar.add(project.path / name, name)
    replace_programs(project, "web1", **killed)

    said = project.doit("deploy:production").failed().out

    assert "the archive was not read to its end, or its sha256 was not computed" in said.replace("\n", " ")
    assert project.releases("web1") == []


def test_an_archive_that_becomes_shorter_while_it_is_sent_is_refused(make_project: MakeProject) -> None:
    project = make_project(1, repo_url=None, branch=None, archive="shop.tar")
    archive, size = project.path / "shop.tar", 64 << 20
    with tarfile.open(archive, "w") as tar:
        blob = tarfile.TarInfo("blob")
        blob.size = size
        tar.addfile(blob, io.BytesIO(os.urandom(size)))
    replace_programs(project, "web1", tee=f'head -c 1000 >/dev/null; truncate -s 1000000 {archive}; exec /bin/tee "$@"')

    said = project.doit("deploy:production").failed().out

    assert "the file became shorter while it was sent" in said
    assert "shop.tar was changed while it was sent" in said
    assert project.releases("web1") == []


def test_an_archive_that_is_cut_off_on_one_host_is_refused_on_all(make_project: MakeProject) -> None:
    project = make_project(repo_url=None, branch=None, archive="dist/shop.tar.gz")
    archive_of(project, {"app.txt": "one"})
    replace_programs(project, "web2", tee='head -c 20 | /bin/tee "$@"; cat >/dev/null')

    done = project.doit("deploy:production").failed()

    assert "web2: " in done.out
    assert "tar: " in done.out
    assert project.current("web1") is project.current("web2") is None
    assert project.releases("web1") == project.releases("web2") == []


def test_a_file_that_is_not_an_archive_fails_and_leaves_nothing(make_project: MakeProject) -> None:
    project = make_project(repo_url=None, branch=None, archive="shop.tar.gz")
    (project.path / "shop.tar.gz").write_text("no archive")
    project.doit("deploy:production").failed()
    assert project.releases("web1") == project.releases("web2") == []


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("shop.tar", "tar -cf shop.tar app.txt"),
        ("shop.tar.gz", "tar -czf shop.tar.gz app.txt"),
        ("shop.tar.bz2", "tar -cjf shop.tar.bz2 app.txt"),
        ("shop.tar.xz", "tar -cJf shop.tar.xz app.txt"),
        ("shop.tar.zst", "tar --zstd -cf shop.tar.zst app.txt"),
        ("shop", "tar -czf shop app.txt"),
    ],
)
def test_an_archive_is_unpacked_however_it_is_compressed(make_project: MakeProject, name: str, command: str) -> None:
    project = make_project(1, repo_url=None, branch=None, archive=name)
    (project.path / "app.txt").write_text("packed\n")
    subprocess.run(command.split(), cwd=project.path, check=True)

    deploy(project)

    assert (live(project, "web1") / "app.txt").read_text() == "packed\n"


def test_the_first_file_of_an_archive_may_have_any_name(make_project: MakeProject) -> None:
    project = make_project(1, repo_url=None, branch=None, archive="shop.tar")
    (project.path / "BZhang.txt").write_text("packed\n")
    subprocess.run(["tar", "-cf", "shop.tar", "BZhang.txt"], cwd=project.path, check=True)

    deploy(project)

    assert (live(project, "web1") / "BZhang.txt").read_text() == "packed\n"


@pytest.mark.parametrize("missing", ["openssl", "busybox tar"])
def test_an_archive_is_checked_with_the_programs_that_a_host_has(make_project: MakeProject, missing: str) -> None:
    project = make_project(1, repo_url=None, branch=None, archive="dist/shop.tar.gz")
    digest = archive_of(project, {"app.txt": "one"})
    programs = (
        {"openssl": "exit 127"}
        if missing == "openssl"
        else {"tar": 'exec busybox tar "$@"', "tee": 'exec busybox tee "$@"'}
    )
    replace_programs(project, "web1", **programs)

    deploy(project)

    assert (live(project, "web1") / "app.txt").read_text() == "one"
    assert (live(project, "web1") / "REVISION").read_text() == f"{digest}\n"


def test_a_disk_that_fills_while_an_archive_arrives_leaves_no_release(make_project: MakeProject) -> None:
    project = make_project(repo_url=None, branch=None, archive="dist/shop.tar.gz")
    archive_of(project, {"app.txt": "one"})
    full = "head -c 10 >/dev/null; echo 'tar: app.txt: Wrote only 2048 of 10240 bytes' >&2; exit 2"
    replace_programs(project, "web2", tar=full)

    done = project.doit("deploy:production").failed()

    assert "web2: " in done.out
    assert "Wrote only 2048 of 10240 bytes" in done.out
    assert "sha256" not in done.out
    assert project.releases("web1") == project.releases("web2") == []
