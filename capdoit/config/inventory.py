"""Hosts that a command prints as JSON: in the form that deploy.yml has, or the inventory of Ansible.

Ansible's form is that of ``ansible-inventory --list``: groups by name, each with ``hosts`` and ``children``, and the
variables of each host in ``_meta.hostvars``. Its groups become roles.
https://docs.ansible.com/ansible/latest/dev_guide/developing_inventory.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from capdoit.config.yaml_nodes import ComputedValue, YamlValue

GROUPS_OF_ALL = ("all", "ungrouped")  # each host is in one of them, so they are no roles
# The variables of Ansible that are settings of a host; an earlier one wins.
SETTINGS = {
    "hostname": ("ansible_host", "ansible_ssh_host"),
    "user": ("ansible_user", "ansible_ssh_user"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "become": ("ansible_become_user",),
}
BOOLEANS = {
    **dict.fromkeys(("y", "yes", "on", "1", "true", "t", "1.0"), True),
    **dict.fromkeys(("n", "no", "off", "0", "false", "f", "0.0"), False),
}


class InventoryError(Exception):
    """A mistake in an inventory of Ansible; the text is what was expected, and the key."""


def read_inventory(value: ComputedValue) -> YamlValue | None:
    """Return the hosts in the output of a command, as if deploy.yml had them; None if the output is not JSON."""
    try:
        return value.replaced_by(parse_inventory(str(value.node.value)))
    except json.JSONDecodeError as error:
        value.add_mistake(f"found no JSON, expected JSON: {error}")
    except InventoryError as error:
        value.add_mistake(f"found a mistake in an inventory of Ansible, expected {error}")
    return None


def parse_inventory(text: str) -> Any:
    """Return hosts in the form that deploy.yml has.

    Args:
        text: JSON.

    Raises:
        JSONDecodeError: the text is not JSON.
        InventoryError: the inventory has a value of another type.
    """
    found = json.loads(text)
    return _convert(found) if isinstance(found, dict) and _is_of_ansible(found) else found


def _is_of_ansible(found: Mapping[str, Any]) -> bool:
    is_group = (isinstance(one, dict) and {"hosts", "children"} & {*one} for one in found.values())
    return "_meta" in found or any(is_group)


def _convert(inventory: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    meta = _require_mapping(inventory.get("_meta"), "_meta")
    variables = _require_mapping(meta.get("hostvars"), "_meta.hostvars")
    hosts: dict[str, dict[str, Any]] = {}
    for group in inventory:
        for name in _find_hosts(inventory, group, set()):
            host = hosts.setdefault(name, {**_find_settings(variables.get(name), name), "roles": []})
            if group not in GROUPS_OF_ALL and group not in host["roles"]:
                host["roles"].append(group)
    return hosts


def _find_hosts(inventory: Mapping[str, Any], group: str, seen: set[str]) -> Iterator[str]:
    """Yield the hosts of a group, those of its children included."""
    if group in seen or not isinstance(inventory.get(group), dict):
        return
    seen.add(group)
    yield from _list_names(inventory[group].get("hosts"), f"{group}.hosts")
    for child in _list_names(inventory[group].get("children"), f"{group}.children"):
        yield from _find_hosts(inventory, child, seen)


def _list_names(names: Any, key: str) -> Iterator[str]:
    """Yield names in a list, or the keys of a mapping, as scripts for Ansible may print them."""
    if not isinstance(names, list | dict | None):
        raise InventoryError(f"a list of names in {key}")
    yield from map(str, names or ())


def _require_mapping(value: Any, key: str) -> Mapping[str, Any]:
    """Return a mapping, which is empty for null, or raise InventoryError with the key."""
    if not isinstance(value, dict | None):
        raise InventoryError(f"a mapping in {key}")
    return value or {}


def _find_settings(given: Any, host: str) -> dict[str, Any]:
    variables = _require_mapping(given, f"_meta.hostvars.{host}")
    found = {
        setting: next(variables[name] for name in names if name in variables)
        for setting, names in SETTINGS.items()
        if {*names} & {*variables}
    }
    others = {name: value for name, value in variables.items() if not name.startswith("ansible_")}
    is_local = {"transport": "local"} if variables.get("ansible_connection") == "local" else {}
    if not _read_boolean(variables.get("ansible_become", True), f"_meta.hostvars.{host}.ansible_become"):
        found.pop("become", None)
    return {**found, **is_local, **({"vars": others} if others else {})}


def _read_boolean(value: Any, key: str) -> bool:
    """Return a boolean that Ansible would read as one, or raise InventoryError with the key."""
    word = str(value).strip().lower()
    if word not in BOOLEANS:
        raise InventoryError(f"yes or no in {key}")
    return BOOLEANS[word]
