"""The recipe runtime with the real rbenv, and with the real mise, which npm brings.

The versions are directories as the managers make them, with the Ruby and the Node of this machine.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from capdoit.testing import Stages
from tests.recipes.test_runtime import output_of

pytestmark = pytest.mark.real
RBENV = """
@cap.after("published")
def say(host, release):
    host.run("rbenv version-name; rbenv which ruby; ruby -e 'puts RUBY_ENGINE'", cwd=release.path)
"""
MISE = """
@cap.after("published")
def say(host, release):
    host.run('node -p 1+1; command -v node; echo "$GREETING"; mise current node', cwd=release.path)
"""


def link_program(path: Path) -> None:
    """Make a version directory of which one program is this machine's."""
    path.parent.mkdir(parents=True)
    path.symlink_to(str(shutil.which(path.name)))


def test_rbenv_agrees_on_the_version_of_each_release(stage: Stages, tmp_path: Path) -> None:
    assert shutil.which("rbenv"), "this test needs rbenv: apt-get install rbenv"
    root = tmp_path / "rbenv"
    for version in ("3.1.2", "3.3.0"):
        link_program(root / f"versions/{version}/bin/ruby")
    recipes = {"runtime": {"managers": ["rbenv"], "directories": {"rbenv": str(root)}}}
    shop = stage(hosts=1, recipes=recipes, dodo=RBENV, files={".ruby-version": "3.1.2\n"})
    old = ["3.1.2", f"{root}/versions/3.1.2/bin/ruby", "ruby"]
    assert output_of(shop.deploy().ok(), "say") == old
    shop.commit({".ruby-version": "ruby-3.3.0\n"})
    assert output_of(shop.deploy().ok(), "say") == ["3.3.0", f"{root}/versions/3.3.0/bin/ruby", "ruby"]
    assert output_of(shop.rollback().ok(), "say") == old
    shop.assert_healthy()


@pytest.fixture(scope="module")
def mise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the real mise."""
    folder = tmp_path_factory.mktemp("mise")
    package = f"@jdxcode/mise-linux-{'arm64' if platform.machine() == 'aarch64' else 'x64'}"
    npm = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"{package}@2026"]
    subprocess.run(npm, check=True, env={**os.environ, "npm_config_update_notifier": "false"})
    return folder / "node_modules" / package / "bin"


def test_mise_selects_the_tools_and_the_variables_of_each_release(stage: Stages, mise: Path) -> None:
    recipes = {"runtime": {"managers": ["mise"], "directories": {"mise": str(mise)}}}
    old = '[tools]\nnode = "20"\n[env]\nGREETING = "hello there"\n'
    shop = stage(hosts=1, recipes=recipes, dodo=MISE, files={"mise.toml": old})
    shop.project.hosts["web1"]["default_env"]["PATH"] += f":{mise}"
    shop.project.config()
    installs = Path(shop.project.path).parent / "home/.local/share/mise/installs/node"
    for version in ("20.1.0", "22.4.0"):
        link_program(installs / version / "bin/node")
    expected = ["2", f"{installs}/20.1.0/bin/node", "***", "20.1.0"]
    assert output_of(shop.deploy().ok(), "say") == expected
    shop.commit({"mise.toml": '[tools]\nnode = "22.4"\n'})
    assert output_of(shop.deploy().ok(), "say") == ["2", f"{installs}/22.4.0/bin/node", "", "22.4.0"]
    assert output_of(shop.rollback().ok(), "say") == expected
    live = shop.live
    shop.commit({"mise.toml": '[tools]\nnode = "18.1.0"\n'})
    missing = shop.deploy().failed()
    assert "node@18.1.0 is not installed (mise). Install it:" in missing.out
    assert f"doit cap exec '{mise}/mise install node@18.1.0' production" in missing.out
    assert shop.live == live
    shop.assert_healthy()
