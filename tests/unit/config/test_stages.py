"""Stages and hosts of deploy.yml."""
# ruff: noqa: E501 - a mistake is one line, however long

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.config.deploy_file import Config, choose_stage, load_config
from capdoit.config.stages import HostConfig, Stage
from capdoit.errors import ConfigError
from capdoit.transfers import TRANSFERS
from tests.unit.config.texts import NEEDED, STAGES, Mistakes, Read


def only_host(config: Config) -> HostConfig:
    (stage,) = config.stages.values()
    (host,) = stage.hosts
    return host


def only_stage(config: Config) -> Stage:
    (stage,) = config.stages.values()
    return stage


def branch(stage: Stage) -> object:
    return stage.transfer_settings["branch"]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "1:1: no stages; at least one is needed"),
        ("stages:", "3:8: stages: found nothing, expected a mapping of names to stages"),
        ("stages: {}", "3:1: stages: no stages; at least one is needed"),
        ("stages: [production]", "3:1: stages: found a list, expected a mapping of names to stages"),
        ("stages: {production: [web1]}", "3:10: stages.production: found a list, expected a mapping"),
        ("stages: {production: }", "3:21: stages.production: found nothing, expected a mapping"),
        ("stages: {production: {}}", "3:10: stages.production: no hosts; at least one is needed"),
        (
            "stages: {production: {hosts: {}}}",
            "3:23: stages.production.hosts: no hosts; at least one is needed",
        ),
        (
            "stages: {production: {hosts: []}}",
            "3:23: stages.production.hosts: no hosts; at least one is needed",
        ),
        (
            "stages: {production: {hosts: }}",
            "3:29: stages.production.hosts: found nothing, expected a mapping of names to hosts, or a list of names",
        ),
        (
            "stages: {production: {hosts: [web1, {web2: {}}]}}",
            "3:37: stages.production.hosts[1]: found a mapping, expected a string",
        ),
        (
            "stages: {production: {hosts: [web1, ann@web1]}}",
            "3:37: stages.production.hosts.ann@web1: a second host is named web1; give it another name, and set hostname: web1",
        ),
        (
            "stages: {production: {hosts: [web1:99999]}}",
            "3:31: stages.production.hosts.web1:99999.port: found a number (99999), expected a whole number from 1 to 65535",
        ),
        (
            "stages: {production: {hosts: {web1: [app]}}}",
            "3:31: stages.production.hosts.web1: found a list, expected a mapping",
        ),
        (
            "stages: {production: {hosts: {web1: 10.0.0.1}}}",
            "3:37: stages.production.hosts.web1: found a string (10.0.0.1), expected a mapping",
        ),
        (
            "stages: {production: {hosts: {web1: {role: [app]}}}}",
            "3:38: stages.production.hosts.web1.role: no such setting of a host; did you mean roles?",
        ),
        (
            "stages: {production: {hosts: {web1: {branch: main}}}}",
            "3:38: stages.production.hosts.web1.branch: no such setting of a host; it belongs at the top or in a stage",
        ),
        (
            "stages: {production: {hosts: {web1: {}}, transport: local}}",
            "3:42: stages.production.transport: no such setting; it belongs at a host",
        ),
        (
            "hosts: {web1: {}}\nstages: {production: {hosts: {web1: {}}}}",
            "3:1: hosts: no such setting; it belongs in a stage",
        ),
        (
            "stages: {production: {hosts: {web1: {}}, keep_release: 1}}",
            "3:42: stages.production.keep_release: no such setting; did you mean keep_releases?",
        ),
        (
            "stages: {production: {hosts: {web1: {roles: {web: 1}}}}}",
            "3:38: stages.production.hosts.web1.roles: found a mapping, expected a list of strings",
        ),
        (
            "stages: {production: {hosts: {web1: {roles: [all]}}}}",
            "3:46: stages.production.hosts.web1.roles[0]: found 'all', expected a role's name: no spaces, no commas, and not all",
        ),
        (
            "stages: {production: {hosts: {web1: {roles: ['app, web']}}}}",
            "3:46: stages.production.hosts.web1.roles[0]: found 'app, web', expected a role's name: no spaces, no commas, and not all",
        ),
        (
            "stages: {production: {hosts: {web1: {primary: 1}}}}",
            "3:47: stages.production.hosts.web1.primary: found a number (1), expected true or false",
        ),
        (
            "stages: {production: {hosts: {web1: {transport: shh}}}}",
            "3:49: stages.production.hosts.web1.transport: found shh, expected a transport: ssh, local; did you mean ssh?",
        ),
        (
            "stages: {production: {hosts: {ssh://web1: {}}}}",
            "3:31: stages.production.hosts.ssh://web1: expected a host's name (letters, digits, dots, dashes, underscores), or USER@NAME:PORT",
        ),
        (
            "stages: {production: {hosts: {-oProxyCommand: {}}}}",
            "3:31: stages.production.hosts.-oProxyCommand: expected a host's name (letters, digits, dots, dashes, underscores), or USER@NAME:PORT",
        ),
    ],
)
def test_a_wrong_stage_or_host_is_reported_with_line_column_and_path(
    mistakes: Mistakes, text: str, mistake: str
) -> None:
    assert mistakes(f"{NEEDED}{text}\n") == [mistake]


@pytest.mark.parametrize("name", ["all", "check", "deploy", "drill", "rollback", "setup", "a:b", "a b", "-x", "*"])
def test_a_stage_name_that_is_a_task_name_or_invalid_in_one_is_refused(mistakes: Mistakes, name: str) -> None:
    assert mistakes(f"{NEEDED}stages: {{'{name}': {{hosts: {{web1: {{}}}}}}}}\n") == [
        f"3:10: stages.{name}: {name} cannot be the name of a stage; choose another"
    ]


@pytest.mark.parametrize("path", ["srv/shop", "./srv//shop/", "~/srv/shop"])
def test_a_relative_deploy_to_is_below_the_home_of_the_login_or_next_to_deploy_yml(read: Read, path: str) -> None:
    stage = only_stage(
        read(
            f"{NEEDED}deploy_to: {path}\nstages: {{production: {{hosts: {{here: {{transport: local}}, web1: {{}}}}}}}}"
        )
    )
    here, web1 = (host.layout for host in stage.hosts)
    assert here.deploy_to.startswith("/")
    assert here.deploy_to.endswith("/srv/shop")
    assert (web1.is_below_home, web1.expanded("/home/ann").deploy_to) == (True, "/home/ann/srv/shop")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            "repo_url: x\n",
            "2:10: stages.production: neither application nor deploy_to is set; application: shop means /var/www/shop",
        ),
        ("application: shop\n", "2:10: stages.production: no repo_url, which transfer: git needs"),
        (
            "deploy_to: /srv/shop\ntransfer: archive\n",
            "3:10: stages.production: no archive, which transfer: archive needs",
        ),
        (
            "deploy_to: /srv/shop\nrepo_url: x\narchive: a.tgz\n",
            "4:10: stages.production: repo_url and archive are both set; add transfer: git or transfer: archive",
        ),
    ],
)
def test_a_missing_required_setting_is_reported_at_the_stage(mistakes: Mistakes, text: str, mistake: str) -> None:
    assert mistakes(text + STAGES) == [mistake]


def test_all_mistakes_are_reported_at_once_in_file_order(mistakes: Mistakes) -> None:
    text = (
        "aplication: shop\n"
        "stages:\n"
        "  production:\n"
        "    hosts:\n"
        "      web1: {port: ssh, roles: {web: 1}}\n"
        "      web2: {deploy_to: ../srv}\n"
        "    branch: [main]\n"
        "keep_releases: many\n"
        "default_stage: test\n"
        "repo_url: x\n"
    )
    assert mistakes(text) == [
        "1:1: aplication: no such setting; did you mean application?",
        "3:3: stages.production: neither application nor deploy_to is set; application: shop means /var/www/shop",
        "5:20: stages.production.hosts.web1.port: found a string (ssh), expected a whole number from 1 to 65535",
        "5:25: stages.production.hosts.web1.roles: found a mapping, expected a list of strings",
        "6:25: stages.production.hosts.web2.deploy_to: found '../srv', expected a directory of its own, without ..",
        "7:5: stages.production.branch: found a list, expected a string",
        "8:16: keep_releases: found a string (many), expected a whole number of at least 1",
        "9:16: default_stage: no stage test; there are production",
    ]


def test_settings_that_are_not_given_have_capistranos_defaults(read: Read) -> None:
    stage = only_stage(read(NEEDED + STAGES))
    assert (branch(stage), stage.keep_releases, stage.transfer) == ("master", 5, "git")
    assert (stage.linked_files, stage.linked_dirs, [*stage.transfer_settings]) == ((), (), ["repo_url", "branch"])
    (host,) = stage.hosts
    assert (host.name, host.hostname, host.transport) == ("web1", "web1", "ssh")
    assert (host.roles, host.primary, host.no_release) == ((), False, False)
    assert (host.user, host.port, host.ssh_config) == (None, None, None)
    assert host.layout.deploy_to == "/var/www/shop"
    assert (host.env, host.ssh_options) == ({}, ())


@pytest.mark.parametrize(
    "hosts",
    [
        "[deploy@web1:2222, web2]",
        "{deploy@web1:2222: , web2: }",
        "{web1: {user: deploy, port: 2222}, web2: {}}",
        "{deploy@web1:22: {port: 2222}, web2: {}}",
    ],
)
def test_hosts_can_be_a_list_of_names_and_a_name_an_address(read: Read, hosts: str) -> None:
    first, second = only_stage(read(f"{NEEDED}stages: {{production: {{hosts: {hosts}}}}}\n")).hosts
    assert (first.name, first.hostname, first.user, first.port) == ("web1", "web1", "deploy", 2222)
    assert (second.name, second.hostname, second.user, second.port) == ("web2", "web2", None, None)


@pytest.mark.parametrize(
    "hosts", ["[root@h:2201, root@h:2202, web]", "{root@h:2201: , h:2202: {user: root}, web: {deploy_to: /srv/x}}"]
)
def test_hosts_that_differ_only_in_their_ports_have_the_port_in_their_names(read: Read, hosts: str) -> None:
    stage = only_stage(read(f"{NEEDED}stages: {{production: {{hosts: {hosts}}}}}\n"))
    found = [(host.name, host.hostname, host.user, host.port) for host in stage.hosts]
    assert found[:2] == [("h:2201", "h", "root", 2201), ("h:2202", "h", "root", 2202)]
    assert found[2] == ("web", "web", None, None)


def test_a_single_string_is_a_list_of_one(read: Read) -> None:
    config = read(
        f"{NEEDED}linked_files: .env\nlinked_dirs: log\nlogs: log/x.log\nssh_options: Port=22\n"
        "stages: {production: {hosts: web1}, staging: {hosts: {web1: {roles: web}}}}\n"
    )
    stage, host = config.stages["production"], config.stages["production"].hosts[0]
    assert (stage.linked_files, stage.linked_dirs) == ((".env",), ("log",))
    assert (host.name, host.logs, host.ssh_options) == ("web1", ("log/x.log",), ("Port=22",))
    assert config.stages["staging"].hosts[0].roles == ("web",)


def test_all_settings_of_a_host_apply_to_it(read: Read) -> None:
    host = only_host(
        read(
            f"{NEEDED}stages: {{production: {{hosts: {{web1: {{hostname: 10.0.0.1, user: deploy, port: 2222, "
            "roles: [app, web], primary: true, no_release: yes, transport: local, deploy_to: /srv/shop/}}}}"
        )
    )
    assert (host.hostname, host.user, host.port) == ("10.0.0.1", "deploy", 2222)
    assert (host.roles, host.primary, host.no_release) == (("app", "web"), True, True)
    assert (host.transport, host.layout.deploy_to) == ("local", "/srv/shop")


@pytest.mark.parametrize("setting", ["user: %s", "deploy_to: /srv/%s", "default_env: {WHERE: %s}"])
@pytest.mark.parametrize("innermost", ["top", "stage", "host"])
def test_the_innermost_of_top_stage_and_host_settings_wins(read: Read, setting: str, innermost: str) -> None:
    levels = ["top", "stage", "host"]
    said = {level: f"{setting % level}, " for level in levels[: levels.index(innermost) + 1]}
    host = only_host(
        read(
            f"{{application: shop, repo_url: x, {said['top']} stages: {{production: {{{said.get('stage', '')} "
            f"hosts: {{web1: {{{said.get('host', '')}}}}}}}}}}}"
        )
    )
    values = {"user": host.user, "deploy_to": host.layout.deploy_to, "default_env": host.env.get("WHERE")}
    expected = {"deploy_to": f"/srv/{innermost}"}.get(setting.split(":", maxsplit=1)[0], innermost)
    assert values[setting.split(":", maxsplit=1)[0]] == expected


def test_a_stage_setting_applies_to_that_stage_only(read: Read) -> None:
    config = read(
        f"{NEEDED}branch: main\nlinked_dirs: [log]\nstages:\n"
        "  staging: {hosts: {web1: {}}}\n"
        "  production: {branch: release, keep_releases: 9, linked_dirs: [tmp], hosts: {web1: {}}}\n"
    )
    staging, production = config.stages.values()
    assert (branch(staging), staging.keep_releases, staging.linked_dirs) == ("main", 5, ("log",))
    assert (branch(production), production.keep_releases, production.linked_dirs) == ("release", 9, ("tmp",))


def test_linked_files_may_name_the_files_that_setup_uploads(read: Read) -> None:
    stage = only_stage(read(f"{NEEDED}linked_files: {{.env: .env.live, a/b: /etc/b, c: , d: ~}}\n{STAGES}"))
    assert stage.linked_files == (".env", "a/b", "c", "d")
    assert {path: file.name for path, file in stage.linked_sources.items()} == {".env": ".env.live", "a/b": "b"}
    assert stage.linked_sources["a/b"] == Path("/etc/b")
    assert all(file.is_absolute() for file in stage.linked_sources.values())


def test_a_stage_replaces_the_linked_files_of_the_top(read: Read) -> None:
    stage = only_stage(
        read(
            f"{NEEDED}linked_files: {{.env: .env.live, b: c}}\n"
            "stages: {production: {linked_files: {.env: x}, hosts: {web1: {}}}}"
        )
    )
    assert (stage.linked_files, [*stage.linked_sources]) == ((".env",), [".env"])


def test_environments_of_all_levels_are_merged(read: Read) -> None:
    host = only_host(
        read(
            f"{NEEDED}default_env: {{A: top, B: top, C: top}}\nstages: {{production: {{default_env: {{B: stage, "
            "C: stage}, hosts: {web1: {default_env: {C: host, D: host}}}}}"
        )
    )
    assert host.env == {"A": "top", "B": "stage", "C": "host", "D": "host"}


def test_an_environment_value_may_be_empty_and_numbers_keep_their_spelling(read: Read) -> None:
    host = only_host(read(f"{NEEDED}default_env: {{ROOT: '', VERSION: 1.10}}\n{STAGES}"))
    assert host.env == {"ROOT": "", "VERSION": "1.10"}


def test_ssh_options_of_the_host_precede_those_of_stage_and_top(read: Read) -> None:
    first, second = only_stage(
        read(
            f"{NEEDED}ssh_options: [Port=1, ConnectTimeout=5]\nstages: {{production: {{ssh_options: [Port=2], "
            "hosts: {web1: {ssh_options: [Port=3]}, web2: {}}}}"
        )
    ).hosts
    assert first.ssh_options == ("Port=3", "Port=2", "Port=1", "ConnectTimeout=5")
    assert second.ssh_options == ("Port=2", "Port=1", "ConnectTimeout=5")


def test_controller_paths_are_relative_to_the_directory_of_deploy_yml(read: Read, tmp_path: Path) -> None:
    host = only_host(
        read(
            f"{NEEDED}ssh_config: deploy/ssh_config\ndeploy_to: demo/\n"
            "stages: {local: {hosts: {here: {transport: local}}}}"
        )
    )
    assert host.ssh_config == f"{tmp_path}/deploy/ssh_config"
    assert host.layout.deploy_to == f"{tmp_path}/demo"


@pytest.mark.parametrize(
    ("text", "transfer"),
    [
        ("archive: a.tgz", "archive"),
        ("archive: a.tgz\nrepo_url: x\ntransfer: git", "git"),
        ("archive: a.tgz\nrepo_url: x\ntransfer: archive", "archive"),
    ],
)
def test_a_stage_with_an_archive_and_no_repository_uses_the_archive_transfer(
    read: Read, text: str, transfer: str
) -> None:
    assert only_stage(read(f"application: shop\n{text}\n{STAGES}")).transfer == transfer


def test_recipe_options_keep_their_values_and_places(read: Read) -> None:
    recipes = (
        read(f"{NEEDED}recipes:\n  rails: {{prefix: a, keep: 3, ask: no, tasks: [x, y]}}\n  puma:\n{STAGES}")
        .stages["production"]
        .recipes
    )
    assert [recipe.name for recipe in recipes] == ["rails", "puma"]
    assert recipes[0].options == {"prefix": "a", "keep": 3, "ask": False, "tasks": ["x", "y"]}
    assert recipes[0].places["keep"] == "deploy.yml:4:22"
    assert (recipes[1].options, recipes[1].place) == ({}, "deploy.yml:5:3")


TWO = NEEDED + "stages: {staging: {hosts: {a: {}}}, production: {hosts: {b: {}}}}\n"


@pytest.mark.parametrize(
    ("text", "said", "chosen"),
    [
        (TWO, "production", "production"),
        (TWO + "default_stage: staging\n", None, "staging"),
        (TWO + "default_stage: staging\n", "production", "production"),
        (NEEDED + STAGES, None, "production"),
    ],
)
def test_the_stage_is_the_given_one_else_the_default_else_the_only_one(
    read: Read, text: str, said: str | None, chosen: str
) -> None:
    assert choose_stage(read(text), said).name == chosen


@pytest.mark.parametrize(
    ("said", "mistake"),
    [
        (None, "which stage? Add stage=NAME, one of staging, production; or set default_stage in deploy.yml"),
        ("prodution", "no stage prodution; deploy.yml has staging, production. Did you mean production?"),
    ],
)
def test_when_no_stage_can_be_chosen_all_stages_are_named(read: Read, said: str | None, mistake: str) -> None:
    config = read(TWO)
    with pytest.raises(ConfigError) as caught:
        choose_stage(config, said)
    assert str(caught.value) == mistake


def test_two_hosts_with_the_same_directory_on_one_machine_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yml"
    file.write_text(
        "application: shop\nrepo_url: x\nstages:\n  production:\n    hosts:\n"
        "      a: {transport: local, deploy_to: here}\n      b: {transport: local, deploy_to: here}\n"
    )
    with pytest.raises(ConfigError, match="hosts a and b are the same directory"):
        load_config(file, TRANSFERS)


@pytest.mark.parametrize("no_release", ["a", "b"])
def test_a_no_release_host_may_share_a_directory_with_another_host(read: Read, no_release: str) -> None:
    hosts = {name: f"{{transport: local, deploy_to: here, no_release: {name == no_release}}}" for name in "ab"}
    config = read(f"{NEEDED}stages: {{production: {{hosts: {{a: {hosts['a']}, b: {hosts['b']}}}}}}}\n")

    assert [host.no_release for host in only_stage(config).hosts] == [no_release == "a", no_release == "b"]


def test_application_is_optional_when_every_host_has_deploy_to(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yml"
    file.write_text("repo_url: x\nstages: {production: {hosts: {a: {deploy_to: /srv/a}, b: {deploy_to: /srv/b}}}}\n")

    assert [host.layout.deploy_to for host in load_config(file, TRANSFERS).stages["production"].hosts] == [
        "/srv/a",
        "/srv/b",
    ]


@pytest.mark.parametrize("deploy_to", ["~", "~/", "~/.", "~/../x", "~deploy/shop", "~~/x"])
def test_a_deploy_to_below_home_must_be_a_directory_of_its_own(mistakes: Mistakes, deploy_to: str) -> None:
    (mistake,) = mistakes(f"{NEEDED}deploy_to: '{deploy_to}'\n{STAGES}")
    assert f"found '{deploy_to}', expected" in mistake


def test_two_users_of_one_machine_may_have_the_same_path_below_home(read: Read, mistakes: Mistakes) -> None:
    hosts = "a: {hostname: h, user: %s}, b: {hostname: h, user: %s}"
    text = f"{NEEDED}deploy_to: ~/shop\nstages: {{production: {{hosts: {{{hosts}}}}}}}\n"
    assert len(read(text % ("ann", "bob")).stages["production"].hosts) == 2
    assert mistakes(text % ("ann", "ann"))[0].endswith("hosts a and b are the same directory, ~/shop")
