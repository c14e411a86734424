"""The JSON Schema of deploy.yml, for editors. It is made from the rules that deploy.yml is read with.

Editors know draft 7. They do not show a tag to the schema: of `!env NAME` it sees the string NAME. So where
a value may come from elsewhere, the schema accepts a name in capitals and a text with a space, and any word in place of
a number or a boolean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from capdoit.config.readers import JsonSchema
from capdoit.config.rules import DEFAULT_LOG, HOST, STAGE, TOP, SettingRule
from capdoit.config.settings import Schema, Transfers
from capdoit.config.stages import HostConfig, Stage
from capdoit.config.tags import DEFINITIONS, or_external

DRAFT = "http://json-schema.org/draft-07/schema#"


def make_editor_schema(transfers: Transfers, recipes: JsonSchema) -> JsonSchema:
    """Return the JSON Schema of deploy.yml.

    Args:
        transfers: all transfers by name.
        recipes: the JSON Schema of the setting ``recipes``.
    """
    rules = Schema(transfers)
    return {
        "$schema": DRAFT,
        "description": "The application, how it is deployed, and its hosts.",
        **_describe_level(rules, TOP),
        "required": ["stages"],
        "definitions": {
            "stage": {**_describe_level(rules, STAGE), "required": ["hosts"]},
            "host": _describe_level(rules, HOST),
            "recipes": recipes,
            **DEFINITIONS,
        },
    }


def _describe_level(rules: Schema, level: str) -> JsonSchema:
    """Return the JSON Schema of the settings of a level. Each default stands at the outermost level of its setting."""
    defaults = _find_defaults(rules.transfers)
    settings = {}
    for name in rules.names_at(level):
        rule = rules.rules[name]
        default = {"default": defaults[name]} if name in defaults and level == rule.levels[0] else {}
        settings[name] = {"description": rule.description, **default, **_accepted_by(rule)}
    return {"type": "object", "properties": settings, "additionalProperties": False}


def _accepted_by(rule: SettingRule) -> JsonSchema:
    return or_external(rule.read.accepts) if rule.is_scalar else rule.read.accepts


def _find_defaults(transfers: Transfers) -> Mapping[str, Any]:
    """Return the defaults of settings by name, those without a value left out."""
    known = {one.name: one.default for kind in (Stage, HostConfig) for one in fields(kind)}
    known |= {name: rule.default for transfer in transfers.values() for name, rule in transfer.settings.items()}
    known["log"] = DEFAULT_LOG
    return {name: _as_json(value) for name, value in known.items() if value not in (MISSING, None, "", ())}


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
