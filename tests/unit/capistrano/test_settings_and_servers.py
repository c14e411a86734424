"""Settings and servers of Capistrano become settings and hosts, and what cannot be carried over has a reason."""

from __future__ import annotations

from typing import Any

import pytest

from capdoit.capistrano.environment_values import CannotBeWrittenError, name_variables
from capdoit.capistrano.project import CapistranoServer, CapistranoSetting, CapistranoStage, Place
from capdoit.capistrano.servers import convert_servers
from capdoit.capistrano.setting_rules import StageDraft, convert_settings
from capdoit.capistrano.ssh_options import convert_ssh_options
from capdoit.config.yaml_text import format_value
from capdoit.sources import EnvironmentVariable

HERE = Place("config/deploy.rb", 1)


def draft(*settings: CapistranoSetting, **values: Any) -> StageDraft:
    """Convert settings of the project."""
    plain = {name: CapistranoSetting(name=name, value=value, place=HERE) for name, value in values.items()}
    stage = CapistranoStage(name="production", settings={**plain, **{one.name: one for one in settings}})
    return convert_settings(stage, used=())


def values_of(drafted: StageDraft) -> dict[str, Any]:
    return {name: written.value for name, written in drafted.settings.items()}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("deploy_to", "/srv/shop/", "/srv/shop"),
        ("deploy_to", "apps/shop", "~/apps/shop"),
        ("keep_releases", "3", 3),
        ("linked_dirs", ["log", "./tmp/", ["log"], None], ["log", "tmp"]),
        ("linked_files", ".env", [".env"]),
        ("default_env", {"DEBUG": False, "PORT": 80, "not a name": 1}, {"DEBUG": "false", "PORT": "80"}),
        ("repo_url", "https://ann:secret@git.example.com/a.git", EnvironmentVariable("REPO_URL")),
    ],
)
def test_a_value_is_written_as_deploy_yml_needs_it(name: str, value: Any, expected: Any) -> None:
    assert values_of(draft(**{name: value}))[name] == expected


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("application", "my shop", "has characters other than"),
        ("linked_files", ["../secret"], "is not a path inside the release"),
        ("branch", {"ruby": "Object"}, "its value is a Ruby object (Object)"),
        ("current_directory", "htdocs", "fixed names"),
        ("git_http_password", "hush", "as !env NAME"),
        ("db_password", "hush", "set the environment variable DB_PASSWORD"),
        ("slack", {"room": "a", "token": "hush"}, "set the environment variable SLACK_TOKEN"),
        ("default_env", {"API_TOKEN": "hush"}, "set the environment variable API_TOKEN"),
        ("default_env", {"DATABASE_URL": "mysql://a:hush@db/a"}, "set the environment variable DATABASE_URL"),
        ("database_url", "postgres://app:hush@db/shop", "set the environment variable DATABASE_URL"),
        ("webhooks", ["https://chat.example.com/hush"], "an item looks like a secret and is not written"),
        ("brokers", ["redis://:hush@db1", "redis://:hush@db2"], "an item looks like a secret"),
        ("credentials", {"mail": {"login": "hush"}}, "set the environment variable CREDENTIALS_MAIL_LOGIN"),
        ("api_tokens", [{"app": ["hush"]}], "an item looks like a secret"),
        ("repo_url", "https://ann:hush@git.example.com/a.git", "its password is not written"),
    ],
)
def test_what_cannot_be_written_is_listed_with_its_line(name: str, value: Any, reason: str) -> None:
    drafted = draft(**{name: value})
    (omission,) = drafted.omissions
    assert str(omission).startswith(f"config/deploy.rb:1: set :{name}: ")
    assert reason in str(omission)
    assert "hush" not in str(omission) + str(drafted.settings) + str(drafted.own)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"is_question": True, "value": "main"}, "!ask {default: main}"),
        ({"is_question": True, "value": None}, "!ask"),
        ({"is_question": True, "value": "work", "asks_git": True}, "!ask {default: !current }"),
        ({"value": "work", "asks_git": True}, "!current"),
        ({"value": "work"}, "work"),
    ],
)
def test_a_branch_is_asked_for_or_follows_what_is_checked_out(given: dict[str, Any], text: str) -> None:
    drafted = draft(CapistranoSetting(name="branch", place=HERE, **given))
    assert format_value(drafted.settings["branch"].value) == text


def test_the_password_in_a_repo_url_is_not_written_if_a_variable_has_it() -> None:
    url, variables = "https://ann:hush@git.example.com/a.git", {"GIT_PW": "hush"}
    drafted = draft(CapistranoSetting(name="repo_url", value=url, place=HERE, variables=variables))
    assert values_of(drafted)["repo_url"] == EnvironmentVariable("REPO_URL")


def test_settings_of_the_project_become_vars() -> None:
    secret = {"db_password": "hush"}
    drafted = draft(workers=4, urls=["a", "b"], offset=-1, api={"url": "x", "key": None}, **secret)
    assert {name: written.value for name, written in drafted.own.items()} == {
        "workers": 4,
        "urls": ["a", "b"],
        "offset": -1,
        "api": {"url": "x", "key": None},
        "db_password": EnvironmentVariable("DB_PASSWORD"),
    }


def test_settings_that_nothing_here_needs_are_only_named() -> None:
    drafted = draft(format="pretty", log_level="info", tmp_dir="/tmp")
    assert sorted(drafted.not_needed) == ["format", "log_level", "tmp_dir"]
    assert (drafted.settings, drafted.own, drafted.omissions) == ({}, {}, [])


def test_settings_that_only_a_plugin_set_are_left_out_except_links() -> None:
    plugin = [
        CapistranoSetting(name="keep_releases", value=5),
        CapistranoSetting(name="linked_dirs", value=["var/log"]),
        CapistranoSetting(name="plugin_option", value=1),
    ]
    assert values_of(draft(*plugin)) == {"linked_dirs": ["var/log"]}


def test_the_agent_is_forwarded_only_for_a_repository_that_ssh_reaches() -> None:
    assert "ssh_options" not in values_of(draft(repo_url="https://git.example.com/a.git"))
    assert values_of(draft(repo_url="git@git.example.com:a.git"))["ssh_options"] == ["ForwardAgent=yes"]
    off = draft(repo_url="git@git.example.com:a.git", ssh_options={"forward_agent": False})
    assert "ssh_options" not in values_of(off)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"keys": ["~/.ssh/a", "~/.ssh/b"]}, ("IdentityFile=~/.ssh/a", "IdentityFile=~/.ssh/b")),
        ({"keys_only": True, "forward_agent": True}, ("IdentitiesOnly=yes", "ForwardAgent=yes")),
        ({"proxy": {"proxy_jump": "gate"}}, ("ProxyJump=gate",)),
        ({"proxy": {"proxy_command": "ssh gate -W %h:%p"}}, ("ProxyCommand=ssh gate -W %h:%p",)),
        ({"encryption": ["aes256-ctr", "aes128-ctr"]}, ("Ciphers=aes256-ctr,aes128-ctr",)),
        ({"timeout": 10, "verify_host_key": "always", "auth_methods": ["publickey"]}, ("ConnectTimeout=10",)),
        ({"compression": False, "proxy": None}, ()),
    ],
)
def test_options_of_net_ssh_become_options_of_ssh(given: dict[str, Any], expected: tuple[str, ...]) -> None:
    converted = convert_ssh_options(given, HERE)
    assert converted.options == expected
    assert converted.omissions == ()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("password", "hush", "ssh-copy-id"),
        ("auth_methods", ["password"], "with keys only"),
        ("verify_host_key", "never", "ssh-keyscan"),
        ("config", False, "ssh_config"),
        ("rekey_limit", 5, "ssh_config(5)"),
    ],
)
def test_options_that_ssh_cannot_have_are_listed_without_their_values(name: str, value: Any, reason: str) -> None:
    converted = convert_ssh_options({name: value}, HERE)
    assert converted.options == ()
    assert reason in str(converted.omissions[0])
    assert "hush" not in str(converted.omissions)


def hosts(*servers: CapistranoServer) -> dict[str, Any]:
    stage = CapistranoStage(name="production", servers=servers)
    converted = convert_servers(stage)
    return {"shared": dict(converted.shared), **{name: dict(host) for name, host in converted.hosts.items()}}


def test_what_all_hosts_have_is_a_setting_of_the_stage() -> None:
    first = CapistranoServer(hostname="web1", user="ann", port=2222, roles=("web",), properties={"primary": True})
    second = CapistranoServer(hostname="web2", user="ann", port=22, roles=("db",), properties={"no_release": True})
    assert hosts(first, second) == {
        "shared": {"user": "ann"},
        "web1": {"port": 2222, "roles": ["web"], "primary": True},
        "web2": {"port": 22, "roles": ["db"], "no_release": True},
    }


def test_hosts_with_one_hostname_are_named_by_their_addresses() -> None:
    ports = [CapistranoServer(hostname="127.0.0.1", port=port) for port in (2201, None, 2202)]
    expected: dict[str, Any] = {
        "127.0.0.1:2201": {"roles": []},
        "127.0.0.1": {"roles": []},
        "127.0.0.1:2202": {"roles": []},
    }
    assert hosts(*ports) == {"shared": {}, **expected}
    assert hosts(*reversed(ports)) == {"shared": {}, **expected}


def test_a_server_whose_hostname_is_no_name_of_a_host_has_a_similar_name() -> None:
    first, second = (CapistranoServer(hostname="fe80::1", port=port) for port in (22, 23))
    assert hosts(first) == {"shared": {"port": 22}, "fe80-1": {"hostname": "fe80::1", "roles": []}}
    assert hosts(first, second) == {
        "shared": {},
        "fe80-1-22": {"hostname": "fe80::1", "port": 22, "roles": []},
        "fe80-1-23": {"hostname": "fe80::1", "port": 23, "roles": []},
    }


def test_no_server_is_lost_if_an_old_capistrano_lists_it_for_two_users() -> None:
    ann, bob = (CapistranoServer(hostname="web1", port=22, user=user) for user in ("ann", "bob"))
    assert hosts(ann, bob) == {
        "shared": {},
        "web1:22": {"user": "ann", "roles": []},
        "web1-22-2": {"hostname": "web1", "user": "bob", "port": 22, "roles": []},
    }


def test_this_machine_is_a_local_host() -> None:
    assert hosts(CapistranoServer(hostname="localhost", user="ann", is_local=True)) == {
        "shared": {},
        "localhost": {"transport": "local", "roles": []},
    }


@pytest.mark.parametrize(
    ("value", "variables", "expected"),
    [
        ("k3y", {"KEY": "k3y"}, EnvironmentVariable("KEY")),
        (None, {"KEY": None}, EnvironmentVariable("KEY")),
        ("CAPDOIT_UNSET_KEY", {"KEY": None}, EnvironmentVariable("KEY")),
        ({"key": None, "b": "x"}, {"KEY": None, "OTHER": None}, {"key": EnvironmentVariable("KEY"), "b": "x"}),
        ("/srv/blue", {"COLOR": "blue"}, "/srv/blue"),
        ("plain", {}, "plain"),
        (["a", "b"], {"A": "c"}, ["a", "b"]),
    ],
)
def test_an_environment_variable_replaces_its_content(value: Any, variables: dict[str, Any], expected: Any) -> None:
    assert name_variables(value, variables) == expected


def test_a_variable_with_a_default_keeps_it() -> None:
    for content, value in ((None, "main"), ("work", "work")):
        assert name_variables(value, {"B": content}, {"B": "main"}) == EnvironmentVariable("B", "main")


@pytest.mark.parametrize(
    ("value", "variables"),
    [
        ("https://token1@git", {"API_TOKEN": "token1"}),
        ("https://CAPDOIT_UNSET_NAME/x", {"NAME": None}),
        (["k3y"], {"KEY": "k3y"}),
        ({"url": "x-token1"}, {"API_TOKEN": "token1"}),
    ],
)
def test_a_variable_that_is_only_a_part_is_refused(value: Any, variables: dict[str, Any]) -> None:
    with pytest.raises(CannotBeWrittenError):
        name_variables(value, variables)
