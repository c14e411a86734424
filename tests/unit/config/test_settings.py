"""Settings of deploy.yml: wrong values, and secrets."""

from __future__ import annotations

import pytest

from capdoit.config.deploy_file import Config
from capdoit.config.stages import HostConfig, Stage
from capdoit.errors import ConfigError
from capdoit.script import Secret
from tests.unit.config.texts import NEEDED, STAGES, Mistakes, Read


def only_host(config: Config) -> HostConfig:
    (stage,) = config.stages.values()
    (host,) = stage.hosts
    return host


def only_stage(config: Config) -> Stage:
    (stage,) = config.stages.values()
    return stage


# -- one setting that is wrong


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("user: true", "3:7: user: found a boolean (true), expected a string; quote it"),
        ("user:", "3:6: user: found nothing, expected a string"),
        ("user: [deploy]", "3:1: user: found a list, expected a string"),
        ("user: {name: deploy}", "3:1: user: found a mapping, expected a string"),
        ('user: "\\0"', "3:7: user: found a string (\\x00), expected a string"),
        ("port: '22'", "3:7: port: found a string (22), expected a whole number from 1 to 65535"),
        (f"port: {'9' * 5000}", f"3:7: port: found a number ({'9' * 5000}), expected a whole number from 1 to 65535"),
        ("port: 65536", "3:7: port: found a number (65536), expected a whole number from 1 to 65535"),
        ("port: -1", "3:7: port: found a number (-1), expected a whole number from 1 to 65535"),
        (
            "keep_releases: 0",
            "3:16: keep_releases: found a number (0), expected a whole number of at least 1",
        ),
        (
            "keep_releases: 1.5",
            "3:16: keep_releases: found a number (1.5), expected a whole number of at least 1",
        ),
        (
            "keep_releases: 2016-06-14",
            "3:16: keep_releases: found a date (2016-06-14), expected a whole number of at least 1",
        ),
        ("transfer: gti", "3:11: transfer: found gti, expected a transfer: git, archive; did you mean git?"),
        ("linked_files: yes", "3:15: linked_files: found a boolean (yes), expected a list of paths"),
        ("linked_files: [a, 'b', a/]", "3:24: linked_files[2]: a is in the list twice"),
        ("default_env: [A]", "3:1: default_env: found a list, expected a mapping of names to strings"),
        ("default_env: {1A: x}", "3:19: default_env.1A: not a valid name of an environment variable"),
        ("default_env: {A: yes}", "3:18: default_env.A: found a boolean (yes), expected a string; quote it"),
        (
            'default_env: {PATH: "/opt/bin:${PATH"}',
            "3:21: default_env.PATH: ${PATH has no closing brace; a dollar that is no reference is written $$",
        ),
        (
            "default_env: {A: !env 'a b'}",
            "3:18: default_env.A: expected the name of an environment variable after !env",
        ),
        (
            "default_env: {A: !env [B]}",
            "3:15: default_env.A: expected the name of an environment variable after !env",
        ),
        ("linked_files: !env FILES", "3:15: linked_files: found !env (FILES), expected a list of paths"),
        ("ssh_options: {Port: 22}", "3:1: ssh_options: found a mapping, expected a list of strings"),
        (
            "ssh_options: [Port=22, BatchMode]",
            "3:24: ssh_options[1]: found 'BatchMode', expected Name=value as in ssh_config(5)",
        ),
        ("deploy_to: /", "3:12: deploy_to: found '/', expected a directory of its own, without .."),
        ("deploy_to: //", "3:12: deploy_to: found '//', expected a directory of its own, without .."),
        ("deploy_to: .", "3:12: deploy_to: found '.', expected a directory of its own, without .."),
        (
            "deploy_to: /srv/../etc",
            "3:12: deploy_to: found '/srv/../etc', expected a directory of its own, without ..",
        ),
        ("recipes: [rails]", "3:1: recipes: found a list, expected a mapping of recipes to their options"),
        (
            "recipes: {rails: assets}",
            "3:18: recipes.rails: found a string (assets), expected a mapping of options, or false",
        ),
        (
            "recipes: {rails: {prefix: {a: [b]}}}",
            "3:28: recipes.rails.prefix.a: found a list, expected a string",
        ),
        ("default_stage: [production]", "3:1: default_stage: found a list, expected a string"),
        (
            "default_stage: producton",
            "3:16: default_stage: no stage producton; there are production; did you mean production?",
        ),
        ("log: true", "3:6: log: found a boolean (true), expected the path of a file, or off"),
        ("log: [a]", "3:1: log: found a list, expected a string"),
        ("log: log/", "3:6: log: found 'log/', expected the path of a file, or off"),
        ("keep_release: 5", "3:1: keep_release: no such setting; did you mean keep_releases?"),
        ("zzz: 5", "3:1: zzz: no such setting"),
        ("stage: production", "3:1: stage: no such setting; did you mean stages?"),
        ("? [a]\n: b", "3:3: expected a name"),
    ],
)
def test_a_wrong_setting_is_reported_with_line_column_and_path(mistakes: Mistakes, line: str, mistake: str) -> None:
    assert mistakes(f"{NEEDED}{line}\n{STAGES}") == [mistake]


def test_a_relative_repository_path_is_refused(mistakes: Mistakes) -> None:
    assert mistakes(f"application: shop\nrepo_url: ../shop\n{STAGES}") == [
        "2:11: repo_url: found '../shop', expected a URL, HOST:PATH, or an absolute path"
    ]


@pytest.mark.parametrize("name", [".", "..", "-shop", "my shop", "shop/web", "$(id)"])
def test_an_application_name_with_unsafe_characters_is_refused(mistakes: Mistakes, name: str) -> None:
    assert mistakes(f"application: '{name}'\nrepo_url: x\n{STAGES}") == [
        f"1:14: application: found '{name}', expected letters, digits, dots, dashes and underscores"
    ]


@pytest.mark.parametrize("setting", ["linked_files: [%s]", "linked_dirs: [%s]"])
@pytest.mark.parametrize("path", ["..", "../x", "a/../../x", "a/..", "/etc", "/", ".", "./a", "a//b", "a/./b"])
def test_a_linked_path_outside_the_release_or_not_normalized_is_refused(
    mistakes: Mistakes, setting: str, path: str
) -> None:
    name = setting.split(":", maxsplit=1)[0]
    found = mistakes(NEEDED + setting % f"'{path}'" + "\n" + STAGES)
    assert found == [
        f"3:{len(name) + 4}: {name}[0]: found '{path}', expected a path inside the release, without . and .."
    ]


@pytest.mark.parametrize("path", ["/a\\nb", "/a\\u001b[2Jb", "/a\\\\b"])
def test_a_deploy_to_with_backslash_or_control_character_is_refused(mistakes: Mistakes, path: str) -> None:
    (mistake,) = mistakes(f'{NEEDED}deploy_to: "{path}"\n{STAGES}')
    assert mistake.startswith("3:12: deploy_to: found ")
    assert mistake.endswith(", expected a path without backslashes and control characters")
    assert mistake.isprintable()


def test_a_repo_tree_outside_the_repository_is_refused(mistakes: Mistakes) -> None:
    assert mistakes(f"{NEEDED}repo_tree: ../other\n{STAGES}") == [
        "3:12: repo_tree: found '../other', expected a path inside the release, without . and .."
    ]


def test_a_linked_path_inside_another_is_refused_at_the_stage(mistakes: Mistakes) -> None:
    assert mistakes(f"{NEEDED}linked_files: [config/database.yml]\nlinked_dirs: [config]\n{STAGES}") == [
        "5:10: stages.production: linked path config/database.yml is inside the linked path config; link only config"
    ]


def test_a_path_linked_both_as_file_and_as_directory_is_refused(mistakes: Mistakes) -> None:
    assert mistakes(f"{NEEDED}linked_files: [log]\nlinked_dirs: [log/]\n{STAGES}") == [
        "5:10: stages.production: log is in both linked_files and linked_dirs"
    ]


# -- secrets


def test_a_secret_is_read_only_when_used_and_never_shown(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "hunter2")
    config = read(f"{NEEDED}default_env: {{KEY: !env SHOP_KEY}}\n{STAGES}")
    secret = only_host(config).env["KEY"]
    assert isinstance(secret, Secret)
    assert secret.reveal() == "hunter2"
    assert str(secret) == f"{secret}" == "***"
    for shown in (config, only_stage(config), only_host(config), secret, [secret], {"KEY": secret}):
        assert "hunter2" not in repr(shown) + str(shown) + f"{shown}"


def test_an_unset_secret_fails_only_when_used(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_KEY", raising=False)
    secret = only_host(read(f"{NEEDED}default_env: {{KEY: !env SHOP_KEY}}\n{STAGES}")).env["KEY"]
    assert isinstance(secret, Secret)
    with pytest.raises(ConfigError, match="KEY needs the environment variable SHOP_KEY"):
        secret.reveal()
