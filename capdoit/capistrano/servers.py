"""Servers of Capistrano as hosts of deploy.yml."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capdoit.capistrano.environment_values import CannotBeWrittenError, name_variables
from capdoit.capistrano.project import CapistranoServer, CapistranoStage
from capdoit.capistrano.report import Omission
from capdoit.capistrano.ssh_options import NO_PASSWORDS, convert_ssh_options

# Properties of a server that are settings of a host with an equal name.
SAME = ("primary", "no_release")
SHARED = ("user", "port", "ssh_options")  # settings that a stage can have for all its hosts
OTHER_CHARACTERS = re.compile(r"[^A-Za-z0-9._-]+")  # those that a name of a host cannot have
NOT_NEEDED = ("transfer_method",)
COMPUTED = "code computes the servers ({place}); these are those of today. hosts: !cmd can ask each time"


@dataclass(frozen=True)
class Hosts:
    """The hosts of a stage.

    Attributes:
        hosts: the settings of each host by its name.
        shared: settings that all of them have, and the stage can have for them.
        remark: where they come from, if code computes them.
        omissions: what hosts cannot have.
    """

    hosts: Mapping[str, Mapping[str, Any]]
    shared: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""
    omissions: Sequence[Omission] = ()


def convert_servers(stage: CapistranoStage) -> Hosts:
    """Return the hosts of a stage.

    Args:
        stage: the stage of Capistrano.
    """
    hosts: dict[str, dict[str, Any]] = {}
    omissions: list[Omission] = []
    for server in stage.servers:
        name = _choose_name(server, stage, hosts)
        hosts[name] = {**_connection(server, name), **_properties(server)}
        omissions += _find_omissions(server)
    shared = {} if stage.value("ssh_options") else _shared_settings(hosts)
    own = {name: {key: value for key, value in host.items() if key not in shared} for name, host in hosts.items()}
    place = next((server.place for server in stage.servers if server.is_computed), None)
    if place:
        omissions.append(Omission("servers", "code computes them; deploy.yml has those of today", place))
    return Hosts(own, shared, COMPUTED.format(place=place) if place else "", omissions)


def _choose_name(server: CapistranoServer, stage: CapistranoStage, taken: Collection[str]) -> str:
    """Return the hostname of a server, with its port if several servers have that hostname."""
    name = OTHER_CHARACTERS.sub("-", server.hostname).strip("-._") or "host"
    if [one.hostname for one in stage.servers].count(server.hostname) > 1 and server.port:
        name += f"{':' if name == server.hostname else '-'}{server.port}"
    return f"{name.replace(':', '-')}-{len(taken) + 1}" if name in taken else name


def _connection(server: CapistranoServer, name: str) -> dict[str, Any]:
    ssh = convert_ssh_options({**({"keys": list(server.keys)} if server.keys else {}), **server.ssh_options}, None)
    is_address = name == f"{server.hostname}:{server.port}"
    made = {
        "hostname": None if is_address or name == server.hostname else server.hostname,
        "transport": "local" if server.is_local else None,
        "user": _name_user(server),
        "port": None if is_address else server.port or server.ssh_options.get("port"),
        "ssh_options": list(ssh.options) or None,
        "roles": list(server.roles),
    }
    ignored = ("user", "hostname") if server.is_local else ()
    return {key: value for key, value in made.items() if value is not None and key not in ignored}


def _name_user(server: CapistranoServer) -> Any:
    """Return the user, which may come from the environment."""
    user = server.user or server.ssh_options.get("user")
    try:
        return name_variables(user, server.variables) if user else None
    except CannotBeWrittenError:
        return user


def _properties(server: CapistranoServer) -> dict[str, Any]:
    kept = {name: True for name in SAME if server.properties.get(name)}
    own = {name: value for name, value in server.properties.items() if _is_own(name, value)}
    return {**kept, **({"vars": own} if own else {})}


def _is_own(name: str, value: Any) -> bool:
    return name not in (*SAME, *NOT_NEEDED) and isinstance(value, str | int | float)


def _find_omissions(server: CapistranoServer) -> Iterator[Omission]:
    if server.has_password:
        yield Omission(f"password of {server.hostname}", NO_PASSWORDS, server.place)
    yield from convert_ssh_options(server.ssh_options, server.place).omissions
    for name, value in server.properties.items():
        if name not in (*SAME, *NOT_NEEDED) and value is not None and not _is_own(name, value):
            why = "its value is more than a text or a number; write it into vars of the host"
            yield Omission(f"property {name} of {server.hostname}", why, server.place)


def _shared_settings(hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings that all hosts have with one value; hostname, roles and others are each host's own."""
    values = {key: [host.get(key) for host in hosts.values()] for key in SHARED}
    return {key: found[0] for key, found in values.items() if found and found[0] is not None and _are_equal(found)}


def _are_equal(values: Sequence[Any]) -> bool:
    return all(value == values[0] for value in values)
