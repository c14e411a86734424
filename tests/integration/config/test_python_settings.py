"""Settings that dodo.py gives to `capdoit.load`."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import Any

import pytest

from capdoit.testing import Project
from tests.support import further

HEAD = "import capdoit\n"


def load(project: Project, settings: str, before: str = "") -> None:
    """Write a dodo.py that gives these settings in line 2, or in the last line."""
    project.dodo(f"{HEAD}{dedent(before)}cap = capdoit.load('deploy.yml', settings={settings})\n")


def shown(project: Project, *words: str, env: dict[str, str] | None = None) -> dict[str, dict[str, Any]]:
    said = project.doit("cap", "config", "--json", *words, env=env or {}, check=True).out
    return {one["name"]: one for one in json.loads(said)["settings"] if not one["host"]}


def test_settings_of_python_win_and_the_rest_stays(project: Project) -> None:
    project.config(keep_releases=5, default_env={"A": "a", "B": "b"})
    load(project, "{'keep_releases': 3, 'default_env': {'B': 'c'}, 'stages': {'production': {'timeout': 600}}}")
    found = shown(project)
    assert (found["keep_releases"]["value"], found["keep_releases"]["place"]) == (3, "dodo.py:2")
    assert (found["default_env.A"]["value"], found["default_env.B"]["value"]) == ("a", "c")
    assert found["default_env.A"]["place"].startswith("deploy.yml:")
    assert (found["timeout"]["value"], found["timeout"]["level"]) == (600, "stage")
    project.doit("deploy:production", check=True)


def test_a_function_gets_all_settings_and_returns_all(project: Project) -> None:
    project.config(keep_releases=5, timeout=60)
    file = project.path / "deploy.yml"
    file.write_text("{default_env: {T: !env TOKEN}, " + file.read_text().strip()[1:])
    before = """
        def compute(settings):
            assert settings["keep_releases"] == 5
            assert settings["stages"]["production"]["hosts"]["web1"]["transport"] == "local"
            del settings["timeout"]
            settings["keep_releases"] += 1
            settings["vars"] = {"x": "%{stage}", "list": [1, "a"]}
            return settings

        """
    load(project, "compute", before)
    found = shown(project, env={"TOKEN": "s3cr3t"})
    assert (found["keep_releases"]["value"], found["keep_releases"]["place"]) == (6, "dodo.py:11")
    assert found["timeout"]["value"] is None if "timeout" in found else True
    assert found["vars.x"]["value"] == "production"
    assert (found["default_env.T"]["variable"], found["default_env.T"]["place"]) == ("TOKEN", "deploy.yml:1")
    project.doit("deploy:production", env={"TOKEN": "s3cr3t"}, check=True)


WRONG = [
    ("{'keep_release': 3}", "dodo.py:2: keep_release: no such setting; did you mean keep_releases?"),
    ("{'keep_releases': '3'}", "dodo.py:2: keep_releases: found a string (3), expected a whole number"),
    ("{'keep_releases': True}", "dodo.py:2: keep_releases: found a boolean (true), expected a whole number"),
    ("{'linked_dirs': ['../x']}", "dodo.py:2: linked_dirs[0]: found '../x', expected a path inside the release"),
    (
        "{'stages': {'production': {'hosts': {'web1': {'prot': 1}}}}}",
        "dodo.py:2: stages.production.hosts.web1.prot: ",
    ),
    ("{'user': '%{stge}'}", "dodo.py:2: user: no value %{stge}; did you mean stage?"),
    ("{'user': {1, 2}}", "dodo.py:2: settings= has a set {1, 2}, expected texts, numbers"),
    ("5", "dodo.py:2: settings= is 5, expected a mapping of settings"),
    ("lambda settings: None", "dodo.py:2: the function for settings= returned None, expected a mapping"),
    (
        "lambda settings: 1 / 0",
        "dodo.py:2: the function for settings= failed: ZeroDivisionError: division by zero (d",
    ),
    ("lambda settings: {}", "no stages; at least one is needed"),
]


@pytest.mark.parametrize(("settings", "mistake"), [WRONG[0], WRONG[1], *further(*WRONG[2:])])
def test_a_mistake_is_located_at_the_call(project: Project, settings: str, mistake: str) -> None:
    load(project, settings)
    said = project.doit("list").failed(3).out
    assert mistake in said
    assert "Traceback" not in said


@pytest.mark.extended("detail")
def test_a_function_is_called_once_and_its_settings_hold_for_a_flow_with_commands(project: Project) -> None:
    file = project.path / "deploy.yml"
    file.write_text("{timeout: !cmd 'echo 600', " + file.read_text().strip()[1:])
    before = """
        def compute(settings):
            with open("calls", "a") as file:
                file.write("call\\n")
            return {**settings, "keep_releases": 1}

        """
    load(project, "compute", before)
    project.doit("deploy:production", check=True)
    assert (project.path / "calls").read_text() == "call\n"
