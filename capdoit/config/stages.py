"""deploy.yml, read once into objects that do not change.

``load`` gives a `Config`; nothing above this module sees YAML. Every mistake of the file is reported
at once, with its place.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from capdoit.config.settings import ANYWHERE, BELONGS, TOP, Env, RecipeUse
from capdoit.config.yaml_nodes import EXACT, FAST, Value, read
from capdoit.errors import ConfigError
from capdoit.layout import Layout
from capdoit.text import listed, near


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
    hosts: tuple[HostConfig, ...]
    transfer: str
    application: str = ""
    repo_url: str | None = None
    branch: str = "master"
    repo_tree: str | None = None
    archive: str | None = None
    keep_releases: int = 5
    linked_files: tuple[str, ...] = ()
    linked_dirs: tuple[str, ...] = ()
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
        """The same stage whose releases share some more directories, but those that are in shared ones already."""
        more = [path for path in directories if not any(path.startswith(f"{outer}/") for outer in self.linked_dirs)]
        return replace(self, linked_dirs=tuple(dict.fromkeys([*self.linked_dirs, *more])))

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
        file: its path; a relative ``ssh_config``, or ``deploy_to`` of a local host, is below its directory.

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
    settings = {**settings, "transfer": settings.get("transfer") or _transfer(value, settings)}
    _check_needs(value, settings)
    _check_links(value, settings)
    hosts = tuple(_host(n, v, own, settings, file) for n, (v, own) in settings.get("hosts", {}).items())
    _check_places(value, hosts)
    recipes = tuple(use for use in settings["recipes"].values() if use)
    known = {one.name for one in fields(Stage)}
    said = {setting: of for setting, of in settings.items() if setting in known}
    return Stage(**{**said, "name": name, "hosts": hosts, "recipes": recipes})


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
    files, dirs = ({*settings.get(name, ())} - {""} for name in ("linked_files", "linked_dirs"))
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
