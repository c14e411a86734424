"""A project that Capistrano deployed moves to capdoit: its files are converted, and its releases stay useful."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from capdoit.testing import Completed, Project, SshdFleet
from tests.support import MakeProject, snapshot_tree

pytestmark = pytest.mark.ssh

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
set :keep_releases, 4
set :format, :simpletext

namespace :shop do
  desc "Note the release"
  task :note do
    on roles(:web) do
      execute :touch, shared_path.join("noted-by-capistrano")
    end
  end
end

after "deploy:published", "shop:note"
"""


class Moving:
    """A project of Capistrano in a directory, with one ssh server.

    Args:
        project: has the tree of the host, the repository and the environment.
        folder: directory of the Capfile.
        env: environment variables for both tools.
    """

    def __init__(self, project: Project, folder: Path, env: dict[str, str]) -> None:
        self.project, self.folder, self._env = project, folder, env

    def run(self, *words: str) -> Completed:
        """Run a command in the directory of the Capfile."""
        done = subprocess.run(
            words, cwd=self.folder, env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=120,
        )  # fmt: skip
        return Completed(words, done.returncode, done.stdout)

    def cap(self, *words: str) -> str:
        """Run Capistrano, and return the release that is then live."""
        self.run("cap", "production", *words).ok()
        return str(self.project.current("web1"))

    def doit(self, *words: str) -> Completed:
        """Run doit."""
        return self.run(sys.executable, "-m", "doit", *words)

    def live_after(self, *words: str) -> str:
        """Run doit, and return the release that is then live."""
        self.doit(*words).ok()
        return str(self.project.current("web1"))


@pytest.fixture
def moving(make_project: MakeProject, sshds: SshdFleet, tmp_path: Path) -> Moving:
    """Return a project that Capistrano can deploy."""
    if shutil.which("cap") is None:
        pytest.fail("this needs stock Capistrano: apt-get install capistrano, or tests/setup.sh")
    project = make_project(1, ssh=True)
    keys, host = sshds.ssh_config.parent / "keys", sshds.hosts["web1"]
    folder = tmp_path / "cap"
    (folder / "config/deploy").mkdir(parents=True)
    (folder / "Capfile").write_text(CAPFILE)
    (folder / "config/deploy.rb").write_text(DEPLOY_RB)
    (folder / "config/deploy/production.rb").write_text(
        f"set :deploy_to, {json.dumps(str(project.deploy_to('web1')))}\n"
        f"set :tmp_dir, {json.dumps(str(tmp_path))}\n"
        f"set :repo_url, {json.dumps(str(project.repo.path))}\n"
        f"set :ssh_options, {{ keys: [{json.dumps(str(keys / 'user'))}], keys_only: true,\n"
        f"  user_known_hosts_file: {json.dumps(str(keys / 'known_hosts'))}, auth_methods: ['publickey'],\n"
        "  forward_agent: false, config: false }\n"
        f"server '127.0.0.1', port: {host.port}, user: 'root', roles: %w[app web]\n"
    )
    home = tmp_path / "home"
    env = {**os.environ, "USER": "jane", "HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / "gitconfig")}
    return Moving(project, folder, env)


def test_a_project_moves_with_its_releases_and_can_move_back(moving: Moving) -> None:
    first, second = moving.cap("deploy"), moving.cap("deploy")
    before = snapshot_tree(moving.project.deploy_to("web1"))
    converted = moving.doit("cap", "install", "--from-capistrano").ok().out
    assert 'config/deploy.rb:10: task shop:note: after("published")' in converted
    assert "deploy.yml and dodo.py load: production (1 host)" in converted

    refused = moving.doit("deploy:production").failed().out
    assert "hook shop_note is not written yet (config/deploy.rb:10)" in refused
    assert snapshot_tree(moving.project.deploy_to("web1")) == before

    dodo = (moving.folder / "dodo.py").read_text()
    head, _, rest = dodo.partition('@capdoit.todo("config/deploy.rb:10")\n')
    body = rest.replace('"""Note the release."""', 'host.run(["touch", f"{release.shared}/noted-by-capdoit"])')
    (moving.folder / "dodo.py").write_text(head + body)
    status = moving.doit("cap", "status", "production").ok().out
    assert second in status
    assert f"rollback_release={first}" in status or first in status

    third = moving.live_after("deploy:production")
    assert first < second < third
    shared = moving.project.shared("web1")
    assert (shared / "noted-by-capistrano").exists()
    assert (shared / "noted-by-capdoit").exists()
    assert os.readlink(moving.project.deploy_to("web1") / "current/log") == f"{shared}/log"
    assert moving.live_after("rollback:production") == second
    assert moving.live_after("rollback:production") == first
    assert moving.cap("deploy") > third
