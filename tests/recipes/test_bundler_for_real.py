"""The recipe bundler with the real Bundler: gems from vendor/cache and from a path, without a gem server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real
GEMSPEC = """
Gem::Specification.new do |gem|
  gem.name, gem.version, gem.summary, gem.authors = "{name}", "{version}", "a test's", ["tests"]
  gem.files = ["lib/{name}.rb"]
end
"""
LOCK = """\
PATH
  remote: vendor/milk
  specs:
    milk (1.0)

GEM
  remote: https://gems.example.com/
  specs:
    tea ({version})

PLATFORMS
  ruby

DEPENDENCIES
  milk!
  tea
"""
GEMFILE = """
source "https://gems.example.com"
gem "tea"
gem "milk", path: "vendor/milk"
group(:test) { gem "tea" }
"""
DRINK = 'require "bundler/setup"; require "tea"; require "milk"; puts Tea, Milk'


def built(place: Path, version: str) -> bytes:
    """Build a gem of a version, and return its content."""
    place.mkdir()
    (place / "lib").mkdir()
    (place / "lib/tea.rb").write_text(f'Tea = "tea {version}"\n')
    (place / "tea.gemspec").write_text(GEMSPEC.format(name="tea", version=version))
    subprocess.run(["gem", "build", "--quiet", "tea.gemspec"], cwd=place, check=True, capture_output=True)
    return (place / f"tea-{version}.gem").read_bytes()


def drinks(site: Any) -> list[str]:
    """Return the output of the live release."""
    run = ["ruby", "-e", DRINK]
    current = site.host().deploy_to / "current"
    return subprocess.run(run, cwd=current, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture
def site(stage: Any, tmp_path: Path) -> Any:
    """Return a stage with two releases that have different versions of a gem."""
    files = {
        "Gemfile": GEMFILE,
        "Gemfile.lock": LOCK.format(version="1.0"),
        "vendor/cache/tea-1.0.gem": built(tmp_path / "tea1", "1.0"),
        "vendor/milk/milk.gemspec": GEMSPEC.format(name="milk", version="1.0"),
        "vendor/milk/lib/milk.rb": 'Milk = "milk"\n',
    }
    site = stage(hosts=1, recipes={"bundler": {}}, files=files)
    site.deploy().ok()
    assert drinks(site) == ["tea 1.0", "milk"]
    second = {"Gemfile.lock": LOCK.format(version="2.0"), "vendor/cache/tea-1.0.gem": None}
    site.commit({**second, "vendor/cache/tea-2.0.gem": built(tmp_path / "tea2", "2.0")})
    site.deploy().ok()
    assert drinks(site) == ["tea 2.0", "milk"]
    return site


def test_gems_are_installed_once_and_a_rollback_needs_nothing(site: Any) -> None:
    site.commit({"app.txt": "third\n"})
    assert "the gems of Gemfile.lock are installed" in site.deploy().ok().out
    site.rollback().ok()
    assert "installing" not in site.rollback().ok().out
    assert drinks(site) == ["tea 1.0", "milk"]
    settings = site.host().deploy_to / "current/.bundle/config"
    assert f'BUNDLE_PATH: "{site.host().shared}/bundle"' in settings.read_text()
    site.assert_healthy()


def test_a_rollback_installs_removed_gems(site: Any) -> None:
    shutil.rmtree(site.host().shared / "bundle/ruby")
    assert "installing them again" in site.rollback().ok().out
    assert drinks(site) == ["tea 1.0", "milk"]


def test_a_lock_file_that_does_not_match_fails_the_deploy_with_the_message_of_bundler(site: Any) -> None:
    live = site.live
    site.commit({"Gemfile": f'{GEMFILE}gem "sugar"\n'})
    done = site.deploy().failed()
    assert "the gems could not be installed: exit status" in done.out
    assert "* sugar" in done.out
    assert site.live == live
    assert drinks(site) == ["tea 2.0", "milk"]
