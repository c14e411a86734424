"""Hosts that a command prints as JSON: in the form that deploy.yml has, or the inventory of Ansible.

Ansible's form is that of ``ansible-inventory --list``: groups by name, each with ``hosts`` and ``children``, and the
variables of each host in ``_meta.hostvars``. Its groups become roles.
https://docs.ansible.com/ansible/latest/dev_guide/developing_inventory.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
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


def read_inventory(value: ComputedValue) -> YamlValue | None:
    """Return the hosts in the output of a command, as if deploy.yml had them; None if the output is not JSON."""
    try:
        return value.replaced_by(parse_inventory(str(value.node.value)))
    except ValueError as error:
        value.add_mistake(f"found no JSON, expected JSON: {error}")
        return None


def parse_inventory(text: str) -> Any:
    """Return hosts in the form that deploy.yml has.

    Args:
        text: JSON.

    Raises:
        ValueError: the text is not JSON.
    """
    found = json.loads(text)
    return _convert(found) if isinstance(found, dict) and _is_of_ansible(found) else found


def _is_of_ansible(found: Mapping[str, Any]) -> bool:
    is_group = (isinstance(one, dict) and {"hosts", "children"} & {*one} for one in found.values())
    return "_meta" in found or any(is_group)


def _convert(inventory: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    variables = inventory.get("_meta", {}).get("hostvars", {})
    hosts: dict[str, dict[str, Any]] = {}
    for group in inventory:
        for name in _find_hosts(inventory, group, set()):
            host = hosts.setdefault(name, {**_find_settings(variables.get(name, {})), "roles": []})
            if group not in GROUPS_OF_ALL and group not in host["roles"]:
                host["roles"].append(group)
    return hosts


def _find_hosts(inventory: Mapping[str, Any], group: str, seen: set[str]) -> Iterator[str]:
    """Yield the hosts of a group, those of its children included."""
    if group in seen or not isinstance(inventory.get(group), dict):
        return
    seen.add(group)
    yield from _names(inventory[group].get("hosts", ()))
    for child in _names(inventory[group].get("children", ())):
        yield from _find_hosts(inventory, child, seen)


def _names(names: Iterable[Any]) -> Iterator[str]:
    """Yield names in a list, or the keys of a mapping, as scripts for Ansible may print them."""
    yield from map(str, names)


def _find_settings(variables: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        setting: next(variables[name] for name in names if name in variables)
        for setting, names in SETTINGS.items()
        if {*names} & {*variables}
    }
    others = {name: value for name, value in variables.items() if not name.startswith("ansible_")}
    is_local = {"transport": "local"} if variables.get("ansible_connection") == "local" else {}
    if not variables.get("ansible_become", True):
        found.pop("become", None)
    return {**found, **is_local, **({"vars": others} if others else {})}
