"""The manuals of the bundled recipes: deploy.yml and editors accept their examples."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

import pytest

from capdoit.config.deploy_file import load_config
from capdoit.hooks.discovery import find_bundled_recipes, load_recipes
from capdoit.transfers import TRANSFERS
from tests.editor_schema import find_editor_mistakes

BASE = """\
application: shop
deploy_to: /srv/shop
repo_url: git@git.example.com:acme/shop.git
stages:
  production:
    hosts: {web1: {roles: [app, web, db, cron, worker]}}
"""
FILES = ("deploy/maintenance.html",)


def examples() -> list[tuple[str, str]]:
    """Return the names of recipes, each with a part of deploy.yml from its manual."""
    found = []
    for recipe in find_bundled_recipes():
        text = inspect.getdoc(recipe.module) or ""
        blocks = [textwrap.dedent(block).strip() for block in re.findall(r"(?:^ {4}.*\n?)+", text, re.MULTILINE)]
        found += [(recipe.name, block) for block in blocks if re.search("^recipes:", block, re.MULTILINE)]
    return found


EXAMPLES = examples()


def test_every_manual_has_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == {recipe.name for recipe in find_bundled_recipes()}


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=lambda value: value.partition("\n")[0])
def test_an_example_is_accepted(name: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in map(Path, FILES):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    text = f"{BASE}{example}\n"
    Path("deploy.yml").write_text(text, encoding="utf-8")
    stage = load_config(Path("deploy.yml"), TRANSFERS).stages["production"]
    assert name in load_recipes(stage.recipes, tmp_path, stage.roles).versions
    assert find_editor_mistakes(text) == []
