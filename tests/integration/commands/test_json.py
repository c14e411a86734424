"""The answers of `doit cap … --json`, as docs/json.schema.json describes them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from capdoit.commands.catalog import COMMANDS
from capdoit.commands.subcommand import JSON
from capdoit.testing import Project
from capdoit.testing.project import DODO
from tests.support import MakeProject, deploy, write_hooks

SCHEMA = json.loads(Path(__file__).parents[3].joinpath("docs/json.schema.json").read_text(encoding="utf-8"))
# The calls of each subcommand, by the definition of the answer.
CALLS = {
    "stages": "stages",
    "status": "status",
    "releases": "releases",
    "verify": "verify",
    "history": "history",
    "pending": "pending",
    "doctor": "doctor",
    "config": "config",
    "recipes": "recipes",
    "recipe": "recipes systemd",
    "recipe_changes": "recipes --diff",
    "unlock": "unlock",
    "exec": "exec pwd",
}


def strict(schema: Any) -> Any:
    """Return a JSON Schema that refuses fields which it does not describe."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema and schema.get("type") else {}
    return {name: strict(one) for name, one in schema.items()} | closed


def ask(project: Project, call: str, env: Mapping[str, str] | None = None) -> Any:
    """Return the JSON on stdout of a call; stderr may have warnings."""
    words = [sys.executable, "-m", "doit", "cap", *call.split(), "--json"]
    environment = {**project._env, **(env or {})}
    done = subprocess.run(words, cwd=project.path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def find_mistakes(name: str, answer: Any) -> list[str]:
    """Return where an answer differs from its description in docs/."""
    schema = {**strict(SCHEMA), "anyOf": [{"$ref": f"#/definitions/{name}"}]}
    return [f"{name}.{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(answer)]


def blank_texts(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of empty texts: an unknown value is null."""
    if value == "":
        yield path
    for name, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from blank_texts(one, f"{path}.{name}")


def assert_described(project: Project, name: str, env: Mapping[str, str] | None = None) -> Any:
    answer = ask(project, CALLS[name], env)
    assert find_mistakes(name, answer) == []
    assert [*blank_texts(answer)] == []
    assert answer["version"] == 1
    return answer


def add_unreachable_host(project: Project) -> None:
    nowhere = {"hostname": "127.0.0.1", "port": 1, "ssh_options": ["ConnectTimeout=3"], "deploy_to": "/srv/shop"}
    project.config(stages={"production": {"hosts": {**project.hosts, "web9": nowhere}}})


@pytest.fixture
def eventful(project: Project) -> Project:
    """Return a project with two deploys, one that failed, a rollback, a drill, and a host that cannot be reached."""
    deploy(project)
    project.repo.commit({"app.txt": "second\n"})
    project.doit("deploy:production", "message=prices", check=True)
    write_hooks(
        project,
        """
        @cap.before("publishing", flows="deploy")
        def fail(host):
            raise ValueError("no database")
        """,
    )
    project.doit("deploy:production").failed()
    project.dodo(DODO)
    project.repo.commit({"app.txt": "third\n"})
    project.doit("deploy:production", check=True)
    project.doit("rollback:production", check=True)
    project.doit("drill:production")
    live = project.deploy_to("web1") / "current"
    (live / "app.txt").write_text("by hand\n")
    add_unreachable_host(project)
    return project


def test_the_schema_is_a_schema_and_describes_each_command_with_json() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert {call.split()[0] for call in CALLS.values()} == {one.name for one in COMMANDS if JSON in one.options}
    assert [one["$ref"].rpartition("/")[2] for one in SCHEMA["anyOf"]] == [*CALLS]


def test_each_object_in_the_schema_has_all_its_fields_always() -> None:
    def objects(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            if "properties" in value and value.get("type"):
                yield value
            for one in value.values():
                yield from objects(one)

    assert [one for one in objects(SCHEMA) if one["required"] != [*one["properties"]]] == []


@pytest.mark.extended("variant")
def test_each_answer_about_a_stage_with_a_past_is_described(eventful: Project) -> None:
    answers = {name: assert_described(eventful, name) for name in CALLS}
    by_host = {host["host"]: host for host in answers["status"]["hosts"]}
    assert by_host["web9"].keys() == by_host["web1"].keys()
    assert by_host["web9"]["error"]
    assert by_host["web1"]["drilled"]["seconds"] > 0
    newest, *_, oldest = answers["history"]["history"]
    assert (newest["event"], newest["left"].keys()) == ("rollback", {"web1", "web2"})
    assert oldest["why"] is None
    assert {"failed", "deploy"} <= {flow["event"] for flow in answers["history"]["history"]}
    assert answers["pending"]["live"][0]["comes"][0]["at"].endswith("Z")
    assert {host["host"]: bool(host["changes"]) for host in answers["verify"]["hosts"]} == {
        "web1": True,
        "web2": False,
        "web9": False,
    }
    live = by_host["web1"]["live"]
    (release,) = [one for one in answers["releases"]["releases"] if one["release"] == live]
    (flow,) = [one for one in answers["history"]["history"] if one["event"] == "deploy" and one["release"] == live]
    assert by_host["web1"]["revision"] == release["revisions"]["web1"] == flow["revision"]
    assert len(by_host["web1"]["revision"]) == 40
    assert answers["pending"]["live"][0]["revision"] == by_host["web1"]["revision"]


def test_each_answer_before_the_first_deploy_is_described(project: Project) -> None:
    for name in CALLS:
        if name != "verify":  # nothing is live, which is an error
            assert_described(project, name)


@pytest.mark.extended("variant")
def test_each_answer_without_any_host_is_described(make_project: MakeProject) -> None:
    project = make_project(1)
    project.hosts.clear()
    add_unreachable_host(project)
    for name in CALLS:
        assert_described(project, name)


@pytest.mark.ssh
@pytest.mark.extended("variant")
def test_each_answer_about_ssh_hosts_with_secrets_and_a_held_lock_is_described(ssh_project: Project) -> None:
    ssh_project.config(default_env={"TOKEN": "x", "LANG": ""}, recipes={"systemd": {"units": ["shop.service"]}})
    file = ssh_project.path / "deploy.yml"
    file.write_text(file.read_text().replace('"TOKEN": "x"', '"TOKEN": !env SHOP_TOKEN'))
    env = {"SHOP_TOKEN": "s3cr3t"}
    ssh_project.doit("deploy:production", "skip=systemd.restart", env=env)
    lock = {"flow": "deploy", "by": "ann", "origin": "laptop", "at": "2026-11-25T18:00:00Z", "run": "1"}
    (ssh_project.deploy_to("web1") / ".capdoit/lock").write_text(f"{json.dumps(lock)}\n")
    for name, call in CALLS.items():
        answer = ask(ssh_project, call, env)
        assert find_mistakes(name, answer) == []
        if name == "status":
            held = answer["hosts"][0]["lock"]
            assert {key: held[key] for key in ("by", "at", "release")} == {
                "by": "ann",
                "at": lock["at"],
                "release": None,
            }
        if name == "config":
            assert [one["value"] for one in answer["settings"] if one["name"] == "default_env.LANG"] == [""]


@pytest.mark.extended("variant")
def test_a_journal_with_malformed_values_does_not_change_the_form_of_answers(project: Project) -> None:
    deploy(project)
    entries = [
        {"event": event, "flow": "deploy", "release": "../../etc", "revision": "a b", "at": "yesterday", "run": "7"}
        for event in ("building", "ready", "live", "finished")
    ]
    with (project.deploy_to("web1") / ".capdoit/journal").open("a") as journal:
        journal.writelines(f"{json.dumps(entry)}\n" for entry in entries)
    for name in ("status", "releases", "history"):
        assert_described(project, name)
