"""`doit cap recipes`."""

from __future__ import annotations

import re

import pytest

from capdoit import __version__
from capdoit.testing import Completed, Project

RECIPE = '''\
"""Greets the hosts.

Says hello.
"""
from __future__ import annotations
from dataclasses import dataclass
from capdoit import Recipe

@dataclass(frozen=True)
class Options:
    who: str  #: whom to greet
    #: how often,
    #: in one breath
    times: int = 2
    loudly: bool = False
    names: tuple[str, ...] = ("a",)

greet = Recipe("greet", options=Options)

@greet.after("published")
def hello(host):
    "Say hello."
'''
MANUAL = """
Options:
  who: string; required
      whom to greet
  times: integer; default 2
      how often, in one breath
  loudly: true or false; default false
  names: list of strings; default ["a"]

Hooks:
  flow      when             on         hook
  deploy    after published  all hosts  greet.hello  Say hello.
  rollback  after published  all hosts  greet.hello  Say hello.
"""


def lines(completed: Completed) -> list[list[str]]:
    return [line.split() for line in completed.out.splitlines()]


def write_recipe(project: Project, name: str, text: str) -> None:
    folder = project.path / "recipes"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)


def test_recipes_lists_bundled_and_project_recipes_with_a_summary(project: Project) -> None:
    write_recipe(project, "greet", RECIPE)
    rows = lines(project.doit("cap", "recipes", check=True))
    assert ["greet", "project", "Greets", "the", "hosts."] in rows
    assert ["systemd", __version__, "bundled", "restart"] in [row[:4] for row in rows]


def test_a_recipe_that_overrides_another_is_marked(project: Project) -> None:
    write_recipe(project, "greet", RECIPE)
    assert "instead of" not in project.doit("cap", "recipes", check=True).out
    write_recipe(project, "health", RECIPE.replace("greet", "health"))
    said = project.doit("cap", "recipes", check=True).out
    assert re.search(r"^  health: project is used instead of \S+/recipes/health.py$", said, re.MULTILINE)


def test_a_recipe_is_shown_with_its_docstring_and_options(project: Project) -> None:
    write_recipe(project, "greet", RECIPE)
    completed = project.doit("cap", "recipes", "greet", check=True)
    assert "Says hello." in completed.out
    assert completed.out.endswith(MANUAL)


@pytest.mark.extended("detail")
def test_the_systemd_recipe_requires_units(project: Project) -> None:
    said = project.doit("cap", "recipes", "systemd", check=True).out
    assert "  units: list of strings; required" in said.splitlines()


def test_a_recipe_that_cannot_be_loaded_is_listed_with_the_reason(project: Project) -> None:
    write_recipe(project, "broken", "import no_such_module")
    write_recipe(project, "greet", RECIPE)
    said = project.doit("cap", "recipes", check=True).out
    assert "no_such_module" in said
    assert "Greets the hosts." in said
