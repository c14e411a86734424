"""Environment variables in values: they are written as ``!env NAME``, and secrets never."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from capdoit.capistrano.project import CapistranoSetting
from capdoit.capistrano.ruby_statements import find_missing_part
from capdoit.sources import EnvironmentVariable, Source
from capdoit.url_credentials import find_url_passwords

Defaults = Mapping[str, str | EnvironmentVariable | None]
UNSET = re.compile(r"CAPDOIT_UNSET_(\w+)")  # export.rb puts it where a variable is required
NEEDS_HOST = "CapdoitExport::NeedsHost: needs a host"  # export.rb says so
COMPUTED = "it is computed by Ruby; look up its value (cap STAGE doctor)"  # where Ruby was not run
SECRET_NAME = re.compile(
    r"secret|token|passw|passphrase|credential|webhook|api_?key|private_?key|access_?key|master_?key|(?:^|_)dsn$",
    re.IGNORECASE,
)

# Addresses of webhooks, which are as secret as a password.
SECRET_URL = re.compile(
    r"https://(?:hooks\.slack\.com|discord(?:app)?\.com/api/webhooks|[\w.-]+\.webhook\.office\.com)/"
)
LEAST_CHARACTERS = 4  # a shorter text occurs in others by chance


class CannotBeWrittenError(Exception):
    """A value that deploy.yml cannot have; the text is the reason."""


def require_value(setting: CapistranoSetting) -> CapistranoSetting:
    """Return a setting whose value is known.

    Raises:
        CannotBeWrittenError: its code failed, or needs an environment variable that is not set.
    """
    if setting.error:
        raise CannotBeWrittenError(explain_missing_value(setting.error))
    if hole := find_missing_part(setting.source, setting.variables):
        raise CannotBeWrittenError(f"a part of it is the environment variable {hole}, which is not set")
    return setting


def explain_missing_value(error: str) -> str:
    """Return the reason why a setting has no value."""
    if error == NEEDS_HOST:
        return "its value needs a host; find it out there, and write it yourself"
    return error if error == COMPUTED else f"it could not be evaluated: {error}"


def is_secret_name(name: str) -> bool:
    """Return whether a setting or variable of this name is probably a secret."""
    return bool(SECRET_NAME.search(name))


def is_secret_text(value: Any, is_secret: bool) -> bool:
    """Return whether a value is probably a secret.

    Args:
        value: the value.
        is_secret: whether its name is that of a secret. In a URL, a password is one under any name.
    """
    if isinstance(value, str):
        return is_secret or bool(find_url_passwords(value) or SECRET_URL.match(value))
    return is_secret and isinstance(value, int | float) and not isinstance(value, bool)


def name_variables(value: Any, variables: Mapping[str, str | None], defaults: Defaults | None = None) -> Any:
    """Return a value in which environment variables replace their contents.

    Args:
        value: the evaluated value.
        variables: the environment variables that its code reads; None for one that is not set.
        defaults: what the code takes instead of some of them where they are not set.

    Raises:
        CannotBeWrittenError: a variable is only a part of a text, or an item of a list.
    """
    contents = {name: text or _find_default(name, variables, defaults or {}) for name, text in variables.items()}
    for name, default in (defaults or {}).items():
        if value == contents.get(name):
            return EnvironmentVariable(name, _without_secret(name, default))
    unset = [name for name, text in variables.items() if text is None]
    if value is None and len(unset) == 1:
        return EnvironmentVariable(unset[0])
    if isinstance(value, str):
        return _name_in_text(value, contents)
    if isinstance(value, Mapping):
        return {key: _name_in_mapping(key, item, variables, unset) for key, item in value.items()}
    if isinstance(value, list):
        return [_name_in_list(item, variables) for item in value]
    return value


def _find_default(name: str, variables: Mapping[str, str | None], defaults: Defaults) -> str | None:
    """Return what code takes where a variable is not set: the text of a default, or the value of another variable."""
    default = defaults.get(name)
    if not isinstance(default, EnvironmentVariable):
        return default
    found = variables.get(default.variable)
    return found if found is not None or isinstance(default.default, Source) else default.default


def _without_secret(name: str, default: str | Source | None) -> str | Source | None:
    """Return a default without the secrets in it."""
    if isinstance(default, EnvironmentVariable):
        return replace(default, default=_without_secret(default.variable, default.default))
    return None if is_secret_text(default, is_secret_name(name)) else default


def _name_in_text(text: str, variables: Mapping[str, str | None]) -> str | EnvironmentVariable:
    if found := UNSET.fullmatch(text):
        return EnvironmentVariable(found[1])
    if found := UNSET.search(text):
        raise CannotBeWrittenError(f"a part of it is the environment variable {found[1]}, which is not set")
    for name, content in variables.items():
        if content and text == content:
            return EnvironmentVariable(name)
        if content and len(content) >= LEAST_CHARACTERS and content in text and is_secret_name(name):
            raise CannotBeWrittenError(f"a part of it is the secret in the environment variable {name}")
    return text


def _name_in_mapping(key: str, value: Any, variables: Mapping[str, str | None], unset: list[str]) -> Any:
    if value is None and key.upper() in unset:
        return EnvironmentVariable(key.upper())
    return name_variables(value, variables)


def _name_in_list(value: Any, variables: Mapping[str, str | None]) -> Any:
    named = name_variables(value, variables)
    if isinstance(named, EnvironmentVariable):
        raise CannotBeWrittenError(f"an item is the environment variable {named.variable}")
    return named
