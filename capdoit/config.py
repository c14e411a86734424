"""deploy.yml, read once into objects that do not change.

``load`` gives a `Config`; nothing above this module sees YAML. Every mistake of the file is reported
at once, with its place.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from capdoit.errors import ConfigError
from capdoit.layout import Layout, is_inside
from capdoit.places import EXACT, FAST, Value, near, read
from capdoit.script import NAME, Secret
from capdoit.text import listed

TRANSFERS = ("git", "archive")
ON_FAILURE = ("stop", "rollback")
DRILL = ("never", "after_deploy")
SECONDS = {"h": 3600, "d": 86400}
APPLICATION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
NAME_OF_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
NAME_OF_STAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Names that tasks have where a stage's would stand: deploy:rollback, deploy:check, rollback:local:…
RESERVED = ("all", "check", "deploy", "drill", "rollback")

Env = Mapping[str, "str | Secret"]
Plain = str | int | float | bool | list[str] | dict[str, str] | Secret | None


@dataclass(frozen=True)
class HostConfig:
    """A host of a stage, with what the stage and the top of the file say for it.

    Attributes:
        name: as deploy.yml, messages and ``hosts=`` call it.
        hostname: as ssh calls it.
        roles: the roles it plays.
        primary: whether it is the first choice of its roles.
        no_release: whether it gets no code; hooks may still run on it.
        transport: ``ssh`` or ``local``.
        user, port: for ssh; None leaves them to ssh's own configuration.
        layout: its paths.
        env: the environment of everything that runs on it.
        ssh_options: each given to ``ssh -o``.
        ssh_config: given to ``ssh -F``; None for ssh's own.
    """

    name: str
    hostname: str
    roles: tuple[str, ...]
    primary: bool
    no_release: bool
    transport: str
    user: str | None
    port: int | None
    layout: Layout
    env: Env = field(repr=False)
    ssh_options: tuple[str, ...]
    ssh_config: str | None


@dataclass(frozen=True)
class RecipeUse:
    """A recipe that deploy.yml asks for.

    Attributes:
        name: the recipe's.
        place: file and line, for messages.
        options: what deploy.yml says, by name.
        places: where each option stands.
    """

    name: str
    place: str
    options: Mapping[str, Plain]
    places: Mapping[str, str]

    def and_options(self, other: RecipeUse) -> RecipeUse:
        """The same recipe with another's options before its own."""
        return RecipeUse(self.name, other.place, {**self.options, **other.options}, {**self.places, **other.places})


@dataclass(frozen=True)
class Stage:
    """A stage: its hosts and the settings that hold for it; named as in deploy.yml."""

    name: str
    application: str
    hosts: tuple[HostConfig, ...]
    transfer: str
    repo_url: str | None
    branch: str
    repo_tree: str | None
    archive: str | None
    keep_releases: int
    linked_files: tuple[str, ...]
    linked_dirs: tuple[str, ...]
    recipes: tuple[RecipeUse, ...] = ()
    keep_failed: bool = False
    on_failure: str = "stop"
    max_failures: int = 0
    timeout: int | None = None
    drill: str = "never"
    drill_max_age: int | None = None

    @property
    def roles(self) -> set[str]:
        """The roles that its hosts play."""
        return {role for host in self.hosts for role in host.roles}

    @property
    def source(self) -> str:
        """What its code comes from: the branch, or the archive."""
        return self.branch if self.transfer == "git" else str(self.archive)

    def sharing(self, directories: Iterable[str]) -> Stage:
        """The same stage whose releases share some more directories."""
        return replace(self, linked_dirs=tuple(dict.fromkeys([*self.linked_dirs, *directories])))

    def only(self, hosts: tuple[HostConfig, ...]) -> Stage:
        """The same stage with some of its hosts."""
        return replace(self, hosts=hosts)


@dataclass(frozen=True)
class Config:
    """All of deploy.yml."""

    file: Path
    stages: Mapping[str, Stage]
    default_stage: str | None

    def roles(self) -> set[str]:
        """The roles of all stages."""
        return {role for stage in self.stages.values() for role in stage.roles}


def load(file: Path) -> Config:
    """Read deploy.yml.

    Args:
        file: its path; relative paths in it are below its directory.

    Raises:
        ConfigError: with every mistake in it, each with file, line, column and path.
    """
    try:
        return _load(file, FAST)
    except ConfigError:
        return _load(file, EXACT)


def _load(file: Path, loader: Any) -> Config:
    document = read(file, loader)
    top = document.fields(TOP, "setting", BELONGS)
    if document.kind == "map" and "stages" not in top:
        document.wrong("no stages; at least one is needed")
    stages = {
        name: _stage(name, value, _merged(top, own), file) for name, (value, own) in top.get("stages", {}).items()
    }
    default = _default_stage(top.get("default_stage"), stages)
    document.mistakes.raise_if_any()
    return Config(file, stages, default)


def choose_stage(config: Config, name: str | None) -> Stage:
    """The stage of that name, else the default one, else the only one.

    Raises:
        ConfigError: there is no such stage, or none can be chosen.
    """
    only = next(iter(config.stages)) if len(config.stages) == 1 else None
    name = name or config.default_stage or only
    there = listed(config.stages)
    if name is None:
        raise ConfigError(f"which stage? Say stage=NAME of {there}; or set default_stage in {config.file}")
    if name not in config.stages:
        raise ConfigError(f"no stage {name}; {config.file} has {there}{near(name, config.stages)}")
    return config.stages[name]


# -- the readers of the settings: each is given the value where it stands


def _same(value: Value) -> Value:
    return value


def _text(value: Value) -> str:
    return value.text()


def _application(value: Value) -> str:
    text = value.text()
    if text and not APPLICATION.fullmatch(text):
        value.wrong(f"found {text!r}, expected letters, digits, dots, dashes and underscores")
    return text


def _deploy_to(value: Value) -> str:
    text = value.text()
    if text and (posixpath.normpath(text) in ("/", "//", ".") or ".." in text.split("/")):
        value.wrong(f"found {text!r}, expected a directory of its own, without ..")
        return ""
    if "\\" in text or not text.isprintable():  # tar reads backslashes in names its own way
        value.wrong(f"found {text!r}, expected a path without backslashes and control characters")
        return ""
    return text.rstrip("/")


def _inside(value: Value) -> str:
    """A path that stays inside the release."""
    text = value.text()
    path = text.rstrip("/")
    if text and not is_inside(path):
        value.wrong(f"found {text!r}, expected a path inside the release, without . and ..")
        return ""
    return path


def _all_inside(value: Value) -> tuple[str, ...]:
    items = value.items("a list of paths")
    paths = tuple(_inside(item) for item in items)
    for number, path in enumerate(paths):
        if path and path in paths[:number]:
            items[number].wrong(f"{path} stands in the list for the second time")
    return paths


def _env(value: Value) -> dict[str, str | Secret]:
    env: dict[str, str | Secret] = {}
    for name, item in value.entries("a mapping of names and texts").items():
        if not NAME.fullmatch(name):
            item.wrong("not a name that an environment variable can have")
        env[name] = _secret(item) if item.kind == "!env" else item.text(empty=True)
    return env


def _secret(value: Value) -> Secret:
    variable = str(value.node.value)
    if not NAME.fullmatch(variable):
        value.wrong("expected the name of an environment variable after !env")
    return Secret(variable)


def _ssh_options(value: Value) -> tuple[str, ...]:
    return tuple(_ssh_option(item) for item in value.items())


def _ssh_option(value: Value) -> str:
    option = value.text()
    if option and not re.fullmatch(r"[A-Za-z0-9]+[ =].+", option):
        value.wrong(f"found {option!r}, expected Name=value as ssh_config(5) has it")
    return option


def _age(value: Value) -> int:
    """Seconds, said in days or hours."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([dh])", value.text())
    if not found:
        value.expected("days or hours, such as 30d or 12h")
        return 1
    return int(found[1]) * SECONDS[found[2]]


def _roles(value: Value) -> tuple[str, ...]:
    return tuple(_role(item) for item in value.items())


def _role(value: Value) -> str:
    role = value.text()
    if role == "all" or re.search(r"[\s,]", role):
        value.wrong(f"found {role!r}, expected a role's name: no spaces, no commas, and not all")
    return role


def _hosts(value: Value) -> dict[str, tuple[Value, dict[str, Any]]]:
    hosts = value.entries("a mapping of names and hosts", "no hosts; at least one is needed")
    return {name: (item, _host_fields(name, item)) for name, item in hosts.items()}


def _host_fields(name: str, value: Value) -> dict[str, Any]:
    if not NAME_OF_HOST.fullmatch(name):
        value.wrong("a host's name has letters, digits, dots, dashes and underscores; the user goes in user:")
    return value.fields(HOST, "setting of a host", BELONGS)


def _stages(value: Value) -> dict[str, tuple[Value, dict[str, Any]]]:
    stages = value.entries("a mapping of names and stages", "no stages; at least one is needed")
    return {name: (item, _stage_fields(name, item)) for name, item in stages.items()}


def _stage_fields(name: str, value: Value) -> dict[str, Any]:
    if name in RESERVED or not NAME_OF_STAGE.fullmatch(name):
        value.wrong(f"{name} cannot be a stage's name; give it another")
    fields = value.fields(STAGE, "setting", BELONGS)
    if value.kind == "map" and "hosts" not in fields:
        value.wrong("no hosts; at least one is needed")
    return fields


def _recipes(value: Value) -> dict[str, RecipeUse | None]:
    recipes = value.entries("a mapping of recipes and their options")
    return {name: _recipe(name, item) for name, item in recipes.items()}


def _recipe(name: str, value: Value) -> RecipeUse | None:
    """The recipe's options; None where it is switched off."""
    if value.kind == "bool" and not value.truth():
        return None
    options = {} if value.kind == "null" else value.entries("a mapping of options, or false")
    return RecipeUse(
        name,
        value.place,
        {option: _plain(item) for option, item in options.items()},
        {option: item.place for option, item in options.items()},
    )


def _plain(value: Value) -> Plain:
    """An option of a recipe, which knows what it may be."""
    plain: dict[str, Callable[[Value], Plain]] = {
        "bool": Value.truth,
        "int": lambda value: value.number(0),
        "float": Value.fraction,
        "seq": lambda value: [item.text() for item in value.items()],
        "map": lambda value: {name: item.text(empty=True) for name, item in value.entries().items()},
        "!env": _secret,
        "null": lambda _: None,
    }
    return plain.get(value.kind, Value.text)(value)


Readers = dict[str, Callable[[Value], Any]]

ANYWHERE: Readers = {  # at the top, in a stage, and at a host
    "user": _text,
    "port": lambda value: value.number(1, 65535),
    "deploy_to": _deploy_to,
    "default_env": _env,
    "ssh_options": _ssh_options,
}
SETTINGS: Readers = {  # at the top and in a stage
    **ANYWHERE,
    "application": _application,
    "transfer": lambda value: value.choice(TRANSFERS, "a transfer"),
    "repo_url": _text,
    "branch": _text,
    "repo_tree": _inside,
    "archive": _text,
    "keep_releases": lambda value: value.number(1),
    "linked_files": _all_inside,
    "linked_dirs": _all_inside,
    "keep_failed": lambda value: value.truth(),
    "on_failure": lambda value: value.choice(ON_FAILURE, "what follows a failure after the publish"),
    "max_failures": lambda value: value.number(0),
    "timeout": lambda value: value.number(1),
    "drill": lambda value: value.choice(DRILL, "when a rollback is rehearsed by itself"),
    "drill_max_age": _age,
    "ssh_config": _text,
    "recipes": _recipes,
}
HOST: Readers = {
    **ANYWHERE,
    "hostname": _text,
    "roles": _roles,
    "primary": lambda value: value.truth(),
    "no_release": lambda value: value.truth(),
    "transport": lambda value: value.choice(("ssh", "local"), "a transport"),
}
SAFETY = ("keep_failed", "on_failure", "max_failures", "timeout", "drill", "drill_max_age")
STAGE: Readers = {**SETTINGS, "hosts": _hosts}
TOP: Readers = {**SETTINGS, "stages": _stages, "default_stage": _same}
BELONGS = {
    **dict.fromkeys(HOST, "to a host"),
    **dict.fromkeys(SETTINGS, "to the top or to a stage"),
    **dict.fromkeys(("stages", "default_stage"), "to the top"),
    "hosts": "to a stage",
}


# -- from settings to stages


def _merged(outer: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    """What holds inside: what is said there wins; environments, ssh options and recipes are joined."""
    return {
        **outer,
        **inner,
        "default_env": {**outer.get("default_env", {}), **inner.get("default_env", {})},
        # of two that disagree, ssh takes the first
        "ssh_options": (*inner.get("ssh_options", ()), *outer.get("ssh_options", ())),
        "recipes": _joined(outer.get("recipes", {}), inner.get("recipes", {})),
    }


def _joined(
    outer: Mapping[str, RecipeUse | None], inner: Mapping[str, RecipeUse | None]
) -> dict[str, RecipeUse | None]:
    """Recipes by name, each with the options that the top of the file says and those that the stage does."""
    both = {name: before.and_options(use) for name, use in inner.items() if use and (before := outer.get(name))}
    return {**outer, **inner, **both}


def _default_stage(value: Value | None, stages: Mapping[str, Stage]) -> str | None:
    name = value.text() if value else None
    if value and name and stages and name not in stages:
        value.wrong(f"no stage {name}; there are {listed(stages)}{near(name, stages)}")
    return name


def _stage(name: str, value: Value, settings: dict[str, Any], file: Path) -> Stage:
    settings = {"branch": "master", "keep_releases": 5, "linked_files": (), "linked_dirs": (), **settings}
    settings["transfer"] = settings.get("transfer") or _transfer(value, settings)
    _check_needs(value, settings)
    _check_links(value, settings)
    hosts = tuple(_host(n, v, own, settings, file) for n, (v, own) in settings.get("hosts", {}).items())
    _check_places(value, hosts)
    return Stage(
        name=name,
        application=settings.get("application", ""),
        hosts=hosts,
        transfer=settings["transfer"],
        repo_url=settings.get("repo_url"),
        branch=settings["branch"],
        repo_tree=settings.get("repo_tree"),
        archive=settings.get("archive"),
        keep_releases=settings["keep_releases"],
        linked_files=settings["linked_files"],
        linked_dirs=settings["linked_dirs"],
        recipes=tuple(use for use in settings["recipes"].values() if use),
        **{name: settings[name] for name in SAFETY if name in settings},
    )


def _check_places(stage: Value, hosts: tuple[HostConfig, ...]) -> None:
    """Two names for one place would deploy to it twice at once."""
    seen: dict[tuple[object, ...], str] = {}
    for host in (host for host in hosts if not host.no_release):
        machine = () if host.transport == "local" else (host.hostname, host.port)
        other = seen.setdefault((machine, host.layout.deploy_to), host.name)
        if other != host.name:
            stage.wrong(f"hosts {other} and {host.name} are the same place, {host.layout.deploy_to}")


def _transfer(stage: Value, settings: Mapping[str, Any]) -> str:
    """What is meant when nobody says it."""
    if "archive" in settings and "repo_url" in settings:
        stage.wrong("both repo_url and archive are set; say transfer: git or transfer: archive")
    return "archive" if "archive" in settings else "git"


def _check_needs(stage: Value, settings: Mapping[str, Any]) -> None:
    """What a stage cannot be without."""
    hosts = [own for _, own in settings.get("hosts", {}).values()]
    if "application" not in settings and "deploy_to" not in settings and not all("deploy_to" in own for own in hosts):
        stage.wrong("neither application nor deploy_to is set; application: shop means /var/www/shop")
    needed = {"git": "repo_url", "archive": "archive"}.get(settings["transfer"])
    if needed and needed not in settings:
        stage.wrong(f"no {needed}, which transfer: {settings['transfer']} needs")


def _check_links(stage: Value, settings: Mapping[str, Any]) -> None:
    """A linked path inside another would be made inside shared/, through the link."""
    files, dirs = set(settings["linked_files"]) - {""}, set(settings["linked_dirs"]) - {""}
    for both in sorted(files & dirs):
        stage.wrong(f"{both} is among the linked files and among the linked directories")
    for inner, outer in itertools.product(sorted(files | dirs), repeat=2):
        if inner.startswith(f"{outer}/"):
            stage.wrong(f"linked path {inner} is inside the linked path {outer}; link only {outer}")


def _host(name: str, value: Value, own: dict[str, Any], stage: dict[str, Any], file: Path) -> HostConfig:
    settings = _merged({key: stage[key] for key in ANYWHERE if key in stage}, own)
    transport = settings.get("transport", "ssh")
    deploy_to = settings.get("deploy_to") or f"/var/www/{stage.get('application')}"
    ssh_config = stage.get("ssh_config")
    return HostConfig(
        name=name,
        hostname=settings.get("hostname", name),
        roles=settings.get("roles", ()),
        primary=settings.get("primary", False),
        no_release=settings.get("no_release", False),
        transport=transport,
        user=settings.get("user"),
        port=settings.get("port"),
        layout=_layout(value, deploy_to, transport, file),
        env=settings["default_env"],
        ssh_options=settings["ssh_options"],
        ssh_config=str(file.parent.absolute() / ssh_config) if ssh_config else None,
    )


def _layout(host: Value, deploy_to: str, transport: str, file: Path) -> Layout:
    if transport == "local":
        return Layout(str(file.parent.absolute() / deploy_to))
    if not deploy_to.startswith("/"):
        host.wrong(f"deploy_to is {deploy_to}, expected a path from / on a host that ssh leads to")
    return Layout(deploy_to)
