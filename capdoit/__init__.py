"""Capistrano's deploy and rollback as doit tasks, on plumbum machines, with recipes that teams share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import capdoit.interruption  # noqa: F401 - first, because the imports after it take most of the time
from capdoit.errors import CapdoitError, ConfigError, HostError, TimedOut
from capdoit.hooks.context import Failure, Flow, Release
from capdoit.hooks.options import RoleNames
from capdoit.hooks.recipe import Recipe
from capdoit.hooks.todo import todo
from capdoit.hooks.tool import Tool
from capdoit.public_names import make_name_error, refusing_wrong_arguments
from capdoit.script import Secret

if TYPE_CHECKING:
    from capdoit.config.python_settings import GivenSettings
    from capdoit.doit_tasks import Cap
    from capdoit.hosts.host import Host

__version__ = "0.1.0"
__all__ = [
    "CapdoitError",
    "ConfigError",
    "Failure",
    "Flow",
    "Host",
    "HostError",
    "Recipe",
    "Release",
    "RoleNames",
    "Secret",
    "TimedOut",
    "Tool",
    "load",
    "todo",
]


@refusing_wrong_arguments
def load(file: str | Path = "deploy.yml", settings: GivenSettings = None) -> Cap:
    """Read deploy.yml; assign what is returned to a name of dodo.py, and doit finds the tasks on it.

    Args:
        file: the path of deploy.yml; a relative path starts at the directory of dodo.py.
        settings: settings that win over those of the file, nested as there; or a function that gets the settings of the
            file and returns all settings.

    Returns:
        What has ``before``, ``after`` and ``on_failed`` for the hooks of this project.

    Raises:
        InvalidDodoFile: doit's, so that it prints the mistakes without a traceback.
    """
    from capdoit.doit_tasks import Cap

    return Cap(file, settings)


def __getattr__(name: str) -> type[Host]:
    """`Host`, which only annotations need; `doit list` does not have to import it."""
    if name == "Host":
        from capdoit.hosts.host import Host

        return Host
    raise make_name_error(name, __all__)
