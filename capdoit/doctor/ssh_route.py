"""How ssh leads to a host: what `ssh -G` says with the options that capdoit gives it, and whether the key is known."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from capdoit.config.stages import HostConfig
from capdoit.errors import HostError
from capdoit.hosts.ssh_command import ssh_arguments
from capdoit.text import printable

SECONDS = 20.0  # what ssh's configuration has it run included
STANDARD_PORT = "22"
STRICT = {"true": "yes", "false": "no"}  # what ssh calls them when it is asked
KNOWN, UNKNOWN, REVOKED = "known", "unknown", "revoked"


@dataclass(frozen=True)
class Leading:
    """How ssh leads to one host.

    Attributes:
        host: the host's name.
        address: user, host and port, as ssh resolves them.
        gateway: the hosts it jumps over, or the command it goes through; empty when it goes there itself.
        keepalive: seconds between two questions whether the other side is there; 0 for none.
        lost_after: how many have to be without an answer.
        strict: StrictHostKeyChecking.
        forwards_agent: whether who is root there can use the operator's keys.
        key: ``known``, ``unknown`` or ``revoked``.
        key_names: what the key is looked for by.
        key_files: where.
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


def leading(config: HostConfig) -> Leading:
    """How ssh leads to a host; makes no connection.

    Raises:
        HostError: ssh refuses its configuration, or does not answer.
    """
    try:
        says = settings(_ssh(config))
        found = [_found(name, file) for name in key_names(says) for file in key_files(says)]
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError(config.name, f"ssh's settings are not known: {error}") from None
    return described(config.name, says, key_state(found))


def settings(text: str) -> dict[str, str]:
    """What `ssh -G` printed, by name; of what stands there more than once the first."""
    said: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = printable(line).partition(" ")
        said.setdefault(name, value)
    return said


def described(host: str, says: Mapping[str, str], key: str) -> Leading:
    """The settings that matter."""
    strict = says.get("stricthostkeychecking", "")
    return Leading(
        host=host,
        address=f"{says.get('user', '')}@{says.get('hostname', '')}:{says.get('port', '')}",
        gateway=_set(says, "proxyjump") or _set(says, "proxycommand"),
        keepalive=_number(says, "serveraliveinterval"),
        lost_after=_number(says, "serveralivecountmax"),
        strict=STRICT.get(strict, strict),
        forwards_agent=says.get("forwardagent", "no") != "no",
        key=key,
        key_names=tuple(key_names(says)),
        key_files=tuple(key_files(says)),
    )


def key_names(says: Mapping[str, str]) -> list[str]:
    """What ssh looks a host's key up by; without its port, too, as ssh does where it finds none with it."""
    if alias := _set(says, "hostkeyalias"):
        return [alias]
    host, port = says.get("hostname", ""), says.get("port", STANDARD_PORT)
    return [host] if port == STANDARD_PORT else [f"[{host}]:{port}", host]


def key_files(says: Mapping[str, str]) -> list[str]:
    """The files with known keys."""
    files = f"{_set(says, 'userknownhostsfile')} {_set(says, 'globalknownhostsfile')}".split()
    return [file for file in files if file != "/dev/null"]


def key_state(found: Iterable[str]) -> str:
    """What is known of a key, from what `ssh-keygen -F` printed for each name and file."""
    marks = [line for text in found for line in text.splitlines() if line.startswith("# Host ")]
    if any(mark.endswith(" REVOKED") for mark in marks):
        return REVOKED
    return KNOWN if marks else UNKNOWN


def _ssh(config: HostConfig) -> str:
    done = _run(["ssh", "-G", *ssh_arguments(config)])
    if done.returncode != 0:
        said = printable((done.stderr.strip().splitlines() or ["says nothing"])[-1])
        raise HostError(config.name, f"ssh refuses its configuration: {said}")
    return done.stdout


def _found(name: str, file: str) -> str:
    """What `ssh-keygen` finds; it reads hashed names and patterns, too."""
    if not Path(file).is_file():
        return ""
    return _run(["ssh-keygen", "-F", name, "-f", file]).stdout


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=SECONDS,
        check=False,
    )


def _set(says: Mapping[str, str], name: str) -> str:
    value = says.get(name, "")
    return "" if value == "none" else value


def _number(says: Mapping[str, str], name: str) -> int:
    value = says.get(name, "")
    return int(value) if value.isdecimal() else 0
