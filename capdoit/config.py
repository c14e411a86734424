"""deploy.yml, read once into objects that do not change.

``load`` gives a `Config`; nothing above this module sees YAML. Every mistake of the file is reported
at once, with its place.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from capdoit.errors import ConfigError
from capdoit.layout import Layout
from capdoit.places import Value, near, read
from capdoit.script import NAME, Secret
from capdoit.text import listed

TRANSFERS = ("git", "archive")
APPLICATION = re.compile(r"[A-Za-z0-9._-]+")
NAME_OF_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
NAME_OF_STAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Names that tasks have where a stage's would stand: deploy:rollback, deploy:check, rollback:local:…
RESERVED = ("all", "check", "deploy", "drill", "rollback")

Env = Mapping[str, "str | Secret"]


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

    @property
    def roles(self) -> set[str]:
        """The roles that its hosts play."""
        return {role for host in self.hosts for role in host.roles}

    def only(self, hosts: tuple[HostConfig, ...]) -> Stage:
        """The same stage with some of its hosts."""
        return replace(self, hosts=hosts)


@dataclass(frozen=True)
class RecipeUse:
    """A recipe that deploy.yml asks for.

    Attributes:
        name: the recipe's.
        place: file and line, for messages.
        options: what deploy.yml says, by name; values are texts, numbers, truths or lists of texts.
        places: where each option stands.
    """

    name: str
    place: str
    options: Mapping[str, Any]
    places: Mapping[str, str]


@dataclass(frozen=True)
class Config:
    """All of deploy.yml."""

    file: Path
    stages: Mapping[str, Stage]
    default_stage: str | None
    recipes: tuple[RecipeUse, ...]

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
    document = read(file)
    settings = document.fields(TOP, "setting")
    if "stages" not in settings:
        document.wrong("no stages; at least one is needed")
    stages = {
        name: _stage(name, value, settings, file) for name, value in settings.get("stages", {}).items()
    }
    default = settings.get("default_stage")
    if default is not None and default.text() not in stages:
        default.wrong(f"no stage {default.text()}; there are {listed(stages)}{near(default.text(), stages)}")
    document.mistakes.raise_if_any()
    return Config(file, stages, default.text() if default else None, settings.get("recipes", ()))


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
    if text and (text.strip("/") == "" or ".." in text.split("/")):
        value.wrong(f"found {text}, expected a directory of its own, without ..")
    return text if text == "/" else text.rstrip("/")


def _inside(value: Value) -> str:
    """A path that stays inside the release."""
    text = value.text()
    if text and (text.startswith("/") or posixpath.normpath(text) != text.rstrip("/") or text.split("/")[0] in ("..", ".")):
        value.wrong(f"found {text!r}, expected a path inside the release, without . and ..")
    return text.rstrip("/")


def _all_inside(value: Value) -> tuple[str, ...]:
    paths = tuple(_inside(item) for item in value.items("a list of paths"))
    for path in {p for p in paths if paths.count(p) > 1}:
        value.wrong(f"{path} stands in it twice")
    return paths


def _env(value: Value) -> dict[str, str | Secret]:
    env: dict[str, str | Secret] = {}
    for name, item in value.entries("a mapping of names and texts").items():
        if not NAME.fullmatch(name):
            item.wrong("not a name that an environment variable can have")
        env[name] = _secret(item) if item.node.tag == "!env" else item.text()
    return env


def _secret(value: Value) -> Secret:
    if not NAME.fullmatch(str(value.node.value)):
        value.wrong("expected the name of an environment variable after !env")
    return Secret(str(value.node.value))


def _ssh_options(value: Value) -> tuple[str, ...]:
    options = value.texts()
    for option, item in zip(options, value.items(), strict=True):
        if option and not re.fullmatch(r"[A-Za-z0-9]+[ =].+", option):
            item.wrong(f"found {option}, expected Name=value as ssh_config(5) has it")
    return options


def _roles(value: Value) -> tuple[str, ...]:
    roles = value.texts()
    for role, item in zip(roles, value.items(), strict=True):
        if role == "all" or re.search(r"[\s,]", role):
            item.wrong(f"found {role!r}, expected a role's name: no spaces, no commas, and not all")
    return roles


def _hosts(value: Value) -> dict[str, tuple[Value, dict[str, Any]]]:
    hosts = {}
    for name, item in value.entries("a mapping of names and hosts").items():
        if not NAME_OF_HOST.fullmatch(name):
            item.wrong("a host's name has letters, digits, dots, dashes and underscores; put the user in user:")
        hosts[name] = (item, item.fields(HOST, "setting of a host"))
    if not hosts:
        value.wrong("no hosts; at least one is needed")
    return hosts


def _stages(value: Value) -> dict[str, dict[str, Any]]:
    stages = {}
    for name, item in value.entries("a mapping of names and stages").items():
        if name in RESERVED or not NAME_OF_STAGE.fullmatch(name):
            item.wrong(f"{name} cannot be a stage's name; give it another")
        stages[name] = item.fields(STAGE, "setting")
        if "hosts" not in stages[name] and isinstance(item.node.value, list):
            item.wrong("no hosts; at least one is needed")
    return stages


def _recipes(value: Value) -> tuple[RecipeUse, ...]:
    uses = []
    for name, item in value.entries("a mapping of recipes and their options").items():
        empty = item.node.tag.endswith(":null")
        entries = {} if empty else item.entries("a mapping of options")
        place = _place(item)
        uses.append(
            RecipeUse(name, place, {k: _plain(v) for k, v in entries.items()}, {k: _place(v) for k, v in entries.items()})
        )
    return tuple(uses)


def _plain(value: Value) -> str | int | bool | list[str]:
    kind = value.node.tag.rpartition(":")[2]
    if kind == "bool":
        return value.truth()
    if kind == "int":
        return value.number(0)
    return list(value.texts()) if kind == "seq" else value.text()


def _place(value: Value) -> str:
    mark = (value.key or value.node).start_mark
    return f"{value.mistakes.file}:{mark.line + 1}:{mark.column + 1}"


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
    "ssh_config": _text,
}
HOST: Readers = {
    **ANYWHERE,
    "hostname": _text,
    "roles": _roles,
    "primary": lambda value: value.truth(),
    "no_release": lambda value: value.truth(),
    "transport": lambda value: value.choice(("ssh", "local"), "a transport"),
}
STAGE: Readers = {**SETTINGS, "hosts": _hosts}
TOP: Readers = {**SETTINGS, "stages": _stages, "default_stage": _same, "recipes": _recipes}


# -- from settings to stages


def _stage(name: str, own: dict[str, Any], top: dict[str, Any], file: Path) -> Stage:
    settings = {"branch": "master", "keep_releases": 5, "linked_files": (), "linked_dirs": (), **top, **own}
    settings["default_env"] = {**top.get("default_env", {}), **own.get("default_env", {})}
    hosts = own.get("hosts", {})
    _check_needs(name, settings, hosts)
    _check_links(settings, hosts)
    archive, repo_url = settings.get("archive"), settings.get("repo_url")
    return Stage(
        name=name,
        application=settings.get("application", ""),
        hosts=tuple(_host(n, value, fields, settings, file) for n, (value, fields) in hosts.items()),
        transfer=settings.get("transfer") or ("archive" if archive and not repo_url else "git"),
        repo_url=repo_url,
        branch=settings["branch"],
        repo_tree=settings.get("repo_tree"),
        archive=archive,
        keep_releases=settings["keep_releases"],
        linked_files=settings["linked_files"],
        linked_dirs=settings["linked_dirs"],
    )


def _check_needs(stage: str, settings: dict[str, Any], hosts: dict[str, Any]) -> None:
    """What a stage cannot be without; said at its first host, whose place is known."""
    first = next((value for value, _ in hosts.values()), None)
    if first is None:
        return
    if not settings.get("application") and not settings.get("deploy_to"):
        first.wrong(f"stage {stage} has neither application nor deploy_to; application: shop gives it a name")
    transfer = settings.get("transfer") or ("git" if settings.get("repo_url") or not settings.get("archive") else "archive")
    needed = {"git": "repo_url", "archive": "archive"}.get(transfer)
    if needed and not settings.get(needed):
        first.wrong(f"stage {stage} has no {needed}, which transfer: {transfer} needs")


def _check_links(settings: dict[str, Any], hosts: dict[str, Any]) -> None:
    """A linked path inside another would be made inside shared/, through the link."""
    first = next((value for value, _ in hosts.values()), None)
    paths = [*settings["linked_files"], *settings["linked_dirs"]]
    for inner in paths:
        for outer in paths:
            if first and inner.startswith(f"{outer}/"):
                first.wrong(f"linked path {inner} is inside the linked path {outer}; link only {outer}")


def _host(name: str, value: Value, own: dict[str, Any], stage: dict[str, Any], file: Path) -> HostConfig:
    settings = {"transport": "ssh", "roles": (), **{k: stage[k] for k in ANYWHERE if k in stage}, **own}
    deploy_to = settings.get("deploy_to") or f"/var/www/{stage.get('application')}"
    if settings["transport"] == "local":
        deploy_to = str(file.parent.absolute() / deploy_to)
    elif not deploy_to.startswith("/"):
        value.wrong(f"deploy_to is {deploy_to}, expected a path from / on a host that ssh leads to")
    ssh_config = stage.get("ssh_config")
    return HostConfig(
        name=name,
        hostname=settings.get("hostname", name),
        roles=tuple(settings["roles"]),
        primary=settings.get("primary", False),
        no_release=settings.get("no_release", False),
        transport=settings["transport"],
        user=settings.get("user"),
        port=settings.get("port"),
        layout=Layout(deploy_to),
        env={**stage["default_env"], **own.get("default_env", {})},
        ssh_options=(*own.get("ssh_options", ()), *stage.get("ssh_options", ())) if "ssh_options" in own else stage.get("ssh_options", ()),
        ssh_config=str(file.parent.absolute() / ssh_config) if ssh_config else None,
    )


def choose_stage(config: Config, name: str | None) -> Stage:
    """The stage of that name, else the default one, else the only one.

    Raises:
        ConfigError: there is no such stage, or none can be chosen.
    """
    name = name or config.default_stage or (next(iter(config.stages)) if len(config.stages) == 1 else None)
    if name is None:
        raise ConfigError(f"which stage? Say stage=NAME, one of {listed(config.stages)}; or set default_stage in {config.file}")
    if name not in config.stages:
        raise ConfigError(f"no stage {name}; {config.file} has {listed(config.stages)}{near(name, config.stages)}")
    return config.stages[name]
