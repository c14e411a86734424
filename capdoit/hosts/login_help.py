"""Help after a login that failed: the command to try by hand, and the state of the ssh agent."""

from __future__ import annotations

import re

from capdoit.config.stages import HostConfig
from capdoit.errors import HostError, Unreachable
from capdoit.hosts.ssh_command import login_by_hand
from capdoit.hosts.ssh_settings import run_ssh_program
from capdoit.text import make_printable

KEY_REFUSED = re.compile(r"Permission denied \([^)]*publickey")
SUDO_REFUSED = re.compile(r"sudo: .*incorrect password")


def complete_failed_login(config: HostConfig, error: Unreachable) -> Unreachable:
    """Return the error of a failed login with what helps a person."""
    lines = _ask_agent(config.name) if KEY_REFUSED.search(error.reason) else []
    if config.become_password and SUDO_REFUSED.search(error.reason):
        lines = [f"the password is from {config.become_password.user}"]
    return error.completed(login_by_hand(config), lines)


def _ask_agent(host: str) -> list[str]:
    """Return what `ssh-add` says of an ssh agent without keys, or of a missing agent; nothing if the agent has keys."""
    try:
        listed = run_ssh_program(host, ["ssh-add", "-l"])
    except HostError:
        return []
    said = make_printable((listed.stdout or listed.stderr).strip())
    return [f"ssh-add -l: {said}"] if listed.returncode else []
