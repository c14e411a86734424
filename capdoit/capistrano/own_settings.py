"""Settings that only the project itself knows: they become `vars`. Secrets are not written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capdoit.capistrano.environment_values import is_secret_name, name_variables
from capdoit.capistrano.project import CapistranoSetting
from capdoit.sources import EnvironmentVariable


def convert_own_value(setting: CapistranoSetting) -> Any:
    """Return the value of a setting, in which an environment variable replaces each text that looks like a secret.

    Raises:
        CannotBeWrittenError: an environment variable is only a part of it.
    """
    value = name_variables(setting.value, setting.variables, setting.defaults)
    return _hide(setting.name, value, setting.name)


def find_hidden_variables(written: Any, setting: CapistranoSetting) -> list[str]:
    """Return the environment variables in a written value that the code of the project does not read."""
    return [name for name in _list_variables(written) if name not in setting.variables]


def _hide(name: str, value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _hide(key, item, f"{path}_{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_hide(name, item, path) if isinstance(item, Mapping) else item for item in value]
    if isinstance(value, str) and is_secret_name(name):
        return EnvironmentVariable("".join(char if char.isalnum() else "_" for char in path).upper())
    return str(value) if isinstance(value, int) and value < 0 else value  # numbers in deploy.yml are not negative


def _list_variables(value: Any) -> list[str]:
    if isinstance(value, EnvironmentVariable):
        return [value.variable]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [name for item in items for name in _list_variables(item)]
