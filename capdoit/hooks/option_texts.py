"""Texts from elsewhere, such as the output of a command, as options of a recipe whose types are not secrets."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from typing import Any, Literal

from capdoit.config.yaml_nodes import FALSE_WORDS, TRUE_WORDS
from capdoit.script import Secret, SecretText

STAND_INS = {str: "/unset", int: 0, float: 0.0, bool: False}


def parse_text(value: Secret, hint: Any) -> object:
    """Return a known value with the type of an option; if the text has another type, return the value itself."""
    text = value.reveal()
    found = next((one for kind in _list_kinds(hint) if (one := _parse(text, kind)) is not None), value)
    return SecretText(text, value.source) if found is text and value.source.is_secret else found


def stand_in(value: Secret, hint: Any, field: dataclasses.Field[Any]) -> object:
    """Return what an option has until its value is known: its default, or a harmless value of its type.

    An empty text or None would say that the option is not set, which a recipe may refuse.

    Args:
        value: the value that is not known yet; it is returned if it can never have the type.
        hint: type of the option.
        field: field of the option.
    """
    kinds = _list_kinds(hint)
    if not any(kind in STAND_INS or typing.get_origin(kind) is Literal for kind in kinds):
        return value
    is_text_not_set = str in kinds and field.default in (None, "")
    if field.default is not dataclasses.MISSING and not is_text_not_set:
        return field.default
    kind = kinds[0]
    return typing.get_args(kind)[0] if typing.get_origin(kind) is Literal else STAND_INS.get(kind, "/unset")


def _list_kinds(hint: Any) -> list[Any]:
    """Return the types that a union joins, or the only type; text comes last, because every text is one."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    kinds = list(typing.get_args(hint)) if is_union else [hint]
    return sorted(kinds, key=lambda kind: kind is str)


def _parse(text: str, kind: Any) -> object | None:
    """Return a text as a value of a type; None if it has another type."""
    if typing.get_origin(kind) is Literal:
        return next((choice for choice in typing.get_args(kind) if str(choice) == text), None)
    if kind is bool:
        return {**dict.fromkeys(TRUE_WORDS, True), **dict.fromkeys(FALSE_WORDS, False)}.get(text.lower())
    if kind is int:
        return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None
    if kind is float:
        return float(text) if re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,10})?", text) else None
    return text if kind is str else None
