"""The options and arguments with which capdoit calls ssh."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capdoit.config.stages import HostConfig

# ssh uses the first value of an option. The options of deploy.yml come before these, so they win.
SSH_OPTIONS = (
    "BatchMode=yes",
    "LogLevel=INFO",  # a quiet ssh would not say why it cannot connect
    "StrictHostKeyChecking=yes",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "RemoteCommand=none",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
)


def ssh_options(config: HostConfig) -> list[str]:
    """Return ssh's options for a host: deploy.yml's, then capdoit's."""
    file = ["-F", config.ssh_config] if config.ssh_config else []
    return [*file, *(word for option in (*config.ssh_options, *SSH_OPTIONS) for word in ("-o", option))]


def ssh_arguments(config: HostConfig, may_share: bool = True) -> list[str]:
    """Return ssh's arguments for a host, the host's name last.

    Args:
        config: settings of the host.
        may_share: use a shared connection (ControlMaster) if the user's settings have one.
    """
    separate = [] if may_share else ["-o", "ControlPath=none"]
    port = ["-p", str(config.port)] if config.port else []
    user = ["-l", config.user] if config.user else []
    return [*separate, *ssh_options(config), *port, *user, "--", config.hostname]


def login_by_hand(config: HostConfig) -> str:
    """Return the command with which a person logs in to a host, as deploy.yml describes it; empty for a local host."""
    if config.transport != "ssh":
        return ""
    file = ["-F", config.ssh_config] if config.ssh_config else []
    port = ["-p", str(config.port)] if config.port else []
    options = [word for option in config.ssh_options for word in ("-o", option)]
    name = f"{config.user}@{config.hostname}" if config.user else config.hostname
    return shlex.join(["ssh", *file, *port, *options, name])
