"""The page docs/from-capistrano.md: its example is what the command writes, and its tables are complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from capdoit.capistrano.hook_points import find_point
from capdoit.capistrano.plugin_table import PLUGINS
from capdoit.capistrano.setting_rules import REASONS, SAME
from capdoit.config.settings import Schema
from capdoit.hooks.discovery import recipe_names
from capdoit.transfers import TRANSFERS
from tests.integration.capistrano.conversions import Converted, convert, run_doit, write_project

PAGE = Path(__file__).parent.parent.joinpath("docs/from-capistrano.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def chapter(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """Return the example of the page, converted."""
    folder = write_project(tmp_path_factory.mktemp("page") / "shop")
    deploy, production = blocks("ruby")
    (folder / "config/deploy.rb").write_text(deploy)
    (folder / "config/deploy/production.rb").write_text(production)
    return convert(folder)


def test_the_example_is_what_the_command_writes(converted: Converted) -> None:
    stub, written = blocks("python")
    assert converted.deploy == blocks("yaml")[0]
    assert stub in converted.dodo
    (converted.folder / "dodo.py").write_text(converted.dodo.replace(stub, written))
    (converted.folder / "deploy.yml").write_text(converted.deploy.replace("!env API_KEY", "known"))
    assert "deploy:production:cache_warm" in converted.tasks()
    out = run_doit(converted.folder, {}, "deploy:production", "hosts=web9").failed().out
    assert "web9" in out  # it is refused for this reason, and not for a function that is not written


def test_the_table_of_plugins_is_complete() -> None:
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", chapter("Plugins"), re.MULTILINE))
    for rule in PLUGINS:
        assert rule.gem in rows, rule.gem
        assert (f"`{rule.recipe}`" if rule.recipe else rule.instead) in rows[rule.gem]


def test_the_table_of_settings_is_complete() -> None:
    assert [name for name in (*SAME, *REASONS) if f":{name}" not in chapter("Settings")] == []


def test_the_tasks_in_the_table_of_hooks_have_a_point() -> None:
    tasks = re.findall(r"`(\w+:[\w:]+)`", chapter("Tasks and hooks").partition("another task")[0])
    assert len(tasks) > 10
    assert [task for task in tasks if find_point("after", task) is None] == []


def test_the_recipes_and_settings_in_the_table_of_needs_exist() -> None:
    table = chapter("What projects need")
    recipes = {name for row in re.findall(r"recipes? ((?:`\w+`(?:, )?)+)", table) for name in re.findall(r"\w+", row)}
    assert recipes - {*recipe_names(Path(__file__).parent)} == set()
    assert {"become", "linked_files", "hosts"} <= {*Schema(TRANSFERS).rules}
