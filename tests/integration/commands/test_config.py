"""`doit cap config`: the settings of a stage with their origins."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from capdoit.testing import Project
from tests.support import further

DEPLOY_YML = """\
application: shop
repo_url: !env REPO
keep_releases: !env KEEP
default_env: {LANG: C.UTF-8, TOKEN: !env SHOP_TOKEN}
linked_dirs: [log]
user: deploy
recipes:
  rails: {assets_prefix: packs}
  node: {}
stages:
  production:
    linked_dirs: [log, tmp/pids]
    recipes: {node: false}
    hosts:
      web1: {}
      web2: {user: ann, port: 2222, default_env: {LANG: C}}
"""
ENV = {"REPO": "https://ann:s3cr3t-1@git.example.com/shop.git", "KEEP": "9", "SHOP_TOKEN": "s3cr3t-2"}


@pytest.fixture
def shop(project: Project) -> Project:
    """Return a project with hosts that nobody can reach."""
    (project.path / "deploy.yml").write_text(DEPLOY_YML)
    return project


def rows(project: Project, *words: str, env: dict[str, str] | None = None) -> dict[str, tuple[str, ...]]:
    """Return the origins and values that the command prints, by setting."""
    said = project.doit("cap", "config", *words, env={**ENV, **(env or {})}).ok().out
    assert "s3cr3t" not in said
    cells = [re.split(r" {2,}", line.strip(), maxsplit=2) for line in said.splitlines()[1:]]
    found: dict[str, tuple[str, ...]] = {}
    for name, *rest in cells:
        found[name] = (*found.get(name, ()), *rest)
    return found


def answer(project: Project, *words: str, env: dict[str, str] | None = None) -> Any:
    said = project.doit("cap", "config", "--json", *words, env={**ENV, **(env or {})}).ok().out
    assert "s3cr3t" not in said
    return json.loads(said)


def test_each_setting_has_its_origin_and_secrets_are_masked(shop: Project) -> None:
    found = rows(shop)
    assert found["application"] == ("deploy.yml:1", "shop")
    assert found["deploy_to"] == ("default", "/var/www/shop")
    assert found["logs"] == ("default", "shared/log/*.log")
    assert found["timeout"] == ("default", "(not set)")
    assert found["repo_url"] == ("deploy.yml:2, environment variable REPO", "***")
    assert found["keep_releases"] == ("deploy.yml:3, environment variable KEEP", "9")
    assert found["default_env.TOKEN"] == ("deploy.yml:4, environment variable SHOP_TOKEN", "***")
    assert found["linked_dirs"] == ("deploy.yml:12", "log, tmp/pids", "recipe rails", "public/packs")
    assert found["recipes.rails.assets_prefix"] == ("deploy.yml:8", "packs")
    assert found["recipes.rails.migration_roles"] == ("recipe rails", "db")
    assert found["recipes.node"] == ("deploy.yml:13", "off")
    assert not [name for name in found if name.startswith("recipes.node.")]
    assert [name for name in found if ": " in name] == ["web2: user", "web2: port", "web2: default_env.LANG"]
    assert found["web2: user"] == ("deploy.yml:16", "ann")


@pytest.mark.parametrize(
    ("words", "variables", "expected"),
    [
        ((), {"BRANCH": "hotfix"}, ("environment variable BRANCH", "hotfix")),
        *further((("branch=hotfix",), {"BRANCH": "main"}, ("branch=", "hotfix")), ((), {}, ("default", "master"))),
    ],
)
def test_the_branch_is_the_one_that_a_deploy_would_use(
    shop: Project, words: tuple[str, ...], variables: dict[str, str], expected: tuple[str, str]
) -> None:
    assert rows(shop, *words, env=variables)["branch"] == expected


@pytest.mark.extended("variant")
def test_only_selected_hosts_are_shown(shop: Project) -> None:
    assert [name for name in rows(shop, "production", "--hosts", "web1") if ": " in name] == []


@pytest.mark.extended("variant")
def test_a_variable_that_is_not_set_is_named_and_no_error(shop: Project) -> None:
    said = shop.doit("cap", "config", env={"KEEP": "3"}).ok().out
    assert re.search(r"default_env.TOKEN +deploy.yml:4, environment variable SHOP_TOKEN +\(not set\)\n", said)
    (token,) = [
        one
        for one in json.loads(shop.doit("cap", "config", "--json").ok().out)["settings"]
        if one["variable"] == "KEEP"
    ]
    assert (token["value"], token["is_set"]) == (None, False)


def test_json_has_values_with_their_types(shop: Project) -> None:
    settings = {(one["host"], one["name"], one["level"]): one for one in answer(shop)["settings"]}
    assert settings[None, "keep_releases", "top"]["value"] == 9
    assert settings[None, "linked_dirs", "stage"]["value"] == ["log", "tmp/pids"]
    assert settings[None, "linked_dirs", "recipe"]["recipe"] == "rails"
    assert settings[None, "keep_failed", "default"]["value"] is False
    assert settings[None, "recipes.node", "stage"]["value"] is False
    assert settings["web2", "port", "host"]["value"] == 2222
    assert settings[None, "repo_url", "top"] == {
        "name": "repo_url",
        "value": None,
        "level": "top",
        "place": "deploy.yml:2",
        "host": None,
        "recipe": None,
        "variable": "REPO",
        "is_set": True,
        "command": None,
        "is_secret": True,
    }


@pytest.mark.extended("variant")
def test_a_wrong_option_of_a_recipe_is_reported_with_its_place(shop: Project) -> None:
    file = shop.path / "deploy.yml"
    file.write_text(file.read_text().replace("assets_prefix", "asset_prefix"))
    assert "deploy.yml:8:11: recipe rails" in shop.doit("cap", "config", env=ENV).failed(3).out


def test_settings_that_refer_to_the_branch_are_those_of_the_branch_that_is_named(shop: Project) -> None:
    text = "deploy_to: /srv/%{branch}\nvars: {label: 'of %{branch}'}\n" + DEPLOY_YML.replace(
        "web2: {", "web2: {vars: {at: '%{branch}-2'}, "
    )
    (shop.path / "deploy.yml").write_text(text)
    found = rows(shop, "production", "branch=hotfix")
    assert found["deploy_to"] == ("deploy.yml:1", "/srv/hotfix")
    assert found["vars.label"] == ("deploy.yml:2", "of hotfix")
    assert found["web2: vars.at"] == ("deploy.yml:18", "hotfix-2")
    assert rows(shop, "production")["deploy_to"] == ("deploy.yml:1", "/srv/master")
