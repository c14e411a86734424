"""`doit cap schema`, and the schema that `doit cap install` writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from capdoit.testing import Project
from tests.editor_schema import EditorLoader
from tests.integration.commands.test_recipes import RECIPE, write_recipe
from tests.support import run_doit


def print_schema(folder: Path) -> tuple[Any, str]:
    """Return the schema that the command prints on stdout, and what it prints on stderr."""
    words = [sys.executable, "-m", "doit", "cap", "schema"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), done.stderr


def find_mistakes(schema: Any, text: str) -> list[str]:
    errors = Draft7Validator(schema).iter_errors(yaml.load(text, EditorLoader))  # noqa: S506 - a SafeLoader
    return [error.message for error in errors]


def test_the_schema_has_the_settings_and_the_options_of_the_recipes_of_the_project(project: Project) -> None:
    write_recipe(project, "greet", RECIPE)
    schema, warnings = print_schema(project.path)
    Draft7Validator.check_schema(schema)
    assert warnings == ""
    assert schema["properties"]["keep_releases"]["default"] == 5
    options = schema["definitions"]["recipes"]["properties"]["greet"]["anyOf"][0]["properties"]
    assert options["times"] == {
        "description": "how often, in one breath",
        "default": 2,
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 1000000000},
            {"$ref": "#/definitions/word_from_elsewhere"},  # such as !env TIMES
        ],
    }
    assert options["who"]["description"] == "whom to greet; required"
    text = (project.path / "deploy.yml").read_text()
    assert find_mistakes(schema, text) == []
    assert find_mistakes(schema, text.replace('"keep_releases"', '"keep"').replace('"branch"', '"brnch"'))


@pytest.mark.extended("variant")
def test_a_recipe_that_cannot_be_loaded_is_named_on_stderr_and_its_options_are_not_checked(project: Project) -> None:
    write_recipe(project, "greet", "1 / 0")
    schema, warnings = print_schema(project.path)
    assert "The schema has no options of the recipe greet: " in warnings
    assert "ZeroDivisionError" in warnings
    stages = "stages: {production: {hosts: {web1: {}}}}"
    assert find_mistakes(schema, f"recipes: {{greet: {{who: 3}}}}\n{stages}") == []


def test_install_writes_the_schema_that_the_first_line_of_deploy_yml_names(empty: Path) -> None:
    said = run_doit(empty, "cap", "install").ok().out
    assert "[write] .capdoit/deploy.schema.json" in said
    text = (empty / "deploy.yml").read_text()
    line = text.splitlines()[0]
    assert line == "# yaml-language-server: $schema=.capdoit/deploy.schema.json"
    schema = json.loads((empty / line.rpartition("=")[2]).read_text())
    assert schema == print_schema(empty)[0]
    assert find_mistakes(schema, text) == []


@pytest.mark.extended("variant")
def test_a_second_install_renews_the_schema_and_keeps_deploy_yml(empty: Path) -> None:
    run_doit(empty, "cap", "install").ok()
    file = empty / ".capdoit/deploy.schema.json"
    first = file.read_text()
    file.write_text("{}")
    (empty / "deploy.yml").write_text("mine")
    said = run_doit(empty, "cap", "install").ok().out
    assert "[skip] deploy.yml exists" in said
    line = "# yaml-language-server: $schema=.capdoit/deploy.schema.json"
    assert f"Editors need this line at the top of deploy.yml: {line}" in said
    assert file.read_text() == first


@pytest.mark.extended("variant")
def test_doctor_tells_that_the_schema_is_that_of_other_recipes(project: Project) -> None:
    project.doit("deploy:production", check=True)
    text = json.dumps(print_schema(project.path)[0], indent=2, ensure_ascii=False)
    file = project.path / ".capdoit/deploy.schema.json"
    file.parent.mkdir()
    file.write_text(f"{text}\n")
    assert "no problems, no remarks" in project.doit("cap", "doctor").ok().out
    write_recipe(project, "greet", RECIPE)
    said = project.doit("cap", "doctor").ok().out
    assert "to renew it: doit cap schema >.capdoit/deploy.schema.json" in said
    assert "no problems, 1 remark" in said


@pytest.mark.extended("detail")
def test_a_schema_that_cannot_be_written_is_an_error_without_a_traceback(empty: Path) -> None:
    (empty / ".capdoit").write_text("a file")
    assert ".capdoit" in run_doit(empty, "cap", "install").failed(3).out
