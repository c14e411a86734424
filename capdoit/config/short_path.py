"""A PATH in ``default_env`` that lacks the directories of the system: the hooks of that host find no programs there."""

from __future__ import annotations

import os

from capdoit.config.origins import Setting, effective_settings, read_written_settings
from capdoit.config.stages import HostConfig, Stage
from capdoit.script import Secret, as_template

SYSTEM_DIRECTORIES = ("/bin", "/usr/bin", "/run/current-system/sw/bin", "$PATH", "${PATH}")


def has_short_path(host: HostConfig) -> bool:
    """Return True if a host has such a PATH; one that comes from elsewhere is not judged."""
    path = host.env.get("PATH")
    return path is not None and not isinstance(path, Secret) and _is_short(as_template(path).text)


def is_short_path(setting: Setting) -> bool:
    """Return True if a setting is such a PATH."""
    return setting.name.upper() == "DEFAULT_ENV.PATH" and not setting.variable and _is_short(setting.text)


def describe_short_path(setting: Setting) -> str:
    """Return the sentence that follows the name of the setting."""
    wanted = f"{setting.text}:$PATH".removeprefix(":")
    return f'has no directory of the system for commands of hooks; add them with "{wanted}"'


def find_short_paths(stage: Stage) -> list[str]:
    """Return a sentence about each such PATH in deploy.yml, with file and line.

    Args:
        stage: the stage; what is written at its hosts concerns only those that it has.
    """
    if stage.deploy_file is None:
        return []
    config, names = stage.deploy_file.load(), [host.name for host in stage.hosts]
    settings = effective_settings(read_written_settings(config, os.environ), config, stage.name)
    short = [one for one in settings if is_short_path(one) and (not one.host or one.host in names)]
    return [f"{one.place}: {one.name} {describe_short_path(one)}" for one in short]


def _is_short(path: str) -> bool:
    return not {*path.split(":")}.intersection(SYSTEM_DIRECTORIES)
