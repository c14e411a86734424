"""Hosts that a command prints as JSON."""

from __future__ import annotations

import json

import pytest

from capdoit.config.inventory import InventoryError, parse_inventory

# What `ansible-inventory --list` of Ansible 2.14 prints, shortened.
INVENTORY = {
    "_meta": {
        "hostvars": {
            "web1": {"ansible_host": "10.0.0.1", "ansible_user": "deploy", "ansible_port": 2222, "http_port": 80},
            "db1": {"ansible_connection": "local", "ansible_become_user": "shop"},
        }
    },
    "all": {"children": ["ungrouped", "frontend", "db"]},
    "frontend": {"children": ["web"]},
    "web": {"hosts": ["web1", "web2"]},
    "db": {"hosts": ["db1"]},
}


def test_groups_of_ansible_become_roles_and_its_variables_settings() -> None:
    assert parse_inventory(json.dumps(INVENTORY)) == {
        "web1": {
            "hostname": "10.0.0.1",
            "user": "deploy",
            "port": 2222,
            "vars": {"http_port": 80},
            "roles": ["frontend", "web"],
        },
        "web2": {"roles": ["frontend", "web"]},
        "db1": {"become": "shop", "transport": "local", "roles": ["db"]},
    }


def test_a_host_without_a_group_has_no_role() -> None:
    assert parse_inventory('{"_meta": {}, "ungrouped": {"hosts": ["web1"]}}') == {"web1": {"roles": []}}


def test_groups_that_contain_each_other_are_read_once() -> None:
    loop = {"_meta": {}, "a": {"children": ["b"]}, "b": {"children": ["a", "none"], "hosts": {"web1": None}}}
    assert parse_inventory(json.dumps(loop)) == {"web1": {"roles": ["a", "b"]}}


@pytest.mark.parametrize("found", [["web1", "deploy@web2:22"], {"web1": {"roles": ["app"]}}, "web1", 3, None, {}, []])
def test_other_json_is_left_as_it_is(found: object) -> None:
    assert parse_inventory(json.dumps(found)) == found


def test_a_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        parse_inventory("web1 web2")


@pytest.mark.parametrize(
    "found",
    [
        {"_meta": None, "web": {"hosts": ["web1"], "children": None}, "db": {"hosts": None}},
        {"_meta": {"hostvars": None}, "web": {"hosts": ["web1"]}},
        {"_meta": {"hostvars": {"web1": None}}, "web": {"hosts": {"web1": None}}},
    ],
)
def test_null_is_nothing(found: object) -> None:
    assert parse_inventory(json.dumps(found)) == {"web1": {"roles": ["web"]}}


@pytest.mark.parametrize(
    ("found", "mistake"),
    [
        ({"_meta": [], "web": {}}, "^a mapping in _meta$"),
        ({"_meta": {"hostvars": "x"}}, "^a mapping in _meta.hostvars$"),
        ({"web": {"hosts": "web1"}}, "^a list of names in web.hosts$"),
        ({"web": {"children": 3}}, "^a list of names in web.children$"),
        ({"_meta": {"hostvars": {"a": 1}}, "web": {"hosts": ["a"]}}, "^a mapping in _meta.hostvars.a$"),
        (
            {"_meta": {"hostvars": {"a": {"ansible_become": "maybe"}}}, "web": {"hosts": ["a"]}},
            "^yes or no in _meta.hostvars.a.ansible_become$",
        ),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_key(found: object, mistake: str) -> None:
    with pytest.raises(InventoryError, match=mistake):
        parse_inventory(json.dumps(found))


@pytest.mark.parametrize(
    ("become", "user"), [("false", None), ("No", None), (0, None), ("yes", "shop"), (True, "shop"), ("1", "shop")]
)
def test_ansible_become_has_the_booleans_of_ansible(become: object, user: str | None) -> None:
    variables = {"ansible_become": become, "ansible_become_user": "shop"}
    found = parse_inventory(json.dumps({"_meta": {"hostvars": {"a": variables}}, "web": {"hosts": ["a"]}}))
    assert found["a"].get("become") == user
