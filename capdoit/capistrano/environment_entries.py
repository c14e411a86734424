"""The entries of `default_env`: each one is converted by itself, so that a secret does not take the others away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from capdoit.capistrano.environment_values import (
    CannotBeWrittenError,
    is_secret_name,
    is_secret_text,
    name_variables,
)
from capdoit.capistrano.project import CapistranoSetting
from capdoit.capistrano.report import Omission
from capdoit.capistrano.ruby_statements import READ, find_missing_part
from capdoit.script import NAME
from capdoit.sources import EnvironmentVariable

# The code of an entry ends at a line end, at the last brace, or where the next key begins.
END = re.compile(r""",\s*(?=["']?:?\w+["']?\s*(?:=>|:\s))|,?\s*(?:\n|$)|\s*\}\s*\)?\s*(?:\n|$)""")
WHOLE = re.compile(
    r"""\(?ENV(?:\[|\.fetch\()\s*["'](?P<name>\w+)["']\s*"""
    r"""(?:[\])]|(?:\]\s*\|\||,)\s*(?P<quote>["'])(?P<default>(?:(?!\#\{).)*?)(?P=quote)\s*\)?)\)?"""
)


def convert_entries(setting: CapistranoSetting) -> tuple[dict[str, Any], list[Omission]]:
    """Return the entries that can be written, and those that are left out.

    Args:
        setting: the setting `default_env`, whose value is a mapping.
    """
    kept: dict[str, Any] = {}
    omissions = []
    for name, value in setting.value.items():
        try:
            kept[name] = _convert_entry(name, value, setting)
        except CannotBeWrittenError as error:
            omissions.append(Omission(f"set :{setting.name}, {name}", str(error), setting.place))
    return kept, omissions


def _convert_entry(name: str, value: Any, setting: CapistranoSetting) -> Any:
    """Return the text of an environment variable; a secret comes from the operator's environment."""
    if not NAME.fullmatch(name):
        raise CannotBeWrittenError("it is not the name of an environment variable")
    if isinstance(value, dict | list):
        raise CannotBeWrittenError("its value is not a text, and Ruby would give it to hosts as an object")
    ruby = _find_ruby(name, setting.source)
    if hole := find_missing_part(ruby, setting.variables):
        raise CannotBeWrittenError(f"a part of it is the environment variable {hole}, which is not set")
    whole = _name_whole(name, value, ruby, setting.variables)
    if not whole and ruby and (value == "" if READ.search(ruby) else value is None):
        raise CannotBeWrittenError("its value is empty")
    named = whole or name_variables({name: value}, setting.variables)[name]
    if named is None:
        raise CannotBeWrittenError("its value is empty")
    return named if isinstance(named, EnvironmentVariable) else _hide(name, named, ruby)


def _find_ruby(name: str, source: str) -> str:
    """Return the code of an entry's value; empty if the source does not have it."""
    keys = [*re.finditer(rf"""(?:["':]|\b){re.escape(name)}(?:["']?\s*=>|["']?:)\s*""", source)]
    return END.split(source[keys[-1].end() :], maxsplit=1)[0] if keys else ""


def _name_whole(name: str, value: Any, ruby: str, variables: Mapping[str, str | None]) -> EnvironmentVariable | None:
    """Return the environment variable that is the complete value; None if it is not."""
    found = WHOLE.fullmatch(ruby.strip())
    if not found or value not in (variables.get(found["name"]), found["default"]):
        return None
    is_secret = is_secret_text(found["default"], is_secret_name(name) or is_secret_name(found["name"]))
    return EnvironmentVariable(found["name"], None if is_secret else found["default"])


def _hide(name: str, value: Any, ruby: str) -> Any:
    """Return a text; the environment variable of this name if it is a secret."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not is_secret_text(text, is_secret_name(name)):
        return text
    if name.upper() in _list_reads(ruby):
        raise CannotBeWrittenError(f"a part of it is the environment variable {name.upper()}, and it is a secret")
    return EnvironmentVariable(name.upper())


def _list_reads(ruby: str) -> Iterator[str]:
    return (name for name, _ in READ.findall(ruby))
