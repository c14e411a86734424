"""The settings of ssh for a host, as ``ssh -G`` prints them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from capdoit.config.stages import HostConfig
from capdoit.errors import HostError
from capdoit.hosts.ssh_command import ssh_arguments
from capdoit.text import make_printable

TIMEOUT_SECONDS = 20.0  # ssh's configuration may run programs, too


def read_ssh_settings(config: HostConfig) -> dict[str, str]:
    """Return the settings of ssh for a host, by name, without a connection.

    Raises:
        HostError: ssh refuses its configuration, is not installed, or does not answer.
    """
    done = run_ssh_program(config.name, ["ssh", "-G", *ssh_arguments(config)])
    if done.returncode != 0:
        last_line = make_printable((done.stderr.strip().splitlines() or ["no message"])[-1])
        raise HostError(config.name, f"ssh refuses its configuration: {last_line}")
    return parse_ssh_settings(done.stdout)


def run_ssh_program(host: str, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program of ssh that makes no connection, such as `ssh -G` or `ssh-keygen`.

    Raises:
        HostError: the program is not installed, or does not answer.
    """
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError(host, f"the settings of ssh are not known: {error}") from None


def parse_ssh_settings(text: str) -> dict[str, str]:
    """Return the settings in the output of `ssh -G`, by name. The first of several lines with one name counts."""
    settings: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = make_printable(line).partition(" ")
        settings.setdefault(name, value)
    return settings


def text_setting(settings: Mapping[str, str], name: str) -> str:
    """Return a setting of ssh; empty if it is not set."""
    value = settings.get(name, "")
    return "" if value == "none" else value
