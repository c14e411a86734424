"""The JSON Schema of deploy.yml for editors, next to the loader: an editor marks nothing that the loader accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from capdoit.config.deploy_file import load_config
from capdoit.config.rules import HOST, STAGE, TOP
from capdoit.config.settings import Schema
from capdoit.errors import ConfigError
from capdoit.hooks.discovery import load_recipes
from capdoit.transfers import TRANSFERS
from tests.editor_schema import bundled_schema, find_editor_mistakes
from tests.unit.config.texts import NEEDED, STAGES, Mistakes, Read

WRONG_SETTINGS = [
    "keep_release: 5",
    "log: true",
    "log: [a]",
    "log: log/",
    "user: [deploy]",
    "umask: 0700",
    "umask: '8'",
    "umask: u=rwx",
    "user: {login: deploy}",
    "port: 0",
    "port: 65536",
    "port: '22'",
    "keep_releases: 0",
    "keep_releases: 1.5",
    "transfer: gti",
    "deploy_to: /",
    "deploy_to: ./.",
    "deploy_to: ~/",
    "deploy_to: ~deploy/shop",
    "deploy_to: /srv/../etc",
    "deploy_to: /srv\\shop",
    "shared_to: mnt/nfs",
    "shared_to: {public/../etc: /mnt}",
    "shared_to: {/public: /mnt}",
    "linked_files: yes",
    "linked_files: [../x]",
    "linked_files: [a, a]",
    "linked_files: {../x: y}",
    "linked_files: {x: [y]}",
    "linked_files: {x: secrets/}",
    "linked_dirs: [/log]",
    "linked_dirs: [a//b]",
    "logs: {shared/log/x.log: 1}",
    "logs: [/var/../log]",
    "logs: [../x.log]",
    "logs: [a.log, a.log]",
    "default_env: [A]",
    "default_env: {1A: x}",
    "default_env: {A: yes}",
    "default_env: {A: [x]}",
    "ssh_options: {Port: 22}",
    "ssh_options: [BatchMode]",
    "on_failure: rolback",
    "max_failures: -1",
    "timeout: 0",
    "drill: always",
    "drill_max_age: 30",
    "drill_max_age: 0d",
    "repo_tree: ../other",
    "git: {submodules: maybe}",
    "git: {lsf: warn}",
    "strip: -1",
    "recipes: [rails]",
    "recipes: {rails: assets}",
    "recipes: {rails: true}",
    "hosts: {}",
    "roles: [web]",
]
WRONG_STAGES = [
    "stages: {}",
    "stages: []",
    "stages: {production: {}}",
    "stages: {production: {hosts: {}}}",
    "stages: {production: {hosts: [{web1: {}}]}}",
    "stages: {production: {hosts: }}",
    "stages: {rollback: {hosts: {web1: {}}}}",
    "stages: {'my stage': {hosts: {web1: {}}}}",
    "stages: {production: {hosts: {ssh://web1: {}}}}",
    "stages: {production: {hosts: {web1: {branch: main}}}}",
    "stages: {production: {hosts: {web1: {roles: [all]}}}}",
    "stages: {production: {hosts: {web1: {roles: ['a b']}}}}",
    "stages: {production: {hosts: {web1: {transport: sssh}}}}",
    "stages: {production: {default_stage: production, hosts: {web1: {}}}}",
    "{}",
]
# Unlike the $ of JSON Schema, which editors use, Python's also matches before a line break at the end.
TEXTS = st.text(st.sampled_from("ab.~/\\-_=: ,1A$\n"), max_size=9).filter(lambda text: not text.endswith("\n"))
PLAIN = st.recursive(
    st.one_of(TEXTS, st.integers(-2, 70000), st.booleans(), st.floats(-2, 9, width=16), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=2)),
    max_leaves=4,
)


def write(folder: Path, settings: Any) -> str:
    """Write a deploy.yml, and return its text; JSON is YAML."""
    text = json.dumps(settings)
    (folder / "deploy.yml").write_text(text)
    return text


def is_loaded(folder: Path) -> bool:
    try:
        load_config(folder / "deploy.yml", TRANSFERS)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize("line", WRONG_SETTINGS)
def test_a_wrong_setting_is_refused_by_loader_and_editor(mistakes: Mistakes, line: str) -> None:
    text = f"{NEEDED}{line}\n{STAGES}"
    assert mistakes(text)
    assert find_editor_mistakes(text)


@pytest.mark.parametrize("stages", WRONG_STAGES)
def test_wrong_stages_and_hosts_are_refused_by_loader_and_editor(mistakes: Mistakes, stages: str) -> None:
    text = f"{NEEDED if stages != '{}' else ''}{stages}\n"
    assert mistakes(text)
    assert find_editor_mistakes(text)


@given(values=st.dictionaries(st.sampled_from(Schema(TRANSFERS).names_at(TOP)), PLAIN, min_size=1, max_size=2))
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_editor_marks_no_setting_that_the_loader_accepts(tmp_path: Path, values: dict[str, Any]) -> None:
    needed = {"application": "shop", "repo_url": "/srv/shop.git", "stages": {"production": {"hosts": {"web1": {}}}}}
    text = write(tmp_path, needed | {name: value for name, value in values.items() if name != "recipes"})
    if is_loaded(tmp_path):
        assert find_editor_mistakes(text) == []


@pytest.mark.parametrize("name", ["deploy_to", "repo_tree", "shared_to", "drill_max_age", "application", "repo_url"])
@given(value=TEXTS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_editor_marks_no_path_or_name_that_the_loader_accepts(tmp_path: Path, name: str, value: str) -> None:
    needed = {"application": "shop", "repo_url": "/srv/shop.git", "stages": {"production": {"hosts": {"web1": {}}}}}
    text = write(tmp_path, needed | {"deploy_to": "/srv/shop", name: value})
    if is_loaded(tmp_path):
        assert find_editor_mistakes(text) == []


@pytest.mark.parametrize("name", Schema(TRANSFERS).names_at(TOP))
def test_a_variable_in_place_of_a_single_value_is_accepted_by_loader_and_editor(read: Read, name: str) -> None:
    if Schema(TRANSFERS).rules[name].is_scalar:
        settings = {"application": "shop", "repo_url": "x", "transfer": "git", name: "!env NAME_2"}
        read("\n".join([*(f"{key}: {value}" for key, value in settings.items()), STAGES]))


@pytest.mark.parametrize("words", ["yes", "On", "FALSE", "off"])
def test_yaml_words_for_true_and_false_are_accepted_by_loader_and_editor(read: Read, words: str) -> None:
    text = f"{NEEDED}keep_failed: {words}\n{STAGES}"
    read(text)
    as_text = f"{NEEDED}keep_failed: '{words}'\n{STAGES}"  # as YAML 1.2 reads yes, on and off
    assert find_editor_mistakes(as_text if words != "FALSE" else text) == []


def test_each_setting_has_a_description_and_its_default_at_its_outermost_level() -> None:
    schema = bundled_schema()
    top, stage, host = schema, schema["definitions"]["stage"], schema["definitions"]["host"]
    for level, found in ((TOP, top), (STAGE, stage), (HOST, host)):
        assert [*found["properties"]] == Schema(TRANSFERS).names_at(level)
        assert all(one["description"].endswith(".") for one in found["properties"].values())
    assert top["properties"]["keep_releases"]["default"] == 5
    assert top["properties"]["branch"]["default"] == "master"
    assert host["properties"]["transport"]["default"] == "ssh"
    assert host["properties"]["primary"]["default"] is False
    assert "default" not in stage["properties"]["keep_releases"]
    assert "default" not in host["properties"]["roles"]


def test_each_default_is_accepted_by_the_schema_of_its_setting() -> None:
    schema = bundled_schema()
    checked = 0
    for level in (schema, *schema["definitions"].values()):
        for one in level.get("properties", {}).values():
            for part in (one, *one.get("anyOf", [{}])[0].get("properties", {}).values()):  # options of a recipe, too
                if "default" in part:
                    checked += 1
                    Draft7Validator({**part, "definitions": schema["definitions"]}).validate(part["default"])
    assert checked > 40


@pytest.mark.parametrize(
    "recipes",
    [
        "ralis: {}",
        "systemd: {unit: [shop.service]}",
        "systemd: {units: {shop.service: 1}}",
        "notify: {url: 'https://hooks.example.com'}",
        "health: {tries: -1}",
        "node: {manager: bower}",
        "health: {headers: {Host: [a]}}",
    ],
)
def test_a_wrong_option_of_a_recipe_is_refused_by_loader_and_editor(tmp_path: Path, recipes: str) -> None:
    text = f"{NEEDED}recipes: {{{recipes}}}\n{STAGES}"
    (tmp_path / "deploy.yml").write_text(text)
    with pytest.raises(ConfigError):
        load_recipes(load_config(tmp_path / "deploy.yml", TRANSFERS).stages["production"].recipes, tmp_path, set())
    assert find_editor_mistakes(text)


def test_options_of_every_type_are_accepted() -> None:
    text = """\
recipes:
  rails:
  node: {build: [a, b], manager: npm}
  health: {url: 'http://a/', status: 204, interval: 1, headers: {Host: shop, Age: 3}, body: null}
  notify: {url: !env Webhook, events: [failed]}
  systemd: {units: [shop.service]}
  puma: false
"""
    assert find_editor_mistakes(f"{NEEDED}{text}{STAGES}") == []


@pytest.mark.parametrize(
    "text",
    [
        "port: !cmd ./port",
        "keep_releases: !env keep",
        "confirm: !cmd ask-first",
        "timeout: !env Timeout",
        "max_failures: !cmd x",
    ],
)
def test_an_editor_marks_no_word_of_a_tag_in_place_of_a_number_or_a_boolean(text: str) -> None:
    assert find_editor_mistakes(f"{NEEDED}{text}\n{STAGES}") == []


def test_an_editor_marks_no_word_of_a_tag_in_options_of_recipes() -> None:
    recipe = "recipes: {sidekiq: {units: [a.service], patience: !cmd ./patience, user_units: !env user_units}}"
    assert find_editor_mistakes(f"{NEEDED}{recipe}\n{STAGES}") == []
