"""The hosts of a stage come from a command, such as the inventory of Ansible."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capdoit.testing import Project
from tests.support import choose_ordinary, further, write_hooks

COMMAND = "!cmd 'echo run >>runs; cat hosts.json'"


@pytest.fixture
def shop(project: Project) -> Project:
    """Return a project whose two hosts are in hosts.json, which a command prints."""
    write_hosts(project, {name: {**host, "roles": "web"} for name, host in project.hosts.items()})
    settings = json.dumps({**project.settings, "stages": {"production": {"hosts": "@@"}}})
    (project.path / "deploy.yml").write_text(settings.replace('"@@"', COMMAND))
    return project


def write_hosts(project: Project, hosts: object) -> None:
    (project.path / "hosts.json").write_text(json.dumps(hosts))


def runs(project: Project) -> int:
    """Return how often the command has run."""
    log = project.path / "runs"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_the_command_runs_once_and_only_for_a_task_that_needs_hosts(shop: Project) -> None:
    write_hooks(shop, "@cap.after('published', roles='web')\ndef say(host):\n    host.run('echo hello')")
    for words in (("list", "--all"), ("cap", "config"), ("cap", "stages"), ("cap", "completion", "--refresh")):
        shop.doit(*words, check=True)
    assert runs(shop) == 0
    said = shop.doit("deploy:production", check=True).out
    assert "is live on web1, web2" in said
    assert said.count("hello") == 2
    assert runs(shop) == 1
    assert "web2" not in shop.doit("cap", "status", "hosts=web1", check=True).out
    assert "no host web7 in stage production; there are web1, web2" in shop.doit("deploy", "hosts=web7").failed().out


def test_the_inventory_of_ansible_has_hosts_and_roles(shop: Project) -> None:
    (name, host), *_ = shop.hosts.items()
    variables = {name: {"ansible_connection": "local"}}
    write_hosts(shop, {"_meta": {"hostvars": variables}, "db": {"hosts": [name]}, "all": {"children": ["db"]}})
    settings = json.dumps(shop.settings | {"deploy_to": host["deploy_to"], "stages": {"production": {"hosts": "@@"}}})
    (shop.path / "deploy.yml").write_text(settings.replace('"@@"', COMMAND))
    write_hooks(shop, "@cap.after('published', roles='db')\ndef say(host):\n    host.run('echo hello')")
    said = shop.doit("deploy:production", check=True).out
    assert f"is live on {name}" in said
    assert "hello" in said


@pytest.mark.parametrize(
    ("output", "mistake"),
    [
        ("[]", "hosts: no hosts; at least one is needed"),
        *further(
            ("web1 web2", "expected JSON: Expecting value: line 1 column 1 (char 0)"),
            ('{"web": {"hosts": "web1"}}', "cat hosts.json`, expected a list of names in web.hosts"),
            ("", "needs the output of `echo run >>runs; cat hosts.json`, which is empty"),
            ('{"web1": {"prt": 1}}', "hosts.web1.prt: no such setting of a host; did you mean port?"),
            ('{"web1": {"port": "ssh"}}', "hosts.web1.port: found a string (ssh), expected a whole number"),
        ),
    ],
)
def test_wrong_hosts_stop_a_flow_before_a_host_is_touched(shop: Project, output: str, mistake: str) -> None:
    (shop.path / "hosts.json").write_text(output)
    said = shop.doit("deploy:production").failed().out
    assert "deploy.yml:1:" in said
    assert mistake in said
    assert "Traceback" not in said


HOOK = "@cap.after('published', roles='wep')\ndef say(host):\n    host.run('echo hello')"
# A role that no host has, by where it is: the content of dodo.py, the recipes, and what the mistake names.
WRONG_ROLES: dict[str, tuple[str, dict[str, object], str]] = {
    "hook": (HOOK, {}, "dodo.py:3: hook say"),
    "task": ("@cap.task(roles='wep')\ndef say(host):\n    host.run('echo hello')", {}, "dodo.py:3: hook say"),
    "recipe": ("", {"systemd": {"units": ["a.service"], "roles": "wep"}}, "option roles"),
}


@pytest.mark.parametrize("place", choose_ordinary(WRONG_ROLES, "hook", "recipe"))
@pytest.mark.parametrize("task", ["check", *further("deploy", "rollback")])
def test_a_role_that_no_host_has_is_refused_once_the_hosts_are_known(shop: Project, place: str, task: str) -> None:
    hooks, recipes, named = WRONG_ROLES[place]
    write_stages(shop, {"production": COMMAND}, recipes)
    write_hooks(shop, hooks)
    shop.doit("list", check=True)
    assert f"{named}: no host has the role wep; did you mean web?" in shop.doit(f"{task}:production").failed().out
    assert shop.releases("web1") == []


@pytest.mark.parametrize("place", choose_ordinary(WRONG_ROLES, "hook"))
@pytest.mark.parametrize("hosts", [COMMAND, *further("@hosts@")])
def test_a_role_that_no_known_host_has_is_a_warning_while_other_hosts_are_unknown(
    shop: Project, place: str, hosts: str
) -> None:
    hooks, recipes, named = WRONG_ROLES[place]
    write_stages(shop, {"production": hosts, "staging": "!cmd 'exit 1'"}, recipes)
    write_hooks(shop, hooks)
    warning = f"{named}: no host has the role wep; did you mean web? (the hosts of staging are not known)"
    for words in (["check:production"], ["deploy:production", "dry_run=yes"], ["deploy:production"]):
        said = " ".join(shop.doit(*words, check=True).out.split())
        assert warning in said
    assert len(shop.releases("web1")) == 1


def write_stages(project: Project, stages: dict[str, str], recipes: dict[str, object]) -> None:
    """Write deploy.yml with a YAML text for the hosts of each stage."""
    hosts = json.dumps({name: {**host, "roles": "web"} for name, host in project.hosts.items()})
    settings = {**project.settings, "recipes": recipes, "stages": {name: {"hosts": f"@{name}@"} for name in stages}}
    text = json.dumps(settings)
    for name, value in stages.items():
        text = text.replace(f'"@{name}@"', value.replace("@hosts@", hosts))
    (project.path / "deploy.yml").write_text(text)


@pytest.mark.extended("detail")
def test_completion_offers_the_hosts_that_were_printed_last(shop: Project, env: dict[str, str]) -> None:
    shop.doit("cap", "status", "hosts=web1", check=True)
    (cache,) = (Path(env["HOME"]) / ".cache/capdoit").glob("*.hosts.json")
    assert json.loads(cache.read_text()) == {"production": {"web1": ["web"], "web2": ["web"]}}
    shop.doit("cap", "completion", "--refresh", check=True)
    (known,) = (Path(env["HOME"]) / ".cache/capdoit").glob("*.completion.json")
    assert json.loads(known.read_text())["stages"] == {"production": {"web1": ["web"], "web2": ["web"]}}
