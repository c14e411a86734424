"""References in the texts of deploy.yml: `%{stage}` and others."""

from __future__ import annotations

from pathlib import Path

import pytest

from capdoit.config.deploy_file import load_config
from capdoit.errors import ConfigError
from capdoit.transfers import TRANSFERS
from tests.unit.config.texts import Mistakes, Read

BASE = "application: shop\nrepo_url: /srv/shop.git\n"
TWO = "stages: {production: {hosts: {web1: {}, web2: {}}}, qa: {hosts: {web1: {}}}}\n"


def test_references_are_replaced_for_each_stage(read: Read) -> None:
    config = read(
        BASE
        + """\
branch: "%{application}-%{stage}"
deploy_to: /srv/%{stage}/%{vars.name}
linked_dirs: ["log/%{vars.name}"]
keep_releases: "%{vars.keep}"
keep_failed: "%{vars.keeps}"
shared_to: {"public": "/mnt/%{stage}"}
default_env: {URL: "https://%{stage}.example.com/$USER", PLAIN: "%{stage}", DATE: "%%{stage} 100% %s"}
vars: {name: "%{application}_x", keep: 4, keeps: yes}
stages:
  production: {hosts: [web1]}
  qa: {application: blog, vars: {keep: 7}, hosts: [web1]}
"""
    )
    production, qa = config.stages["production"], config.stages["qa"]
    assert production.hosts[0].layout.deploy_to == "/srv/production/shop_x"
    assert qa.hosts[0].layout.deploy_to == "/srv/qa/blog_x"
    assert (production.transfer_settings["branch"], qa.transfer_settings["branch"]) == ("shop-production", "blog-qa")
    assert (production.linked_dirs, qa.linked_dirs) == (("log/shop_x",), ("log/blog_x",))
    assert (production.keep_releases, qa.keep_releases, qa.keep_failed) == (4, 7, True)
    assert qa.hosts[0].shared_to == (("public", "/mnt/qa"),)
    env = qa.hosts[0].env
    assert str(env["URL"]) == "Template(text='https://qa.example.com/$USER')"
    assert (env["PLAIN"], env["DATE"]) == ("qa", "%{stage} 100% %s")


def test_vars_of_a_host_win_over_those_of_the_stage_and_the_top(read: Read) -> None:
    stage = read(
        BASE
        + """\
vars: {a: top, b: top, c: top}
deploy_to: /srv/%{vars.a}-%{vars.b}-%{vars.c}
stages:
  production:
    vars: {b: stage, c: stage}
    hosts:
      web1: {vars: {c: host}, user: "%{vars.c}"}
      web2: {}
"""
    ).stages["production"]
    assert [host.layout.deploy_to for host in stage.hosts] == ["/srv/top-stage-host", "/srv/top-stage-stage"]
    assert stage.hosts[0].user == "host"
    assert (stage.vars, stage.hosts[0].vars) == (
        {"a": "top", "b": "stage", "c": "stage"},
        {"a": "top", "b": "stage", "c": "host"},
    )


def test_a_value_that_each_host_has_may_be_used_at_the_top(read: Read, mistakes: Mistakes) -> None:
    text = BASE + "deploy_to: /srv/%{vars.rack}\ndefault_env: {RACK: '%{vars.rack}'}\n"
    hosts = "stages: {production: {hosts: {web1: {vars: {rack: r1}}, web2: {vars: {rack: r2}}}}}\n"
    stage = read(text + hosts).stages["production"]
    assert [(host.layout.deploy_to, host.env["RACK"]) for host in stage.hosts] == [("/srv/r1", "r1"), ("/srv/r2", "r2")]
    (one, two) = mistakes(text + hosts.replace("{vars: {rack: r2}}", "{}"))
    assert one.startswith("3:12: deploy_to: no value %{vars.rack}")
    assert two.startswith("4:21: default_env.RACK: no value %{vars.rack}")


def test_vars_have_any_type_and_names_with_dots_lead_into_mappings(read: Read) -> None:
    values = "vars: {n: 1, f: 1.5, b: yes, t: x, none: , list: [1, [a, '%{stage}']], map: {deep: {er: 'v-%{stage}'}}}\n"
    stage = read(BASE + values + "deploy_to: /srv/%{vars.map.deep.er}\n" + TWO).stages["qa"]
    assert stage.hosts[0].layout.deploy_to == "/srv/v-qa"
    assert dict(stage.vars) | {"map": None} == {
        "n": 1,
        "f": 1.5,
        "b": True,
        "t": "x",
        "none": None,
        "list": (1, ("a", "qa")),
        "map": None,
    }
    assert stage.vars["map"]["deep"]["er"] == "v-qa"


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        (
            "user: '%{stge}'",
            "user: no value %{stge}; did you mean stage? (there are application, stage, branch,",
        ),
        ("user: '%{vars.xx}'", "user: no value %{vars.xx}; did you mean vars.x?"),
        ("user: '%{ stage }'", "user: no value %{ stage }; did you mean stage?"),
        ("user: 'a%{stage'", "user: %{ has no }; a literal %{ is %%{"),
        ("user: '%{vars.list}'", "user: %{vars.list} is a list, expected a single value"),
        ("user: '%{vars.map}'", "user: %{vars.map} is a mapping, expected a single value"),
        ("user: '%{vars.map.b}'", "user: no value %{vars.map.b}"),
        ("user: '%{vars.me}'", "vars.me: %{vars.me} refers to itself"),
        ("user: '%{keep_releases}'", "user: no value %{keep_releases}"),
        ("port: '%{vars.x}'", "port: found a string (y), expected a whole number from 1 to 65535"),
        ("deploy_to: /srv/%{vars.up}", "deploy_to: found '/srv/../x', expected a directory of its own, without .."),
        ("linked_files: ['%{vars.up}']", "linked_files[0]: found '../x', expected a path inside the release"),
        ("default_env: {A: '%{nope}'}", "default_env.A: no value %{nope}"),
        ("log: '%{stage}.log'", "log: %{…} cannot stand here"),
        ("user: !cmd id %{nope}", "user: no value %{nope}"),
        ("user: !evn X", "user: found !evn (X), expected a string; did you mean !env?"),
    ],
)
def test_a_wrong_reference_or_value_is_a_mistake_with_its_place(mistakes: Mistakes, line: str, mistake: str) -> None:
    values = "vars: {x: y, list: [a], map: {a: b}, up: ../x, me: '%{vars.me}'}\n"
    text = f"{BASE}{line}\n{values if 'vars.' in line else 'vars: {x: y}'}\n{TWO}"
    found = mistakes(text)
    assert any(mistake in one for one in found), found
    assert all(one.startswith(("3:", "4:")) for one in found)


@pytest.mark.parametrize("text", ["user: %{stage}", "deploy_to: {a: x-%{stage}}", "user: \n  %{stage}"])
def test_a_value_that_must_be_quoted_is_explained(tmp_path: Path, text: str) -> None:
    file = tmp_path / "deploy.yml"
    file.write_text(f"{BASE}{text}\n")
    with pytest.raises(ConfigError, match=r"deploy.yml:[34]:[0-9]+: quote a value with %{…} that begins with it"):
        load_config(file, TRANSFERS)


@pytest.mark.parametrize("branch", [None, "feature"])
def test_branch_is_that_of_the_flow_or_of_the_settings(read: Read, branch: str | None) -> None:
    text = f"{BASE}branch: main\ndeploy_to: /srv/%{{branch}}\nlinked_dirs: ['log-%{{branch}}', tmp]\n{TWO}"
    stage = read(text).stages["production"].sharing(["of-recipe"]).for_branch(branch)
    assert stage.linked_dirs == (f"log-{branch or 'main'}", "tmp", "of-recipe")
    assert stage.hosts[0].layout.deploy_to == f"/srv/{branch or 'main'}"
    assert stage.transfer_settings["branch"] == "main"
    assert read(text.replace("branch: main\n", "")).stages["qa"].hosts[0].layout.deploy_to == "/srv/master"
