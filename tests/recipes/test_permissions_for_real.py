"""The recipe permissions with the real setfacl: a deploying user without rights of root, and a web server's user.

The commands of the host run as nobody, and the web server's user is www-data.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capdoit.testing import Project, SshdFleet
from tests.nobody import make_project_of_nobody, run_sshds_of_nobody

pytestmark = [pytest.mark.real, pytest.mark.ssh]
WEB = "www-data"
ENTRIES = "u:nobody:rwX,u:www-data:rwX"


@pytest.fixture(scope="module")
def nobodys() -> Iterator[SshdFleet]:
    assert os.geteuid() == 0, "this test acts as several users, which needs root"
    with run_sshds_of_nobody(1) as fleet:
        yield fleet


@pytest.fixture
def project(nobodys: SshdFleet, env: dict[str, str], tmp_path: Path) -> Project:
    """Return a project of nobody whose release has a directory for the web server."""
    project = make_project_of_nobody(nobodys, env, tmp_path)
    project.repo.commit({"var/tea.txt": "tea\n", "config.txt": "config\n"})
    subprocess.run(["chown", "-R", "nobody", project.repo.path], check=True)
    configure(project, users=[WEB])
    return project


def configure(project: Project, keep_releases: int = 5, **options: Any) -> None:
    recipes = {"permissions": {"paths": ["var"], **options}}
    project.config(recipes=recipes, linked_dirs=["var/log"], linked_files=[], keep_releases=keep_releases)


def as_user(user: str, script: str, cwd: Path) -> bool:
    """Run a script as a user, and return whether it succeeded."""
    command = ["setpriv", f"--reuid={user}", "--regid", user if user == WEB else "nogroup", "--clear-groups"]
    return subprocess.run([*command, "sh", "-c", script], cwd=cwd, check=False, capture_output=True).returncode == 0


def current(project: Project) -> Path:
    return project.deploy_to("web1") / "current"


def test_the_web_server_can_write_where_it_must_and_old_releases_can_be_removed(project: Project) -> None:
    project.doit("deploy:production", check=True)
    assert as_user(WEB, "echo more >>var/tea.txt && mkdir -p var/cache/a && echo x >var/cache/a/b", current(project))
    assert as_user(WEB, "echo line >var/log/web.log", current(project))
    assert not as_user(WEB, "echo more >>config.txt", current(project))
    assert not as_user(WEB, "touch new", current(project))
    assert as_user("nobody", "echo line >>var/log/web.log", current(project)), "the deploying user keeps its access"

    configure(project, users=[WEB], keep_releases=1)
    for _ in range(3):
        done = project.doit("deploy:production", check=True)
        assert "could not be removed" not in done.out
        assert as_user(WEB, "mkdir -p var/cache/a && echo x >var/cache/a/b", current(project))
    names = [path.name for path in (project.deploy_to("web1") / "releases").iterdir()]
    assert len(names) <= 2, "the files of the web server were removed with their releases"


def test_files_of_others_in_shared_are_refused_with_the_command_for_root(project: Project) -> None:
    log = project.deploy_to("web1") / "shared/var/log"
    log.mkdir(parents=True)
    (log / "of-root.log").touch()
    subprocess.run(["chown", "nobody", log, log.parent, log.parent.parent], check=True)
    done = project.doit("deploy:production")
    assert done.code == 1
    assert f"nobody cannot change files of other users in {log} (1), such as" in done.out
    assert f"{log}/of-root.log" in done.out
    command = f"setfacl -R -m {ENTRIES},d:{ENTRIES.replace(',', ',d:')} {log}"
    assert f"Run as root on this host: {command}" in done.out
    assert not current(project).exists()

    subprocess.run(["sh", "-c", command], check=True)
    project.doit("deploy:production", check=True)
    assert as_user(WEB, "echo line >>var/log/of-root.log", current(project))


def test_files_of_the_web_server_itself_do_not_refuse_a_deploy(project: Project) -> None:
    project.doit("deploy:production", check=True)
    assert as_user(WEB, "echo line >var/log/web.log", current(project))
    log = project.deploy_to("web1") / "shared/var/log"
    subprocess.run(["setfacl", "-R", "-b", log], check=True)
    project.doit("deploy:production", check=True)
    assert as_user(WEB, "echo line >>var/log/web.log && touch var/log/new", current(project))


def test_a_group_that_the_deploying_user_is_not_in_is_refused_with_the_command_for_root(project: Project) -> None:
    configure(project, group=WEB)
    done = project.doit("deploy:production")
    assert done.code == 1
    complaint = "nobody is not in the group www-data. Run as root on this host: usermod -aG www-data nobody"
    assert complaint in done.out
    assert not current(project).exists()


def test_a_release_of_an_archive_gets_its_acl_again(project: Project) -> None:
    project.doit("deploy:production", check=True)
    first = project.current("web1")
    project.doit("deploy:production", check=True)
    second = project.current("web1")
    project.doit("rollback:production", check=True)
    assert project.current("web1") == first
    assert as_user(WEB, "touch var/new", current(project))
    project.doit("rollback:production", f"rollback_release={second}", check=True)
    assert project.current("web1") == second
    assert as_user(WEB, "touch var/new", current(project))
