"""node with the real npm, pnpm and yarn: a small package is installed, built, linked and rolled back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real
MANIFEST = {
    "name": "shop",
    "version": "1.0.0",
    "scripts": {"build": "semver 1.2.3 && node build.js"},
    "dependencies": {"is-number": "7.0.0"},
    "devDependencies": {"semver": "7.6.0"},
}
BUILD = """
const fs = require("fs");
const {version} = require("is-number/package.json");
fs.mkdirSync("dist", {recursive: true});
fs.writeFileSync("dist/shop.js", `console.log(${JSON.stringify([process.env.NODE_ENV, version].join(" "))}, SAYS)`);
"""
# What makes the lock file, and the versions of the managers, as npm installs them.
LOCKS = {
    "npm": ["npm", "install", "--package-lock-only", "--no-audit", "--no-fund"],
    "pnpm": ["pnpm", "install", "--lockfile-only"],
    "yarn": ["yarn", "install", "--ignore-scripts"],
}
VERSIONS = {"npm": None, "pnpm": "pnpm@9", "yarn": "yarn@1"}


@pytest.fixture(scope="session")
def managers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with npm, pnpm and yarn."""
    place = tmp_path_factory.mktemp("managers")
    wanted = [package for package in VERSIONS.values() if package]
    subprocess.run(["npm", "install", "--silent", "--global", "--prefix", place, *wanted], check=True)
    return f"{place}/bin:{os.environ['PATH']}"


Lock = Callable[[str, dict[str, Any]], dict[str, str]]


@pytest.fixture
def lock(managers: str, tmp_path: Path) -> Lock:
    """Makes a package's package.json and lock file."""

    def make(manager: str, manifest: dict[str, Any]) -> dict[str, str]:
        place = tmp_path / "package"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        (place / "package.json").write_text(json.dumps(manifest))
        subprocess.run(LOCKS[manager], cwd=place, env={**os.environ, "PATH": managers}, check=True)
        return {path.name: path.read_text() for path in place.iterdir() if path.is_file()}

    return make


@pytest.mark.parametrize("manager", VERSIONS)
def test_a_package_is_installed_once_for_a_lock_file(stage: Any, lock: Lock, managers: str, manager: str):
    os.environ["PATH"] = managers
    site = stage(hosts=1, recipes={"node": {}}, files={**lock(manager, MANIFEST), "build.js": BUILD})
    print(site.deploy().ok().out)
    site.commit({"app.txt": "second\n"})
    print(site.deploy().ok().out)
    site.assert_healthy()
