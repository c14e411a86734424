"""A project that stock Capistrano deploys to the ssh server of a project of capdoit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from capdoit.testing import Completed, Project, SshdFleet

CAPFILE = """\
require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/git"
install_plugin Capistrano::SCM::Git
"""
DEPLOY_RB = """\
set :application, "shop"
set :branch, "main"
set :linked_files, ["config/database.yml"]
set :linked_dirs, ["log", "tmp/pids"]
set :keep_releases, {keep_releases}
set :format, :simpletext
"""


class CapistranoProject:
    """A project of Capistrano in a directory, with one ssh server.

    Args:
        project: has the tree of the host, the repository and the environment.
        sshds: has the server.
        place: directory for temporary files, with the home directory of the operator.
        keep_releases: number of releases that Capistrano keeps.
        more: lines to add to deploy.rb.

    Attributes:
        project: as above.
        folder: directory of the Capfile.
    """

    def __init__(self, project: Project, sshds: SshdFleet, place: Path, keep_releases: int, more: str = "") -> None:
        if shutil.which("cap") is None:
            pytest.fail("this needs stock Capistrano: apt-get install capistrano, or tests/setup.sh")
        self.project, self.folder = project, place / "cap"
        home = place / "home"
        self._env = {**os.environ, "USER": "jane", "HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / "gitconfig")}
        (self.folder / "config/deploy").mkdir(parents=True)
        (self.folder / "Capfile").write_text(CAPFILE)
        (self.folder / "config/deploy.rb").write_text(DEPLOY_RB.format(keep_releases=keep_releases) + more)
        (self.folder / "config/deploy/production.rb").write_text(_write_stage(project, sshds, place))

    def run(self, *words: str, release: str = "") -> Completed:
        """Run a command in the directory of the Capfile; ``release`` becomes ROLLBACK_RELEASE."""
        done = subprocess.run(
            words, cwd=self.folder, env={**self._env, **({"ROLLBACK_RELEASE": release} if release else {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, timeout=120,
        )  # fmt: skip
        return Completed(words, done.returncode, done.stdout)

    def cap(self, *words: str, release: str = "") -> str:
        """Run Capistrano, and return the release that is then live."""
        self.run("cap", "production", *words, release=release).ok()
        current = self.project.current("web1")  # it asserts that the link is spelled as both spell it
        assert current
        return current

    def doit(self, *words: str) -> Completed:
        """Run doit."""
        return self.run(sys.executable, "-m", "doit", *words)

    def live_after(self, *words: str) -> str:
        """Run doit, and return the release that is then live."""
        self.doit(*words).ok()
        return str(self.project.current("web1"))


def _write_stage(project: Project, sshds: SshdFleet, place: Path) -> str:
    keys, port = sshds.ssh_config.parent / "keys", sshds.hosts["web1"].port
    return (
        f"set :deploy_to, {json.dumps(str(project.deploy_to('web1')))}\n"
        f"set :tmp_dir, {json.dumps(str(place))}\n"
        f"set :repo_url, {json.dumps(str(project.repo.path))}\n"
        f"set :ssh_options, {{ keys: [{json.dumps(str(keys / 'user'))}], keys_only: true,\n"
        f"  user_known_hosts_file: {json.dumps(str(keys / 'known_hosts'))}, verify_host_key: :always,\n"
        "  auth_methods: ['publickey'], forward_agent: false, config: false }\n"
        f"server '127.0.0.1', port: {port}, user: 'root', roles: %w[app web]\n"
    )
