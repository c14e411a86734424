"""Settings that only the project itself knows: they become `vars`. Secrets are not written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from capdoit.capistrano.environment_values import (
    CannotBeWrittenError,
    is_secret_name,
    is_secret_text,
    name_variables,
)
from capdoit.capistrano.project import CapistranoSetting
from capdoit.sources import EnvironmentVariable


def convert_own_value(setting: CapistranoSetting) -> Any:
    """Return the value of a setting, in which an environment variable replaces each text that looks like a secret.

    Raises:
        CannotBeWrittenError: an environment variable is only a part of it, or a secret is an item of a list.
    """
    value = name_variables(setting.value, setting.variables, setting.defaults)
    return _hide(value, setting.name, is_secret_name(setting.name))


def find_hidden_variables(written: Any, setting: CapistranoSetting) -> list[str]:
    """Return the environment variables in a written value that have a secret of the project's code."""
    return [
        one.variable
        for one in _list_variables(written)
        if one.variable not in setting.variables or (one.default is None and one.variable in setting.defaults)
    ]


def _hide(value: Any, path: str, is_secret: bool) -> Any:
    if isinstance(value, Mapping):
        return {key: _hide(item, f"{path}_{key}", is_secret or is_secret_name(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_refuse_secret(_hide(item, path, is_secret)) for item in value]
    if isinstance(value, EnvironmentVariable):
        return replace(value, default=None if is_secret else value.default)
    if is_secret_text(value, is_secret):
        return EnvironmentVariable("".join(char if char.isalnum() else "_" for char in path).upper())
    return value


def _refuse_secret(item: Any) -> Any:
    """Return an item of a list; raise CannotBeWrittenError for an environment variable, which no list can have."""
    if isinstance(item, EnvironmentVariable):
        raise CannotBeWrittenError("an item looks like a secret and is not written; let a hook read it")
    return item


def _list_variables(value: Any) -> list[EnvironmentVariable]:
    if isinstance(value, EnvironmentVariable):
        return [value]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [one for item in items for one in _list_variables(item)]
