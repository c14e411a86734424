"""Settings under the names that other tools have for them."""

from __future__ import annotations

import pytest

from capdoit.config.rules import HOST, STAGE, TOP
from capdoit.config.settings import Schema
from capdoit.config.synonyms import SYNONYMS
from capdoit.transfers import TRANSFERS
from tests.unit.config.texts import NEEDED, STAGES, Mistakes

HOSTS = "stages: {production: {hosts: {web1: {"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ssh", "hostname?"),
        ("host", "hostname?"),
        ("address", "hostname?"),
        ("ip", "hostname?"),
        ("username", "user?"),
        ("path", "deploy_to?"),
        ("env", "default_env?"),
        ("identity_file", "ssh_options?"),
        ("tags", "roles?"),
        ("repository", "repo_url? It belongs at the top or in a stage"),
        ("keep", "keep_releases? It belongs at the top or in a stage"),
    ],
)
def test_a_synonym_at_a_host_suggests_the_setting(mistakes: Mistakes, name: str, hint: str) -> None:
    (found,) = mistakes(f"{NEEDED}{HOSTS}{name}: x}}}}}}}}\n")
    assert found.endswith(f"web1.{name}: no such setting of a host; did you mean {hint}")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("repository", "repo_url?"),
        ("directory", "deploy_to?"),
        ("scm", "transfer?"),
        ("shared_files", "linked_files?"),
        ("shared_dirs", "linked_dirs?"),
        ("keep", "keep_releases?"),
        ("environment", "default_env?"),
        ("name", "application?"),
        ("environments", "stages?"),
        ("servers", "hosts? It belongs in a stage"),
        ("ssh", "hostname? It belongs at a host"),
        ("hosts", ""),
    ],
)
def test_a_synonym_at_the_top_suggests_the_setting(mistakes: Mistakes, name: str, hint: str) -> None:
    (found,) = mistakes(f"{NEEDED}{name}: x\n{STAGES}")
    expected = f"; did you mean {hint}" if hint else "; it belongs in a stage"
    assert found == f"3:1: {name}: no such setting{expected}"


@pytest.mark.parametrize("name", ["servers", "host"])
def test_a_synonym_in_a_stage_suggests_the_setting_of_a_stage(mistakes: Mistakes, name: str) -> None:
    (found,) = mistakes(f"{NEEDED}stages: {{production: {{hosts: {{web1: {{}}}}, {name}: x}}}}\n")
    assert found.endswith(f"production.{name}: no such setting; did you mean hosts?")


def test_each_synonym_stands_for_settings_that_exist_and_is_none_itself() -> None:
    schema = Schema(TRANSFERS)
    settings = {name for level in (TOP, STAGE, HOST) for name in schema.names_at(level)}
    assert {*SYNONYMS} <= settings
    assert settings.isdisjoint(" ".join(SYNONYMS.values()).split())
