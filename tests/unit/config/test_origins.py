"""The place in deploy.yml that each setting comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.config import deploy_file, origins
from capdoit.transfers import TRANSFERS

FULL = """\
application: shop
repo_url: https://ann:hush@git.example.com/shop.git
archive: dist/a.tar.gz
user: ann
keep_releases: 3
default_env: {LANG: C.UTF-8, TOKEN: !env TOKEN}
ssh_options: [ConnectTimeout=5]
linked_dirs: [log, tmp]
recipes:
  systemd: {units: [a.service]}
  other: {}
  never: false
stages:
  local:
    transfer: archive
    default_env: {LANG: C}
    recipes: {other: false}
    hosts: {here: {transport: local, deploy_to: demo, port: 22}}
  production:
    keep_releases: 9
    default_env: {LANG: de_DE.UTF-8}
    ssh_options: [ConnectTimeout=9]
    recipes:
      systemd: {units: [b.service]}
      nothing: false
    hosts:
      web1: {user: deploy}
      web2: {user: deploy, default_env: {A: b}}
    transfer: git
"""


Full = tuple[origins.WrittenSettings, deploy_file.Config]


def both(file: Path) -> Full:
    config = deploy_file.load_config(file, TRANSFERS)
    return origins.read_written_settings(config, {"TOKEN": "s3cr3t"}), config


@pytest.fixture
def full(tmp_path: Path) -> Full:
    file = tmp_path / "deploy.yml"
    file.write_text(FULL)
    return both(file)


def test_each_setting_has_its_place_in_deploy_yml(full: Full) -> None:
    said, conf = full
    found = origins.effective_settings(said, conf, "production")
    assert [(s.name, s.text, s.host or s.level, s.place) for s in found] == [
        ("user", "ann", "top", "deploy.yml:4"),
        ("port", "(not set)", "default", ""),
        ("become", "(not set)", "default", ""),
        ("become_password", "(not set)", "default", ""),
        ("deploy_to", "/var/www/shop", "default", ""),
        ("shared_to", "(not set)", "default", ""),
        ("vars", "(not set)", "default", ""),
        ("default_env.LANG", "de_DE.UTF-8", "stage", "deploy.yml:21"),
        ("default_env.TOKEN", "***", "top", "deploy.yml:6"),
        ("umask", "(not set)", "default", ""),
        ("logs", "shared/log/*.log", "default", ""),
        ("ssh_options", "ConnectTimeout=5", "top", "deploy.yml:7"),
        ("ssh_options", "ConnectTimeout=9", "stage", "deploy.yml:22"),
        ("application", "shop", "top", "deploy.yml:1"),
        ("transfer", "git", "stage", "deploy.yml:29"),
        ("repo_url", "https://ann:***@git.example.com/shop.git", "top", "deploy.yml:2"),
        ("branch", "master", "default", ""),
        ("repo_tree", "(not set)", "default", ""),
        ("git", "(not set)", "default", ""),
        ("archive", "dist/a.tar.gz", "top", "deploy.yml:3"),
        ("keep_releases", "9", "stage", "deploy.yml:20"),
        ("linked_files", "(not set)", "default", ""),
        ("linked_dirs", "log, tmp", "top", "deploy.yml:8"),
        ("keep_failed", "false", "default", ""),
        ("on_failure", "stop", "default", ""),
        ("confirm", "false", "default", ""),
        ("max_failures", "0", "default", ""),
        ("timeout", "(not set)", "default", ""),
        ("drill", "never", "default", ""),
        ("drill_max_age", "(not set)", "default", ""),
        ("ssh_config", "(not set)", "default", ""),
        ("recipes.systemd", "on", "stage", "deploy.yml:24"),
        ("recipes.systemd.units", "b.service", "stage", "deploy.yml:24"),
        ("recipes.other", "on", "top", "deploy.yml:11"),
        ("recipes.never", "off", "top", "deploy.yml:12"),
        ("recipes.nothing", "off", "stage", "deploy.yml:25"),
        ("log", "log/capdoit.log", "default", ""),
        ("user", "deploy", "web1", "deploy.yml:27"),
        ("user", "deploy", "web2", "deploy.yml:28"),
        ("default_env.A", "b", "web2", "deploy.yml:28"),
    ]


def test_options_of_a_recipe_that_the_stage_turns_off_are_not_listed(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yml"
    file.write_text(FULL.replace("{other: false}", "{systemd: false}"))
    names = [s.name for s in origins.effective_settings(*both(file), "local")]
    assert "recipes.systemd" in names
    assert "recipes.systemd.units" not in names


def test_a_mapping_that_a_stage_replaces_is_one_setting(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yml"
    top = "linked_files: {.env: .env.live, a: }\nshared_to: {a: /mnt/a}\n"
    text = FULL.replace("stages:\n", f"{top}stages:\n").replace("    transfer: git", "    linked_files: {.env: x}")
    file.write_text(text.replace("archive: dist/a.tar.gz\n", "").replace("    transfer: archive\n", ""))
    said, conf = both(file)
    found = {s.name: s.text for s in origins.effective_settings(said, conf, "production")}
    assert (found["linked_files"], found["shared_to"]) == (".env: x", "a: /mnt/a")
    local = {s.name: s.text for s in origins.effective_settings(said, conf, "local")}
    assert local["linked_files"] == ".env: .env.live, a: "


def test_unused_settings_are_listed_with_a_reason(full: Full) -> None:
    said, conf = full
    assert {(s.name, s.place): why for s, why in origins.find_unused_settings(said, conf, "production")} == {
        ("user", "deploy.yml:4"): "all hosts of local are this machine; every host of production has its own",
        ("default_env.LANG", "deploy.yml:6"): "local has its own; production has its own",
        ("recipes.never", "deploy.yml:12"): "no level turns this recipe on",
        ("recipes.nothing", "deploy.yml:25"): "no level turns this recipe on",
    }
    local = {(s.name, s.host): why for s, why in origins.find_unused_settings(said, conf, "local") if s.level != "top"}
    assert local == {("port", "here"): "here is this machine"}


def test_a_setting_that_one_stage_uses_is_not_unused(full: Full) -> None:
    said, conf = full
    names = {s.name for s, _ in origins.find_unused_settings(said, conf, "production")}
    assert not names & {"repo_url", "archive", "keep_releases", "ssh_options", "recipes.systemd.units"}


def test_an_option_of_a_recipe_may_be_off(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yml"
    file.write_text(FULL.replace("other: {}", 'other: {x: "off"}').replace("{other: false}", "{}"))
    found = {s.name for s, _ in origins.find_unused_settings(*both(file), "production")}
    assert "recipes.other.x" not in found


def test_an_option_that_every_stage_overrides_is_unused_but_its_recipe_is_not(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yml"
    file.write_text(FULL.replace("{other: false}", "{systemd: {units: [c.service]}}"))
    found = {s.name for s, _ in origins.find_unused_settings(*both(file), "production")}
    assert "recipes.systemd.units" in found
    assert "recipes.systemd" not in found
