"""Where each setting of a stage comes from, and which settings nothing uses.

`settings` and `unused` read the same nodes of deploy.yml that `stages` makes its objects of; both are pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from capdoit.config.settings import ANYWHERE, SETTINGS, Plain
from capdoit.config.stages import Stage
from capdoit.config.yaml_nodes import FAST, Value, read
from capdoit.text import listed, printable

TOP, STAGE, HOST, DEFAULT = "top", "stage", "host", "default"
OFF, ON = "off", "on"
NOT_ON = "a recipe is off unless something turns it on"
OF_SSH = ("user", "port", "ssh_options", "ssh_config", "hostname")
OF_GIT = ("repo_url", "branch", "repo_tree")
PASSWORD = re.compile(r"(://[^/@:\s]*:)[^/@\s]*@")


@dataclass(frozen=True)
class Setting:
    """One setting, as it is written or as it is when nobody says it.

    Attributes:
        name: as in deploy.yml, with what leads to it in a mapping: ``default_env.LANG``.
        value: for people; a secret is ``!env NAME``.
        level: ``top``, ``stage``, ``host`` or ``default``.
        place: file and line; empty for a default.
        host: whose it is, when it stands at a host.
        secret: the environment variable that holds its value; empty when it is no secret.
    """

    name: str
    value: str
    level: str
    place: str = ""
    host: str = ""
    secret: str = ""

    @property
    def setting(self) -> str:
        """The first part of its name."""
        return self.name.partition(".")[0]

    @property
    def is_recipe(self) -> bool:
        """Whether it turns a recipe on or off, and is no option of one."""
        return self.setting == "recipes" and self.name.count(".") == 1

    @property
    def turns_off(self) -> bool:
        """Whether it turns a recipe off."""
        return self.is_recipe and self.value == OFF

    @property
    def key(self) -> str:
        """What another one has to share to take its place; options for ssh stand beside each other."""
        return f"{self.name} {self.value}" if self.name == "ssh_options" else self.name


@dataclass(frozen=True)
class Written:
    """All settings of deploy.yml where they stand: at the top, in stages and at hosts, each by its key."""

    top: Mapping[str, Setting]
    stages: Mapping[str, Mapping[str, Setting]]
    hosts: Mapping[str, Mapping[str, Mapping[str, Setting]]]


def written(file: Path) -> Written:
    """The settings of a deploy.yml that `capdoit.config.stages.load` has accepted.

    Raises:
        ConfigError: it cannot be read any more.
    """
    top = read(file, FAST).entries()
    stages = {name: value.entries() for name, value in top["stages"].entries().items()}
    return Written(
        top=_by_key(_flat(top, TOP)),
        stages={name: _by_key(_flat(own, STAGE)) for name, own in stages.items()},
        hosts={
            name: {host: _by_key(_flat(at.entries(), HOST, host)) for host, at in own["hosts"].entries().items()}
            for name, own in stages.items()
        },
    )


def settings(said: Written, stage: Stage) -> list[Setting]:
    """The settings that hold for a stage, in deploy.yml's order of names; those at hosts come last.

    Args:
        said: all that deploy.yml says.
        stage: with all its hosts.
    """
    defaults = _defaults(stage, {setting.setting for setting in _of(said, stage)})
    holding = {**_by_key(defaults), **said.top, **said.stages[stage.name]}
    switched_off = {key for key, setting in holding.items() if setting.turns_off}
    order = list(SETTINGS)
    stay = [s for key, s in holding.items() if key.rpartition(".")[0] not in switched_off]
    return [
        *sorted(stay, key=lambda setting: order.index(setting.setting)),
        *(setting for own in said.hosts[stage.name].values() for setting in own.values()),
    ]


def unused(said: Written, stages: Mapping[str, Stage], name: str) -> list[tuple[Setting, str]]:
    """The settings of one stage and of the top of the file that change nothing, each with the reason.

    Args:
        said: all that deploy.yml says.
        stages: all of them, with all their hosts.
        name: the stage; what only other stages say is left out.
    """
    found = [(setting, [_at_top(setting, said, stage) for stage in stages.values()]) for setting in said.top.values()]
    found += [(setting, [_in_stage(setting, said, stages[name])]) for setting in said.stages[name].values()]
    found += [
        (setting, [_at_host(setting, stages[name])]) for own in said.hosts[name].values() for setting in own.values()
    ]
    return [(setting, "; ".join(dict.fromkeys(reasons))) for setting, reasons in found if all(reasons)]


# -- what is written


def _by_key(settings: Iterable[Setting]) -> dict[str, Setting]:
    return {setting.key: setting for setting in settings}


def _flat(entries: Mapping[str, Value], level: str, host: str = "") -> Iterator[Setting]:
    """The settings of one level; a mapping is as many as it has entries."""
    for name, value in entries.items():
        if name not in ("stages", "hosts", "default_stage"):
            for setting in _parts(name, value):
                yield replace(setting, level=level, host=host)


def _parts(name: str, value: Value) -> Iterator[Setting]:
    if name == "default_env":
        yield from (_setting(f"{name}.{key}", item) for key, item in value.entries().items())
    elif name == "ssh_options":
        yield from (_setting(name, item) for item in value.items())
    elif name == "recipes":
        for recipe, item in value.entries().items():
            yield replace(_setting(f"{name}.{recipe}", item), value=OFF if item.kind == "bool" else ON)
            options = item.entries() if item.kind == "map" else {}
            yield from (_setting(f"{name}.{recipe}.{key}", option) for key, option in options.items())
    else:
        yield _setting(name, value)


def _setting(name: str, value: Value) -> Setting:
    secret = str(value.node.value) if value.kind == "!env" else ""
    shown = f"!env {secret}" if secret else PASSWORD.sub(r"\1***@", printable(_shown(value)))
    return Setting(name, shown, TOP, _line(value), secret=secret)


def _shown(value: Value) -> str:
    if value.kind == "seq":
        return listed(_shown(item) for item in value.items())
    if value.kind == "map":
        return listed(f"{name}: {_shown(item)}" for name, item in value.entries().items())
    return str(value.node.value)


def _line(value: Value) -> str:
    """File and line, without the directory and the column."""
    file, line, _ = value.place.rsplit(":", 2)
    return f"{Path(file).name}:{line}"


# -- what holds


def _of(said: Written, stage: Stage) -> Iterator[Setting]:
    """What is said for a whole stage; and where all hosts say it, what they say."""
    yield from said.top.values()
    yield from said.stages[stage.name].values()
    hosts = list(said.hosts[stage.name].values())
    yield from (setting for key, setting in hosts[0].items() if all(key in own for own in hosts))


def _defaults(stage: Stage, said: set[str]) -> Iterator[Setting]:
    """What holds because nobody says otherwise."""
    of_stage = {f.name: getattr(stage, f.name) for f in fields(stage) if f.name in SETTINGS}
    of_stage["deploy_to"] = f"/var/www/{stage.application}"
    for name, value in of_stage.items():
        if name not in said and value not in (None, (), "") and not _idle(name, stage):
            yield Setting(name, _plain(value), DEFAULT)


def _plain(value: Plain) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# -- what nothing uses


def _at_top(setting: Setting, said: Written, stage: Stage) -> str:
    """Why a setting at the top means nothing to a stage; empty when it does mean something."""
    if setting.turns_off:
        return NOT_ON
    own = said.stages[stage.name]
    if _is_off(setting, own):
        return f"{stage.name} turns the recipe off"
    overridden = setting.key in own and not setting.is_recipe  # whose options are joined
    return f"{stage.name} says its own" if overridden else _in_stage(setting, said, stage)


def _in_stage(setting: Setting, said: Written, stage: Stage) -> str:
    """The same, for a setting that no stage overrides."""
    if setting.turns_off and (setting.key not in said.top or said.top[setting.key].turns_off):
        return NOT_ON
    return _idle(setting.name, stage) or _said_by_hosts(setting, said, stage)


def _at_host(setting: Setting, stage: Stage) -> str:
    """The same, for a setting at a host."""
    host = next(host for host in stage.hosts if host.name == setting.host)
    return f"{host.name} is this machine" if host.transport == "local" and setting.setting in OF_SSH else ""


def _idle(name: str, stage: Stage) -> str:
    if name in OF_GIT and stage.transfer == "archive":
        return f"{stage.name} deploys an archive"
    if name == "archive" and stage.transfer == "git":
        return f"{stage.name} deploys from git"
    if name in OF_SSH and all(host.transport == "local" for host in stage.hosts):
        return f"all hosts of {stage.name} are this machine"
    return ""


def _said_by_hosts(setting: Setting, said: Written, stage: Stage) -> str:
    if setting.setting not in ANYWHERE:
        return ""
    asked = [host.name for host in stage.hosts if host.transport == "ssh" or setting.setting not in OF_SSH]
    overridden = all(setting.key in said.hosts[stage.name][name] for name in asked)
    return f"every host of {stage.name} says its own" if overridden else ""


def _is_off(setting: Setting, own: Mapping[str, Setting]) -> bool:
    recipe = ".".join(setting.name.split(".")[:2])
    return setting.setting == "recipes" and recipe in own and own[recipe].turns_off
