"""Origins of the settings of a stage, and settings without effect.

`effective_settings` and `find_unused_settings` are pure. They read the nodes of deploy.yml that are read by
`capdoit.config.stages`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from capdoit.config.readers import Plain
from capdoit.config.settings import DEFAULT_LOG, HOST, STAGE, TOP, Schema
from capdoit.config.stages import Config, HostConfig, Stage
from capdoit.config.yaml_nodes import FAST, YamlValue, read_yaml
from capdoit.text import join_names, make_printable
from capdoit.url_credentials import mask_url_passwords

DEFAULT = "default"
OFF, ON = "off", "on"
NEVER_ON = "no level turns this recipe on"
SSH_SETTINGS = ("user", "port", "ssh_options", "ssh_config", "hostname")


@dataclass(frozen=True)
class Setting:
    """One setting in deploy.yml, or a default.

    Attributes:
        name: name in deploy.yml; in a mapping, the full path: ``default_env.LANG``.
        value: text for people; a secret is ``!env NAME``.
        level: ``top``, ``stage``, ``host`` or ``default``.
        place: file and line; empty for a default.
        host: name of the host that has it; empty for other levels.
        secret: environment variable that holds the value; empty if the value is in deploy.yml.
    """

    name: str
    value: str
    level: str
    place: str = ""
    host: str = ""
    secret: str = ""

    @property
    def first_name(self) -> str:
        """The first part of its name."""
        return self.name.partition(".")[0]

    @property
    def is_secret(self) -> bool:
        """True if its value is never shown."""
        return bool(self.secret) and self.first_name in ("default_env", "recipes", "repo_url")

    @property
    def is_recipe(self) -> bool:
        """True if it turns a recipe on or off; False for an option of a recipe."""
        return self.first_name == "recipes" and self.name.count(".") == 1

    @property
    def turns_off(self) -> bool:
        """True if it turns a recipe off."""
        return self.is_recipe and self.value == OFF

    @property
    def key(self) -> str:
        """The key that a setting shares with the settings that it overrides; ssh options override nothing."""
        return f"{self.name} {self.value}" if self.name == "ssh_options" else self.name


@dataclass(frozen=True)
class WrittenSettings:
    """All settings of deploy.yml by key: at the top, by stage, and by stage and host."""

    top: Mapping[str, Setting]
    stages: Mapping[str, Mapping[str, Setting]]
    hosts: Mapping[str, Mapping[str, Mapping[str, Setting]]]


def read_written_settings(file: Path) -> WrittenSettings:
    """Read the settings of a deploy.yml that `capdoit.config.stages.load_config` has accepted.

    Raises:
        ConfigError: the file cannot be read any more.
    """
    top = read_yaml(file, FAST).as_mapping()
    stages = {name: value.as_mapping() for name, value in top["stages"].as_mapping().items()}
    return WrittenSettings(
        top=_by_key(_flattened(top, TOP)),
        stages={name: _by_key(_flattened(own, STAGE)) for name, own in stages.items()},
        hosts={
            name: {
                host: _by_key(_flattened(value.as_mapping(), HOST, host))
                for host, value in own["hosts"].as_mapping().items()
            }
            for name, own in stages.items()
        },
    )


def effective_settings(written: WrittenSettings, config: Config, name: str) -> list[Setting]:
    """Return the settings that apply to a stage: in the order of the schema, then those at hosts.

    Args:
        written: all settings of deploy.yml.
        config: deploy.yml, with all hosts of all stages.
        name: name of the stage.
    """
    defaults = _defaults(config, config.stages[name], {setting.first_name for setting in _for_all_hosts(written, name)})
    applying = {**_by_key(defaults), **written.top, **written.stages[name]}
    turned_off = {key for key, setting in applying.items() if setting.turns_off}
    order = list(Schema(config.transfers).rules)
    kept = [setting for key, setting in applying.items() if key.rpartition(".")[0] not in turned_off]
    return [
        *sorted(kept, key=lambda setting: order.index(setting.first_name)),
        *(setting for own in written.hosts[name].values() for setting in own.values()),
    ]


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


def _flattened(entries: Mapping[str, YamlValue], level: str, host: str = "") -> Iterator[Setting]:
    """Yield the settings of one level; a mapping yields a setting for each entry."""
    for name, value in entries.items():
        if name not in ("stages", "hosts", "default_stage"):
            for setting in _parts(name, value):
                yield replace(setting, level=level, host=host)


def _parts(name: str, value: YamlValue) -> Iterator[Setting]:
    if name == "ssh_options":
        yield from (_setting(name, item) for item in value.as_list())
    elif name == "recipes":
        for recipe, item in value.as_mapping().items():
            yield replace(_setting(f"{name}.{recipe}", item), value=OFF if item.kind == "bool" else ON)
            options = item.as_mapping() if item.kind == "map" else {}
            yield from (_setting(f"{name}.{recipe}.{key}", option) for key, option in options.items())
    elif value.kind == "map":
        yield from (_setting(f"{name}.{key}", item) for key, item in value.as_mapping().items())
    else:
        yield _setting(name, value)


def _setting(name: str, value: YamlValue) -> Setting:
    secret = str(value.node.value) if value.kind == "!env" else ""
    text = f"!env {secret}" if secret else mask_url_passwords(make_printable(_as_text(value)))
    return Setting(name, text, TOP, _short_place(value), secret=secret)


def _as_text(value: YamlValue) -> str:
    if value.kind == "seq":
        return join_names(_as_text(item) for item in value.as_list())
    if value.kind == "map":
        return join_names(f"{name}: {_as_text(item)}" for name, item in value.as_mapping().items())
    return str(value.node.value)


def _short_place(value: YamlValue) -> str:
    """Return the file's name and the line, without directory and column."""
    file, line, _ = value.place.rsplit(":", 2)
    return f"{Path(file).name}:{line}"


# -- defaults


def _for_all_hosts(written: WrittenSettings, name: str) -> Iterator[Setting]:
    """Yield the settings that are set for all hosts of a stage: at the top, in the stage, or at every host."""
    yield from written.top.values()
    yield from written.stages[name].values()
    hosts = list(written.hosts[name].values())
    yield from (setting for key, setting in hosts[0].items() if all(key in own for own in hosts))


def _defaults(config: Config, stage: Stage, names_set: set[str]) -> Iterator[Setting]:
    """Yield the defaults that apply to a stage."""
    known = Schema(config.transfers).names_at(TOP)
    values = {one.name: getattr(stage, one.name) for one in fields(stage) if one.name in known}
    values |= {"deploy_to": f"/var/www/{stage.application}", **stage.transfer_settings, "log": DEFAULT_LOG}
    for name, value in values.items():
        if name not in names_set and value not in (None, (), ""):
            yield Setting(name, _default_text(value), DEFAULT)


def _default_text(value: Plain) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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
