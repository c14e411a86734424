"""Hosts whose commands run as nobody, for tests of missing permissions: root has all of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from capdoit.testing import GitRepo, Project, SshdFleet

NOBODY = 65534
# The option of sshd with which its commands run as another user.
AS_USER = 'ForceCommand=exec setpriv --reuid={0} --regid={0} --clear-groups sh -c "$SSH_ORIGINAL_COMMAND"'


@contextmanager
def run_sshds_of_nobody(size: int, user: int = NOBODY) -> Iterator[SshdFleet]:
    """Run sshd's whose commands run as nobody or another user, in a directory that every user can enter.

    The directories of pytest are closed.
    """
    place = Path(tempfile.mkdtemp(prefix="capdoit"))
    place.chmod(0o755)
    try:
        with SshdFleet(place, size, *([AS_USER.format(user)] if os.geteuid() == 0 else [])).running() as fleet:
            yield fleet
    finally:
        shutil.rmtree(place)


def make_project_of_nobody(fleet: SshdFleet, env: Mapping[str, str], tmp_path: Path) -> Project:
    """Return a project on all hosts of a fleet; its repository and the trees of the hosts belong to nobody."""
    trees = {name: host.root / tmp_path.name for name, host in fleet.hosts.items()}
    repo = GitRepo(next(iter(fleet.hosts.values())).home / tmp_path.name, env)
    repo.commit({"app.txt": "first\n"})
    described = {name: {"roles": ["app"], "deploy_to": str(tree)} for name, tree in trees.items()}
    project = Project(tmp_path / "project", repo, env, described, {"ssh_config": str(fleet.ssh_config)})
    project.link_files()
    give_to_nobody(repo.path, *trees.values(), *(host.home for host in fleet.hosts.values()))
    return project


def give_to_nobody(*paths: Path) -> None:
    """Make nobody the owner of trees, if root runs the tests."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", *paths], check=True)
