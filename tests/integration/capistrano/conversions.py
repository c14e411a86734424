"""Projects of Capistrano that tests convert, and what the conversion wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from capdoit.config.deploy_file import Config, load_config
from capdoit.hooks.discovery import recipe_names
from capdoit.testing import Completed, clean_env
from capdoit.transfers import TRANSFERS
from tests.editor_schema import find_editor_mistakes

FOLDER = Path(__file__).parent
PLUGINS = FOLDER / "plugins"  # Debian has Capistrano and none of its plugins
INSTALLED = set(recipe_names(FOLDER))


@dataclass(frozen=True)
class Converted:
    """A converted project.

    Attributes:
        folder: its directory.
        out: what the command printed.
    """

    folder: Path
    out: str

    @property
    def deploy(self) -> str:
        """The text of deploy.yml."""
        return (self.folder / "deploy.yml").read_text()

    @property
    def dodo(self) -> str:
        """The text of dodo.py."""
        return (self.folder / "dodo.py").read_text()

    @property
    def config(self) -> Config:
        """The deploy.yml as the loader reads it; an editor marks nothing in it, either."""
        assert find_editor_mistakes(self.deploy) == []
        return load_config(self.folder / "deploy.yml", TRANSFERS, os.environ)

    def recipes(self, stage: str = "production") -> dict[str, Mapping[str, Any]]:
        """Return the options of the recipes of a stage."""
        return {use.name: use.options for use in self.config.stages[stage].recipes}

    def tasks(self) -> list[str]:
        """Return the names of doit's tasks."""
        return [line.split()[0] for line in run_doit(self.folder, {}, "list", "--all").ok().out.splitlines()]


def run_doit(folder: Path, env: Mapping[str, str], *args: str) -> Completed:
    """Run doit with Capistrano's plugins at hand."""
    home = folder.parent / f"{folder.name}-home"
    base = clean_env(home) if not home.exists() else {**os.environ, "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "doit", *args],
        cwd=folder,
        env={**base, "RUBYLIB": str(PLUGINS), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return Completed(args, done.returncode, done.stdout)


def copy_project(shape: str, tmp_path: Path) -> Path:
    """Return a copy of a project, which is a git repository on the branch main."""
    folder = tmp_path / shape
    shutil.copytree(FOLDER / "projects" / shape, folder)
    for words in (
        ["init", "-q", "-b", "main"],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "x"],
    ):
        subprocess.run(["git", *words, *(["--allow-empty"] if "commit" in words else [])], cwd=folder, check=True)
    return folder


def write_project(folder: Path, capfile: str = "", deploy: str = "", **stages: str) -> Path:
    """Write a project whose Capfile and deploy.rb have some more lines."""
    head = 'require "capistrano/setup"\nrequire "capistrano/deploy"\nrequire "capistrano/scm/git"\n'
    common = 'set :application, "shop"\nset :repo_url, "https://git.example.com/shop.git"\n'
    (folder / "config/deploy").mkdir(parents=True)
    (folder / "Capfile").write_text(f"{head}install_plugin Capistrano::SCM::Git\n{capfile}")
    (folder / "config/deploy.rb").write_text(common + deploy)
    for name, text in (stages or {"production": 'server "web1.example.com", roles: %w[web]\n'}).items():
        (folder / f"config/deploy/{name}.rb").write_text(text)
    return folder


def convert(folder: Path, *options: str, env: Mapping[str, str] | None = None, code: int = 0) -> Converted:
    """Convert a project; the command ends with this exit status."""
    if shutil.which("cap") is None:
        pytest.fail("these need stock Capistrano: apt-get install capistrano, or tests/setup.sh")
    done = run_doit(folder, env or {}, "cap", "install", "--from-capistrano", *options)
    return Converted(folder, done.failed(code).out)
