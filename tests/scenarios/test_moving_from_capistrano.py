"""A project that Capistrano deployed moves to capdoit: its files are converted, and its releases stay useful."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capdoit.testing import SshdFleet
from tests.capistrano_project import CapistranoProject
from tests.support import MakeProject, snapshot_tree

pytestmark = pytest.mark.ssh

NOTE_TASK = """
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


@pytest.fixture
def moving(make_project: MakeProject, sshds: SshdFleet, tmp_path: Path) -> CapistranoProject:
    """Return a project that Capistrano can deploy."""
    return CapistranoProject(make_project(1, ssh=True), sshds, tmp_path, keep_releases=4, more=NOTE_TASK)


def test_a_project_moves_with_its_releases_and_can_move_back(moving: CapistranoProject) -> None:
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
