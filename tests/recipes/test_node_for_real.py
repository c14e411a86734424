"""The recipe node with the real npm, pnpm and yarn: a small package is installed, built, linked and rolled back."""

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
# The build needs a devDependency and its launcher; what it makes needs the dependency.
MANIFEST = {
    "name": "shop",
    "version": "1.0.0",
    "license": "MIT",
    "scripts": {"build": "semver 1.2.3 && node build.js"},
    "dependencies": {"is-number": "7.0.0"},
    "devDependencies": {"semver": "7.6.0"},
}
BUILD = """
const fs = require("fs");
fs.mkdirSync("dist");
fs.writeFileSync("dist/shop.js", `
    const isNumber = require("is-number");
    console.log("${process.env.NODE_ENV}", require("is-number/package.json").version, isNumber("3"));
`);
"""
# The package that brings a manager, if npm does not; and what makes its lock file.
MANAGERS = {
    "npm": (None, ["npm", "install", "--package-lock-only", "--no-audit", "--no-fund"]),
    "pnpm": ("pnpm@10", ["pnpm", "install", "--lockfile-only"]),
    "yarn": ("yarn@1", ["yarn", "install", "--ignore-scripts"]),
    "yarn 2": ("@yarnpkg/cli-dist@4", ["yarn", "install", "--mode=update-lockfile"]),
}
# What tells node whom to believe, where the tests' own environment does.
HOSTS = {"web1": {"default_env": {name: os.environ[name] for name in {"NODE_EXTRA_CA_CERTS"} & {*os.environ}}}}
YARNRC = {".yarnrc.yml": "nodeLinker: node-modules\nenableTelemetry: false\n"}


class Team:
    """A package of a team that uses one manager; its lock files are made as the team's are."""

    def __init__(self, manager: str, place: Path) -> None:
        self.manager, self.place, self.lock = manager, place, MANAGERS[manager][1]
        self.extra = YARNRC if manager == "yarn 2" else {}

    def files(self, **more: Any) -> dict[str, str]:
        """Return the code of the package, with its lock file."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        for name, text in {"package.json": json.dumps(MANIFEST | more), "build.js": BUILD, **self.extra}.items():
            (self.place / name).write_text(text)
        subprocess.run(self.lock, cwd=self.place, check=True)
        return {path.name: path.read_text() for path in self.place.iterdir() if path.is_file()}


@pytest.fixture(scope="session")
def bring(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Install a package manager with npm, and return the directory of its programs."""
    brought: dict[str, Path] = {}

    def install(package: str) -> Path:
        if package not in brought:
            place = brought[package] = tmp_path_factory.mktemp("manager")
            subprocess.run(["npm", "install", "--silent", "--global", "--prefix", place, package], check=True)
        return brought[package] / "bin"

    return install


@pytest.fixture(params=MANAGERS)
def team(request: Any, bring: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Team:
    package = MANAGERS[request.param][0]
    if package:
        monkeypatch.setenv("PATH", f"{bring(package)}:{os.environ['PATH']}")
    return Team(request.param, tmp_path / "package")


def says(site: Any) -> str:
    """Return the text that the build of the live release wrote."""
    current = site.host().deploy_to / "current"
    return subprocess.run(["node", current / "dist/shop.js"], capture_output=True, text=True, check=True).stdout


def inode(release: Path) -> int:
    return (release / "node_modules/is-number/index.js").stat().st_ino


def test_a_package_is_installed_once_per_lock_file_built_and_rolled_back(stage: Any, team: Team) -> None:
    site = stage(hosts=HOSTS, recipes={"node": {}}, files=team.files())
    said = site.deploy().ok().out
    first = site.host().release(site.live)
    assert "installing " in said
    assert says(site) == "production 7.0.0 true\n"

    site.commit({"app.txt": "second\n"})
    said = site.deploy().ok().out
    second = site.host().release(site.live)
    linked = f"nothing changed since release {first.name}, linked from there"
    assert (linked in said) == (team.manager != "yarn 2")
    assert (inode(second) == inode(first)) == (team.manager != "yarn 2")
    assert says(site) == "production 7.0.0 true\n"

    site.commit(team.files(dependencies={"is-number": "6.0.0"}))
    said = site.deploy().ok().out
    assert "installing " in said
    assert says(site) == "production 6.0.0 true\n"

    site.rollback().ok()
    assert site.live == second.name
    shutil.rmtree(first)
    assert says(site) == "production 7.0.0 true\n"
    subprocess.run([second / "node_modules/.bin/semver", "1.2.3"], check=True)
    texts = (path for path in (second / "node_modules").rglob("*") if path.is_file() and ".cache" not in path.parts)
    assert not [path for path in texts if first.name.encode() in path.read_bytes() and path.name != ".capdoit"]
    site.assert_healthy()


@pytest.mark.parametrize("how", ["prune", "omit"])
def test_dev_dependencies_are_pruned_or_never_installed(stage: Any, team: Team, how: str) -> None:
    scripts = {"build": "node build.js"}
    site = stage(hosts=HOSTS, recipes={"node": {"dev_dependencies": how}}, files=team.files(scripts=scripts))
    site.deploy().ok()
    modules = site.host().release(site.live) / "node_modules"
    assert {path.name for path in modules.iterdir() if not path.name.startswith(".")} == {"is-number"}
    assert says(site) == "production 7.0.0 true\n"


def test_without_a_build_dev_dependencies_are_not_installed(stage: Any, team: Team) -> None:
    site = stage(hosts=HOSTS, recipes={"node": {"build": []}}, files=team.files())
    site.deploy().ok()
    modules = site.host().release(site.live) / "node_modules"
    assert (modules / "semver").exists() == (team.manager == "yarn 2"), "which has no way to leave them out"


def test_a_lock_file_that_contradicts_package_json_fails_the_deploy(stage: Any, team: Team) -> None:
    site = stage(hosts=HOSTS, recipes={"node": {}}, files=team.files())
    site.deploy().ok()
    first = site.live
    site.commit({"package.json": json.dumps(MANIFEST | {"dependencies": {"is-number": "6.0.0"}})})
    said = site.deploy().failed().out
    assert "the modules could not be installed: exit status" in said
    assert {
        "npm": "npm ci",
        "pnpm": "ERR_PNPM_OUTDATED_LOCKFILE",
        "yarn": "needs to be updated",
        "yarn 2": "lockfile would have been modified",
    }[team.manager] in said
    assert site.live == first
    assert says(site) == "production 7.0.0 true\n"


def test_modules_of_workspaces_are_linked(stage: Any, team: Team) -> None:
    if team.manager == "pnpm":
        team.extra = {"pnpm-workspace.yaml": "packages: [packages/*]\n"}
    ui = json.dumps({"name": "ui", "version": "1.0.0", "dependencies": {"is-number": "6.0.0"}})
    build = team.files
    team.lock = [
        "sh",
        "-c",
        f"mkdir -p packages/ui && echo '{ui}' >packages/ui/package.json && exec {' '.join(team.lock)}",
    ]
    files = {**build(private=True, workspaces=["packages/*"]), "packages/ui/package.json": ui}
    site = stage(hosts=HOSTS, recipes={"node": {}}, files=files)
    site.deploy().ok()
    first = site.host().release(site.live)
    site.commit({"app.txt": "second\n"})
    site.deploy().ok()
    shutil.rmtree(first)
    second = site.host().release(site.live)
    asked = "console.log(require('is-number/package.json').version)"
    done = subprocess.run(["node", "-e", asked], cwd=second / "packages/ui", capture_output=True, text=True, check=True)
    assert done.stdout == "6.0.0\n"
    assert says(site) == "production 7.0.0 true\n"
