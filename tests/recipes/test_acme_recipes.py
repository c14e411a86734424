"""The example package of recipes: it can be installed, its recipe is found, and its tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/acme-recipes"


def run(*command: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env={**os.environ, **env},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the installed example, built from a copy without the network."""
    folder = tmp_path_factory.mktemp("acme")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", ".venv"))
    install = ("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run(*install, "--target", "site", "./source", cwd=folder)
    return folder


def test_the_example_recipe_is_listed_with_its_package(installed: Path) -> None:
    (installed / "deploy.yml").write_text(
        "{application: shop, repo_url: x, stages: {here: {hosts: {web1: {transport: local, deploy_to: web1}}}}}"
    )
    (installed / "dodo.py").write_text(
        dedent("""
        import capdoit
        cap = capdoit.load("deploy.yml")
        """)
    )
    listed = run("doit", "cap", "recipes", cwd=installed, PYTHONPATH=str(installed / "site"))
    assert ["acme_cache", "1.0", "acme-recipes"] in [line.split()[:3] for line in listed.splitlines()]


@pytest.mark.extended("detail")
def test_the_tests_of_the_example_package_pass(installed: Path) -> None:
    said = run("pytest", "-q", "-p", "no:cacheprovider", cwd=installed / "source", PYTHONPATH=str(installed / "site"))
    assert "passed" in said
