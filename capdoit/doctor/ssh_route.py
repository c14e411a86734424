"""The route of ssh to a host: the settings that `ssh -G` prints, and the state of the host key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from capdoit.config.stages import HostConfig
from capdoit.hosts.ssh_settings import read_ssh_settings, run_ssh_program, text_setting

STANDARD_PORT = "22"
STRICT = {"true": "yes", "false": "no"}  # `ssh -G` prints these for yes and no
KNOWN, UNKNOWN, REVOKED = "known", "unknown", "revoked"


@dataclass(frozen=True)
class SshRoute:
    """The route of ssh to one host. ssh gets the options that capdoit gives it in flows.

    Attributes:
        host: the host's name.
        address: user, host and port as ssh resolves them.
        gateway: ProxyJump or ProxyCommand; empty for a direct connection.
        keepalive: ServerAliveInterval in seconds; 0 if it is off.
        lost_after: ServerAliveCountMax.
        strict: StrictHostKeyChecking.
        forwards_agent: whether root on the host can use the operator's keys.
        key: the state of the host key: ``known``, ``unknown`` or ``revoked``.
        key_names: the names that ssh looks for in the files of known keys.
        key_files: those files.
    """

    host: str
    address: str
    gateway: str
    keepalive: int
    lost_after: int
    strict: str
    forwards_agent: bool
    key: str
    key_names: tuple[str, ...]
    key_files: tuple[str, ...]


def find_ssh_route(config: HostConfig) -> SshRoute:
    """Return the route to a host, without a connection.

    Raises:
        HostError: ssh refuses its configuration, or does not answer.
    """
    settings = read_ssh_settings(config)
    names, files = list_host_key_names(settings), find_known_hosts_files(settings)
    found = [_look_up_key(config.name, name, file) for name in names for file in files]
    return make_ssh_route(config.name, settings, find_host_key_state(found))


def make_ssh_route(host: str, settings: Mapping[str, str], key: str) -> SshRoute:
    """Return the route that some settings of ssh describe.

    Args:
        host: the host's name.
        settings: by name, as `ssh -G` spells them.
        key: the state of the host key.
    """
    strict = settings.get("stricthostkeychecking", "")
    return SshRoute(
        host=host,
        address=f"{settings.get('user', '')}@{settings.get('hostname', '')}:{settings.get('port', '')}",
        gateway=text_setting(settings, "proxyjump") or text_setting(settings, "proxycommand"),
        keepalive=_number(settings, "serveraliveinterval"),
        lost_after=_number(settings, "serveralivecountmax"),
        strict=STRICT.get(strict, strict),
        forwards_agent=settings.get("forwardagent", "no") != "no",
        key=key,
        key_names=tuple(list_host_key_names(settings)),
        key_files=tuple(find_known_hosts_files(settings)),
    )


def list_host_key_names(settings: Mapping[str, str]) -> list[str]:
    """Return the names of a host key. ssh tries a name without the port if the name with it is not there."""
    if alias := text_setting(settings, "hostkeyalias"):
        return [alias]
    host, port = settings.get("hostname", ""), settings.get("port", STANDARD_PORT)
    return [host] if port == STANDARD_PORT else [f"[{host}]:{port}", host]


def find_known_hosts_files(settings: Mapping[str, str]) -> list[str]:
    """Return the files with known host keys."""
    files = f"{text_setting(settings, 'userknownhostsfile')} {text_setting(settings, 'globalknownhostsfile')}".split()
    return [file for file in files if file != "/dev/null"]


def find_host_key_state(found: Iterable[str]) -> str:
    """Return the state of a host key.

    Args:
        found: the output of `ssh-keygen -F` for each name and file.
    """
    marks = [line for text in found for line in text.splitlines() if line.startswith("# Host ")]
    if any(mark.endswith(" REVOKED") for mark in marks):
        return REVOKED
    return KNOWN if marks else UNKNOWN


def _look_up_key(host: str, name: str, file: str) -> str:
    """Return what `ssh-keygen` finds. It understands hashed names and patterns."""
    if not Path(file).is_file():
        return ""
    return run_ssh_program(host, ["ssh-keygen", "-F", name, "-f", file]).stdout


def _number(settings: Mapping[str, str], name: str) -> int:
    value = settings.get(name, "")
    return int(value) if value.isdecimal() else 0
