"""The stages of deploy.yml as objects that do not change.

`load_config` reads the file and returns a `Config`. No other room sees YAML. All mistakes of the file are reported
together, each with its place.
"""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from capdoit.config.python_settings import GivenSettings, PythonSettings, take_settings
from capdoit.config.readers import Env, RecipeUse, SharedTo
from capdoit.config.scope import put_in_scope
from capdoit.config.settings import DEFAULT_LOG, HOST, TOP, PendingSetting, Schema, Transfers
from capdoit.config.vars import list_values_from_elsewhere
from capdoit.config.yaml_nodes import EXACT, FAST, YamlValue, read_text, read_yaml
from capdoit.errors import ConfigError
from capdoit.layout import Layout
from capdoit.questions import find_questions
from capdoit.script import Secret
from capdoit.text import find_meant_name, join_names, suggest_name

DEFAULT_BRANCH = "master"
DEFAULT_LOGS = ("shared/log/*.log",)  # of a host that gets releases


@dataclass(frozen=True, kw_only=True)
class HostConfig:
    """A host of a stage, with all settings that apply to it.

    Attributes:
        name: name in deploy.yml, in messages and in ``hosts=``.
        hostname: name or address for ssh.
        roles: its roles.
        primary: whether hooks with ``primary=True`` prefer it among the hosts with its roles.
        no_release: whether it gets no code; hooks may still run on it.
        transport: ``ssh`` or ``local``.
        user, port: for ssh; None for the values of ssh's own configuration.
        become: the user that everything on it runs as, by sudo; empty for the user of the login.
        become_password: the password that sudo asks for; None if it asks for none.
        layout: its paths.
        shared_to: the directories to which paths below ``shared`` lead as symlinks, by path; "" is shared itself.
        umask: the umask of everything that runs on it; empty for that of the login.
        logs: the paths of its logs, in deploy_to or absolute, with wildcards of sh.
        vars: values of the project for hooks on it, by name.
        env: environment of every command on it.
        ssh_options: options that are each given to ``ssh -o``.
        ssh_config: file for ``ssh -F``; None for ssh's own.
        pending: its settings whose values are not known yet.
    """

    name: str
    hostname: str
    roles: tuple[str, ...] = ()
    primary: bool = False
    no_release: bool = False
    transport: str = "ssh"
    user: str | None = None
    port: int | None = None
    become: str = ""
    become_password: Secret | None = None
    layout: Layout
    shared_to: SharedTo = ()
    umask: str = ""
    logs: tuple[str, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict, repr=False)
    env: Env = field(repr=False)
    ssh_options: tuple[str, ...] = ()
    ssh_config: str | None = None
    pending: tuple[PendingSetting, ...] = field(default=(), repr=False)

    @property
    def secrets(self) -> list[Secret]:
        """The secrets in its environment, and its password for sudo."""
        return [value for value in (*self.env.values(), self.become_password) if isinstance(value, Secret)]


@dataclass(frozen=True)
class Stage:
    """A stage: its hosts and the settings that apply to it, with the names of deploy.yml.

    Attributes:
        transfer_settings: settings of its transfer by name, defaults included.
        linked_files: the paths of its linked files below ``shared``.
        linked_sources: the files on the controller that ``doit setup`` uploads, absolute, by linked file.
        vars: values of the project for hooks, by name.
        pending: its settings whose values are not known yet, without those of hosts.
        deploy_file: the file that it is read from; None in a test that makes a stage without one.
    """

    name: str
    hosts: tuple[HostConfig, ...]
    transfer: str
    transfer_settings: Mapping[str, Any] = field(default_factory=dict)
    application: str = ""
    keep_releases: int = 5
    linked_files: tuple[str, ...] = ()
    linked_sources: Mapping[str, Path] = field(default_factory=dict)
    linked_dirs: tuple[str, ...] = ()
    recipes: tuple[RecipeUse, ...] = ()
    keep_failed: bool = False
    on_failure: str = "stop"
    confirm: bool = False
    max_failures: int = 0
    timeout: int | None = None
    drill: str = "never"
    drill_max_age: int | None = None
    vars: Mapping[str, Any] = field(default_factory=dict, repr=False)
    pending: tuple[PendingSetting, ...] = field(default=(), repr=False)
    deploy_file: DeployFile | None = field(default=None, repr=False, compare=False)

    @property
    def has_unknown_hosts(self) -> bool:
        """True while the command that prints its hosts has not run; then it has none."""
        return any(one.name == "hosts" for one in self.pending)

    @property
    def secrets(self) -> list[Secret]:
        """The secrets of its hosts."""
        return [secret for host in self.hosts for secret in host.secrets]

    @property
    def has_transfer(self) -> bool:
        """True if its transfer and the settings of the transfer are known."""
        return not {"transfer", *self.transfer_settings}.intersection(one.name for one in self.pending)

    def find_pending(self, is_deploy: bool) -> list[PendingSetting]:
        """Return the settings that are needed and whose values are not known yet, those of hosts included.

        Args:
            is_deploy: whether the settings that only deploys use are needed.
        """
        needed = [one for one in self.pending if is_deploy or not one.rule.is_for_deploys]
        return list(dict.fromkeys([*needed, *(one for host in self.hosts for one in host.pending)]))

    def read_again(self) -> Stage:
        """Return the stage with the values that are known by now, and with the hosts of this one if it has some.

        Raises:
            ConfigError: one of these values is wrong.
        """
        if self.deploy_file is None:
            return self
        fresh, names = self.deploy_file.load().stages[self.name], {host.name for host in self.hosts}
        hosts = tuple(host for host in fresh.hosts if host.name in names or self.has_unknown_hosts)
        return fresh.only(hosts).sharing(self.linked_dirs)

    @property
    def uses_branch(self) -> bool:
        """True if settings besides ``branch`` depend on the branch."""
        return self.deploy_file is not None and self.deploy_file.uses_branch

    def for_branch(self, branch: str | None) -> Stage:
        """Return the stage with another branch where settings refer to it; None means the branch of the settings."""
        file = self.deploy_file
        if file is None or branch in (None, file.branch) or not self.uses_branch:
            return self
        own = file.load().stages[self.name].linked_dirs
        of_recipes = tuple(path for path in self.linked_dirs if path not in own)
        return replace(self, deploy_file=replace(file, branch=branch), linked_dirs=of_recipes).read_again()

    @property
    def roles(self) -> set[str]:
        """The roles of all its hosts."""
        return {role for host in self.hosts for role in host.roles}

    def sharing(self, directories: Iterable[str]) -> Stage:
        """Return this stage with more linked directories; those inside a linked directory are left out."""
        more = [path for path in directories if not any(path.startswith(f"{outer}/") for outer in self.linked_dirs)]
        return replace(self, linked_dirs=tuple(dict.fromkeys([*self.linked_dirs, *more])))

    def only(self, hosts: tuple[HostConfig, ...]) -> Stage:
        """Return this stage with these hosts."""
        return replace(self, hosts=hosts)


@dataclass(frozen=True)
class Config:
    """The content of deploy.yml.

    Attributes:
        file: path of deploy.yml.
        stages: its stages by name.
        default_stage: name of the stage that is used without a name; None if not set.
        transfers: all transfers by name.
        source: the file as it was read.
        log: path of the log file; None for no log.
    """

    file: Path
    stages: Mapping[str, Stage]
    default_stage: str | None
    transfers: Transfers
    source: DeployFile = field(repr=False)
    log: Path | None = None

    def list_questions(self) -> set[str]:
        """Return the variables that answer the open questions of all stages and hosts."""
        stages = [*self.stages.values()]
        levels: list[Stage | HostConfig] = [*stages, *(host for stage in stages for host in stage.hosts)]
        secrets = [secret for level in levels for secret in (*list_values_from_elsewhere(level.vars), *level.secrets)]
        sources = [*(one.source for level in levels for one in level.pending), *(secret.source for secret in secrets)]
        return {question.variable for source in sources for question in find_questions(source)}

    def roles(self) -> set[str] | None:
        """Return the roles of all stages; None while the hosts of a stage are not known."""
        if any(stage.has_unknown_hosts for stage in self.stages.values()):
            return None
        return {role for stage in self.stages.values() for role in stage.roles}


@dataclass(frozen=True)
class DeployFile:
    """The file deploy.yml as it was when it was read first: a change of the file changes no flow that runs.

    Attributes:
        file: its path.
        text: its text.
        transfers: all transfers by name; the first is the default.
        environment: environment variables that ``!env NAME`` may name in settings.
        settings: settings of dodo.py; None for none.
        branch: the branch that ``%{branch}`` means; None for that of the settings.
    """

    file: Path
    text: str = field(repr=False)
    transfers: Transfers = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    settings: PythonSettings | None = field(default=None, repr=False)
    branch: str | None = None

    def load(self) -> Config:
        """Read the settings.

        Raises:
            ConfigError: there are mistakes; holds all of them.
        """
        try:
            return self._load(FAST)
        except ConfigError:
            return self._load(EXACT)

    @property
    def uses_branch(self) -> bool:
        """True if the branch is a part of other settings."""
        return "%{branch}" in f"{self.text}{self.settings}"

    def read_document(self, loader: Any) -> YamlValue:
        """Return the content of the file, with the settings of dodo.py.

        Raises:
            ConfigError: the text is not YAML, or dodo.py gives what cannot be a setting.
        """
        document = read_yaml(self.file, self.text, loader)
        return self.settings.applied_to(document) if self.settings else document

    def _load(self, loader: Any) -> Config:
        document, schema = self.read_document(loader), Schema(self.transfers, self.environment)
        stages = schema.read_stages(document)
        readers = [
            _StageReader(schema, self, name, *put_in_scope(document, name, value, self.branch, DEFAULT_BRANCH))
            for name, value in stages.items()
        ]
        top = readers[0].top if readers else schema.read_settings(document, TOP)
        made = {reader.name: reader.stage() for reader in readers}
        default = _default_stage(top.get("default_stage"), made)
        document.mistakes.raise_if_any()
        log = _log(self.file, top.get("log", DEFAULT_LOG))
        return Config(self.file, made, default, self.transfers, self, log)


def load_config(
    file: Path,
    transfers: Transfers,
    environment: Mapping[str, str] | None = None,
    settings: GivenSettings = None,
    place: str = "",
) -> Config:
    """Read deploy.yml.

    Args:
        file: path of deploy.yml; relative paths of ``ssh_config``, and of ``deploy_to`` on a local host, start from its
            directory.
        transfers: all transfers by name; the first is the default.
        environment: environment variables that ``!env NAME`` may name in settings.
        settings: settings that win over those of the file, or a function that returns all settings.
        place: file and line that give these settings.

    Raises:
        ConfigError: deploy.yml has mistakes; holds all of them, each with file, line, column and path.
    """
    deploy_file = DeployFile(file, read_text(file), transfers, environment or {})
    given = take_settings(settings, deploy_file.read_document(FAST), place) if settings is not None else None
    return replace(deploy_file, settings=given).load()


def choose_stage(config: Config, name: str | None) -> Stage:
    """Return the named stage; without a name, the default stage, or the only stage.

    Raises:
        ConfigError: the stage does not exist, or the name is missing and there are several stages.
    """
    only = next(iter(config.stages)) if len(config.stages) == 1 else None
    name = name or config.default_stage or only
    stages = join_names(config.stages)
    if name is None:
        raise ConfigError(f"which stage? Add stage=NAME, one of {stages}; or set default_stage in {config.file}")
    if name not in config.stages:
        meant = find_meant_name(name, config.stages)
        suggestion = f". Did you mean {meant}?" if meant else ""
        raise ConfigError(f"no stage {name}; {config.file} has {stages}{suggestion}")
    return config.stages[name]


# -- from settings to stages


def _log(file: Path, path: str | PendingSetting | None) -> Path | None:
    """Return the path of the log file, which may be relative to the directory of deploy.yml."""
    if path is None:
        return None
    return file.parent / Path(DEFAULT_LOG if isinstance(path, PendingSetting) else path).expanduser()


def _default_stage(value: YamlValue | PendingSetting | None, stages: Mapping[str, Stage]) -> str | None:
    if isinstance(value, PendingSetting):
        return None
    name = value.as_string() if value else None
    if value and name and stages and name not in stages:
        value.add_mistake(f"no stage {name}; there are {join_names(stages)}{suggest_name(name, stages)}")
    return name


def _merged(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of two levels: the inner one wins; mappings, ssh options and recipes are joined."""
    joined = {
        name: {**outer[name], **value} for name, value in inner.items() if isinstance(value, dict) and name in outer
    }
    return {
        "default_env": {},
        "vars": {},
        **outer,
        **inner,
        **joined,
        # ssh uses the first of two options that contradict each other
        "ssh_options": (*inner.get("ssh_options", ()), *outer.get("ssh_options", ())),
        "recipes": _merged_recipes(outer.get("recipes", {}), inner.get("recipes", {})),
    }


def _merged_recipes(
    outer: Mapping[str, RecipeUse | None], inner: Mapping[str, RecipeUse | None]
) -> dict[str, RecipeUse | None]:
    both = {name: before.and_options(use) for name, use in inner.items() if use and (before := outer.get(name))}
    return {**outer, **inner, **both}


def _with_placeholders(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with placeholders for texts that are not known yet; defaults apply to other values."""
    return {
        name: value.placeholder if isinstance(value, PendingSetting) else value
        for name, value in settings.items()
        if not isinstance(value, PendingSetting) or value.rule.is_text
    }


def _list_pending(settings: Mapping[str, Any], names: Iterable[str]) -> tuple[PendingSetting, ...]:
    return tuple(value for name in names if isinstance(value := settings.get(name), PendingSetting))


def _fields_of(kind: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are fields of a class."""
    known = {one.name for one in fields(kind)}
    return {name: value for name, value in settings.items() if name in known}


class _StageReader:
    """The reader of one stage, with checks that need several of its settings."""

    def __init__(
        self, schema: Schema, deploy_file: DeployFile, name: str, document: YamlValue, value: YamlValue
    ) -> None:
        self._schema, self._deploy_file, self.name = schema, deploy_file, name
        self._directory = deploy_file.file.parent.absolute()
        self._document, self._value = document, value
        self.top = schema.read_settings(document, TOP)
        self._written = _merged(self.top, schema.read_stage(name, value))
        self._settings = _with_placeholders(self._written)

    def stage(self) -> Stage:
        """Return the stage."""
        transfer = self._settings.get("transfer") or self._implied_transfer()
        self._check_directory()
        transfer_settings = self._transfer_settings(transfer)
        self._check_links()
        hosts = tuple(self._host(name, *host) for name, host in self._settings.get("hosts", {}).items())
        self._check_hosts_differ(hosts)
        made = {
            "name": self.name,
            "hosts": hosts,
            "transfer": transfer,
            "deploy_file": self._deploy_file,
            "transfer_settings": transfer_settings,
            "linked_files": self._linked_files,
            "linked_sources": self._linked_sources(),
            "recipes": tuple(use for use in self._settings["recipes"].values() if use),
            "pending": _list_pending(self._written, self._schema.names_only_at_stages()),
        }
        return Stage(**_fields_of(Stage, {**self._settings, **made}))

    def _implied_transfer(self) -> str:
        """Return the transfer that the settings imply, else the default."""
        transfers = self._schema.transfers
        implied = {one.implied_by: name for name, one in transfers.items() if one.implied_by in self._settings}
        if len(implied) > 1:
            choices = " or ".join(f"transfer: {name}" for name in implied.values())
            self._value.add_mistake(f"{' and '.join(implied)} are both set; add {choices}")
        return next(iter([*implied.values(), *transfers]))

    def _transfer_settings(self, name: str) -> dict[str, Any]:
        """Return the settings that belong to a transfer, with defaults."""
        if name not in self._schema.transfers:
            return {}
        rules = self._schema.transfers[name].settings
        for setting, rule in rules.items():
            if rule.is_required and setting not in self._settings:
                self._value.add_mistake(f"no {setting}, which transfer: {name} needs")
        found = {setting: self._settings.get(setting, rule.default) for setting, rule in rules.items()}
        return {setting: value for setting, value in found.items() if value is not None}

    def _check_directory(self) -> None:
        """Check that the directory of every host is known."""
        hosts = [own for _, own in self._settings.get("hosts", {}).values()]
        is_set = "application" in self._settings or "deploy_to" in self._settings
        if not is_set and not all("deploy_to" in own for own in hosts):
            self._value.add_mistake("neither application nor deploy_to is set; application: shop means /var/www/shop")

    def _check_links(self) -> None:
        """Check that no linked path is inside another: it would be created in shared/, through the link."""
        files, dirs = ({*paths} - {""} for paths in (self._linked_files, self._settings.get("linked_dirs", ())))
        for both in sorted(files & dirs):
            self._value.add_mistake(f"{both} is in both linked_files and linked_dirs")
        for inner, outer in itertools.product(sorted(files | dirs), repeat=2):
            if inner.startswith(f"{outer}/"):
                self._value.add_mistake(f"linked path {inner} is inside the linked path {outer}; link only {outer}")

    @property
    def _linked_files(self) -> tuple[str, ...]:
        return tuple(path for path, _ in self._settings.get("linked_files", ()))

    def _linked_sources(self) -> dict[str, Path]:
        """Return the files on the controller, which may be relative to the directory of deploy.yml, by linked file."""
        named = {path: source for path, source in self._settings.get("linked_files", ()) if source}
        return {path: self._directory / Path(source).expanduser() for path, source in named.items()}

    def _check_hosts_differ(self, hosts: Iterable[HostConfig]) -> None:
        """Check that no two hosts are one directory, which a deploy would change twice."""
        seen: dict[tuple[object, ...], str] = {}
        for host in (host for host in hosts if not (host.no_release or host.pending)):
            machine: tuple[object, ...] = () if host.transport == "local" else (host.hostname, host.port)
            machine += (host.user,) if host.layout.is_below_home else ()
            other = seen.setdefault((machine, host.layout.deploy_to), host.name)
            if other != host.name:
                self._value.add_mistake(
                    f"hosts {other} and {host.name} are the same directory, {host.layout.deploy_to}"
                )

    def _host(self, name: str, value: YamlValue, own: Mapping[str, Any]) -> HostConfig:
        names = self._schema.names_at(HOST)
        written = _merged(self._outer_settings(value), own)
        settings = _with_placeholders(written)
        ssh_config, is_local = self._settings.get("ssh_config"), settings.get("transport") == "local"
        made = {
            "name": name,
            "hostname": settings.get("hostname", name),
            "layout": self._layout(settings.get("deploy_to") or self._default_directory, is_local),
            "env": settings["default_env"],
            "logs": settings.get("logs", () if settings.get("no_release") else DEFAULT_LOGS),
            "ssh_config": str(self._directory / ssh_config) if ssh_config else None,
            "pending": _list_pending(written, names),
        }
        return HostConfig(**_fields_of(HostConfig, {**settings, **made}))

    def _outer_settings(self, host: YamlValue) -> dict[str, Any]:
        """Return the settings at the top and in the stage that a host may have, too, with the names of the host."""
        if host.scope in (None, self._value.scope):  # a command that prints hosts knows no references
            return {name: self._written[name] for name in self._schema.names_at(HOST) if name in self._written}
        levels = (self._document.in_scope(host.scope), self._value.in_scope(host.scope))
        return _merged(*map(self._schema.read_outer_settings, levels))

    @property
    def _default_directory(self) -> str:
        return f"/var/www/{self._settings.get('application')}"

    def _layout(self, deploy_to: str, is_local: bool) -> Layout:
        """Return the paths; a relative one starts at the directory of deploy.yml, or at the login's home directory."""
        if is_local:
            return Layout(str(self._directory / Path(deploy_to).expanduser()))
        is_relative = deploy_to and not deploy_to.startswith(("/", "~/"))
        return Layout(f"~/{posixpath.normpath(deploy_to)}" if is_relative else deploy_to)
