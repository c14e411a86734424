"""The ways to write the hosts of a stage: a mapping of names to settings, a list of names, or a single name.

A name may be an address, as in Capistrano: ``deploy@web1.example.com:2222`` is the host ``web1.example.com``. If
several hosts have that name, each has its port in its name: ``web1.example.com:2222``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from capdoit.config.yaml_nodes import YamlValue

HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
ADDRESS = re.compile(rf"(?:([A-Za-z0-9_][A-Za-z0-9_.-]*)@)?({HOST_NAME.pattern})(?::([0-9]{{1,5}}))?")
JSON_ADDRESS: Mapping[str, Any] = {"type": "string", "pattern": f"^{ADDRESS.pattern}$"}


def read_hosts_by_name(value: YamlValue, if_empty: str) -> dict[str, YamlValue]:
    """Return the settings of each host by its name, as if all hosts were written as a mapping.

    Args:
        value: the value of ``hosts``.
        if_empty: the mistake if there is no host.
    """
    hosts: dict[str, YamlValue] = {}
    listed = [*_list_hosts(value, if_empty)]
    addresses = [_split_address(*host) for host in listed]
    counts = Counter(name for _, name, _ in addresses)
    for (_, settings), (user, hostname, port) in zip(listed, addresses, strict=True):
        needs_port = bool(port) and counts[hostname] > 1
        name = f"{hostname}:{port}" if needs_port else hostname
        given = {"user": user, "hostname": hostname if needs_port else "", "port": port}
        if name in hosts:
            settings.add_mistake(f"a second host is named {name}; give it another name, and set hostname: {name}")
        else:
            hosts[name] = settings.with_texts({key: text for key, text in given.items() if text})
    return hosts


def _list_hosts(value: YamlValue, if_empty: str) -> Iterator[tuple[str, YamlValue]]:
    """Yield the name or address of each host, and its settings."""
    if value.kind == "map":
        yield from value.as_mapping(if_empty=if_empty).items()
        return
    for item in value.as_list("a mapping of names to hosts, or a list of names", if_empty):
        if name := item.as_string():
            yield name, item.replaced_by_mapping(f"{value.path}.{name}")


def _split_address(address: str, settings: YamlValue) -> tuple[str, str, str]:
    """Return the user, the name and the port; empty for a user and port that the address does not have."""
    if found := split_address(address):
        return found
    settings.add_mistake("expected a host's name (letters, digits, dots, dashes, underscores), or USER@NAME:PORT")
    return "", address, ""


def split_address(text: str) -> tuple[str, str, str] | None:
    """Return the user, the name and the port of an address, empty where it has none; None if it is no address."""
    found = ADDRESS.fullmatch(text)
    return (found[1] or "", found[2], found[3] or "") if found else None
