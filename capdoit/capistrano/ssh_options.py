"""Options of Net::SSH as options of ssh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from capdoit.capistrano.project import Place
from capdoit.capistrano.report import Omission

# Options with an equal meaning, and the name that ssh_config(5) has for them.
NAMES = {
    "bind_address": "BindAddress",
    "compression": "Compression",
    "encryption": "Ciphers",
    "forward_agent": "ForwardAgent",
    "global_known_hosts_file": "GlobalKnownHostsFile",
    "hmac": "MACs",
    "host_key": "HostKeyAlgorithms",
    "host_key_alias": "HostKeyAlias",
    "keepalive_interval": "ServerAliveInterval",
    "keepalive_maxcount": "ServerAliveCountMax",
    "kex": "KexAlgorithms",
    "keys_only": "IdentitiesOnly",
    "timeout": "ConnectTimeout",
    "user_known_hosts_file": "UserKnownHostsFile",
}
NO_PASSWORDS = "capdoit logs in with keys only, and never asks; put a key on the host (ssh-copy-id)"
REASONS = {
    "password": NO_PASSWORDS,
    "passphrase": "load the key into your agent (ssh-add)",
    "config": "ssh always reads your configuration; for another file set ssh_config in deploy.yml",
}
NOT_NEEDED = {
    "auth_methods", "keepalive", "logger", "non_interactive", "number_of_password_prompts", "port", "use_agent", "user",
    "verbose", "append_all_supported_algorithms",
}  # fmt: skip


@dataclass(frozen=True)
class SshOptions:
    """Options of ssh, and what is missing.

    Attributes:
        options: options for ``ssh -o``.
        omissions: what ssh cannot be told.
    """

    options: tuple[str, ...] = ()
    omissions: tuple[Omission, ...] = ()


def convert_ssh_options(options: Mapping[str, Any], place: Place | None, default_to_agent: bool = False) -> SshOptions:
    """Return options for ssh.

    Args:
        options: options of Net::SSH.
        place: the line that sets them.
        default_to_agent: forward the agent unless an option says no, as Capistrano does.
    """
    given = {"forward_agent": True, **options} if default_to_agent else dict(options)
    omissions = [
        Omission(f"ssh option {name}", why, place) for name, value in given.items() if (why := _refuse(name, value))
    ]
    return SshOptions(tuple(_translate(given)), tuple(omissions))


def _translate(given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        if name == "keys":
            yield from (f"IdentityFile={path}" for path in _listed(value))
        elif name == "proxy" and isinstance(value, Mapping):
            yield from _translate_proxy(value)
        elif name in NAMES and value not in (None, False):
            yield f"{NAMES[name]}={'yes' if value is True else _join(name, value)}"


def _translate_proxy(value: Mapping[str, Any]) -> Iterator[str]:
    if value.get("proxy_jump"):
        yield f"ProxyJump={value['proxy_jump']}"
    elif value.get("proxy_command"):
        yield f"ProxyCommand={value['proxy_command']}"


def _join(name: str, value: Any) -> str:
    return (" " if name.endswith("hosts_file") else ",").join(_listed(value))


def _listed(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value])]


def _refuse(name: str, value: Any) -> str:
    """Return why ssh cannot have an option; empty if it can, or does not need it."""
    if name in ("verify_host_key", "paranoid"):
        is_strict = value not in (False, "never", None)
        return "" if is_strict else "capdoit always checks host keys; add them to ~/.ssh/known_hosts (ssh-keyscan)"
    if name == "auth_methods":
        return NO_PASSWORDS if "publickey" not in _listed(value) else ""
    if name in REASONS:
        return REASONS[name]
    known = name in NAMES or name in NOT_NEEDED or name in ("keys", "proxy")
    return "" if known or value is None else "no option of ssh is known for it; see ssh_config(5)"
