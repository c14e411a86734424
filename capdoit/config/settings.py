"""The schema of deploy.yml: all settings, those of transfers included, and how they are read.

A new setting of a stage is a line in a table of `capdoit.config.rules` and a field of `capdoit.config.stages.Stage`. A
setting of a transfer is declared by the transfer itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from capdoit.config.host_addresses import JSON_ADDRESS, read_hosts_by_name
from capdoit.config.inventory import read_inventory
from capdoit.config.path_readers import (
    read_log,
)
from capdoit.config.readers import (
    STRING,
    JsonSchema,
    Reader,
    choice_reader,
    read_application,
)
from capdoit.config.rules import (
    HOST,
    RULES_OF_HOSTS,
    RULES_OF_HOSTS_AND_STAGES,
    RULES_OF_STAGES,
    STAGE,
    TOP,
    SettingRule,
)
from capdoit.config.synonyms import hint_at_synonyms
from capdoit.config.tags import read_source
from capdoit.config.yaml_nodes import ComputedValue, YamlValue
from capdoit.script import SecretText
from capdoit.sources import EnvironmentVariable, FilledText, PendingValue, Source

LEVEL_NAMES = {TOP: "at the top", STAGE: "in a stage", HOST: "at a host"}
STAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Tasks of a stage with one of these names would have the names of other tasks: deploy:rollback, deploy:check, …
RESERVED_STAGE_NAMES = ("all", "check", "deploy", "drill", "rollback", "setup")
RESERVED: JsonSchema = {"enum": [*RESERVED_STAGE_NAMES]}


@dataclass(frozen=True)
class PendingSetting:
    """A setting whose value is not known yet: of a variable that is not set, or of a command that has not run.

    Attributes:
        name: name of the setting.
        rule: the rule for the setting.
        source: the source of its value.
        user: the place of the setting in the file, and its path, for messages.
    """

    name: str
    rule: SettingRule
    source: Source
    user: str

    @property
    def placeholder(self) -> str:
        """The text in place of the value, until something needs it."""
        return f"/unset/{self.source.tag}"


class TransferSettings(Protocol):
    """The part of a transfer that is needed to read deploy.yml.

    Attributes:
        name: value of ``transfer:`` that selects it.
        settings: the settings that only mean something to transfers, by name. Transfers may share a setting.
        implied_by: the setting that selects this transfer where ``transfer:`` is not set; empty for none.
    """

    name: str
    settings: Mapping[str, SettingRule]
    implied_by: str


Transfers = Mapping[str, TransferSettings]


def _mapping_of(settings: JsonSchema, names: JsonSchema) -> JsonSchema:
    """Return the JSON Schema of a mapping of names to settings."""
    return {"type": "object", "minProperties": 1, "propertyNames": names, "additionalProperties": settings}


HOSTS: JsonSchema = {
    "anyOf": [
        _mapping_of({"anyOf": [{"$ref": f"#/definitions/{HOST}"}, {"type": "null"}]}, JSON_ADDRESS),
        {"type": "array", "items": {**JSON_ADDRESS, "type": STRING["type"]}, "minItems": 1},
        {**JSON_ADDRESS, "type": STRING["type"]},
    ]
}


class Schema:
    """The rules for all settings of deploy.yml.

    Args:
        transfers: all transfers by name; the first is the default.
        environment: environment variables that ``!env NAME`` may name.

    Attributes:
        transfers: all transfers by name.
        rules: rules of all settings by name, in the order in which settings are shown.
    """

    def __init__(self, transfers: Transfers, environment: Mapping[str, str] | None = None) -> None:
        self.transfers = transfers
        self._environment = environment or {}
        self._hints_by_level: dict[str, dict[str, str]] = {}  # there may be hundreds of hosts
        of_transfers = {name: rule for transfer in transfers.values() for name, rule in transfer.settings.items()}
        self.rules: dict[str, SettingRule] = {
            **RULES_OF_HOSTS_AND_STAGES,
            "application": SettingRule(read_application, "The name of the application.", is_text=True),
            "transfer": SettingRule(
                choice_reader(transfers, "a transfer"),
                "The way that code reaches the hosts; repo_url or archive imply it.",
            ),
            **{name: replace(rule, is_text=True, is_for_deploys=True) for name, rule in of_transfers.items()},
            **RULES_OF_STAGES,
            **RULES_OF_HOSTS,
            "hosts": SettingRule(
                Reader(self._read_hosts, HOSTS),
                "The hosts of the stage: a mapping of names to settings, or a list of names. A name can be an address, "
                "such as deploy@web1.example.com:2222. !cmd COMMAND prints the hosts as JSON, in this form or as "
                "ansible-inventory --list does.",
                (STAGE,),
            ),
            "stages": SettingRule(
                Reader(
                    _as_it_is,
                    _mapping_of(
                        {"$ref": f"#/definitions/{STAGE}"}, {"pattern": f"^{STAGE_NAME.pattern}$", "not": RESERVED}
                    ),
                ),
                "The stages, by name; settings at the top apply to all of them.",
                (TOP,),
                is_scalar=False,
            ),
            "default_stage": SettingRule(
                Reader(_as_it_is, STRING),
                "The stage that is used without a name.",
                (TOP,),
                is_for_loading=True,
            ),
            "log": SettingRule(
                read_log,
                "The log file, relative to the directory of deploy.yml; off for none.",
                (TOP,),
                is_for_loading=True,
            ),
        }

    def names_at(self, level: str) -> list[str]:
        """Return the names of the settings that a level may have."""
        return [name for name, rule in self.rules.items() if level in rule.levels]

    def names_only_at_stages(self) -> list[str]:
        """Return the names of the settings that a stage may have, and a host may not."""
        return [name for name in self.names_at(STAGE) if HOST not in self.rules[name].levels]

    def read_settings(self, value: YamlValue, level: str) -> dict[str, Any]:
        """Read a mapping of settings at a level of deploy.yml."""
        readers = {name: partial(self._read, name) for name in self.names_at(level)}
        hints = self._hints_by_level[level] = self._hints_by_level.get(level) or self._hints(level)
        return value.read_fields(readers, "setting of a host" if level == HOST else "setting", hints)

    def _hints(self, level: str) -> dict[str, str]:
        """Return the hints for settings of other levels, and for settings that other tools call so, by name."""
        levels = {name: _listed_levels(rule.levels) for name, rule in self.rules.items() if level not in rule.levels}
        of_levels = {name: f"; it belongs {words}" for name, words in levels.items()}
        return {**hint_at_synonyms(levels, self.names_at(level)), **of_levels}

    def _read(self, name: str, value: YamlValue) -> Any:
        """Read a setting; one whose value is not known yet becomes a `PendingSetting`."""
        rule = self.rules[name]
        try:
            source = read_source(value) if rule.is_scalar else None
            return rule.read(value) if source is None else self._read_source(name, value, source)
        except PendingValue as pending:
            return PendingSetting(name, rule, pending.source, f"{value.place}: {value.path}")

    def _read_source(self, name: str, value: YamlValue, source: Source) -> Any:
        """Read a setting whose value is not in the file, or has references.

        Raises:
            PendingValue: the value is not known yet.
        """
        rule = self.rules[name]
        if rule.is_for_loading and not isinstance(source, EnvironmentVariable):
            shown = "%{…}" if isinstance(source, FilledText) else value.kind
            value.add_mistake(f"{shown} cannot stand here: `doit list` needs the value and runs no command")
        text = source.find(self._environment)
        if text is None:
            raise PendingValue(source)
        found = rule.read(ComputedValue(value, text, source))
        is_secret = source.is_secret or (rule.is_secret and source.is_external)
        return SecretText(found, source) if is_secret and isinstance(found, str) else found

    def read_stages(self, document: YamlValue) -> dict[str, YamlValue]:
        """Return the stages of deploy.yml by name, unread."""
        if document.kind != "map":
            return {}
        entries = document.as_mapping()
        if "stages" not in entries:
            document.add_mistake("no stages; at least one is needed")
            return {}
        return entries["stages"].as_mapping("a mapping of names to stages", "no stages; at least one is needed")

    def read_outer_settings(self, value: YamlValue) -> dict[str, Any]:
        """Read the settings at the top or in a stage that a host may have, too."""
        names = self.names_at(HOST)
        return {name: self._read(name, item) for name, item in value.as_mapping().items() if name in names}

    def read_stage(self, name: str, value: YamlValue) -> dict[str, Any]:
        """Read the settings of a stage."""
        if not is_stage_name(name):
            value.add_mistake(f"{name} cannot be the name of a stage; choose another")
        settings = self.read_settings(value, STAGE)
        if value.kind == "map" and "hosts" not in settings:
            value.add_mistake("no hosts; at least one is needed")
        return settings

    def _read_hosts(self, value: YamlValue) -> dict[str, tuple[YamlValue, dict[str, Any]]]:
        written = read_inventory(value) if isinstance(value, ComputedValue) else value
        hosts = read_hosts_by_name(written, "no hosts; at least one is needed") if written else {}
        inside = {name: item.in_scope(item.scope.inside(item) if item.scope else None) for name, item in hosts.items()}
        return {name: (item, self.read_settings(item, HOST)) for name, item in inside.items()}


def _as_it_is(value: YamlValue) -> YamlValue:
    """Return a value that is read later."""
    return value


def is_stage_name(name: str) -> bool:
    """Return True if a stage may have this name."""
    return name not in RESERVED_STAGE_NAMES and bool(STAGE_NAME.fullmatch(name))


def _listed_levels(levels: Iterable[str]) -> str:
    return " or ".join(LEVEL_NAMES[level] for level in levels)
