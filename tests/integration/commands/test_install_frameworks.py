"""`doit cap install` in projects of several frameworks: deploy.yml begins with their recipes, remote and branch."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from capdoit.config.deploy_file import load_config
from capdoit.hooks.discovery import recipe_names
from capdoit.transfers import TRANSFERS
from tests.editor_schema import find_editor_mistakes
from tests.support import further, run_doit

INSTALLED = set(recipe_names(Path(__file__).parent))


def install(folder: Path, files: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """Write files, and return the deploy.yml that `install` writes, and the options of its recipes by name."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    run_doit(folder, "cap", "install").ok()
    text = (folder / "deploy.yml").read_text()
    assert find_editor_mistakes(text) == []
    run_doit(folder, "list").ok()
    stage = load_config(folder / "deploy.yml", TRANSFERS, os.environ).stages["production"]
    return text, {use.name: dict(use.options) for use in stage.recipes}


RAILS = {
    "Gemfile": 'gem "rails", "~> 7.1"\ngem "puma"\n',
    "package.json": "{}",
    "yarn.lock": "",
    ".ruby-version": "3.2",
}
LARAVEL = {"composer.json": '{"require": {"laravel/framework": "^11"}}', "composer.lock": "{}"}
SYMFONY = {"composer.json": '{"require": {"symfony/framework-bundle": "*"}}', "composer.lock": "{}"}
SHAPES = [
    ("rails", RAILS, {"bundler": {}, "node": {"build": []}, "rails": {}}, ["runtime", "puma"]),
    ("django", {"manage.py": "", "requirements.txt": ""}, {"python": {}, "django": {}}, []),
    ("node", {"package.json": "{}", "package-lock.json": "{}"}, {"node": {}}, []),
    ("node-without-lock", {"package.json": "{}"}, {}, ["node"]),
    ("python", {"pyproject.toml": "", "uv.lock": ""}, {"python": {"installer": "uv"}}, ["systemd"]),
    ("python-without-lock", {"pyproject.toml": ""}, {}, ["python"]),
    ("laravel", LARAVEL, {"composer": {}, "laravel": {}}, []),
    ("symfony", SYMFONY, {"composer": {}, "symfony": {}}, []),
    ("composer-without-lock", {"composer.json": '{"require": {"monolog/monolog": "*"}}'}, {}, ["composer"]),
    ("broken-composer", {"composer.json": "{"}, {}, []),
    ("wordpress", {"wp-content/index.php": ""}, {"wordpress": {}}, []),
    ("nothing", {"README": ""}, {}, []),
]


@pytest.mark.parametrize(
    ("files", "active", "comments"), [SHAPES[0][1:], *further(*(shape[1:] for shape in SHAPES[1:]))]
)
def test_the_recipes_of_a_framework_are_proposed(
    empty: Path, files: dict[str, str], active: dict[str, Any], comments: list[str]
) -> None:
    text, used = install(empty, files)
    assert used == {name: options for name, options in active.items() if name in INSTALLED}
    for name in comments:
        assert name not in INSTALLED or re.search(rf"^ *# +{name}: {{", text, re.MULTILINE)


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=folder, check=True)


def test_the_remote_and_its_branch_are_in_deploy_yml_without_a_password(empty: Path) -> None:
    git(empty, "init", "-q", "-b", "work")
    git(empty, "remote", "add", "origin", "https://ann:pa55word@git.example.com/acme/tea-shop.git")
    git(empty, "commit", "-q", "--allow-empty", "-m", "first")
    git(empty, "update-ref", "refs/remotes/origin/trunk", "HEAD")
    git(empty, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    project = empty / "web"
    project.mkdir()
    text, _ = install(project, {})
    assert "application: tea-shop\n" in text
    assert "repo_url: https://ann@git.example.com/acme/tea-shop.git\n" in text
    assert "branch: trunk " in text
    assert "# repo_tree: web " in text


@pytest.mark.extended("detail")
def test_the_branch_that_is_checked_out_is_used_without_that_of_the_remote(empty: Path) -> None:
    git(empty, "init", "-q", "-b", "release/2")
    git(empty, "remote", "add", "origin", "git@git.example.com:acme/tea.git")
    text, _ = install(empty, {})
    assert "repo_url: git@git.example.com:acme/tea.git\n" in text
    assert "branch: release/2 " in text


def test_confirmation_is_a_comment_for_production(empty: Path) -> None:
    text, _ = install(empty, {})
    staging, _, production = text.partition("  production:\n")
    assert "confirm" not in staging
    assert production.startswith("    # confirm: true  # ask before a host is changed\n")
