"""Settings with their origins, for people and for programs. Secrets from the environment are masked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capdoit.config.origins import RECIPE, Setting

HEAD = ("setting", "from", "value")


def make_settings_rows(settings: Iterable[Setting]) -> list[tuple[str, str, str]]:
    """Return the name, the origin and the value of each setting; the name of a setting at a host has the host's."""
    names = [(f"{setting.host}: {setting.name}" if setting.host else setting.name, setting) for setting in settings]
    return [(name, _describe_origin(setting), setting.text) for name, setting in names]


def setting_json(setting: Setting) -> dict[str, Any]:
    """Return a setting for programs; the value of a secret, and of a variable that is not set, is None."""
    return {
        "name": setting.name,
        "value": setting.value,
        "level": setting.level,
        "place": setting.place or None,
        "host": setting.host or None,
        "recipe": setting.recipe or None,
        "variable": setting.variable or None,
        "is_set": setting.is_set if setting.variable else None,
        "command": setting.command or None,
        "is_secret": setting.is_secret,
    }


def _describe_origin(setting: Setting) -> str:
    if setting.level == RECIPE:
        return f"recipe {setting.recipe}"
    variable = f", environment variable {setting.variable}" if setting.variable else ""
    return f"{setting.place or setting.level}{variable}"
