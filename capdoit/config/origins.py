"""Origins of the settings of a stage, and settings without effect.

`effective_settings` and `find_unused_settings` are pure. They read the nodes of deploy.yml that are read by
`capdoit.config.deploy_file`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from capdoit.config.deploy_file import Config
from capdoit.config.host_addresses import read_hosts_by_name
from capdoit.config.readers import Plain, read_plain
from capdoit.config.rules import DEFAULT_LOG, HOST, STAGE, TOP, SettingRule
from capdoit.config.scope import put_in_scope
from capdoit.config.settings import Schema
from capdoit.config.stage_reader import DEFAULT_LOGS
from capdoit.config.stages import DEFAULT_BRANCH, HostConfig, Stage
from capdoit.config.tags import read_source
from capdoit.config.yaml_file import FAST
from capdoit.config.yaml_nodes import ComputedValue, YamlValue
from capdoit.controller_command import ControllerCommand
from capdoit.sources import EnvironmentVariable, PendingValue, Source
from capdoit.text import join_names, make_printable
from capdoit.url_credentials import MASK, mask_url_passwords

DEFAULT, RECIPE, VARIABLE = "default", "recipe", "variable"
OVERRIDDEN_WHOLE = ("linked_files", "shared_to")  # mappings to which an inner level adds nothing
NOT_OF_STAGES = {"stages", "default_stage"}
EMPTY: tuple[object, ...] = (None, (), "", {})
NEVER_ON = "no level turns this recipe on"
SSH_SETTINGS = ("user", "port", "ssh_options", "ssh_config", "hostname")


@dataclass(frozen=True)
class Setting:
    """One setting of a stage, with its origin.

    Attributes:
        name: name in deploy.yml; in a mapping, the full path: ``default_env.LANG``.
        value: the value as deploy.yml has it, or as the environment variable has it; for a recipe, whether it is on.
            None for a secret, for the output of a command, and if the setting or its variable is not set.
        level: the level of deploy.yml that has it (``top``, ``stage`` or ``host``), ``default``, ``recipe`` for what a
            recipe brings, ``variable`` for ``branch=``.
        place: file and line; for a variable, how it is set; empty for other levels.
        host: name of the host that has it; empty for other levels.
        variable: environment variable that holds the value; empty if there is none.
        is_set: whether that variable is set, or has a default.
        command: command that prints the value, which is not run for this; empty if there is none.
        recipe: name of the recipe that brings it; empty for other levels.
    """

    name: str
    value: Plain
    level: str
    place: str = ""
    host: str = ""
    variable: str = ""
    is_set: bool = True
    command: str = ""
    recipe: str = ""

    @property
    def text(self) -> str:
        """The value for people; a secret is masked."""
        if self.is_unset:
            return "(not set)"
        if self.command:
            return f"!cmd {self.command}"
        if self.is_recipe:
            return "on" if self.value else "off"
        return MASK if self.is_secret else _as_text(self.value)

    @property
    def is_unset(self) -> bool:
        """True if there is no value: of a variable that is not set, or of a setting without a default."""
        return not self.is_set or (self.level == DEFAULT and self.value is None)

    @property
    def first_name(self) -> str:
        """The first part of its name."""
        return self.name.partition(".")[0]

    @property
    def is_secret(self) -> bool:
        """True if its value is never shown."""
        is_from_variable = bool(self.variable) and self.first_name in ("default_env", "recipes", "repo_url")
        return bool(self.command) or is_from_variable

    @property
    def is_recipe(self) -> bool:
        """True if it turns a recipe on or off; False for an option of a recipe."""
        return self.first_name == "recipes" and self.name.count(".") == 1

    @property
    def turns_off(self) -> bool:
        """True if it turns a recipe off."""
        return self.is_recipe and self.value is False

    @property
    def key(self) -> str:
        """The key that a setting shares with the settings that it overrides; ssh options override nothing."""
        return f"{self.name} {self.text}" if self.name == "ssh_options" else self.name


@dataclass(frozen=True)
class WrittenSettings:
    """All settings of deploy.yml by key: at the top, at the top as a stage sees it, by stage, and by stage and host."""

    top: Mapping[str, Setting]
    tops: Mapping[str, Mapping[str, Setting]]
    stages: Mapping[str, Mapping[str, Setting]]
    hosts: Mapping[str, Mapping[str, Mapping[str, Setting]]]


def read_written_settings(config: Config, environment: Mapping[str, str]) -> WrittenSettings:
    """Read the settings of a deploy.yml that `capdoit.config.deploy_file.load_config` has accepted.

    Args:
        config: deploy.yml.
        environment: the environment variables that ``!env NAME`` names.

    Raises:
        ConfigError: the file cannot be read any more.
    """
    reader = _SettingReader(Schema(config.transfers), environment)
    document = config.source.read_document(FAST)
    stages = document.as_mapping()["stages"].as_mapping()
    scopes = {
        name: put_in_scope(document, name, value, config.source.branch, DEFAULT_BRANCH)
        for name, value in stages.items()
    }
    return WrittenSettings(
        top=_by_key(reader.settings_of(document, TOP)),
        tops={name: _by_key(reader.settings_of(top, TOP)) for name, (top, _) in scopes.items()},
        stages={name: _by_key(reader.settings_of(own, STAGE)) for name, (_, own) in scopes.items()},
        hosts={
            name: {
                host: _by_key(reader.settings_of(_inside(own, value), HOST, host))
                for host, value in read_hosts_by_name(own.as_mapping()["hosts"], "").items()
            }
            for name, (_, own) in scopes.items()
        },
    )


def _inside(stage: YamlValue, host: YamlValue) -> YamlValue:
    return host.in_scope(stage.scope.inside(host) if stage.scope else None)


def effective_settings(
    written: WrittenSettings, config: Config, name: str, more: Iterable[Setting] = ()
) -> list[Setting]:
    """Return the settings that apply to a stage: in the order of the schema, then those at hosts.

    Args:
        written: all settings of deploy.yml.
        config: deploy.yml, with all hosts of all stages.
        name: name of the stage.
        more: settings from elsewhere; they are added behind the settings of the same name or recipe.
    """
    defaults = _defaults(config, config.stages[name], {setting.first_name for setting in _for_all_hosts(written, name)})
    applying = {**_by_key(defaults), **written.tops[name], **written.stages[name]}
    turned_off = {key for key, setting in applying.items() if setting.turns_off}
    kept = [setting for key, setting in applying.items() if key.rpartition(".")[0] not in turned_off]
    return [
        *_sorted([*kept, *more], config),
        *(setting for own in written.hosts[name].values() for setting in _sorted(own.values(), config)),
    ]


def _sorted(settings: Iterable[Setting], config: Config) -> list[Setting]:
    """Return settings in the order of the schema; those of a recipe stay together."""
    settings, order = list(settings), list(Schema(config.transfers).rules)
    recipes = [setting.name for setting in settings if setting.is_recipe]

    def place(setting: Setting) -> tuple[int, int]:
        recipe = next((number for number, name in enumerate(recipes) if f"{setting.name}.".startswith(f"{name}.")), 0)
        return order.index(setting.first_name), recipe

    return sorted(settings, key=place)


def find_unused_settings(written: WrittenSettings, config: Config, name: str) -> list[tuple[Setting, str]]:
    """Return the settings of a stage and of the top of the file that have no effect, each with the reason.

    Args:
        written: all settings of deploy.yml.
        config: deploy.yml, with all hosts of all stages.
        name: name of the stage; settings of other stages are left out.
    """
    checks = {stage_name: _UsageCheck(written, config, stage) for stage_name, stage in config.stages.items()}
    own = checks[name]
    found = [(setting, [check.at_top(setting) for check in checks.values()]) for setting in written.top.values()]
    found += [(setting, [own.in_stage(setting)]) for setting in written.stages[name].values()]
    found += [(setting, [own.at_host(setting)]) for at in written.hosts[name].values() for setting in at.values()]
    return [(setting, "; ".join(dict.fromkeys(reasons))) for setting, reasons in found if all(reasons)]


# -- written settings


def _by_key(settings: Iterable[Setting]) -> dict[str, Setting]:
    return {setting.key: setting for setting in settings}


class _SettingReader:
    """The reader of written settings.

    Args:
        schema: the rules for all settings.
        environment: the environment variables that ``!env NAME`` names.
    """

    def __init__(self, schema: Schema, environment: Mapping[str, str]) -> None:
        self._rules, self._environment = schema.rules, environment

    def settings_of(self, values: YamlValue, level: str, host: str = "") -> Iterator[Setting]:
        """Yield the settings of one level; a mapping yields a setting for each entry."""
        for name, value in values.as_mapping().items():
            if name not in ("stages", "hosts", "default_stage"):
                for setting in self._parts(name, value):
                    yield replace(setting, level=level, host=host)

    def _parts(self, name: str, value: YamlValue) -> Iterator[Setting]:
        if name == "ssh_options":
            yield from (_setting(name, item, _text(item)) for item in value.as_list())
        elif name == "recipes":
            for recipe, item in value.as_mapping().items():
                yield _setting(f"{name}.{recipe}", item, item.kind != "bool")
                options = item.as_mapping() if item.kind == "map" else {}
                yield from (self._option(f"{name}.{recipe}.{key}", option) for key, option in options.items())
        elif value.kind == "map" and name not in OVERRIDDEN_WHOLE:
            has_texts = name != "vars"
            items = value.as_mapping().items()
            yield from (self._option(f"{name}.{key}", item, has_texts) for key, item in items)
        else:
            yield self._scalar(name, value)

    def _option(self, name: str, value: YamlValue, is_text: bool = False) -> Setting:
        source = read_source(value)
        if source:
            return self._describe_with_source(name, value, source)
        return _setting(name, value, _text(value) if is_text else _plain(value))

    def _scalar(self, name: str, value: YamlValue) -> Setting:
        source = read_source(value)
        if source:
            return self._describe_with_source(name, value, source)
        return _setting(name, value, _typed(self._rules[name], value))

    def _describe_with_source(self, name: str, value: YamlValue, source: Source) -> Setting:
        setting, text = _setting(name, value, None), source.find(self._environment)
        if isinstance(source, ControllerCommand):
            return replace(setting, command=make_printable(source.command))
        if isinstance(source, EnvironmentVariable):
            setting = replace(setting, variable=source.variable, is_set=text is not None)
        elif source.is_external:
            return replace(setting, value=source.tag)
        if setting.is_secret or text is None:
            return setting
        computed = ComputedValue(value, text, source)
        rule = self._rules.get(name)
        return replace(setting, value=_masked(_typed(rule, computed) if rule else text))


def _typed(rule: SettingRule, value: YamlValue) -> Plain:
    """Return a value with its type; a number is a text where the setting is one."""
    try:
        found = rule.read(value)
    except PendingValue:
        return _plain(value)
    if isinstance(found, bool):
        return found
    return _text(value) if isinstance(found, str) else _plain(value)


def _plain(value: YamlValue) -> Plain:
    """Return a value by its YAML type, as deploy.yml has it if a reference in it is not known."""
    try:
        return read_plain(value)
    except PendingValue:
        return read_plain(value.in_scope(None))


def _text(value: YamlValue) -> str:
    return str(value.node.value)


def _setting(name: str, value: YamlValue, plain: Plain) -> Setting:
    return Setting(name, _masked(plain), TOP, _short_place(value))


def _masked(plain: Plain) -> Plain:
    """Return a value whose texts can be shown."""
    if isinstance(plain, str):
        return mask_url_passwords(make_printable(plain))
    if isinstance(plain, list):
        return [str(_masked(one)) for one in plain]
    return {name: str(_masked(one)) for name, one in plain.items()} if isinstance(plain, dict) else plain


def _as_text(value: Plain) -> str:
    """Return a value as people read it; an empty one as deploy.yml would have it."""
    if value in ([], {}, "", None):
        return json.dumps(value)
    if isinstance(value, list):
        return join_names(value)
    if isinstance(value, dict):
        return join_names(f"{name}: {one}" for name, one in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short_place(value: YamlValue) -> str:
    """Return the file's name and the line, without directory and column."""
    return re.sub(r"^(.*?):([0-9]+)(?::[0-9]+)?$", lambda found: f"{Path(found[1]).name}:{found[2]}", value.place)


# -- defaults


def _for_all_hosts(written: WrittenSettings, name: str) -> Iterator[Setting]:
    """Yield the settings that are set for all hosts of a stage: at the top, in the stage, or at every host."""
    yield from written.top.values()
    yield from written.stages[name].values()
    hosts = list(written.hosts[name].values())
    first = hosts[0] if hosts else {}  # a command that was not run prints the hosts
    yield from (setting for key, setting in first.items() if all(key in own for own in hosts))


def _defaults(config: Config, stage: Stage, names_set: set[str]) -> Iterator[Setting]:
    """Yield the defaults that apply to a stage; None for a setting without one."""
    of_transfers = {name for transfer in config.transfers.values() for name in transfer.settings}
    of_others = of_transfers - {*config.transfers[stage.transfer].settings}
    values = {one.name: getattr(stage, one.name) for one in fields(stage)}
    values |= {
        "deploy_to": f"/var/www/{stage.application}",
        **stage.transfer_settings,
        "logs": [*DEFAULT_LOGS],
        "log": DEFAULT_LOG,
    }
    for name in Schema(config.transfers).names_at(TOP):
        if name not in names_set | of_others | NOT_OF_STAGES:
            value = values.get(name)
            yield Setting(name, None if value in EMPTY else value, DEFAULT)


# -- unused settings


class _UsageCheck:
    """The check for settings without effect on one stage; a method returns the reason, or an empty text."""

    def __init__(self, written: WrittenSettings, config: Config, stage: Stage) -> None:
        self._written, self._stage = written, stage
        self._in_stage, self._at_hosts = written.stages[stage.name], written.hosts[stage.name]
        of_transfers = {name for transfer in config.transfers.values() for name in transfer.settings}
        self._of_other_transfers = of_transfers - {*config.transfers[stage.transfer].settings}

    def at_top(self, setting: Setting) -> str:
        """Return why a setting at the top has no effect on the stage."""
        if setting.turns_off:
            return NEVER_ON
        if self._turns_off_recipe_of(setting):
            return f"{self._stage.name} turns the recipe off"
        is_overridden = setting.key in self._in_stage and not setting.is_recipe  # options of recipes are joined
        return f"{self._stage.name} has its own" if is_overridden else self.in_stage(setting)

    def in_stage(self, setting: Setting) -> str:
        """Return why a setting that the stage does not override has no effect on it."""
        top = self._written.top
        if setting.turns_off and (setting.key not in top or top[setting.key].turns_off):
            return NEVER_ON
        return self._meaningless(setting.first_name) or self._overridden_by_hosts(setting)

    def at_host(self, setting: Setting) -> str:
        """Return why a setting at a host has no effect."""
        host = next(host for host in self._stage.hosts if host.name == setting.host)
        return f"{host.name} is this machine" if _is_local(host) and setting.first_name in SSH_SETTINGS else ""

    def _meaningless(self, name: str) -> str:
        if name in self._of_other_transfers:
            return f"{self._stage.name} has transfer: {self._stage.transfer}"
        if name in SSH_SETTINGS and all(map(_is_local, self._stage.hosts)):
            return f"all hosts of {self._stage.name} are this machine"
        return ""

    def _overridden_by_hosts(self, setting: Setting) -> str:
        name = setting.first_name
        heeding = [host.name for host in self._stage.hosts if name not in SSH_SETTINGS or not _is_local(host)]
        is_overridden = all(setting.key in self._at_hosts[host] for host in heeding)
        return f"every host of {self._stage.name} has its own" if is_overridden else ""

    def _turns_off_recipe_of(self, setting: Setting) -> bool:
        recipe = ".".join(setting.name.split(".")[:2])
        own = self._in_stage.get(recipe)
        return setting.first_name == "recipes" and own is not None and own.turns_off


def _is_local(host: HostConfig) -> bool:
    return host.transport == "local"
