"""The file deploy.yml, read into a `Config`.

No other room sees YAML. All mistakes of the file are reported together, each with its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from capdoit.config.python_settings import GivenSettings, PythonSettings, take_settings
from capdoit.config.rules import DEFAULT_LOG, TOP
from capdoit.config.scope import put_in_scope
from capdoit.config.settings import PendingSetting, Schema, Transfers
from capdoit.config.stage_reader import StageReader
from capdoit.config.stages import DEFAULT_BRANCH, HostConfig, Stage
from capdoit.config.vars import list_external_values
from capdoit.config.yaml_file import EXACT, FAST, read_text, read_yaml
from capdoit.config.yaml_nodes import YamlValue
from capdoit.errors import ConfigError
from capdoit.questions import find_questions
from capdoit.text import find_meant_name, join_names, suggest_name


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

    def for_branch(self, branch: str | None) -> Config:
        """Return the content where settings refer to another branch; None means the branch of the settings."""
        if branch in (None, self.source.branch) or not self.source.uses_branch:
            return self
        return replace(self.source, branch=branch).load()

    def list_questions(self) -> set[str]:
        """Return the variables that answer the open questions of all stages, their hosts and their recipes."""
        stages = [*self.stages.values()]
        levels: list[Stage | HostConfig] = [*stages, *(host for stage in stages for host in stage.hosts)]
        secrets = [secret for level in levels for secret in (*list_external_values(level.vars), *level.secrets)]
        secrets += [secret for stage in stages for use in stage.recipes for secret in list_external_values(use.options)]
        sources = [*(one.source for level in levels for one in level.pending), *(secret.source for secret in secrets)]
        return {question.variable for source in sources for question in find_questions(source)}

    @property
    def stages_with_unknown_hosts(self) -> list[str]:
        """The names of the stages whose hosts a command prints that has not run."""
        return [name for name, stage in self.stages.items() if stage.has_unknown_hosts]

    @property
    def known_roles(self) -> set[str]:
        """The roles of all hosts that are known."""
        return {role for stage in self.stages.values() for role in stage.roles}

    def roles(self) -> set[str] | None:
        """Return the roles of all stages; None while the hosts of a stage are not known."""
        return None if self.stages_with_unknown_hosts else self.known_roles


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
            StageReader(schema, self, name, *put_in_scope(document, name, value, self.branch, DEFAULT_BRANCH))
            for name, value in stages.items()
        ]
        top = readers[0].top if readers else schema.read_settings(document, TOP)
        made = {reader.name: reader.read() for reader in readers}
        default = _read_default_stage(top.get("default_stage"), made)
        document.mistakes.raise_if_any()
        log = _locate_log(self.file, top.get("log", DEFAULT_LOG))
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


def _locate_log(file: Path, path: str | PendingSetting | None) -> Path | None:
    """Return the path of the log file, which may be relative to the directory of deploy.yml."""
    if path is None:
        return None
    return file.parent / Path(DEFAULT_LOG if isinstance(path, PendingSetting) else path).expanduser()


def _read_default_stage(value: YamlValue | PendingSetting | None, stages: Mapping[str, Stage]) -> str | None:
    if isinstance(value, PendingSetting):
        return None
    name = value.as_string() if value else None
    if value and name and stages and name not in stages:
        value.add_mistake(f"no stage {name}; there are {join_names(stages)}{suggest_name(name, stages)}")
    return name
