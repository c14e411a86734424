"""A project of Capistrano, as one of the two readers found it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from capdoit.errors import ConfigError
from capdoit.sources import EnvironmentVariable

CAPFILES = ("capfile", "Capfile", "capfile.rb", "Capfile.rb")
# Directories of a project that have the code of others.
FOREIGN_FOLDERS = ("vendor/", ".bundle/", "node_modules/", ".venv/", "venv/")


class Place(NamedTuple):
    """A line of a file; the path is relative to the project, or absolute outside of it."""

    file: str
    line: int

    @property
    def is_own(self) -> bool:
        """True for a file of the project itself."""
        return not self.file.startswith(("/", *FOREIGN_FOLDERS))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Block(NamedTuple):
    """The lines of a file that a block of Ruby takes."""

    file: str
    first: int
    last: int

    @property
    def place(self) -> Place:
        """The first line."""
        return Place(self.file, self.first)


@dataclass(frozen=True, kw_only=True)
class CapistranoSetting:
    """A setting (`set`, `append`, `ask`) with its value.

    Attributes:
        name: its name.
        value: the evaluated value, as JSON has it; {"ruby": CLASS} for what JSON cannot have.
        error: why it could not be evaluated; empty if it was.
        place: the line of the project that sets it last; None if only Capistrano or a plugin sets it.
        is_computed: whether its value is the result of code, so that it may be another one tomorrow.
        is_question: whether Capistrano asks for it; the value is the default answer.
        asks_git: whether its code asks git for the branch that is checked out.
        variables: the environment variables that its code reads, with their values; None if one is not set.
        defaults: what its code takes where one of them is not set: ``ENV["BRANCH"] || "main"``.
        statements: its Ruby, behind that of the variables and settings in it.
        conditions: the lines of the blocks around it.
    """

    name: str
    value: Any
    error: str = ""
    place: Place | None = None
    is_computed: bool = False
    is_question: bool = False
    asks_git: bool = False
    variables: Mapping[str, str | None] = field(default_factory=dict)
    defaults: Mapping[str, str | EnvironmentVariable | None] = field(default_factory=dict)
    statements: Sequence[str] = ()
    conditions: Sequence[str] = ()

    @property
    def source(self) -> str:
        """All of its Ruby."""
        return "\n".join(self.statements)


@dataclass(frozen=True, kw_only=True)
class CapistranoServer:
    """A server with all its properties.

    Attributes:
        hostname: its name or address.
        user: the user to log in as; empty if not set.
        port: the port; None if not set.
        roles: its roles.
        is_local: whether it is this machine, without ssh.
        has_password: whether a password is set for it.
        keys: files of private keys.
        ssh_options: its own options of Net::SSH.
        properties: everything else, such as ``primary``.
        place: the line that declares it.
        is_computed: whether the line computes its name.
        variables: as for a setting.
    """

    hostname: str
    user: str = ""
    port: int | None = None
    roles: tuple[str, ...] = ()
    is_local: bool = False
    has_password: bool = False
    keys: tuple[str, ...] = ()
    ssh_options: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    place: Place | None = None
    is_computed: bool = False
    variables: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CapistranoTask:
    """A task.

    Attributes:
        name: its full name, such as ``deploy:restart``.
        description: what `desc` says; may be empty.
        arguments: names of its arguments.
        prerequisites: names of the tasks that run before it, without those of hooks.
        blocks: its bodies in the files of the project, or the lines that declare it if it only has prerequisites;
            empty for a task of Capistrano or of a plugin.
        adds_to_other: whether Capistrano or a plugin declares it, too: the project adds to that.
    """

    name: str
    description: str = ""
    arguments: tuple[str, ...] = ()
    prerequisites: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    adds_to_other: bool = False


class CapistranoHook(NamedTuple):
    """A hook: `before` or `after` a task, another task runs."""

    kind: str
    target: str
    task: str
    place: Place


class CapistranoCommand(NamedTuple):
    """A program for which SSHKit runs another command: `command_map[:rake] = …`, or `command_map.prefix[:rake]`."""

    name: str
    is_prefix: bool
    command: str
    place: Place


class UnmetLine(NamedTuple):
    """A line of a setting or server whose condition is false today."""

    declaration: str
    setting: str
    place: Place


@dataclass(frozen=True, kw_only=True)
class CapistranoStage:
    """Everything that a project declares for one stage.

    Attributes:
        name: its name.
        settings: all settings by name.
        servers: its servers.
        tasks: all tasks by name, those of Capistrano and of plugins included.
        hooks: the hooks of the project itself, in order.
        features: the libraries for Capistrano that were loaded, such as ``capistrano/bundler``.
        umask: the umask for commands; empty if not set.
        commands: the programs that `SSHKit.config.command_map` replaces.
        unmet: lines that a condition leaves out today.
        skipped: lines of the project that wanted to work on hosts while the stage was loaded.
        failure: why the stage could be loaded only in part; empty if it was loaded.
        unread: lines that were not understood, with the reason; only where no Ruby was run.
    """

    name: str
    settings: Mapping[str, CapistranoSetting] = field(default_factory=dict)
    servers: Sequence[CapistranoServer] = ()
    tasks: Mapping[str, CapistranoTask] = field(default_factory=dict)
    hooks: Sequence[CapistranoHook] = ()
    features: Sequence[str] = ()
    umask: str = ""
    commands: Sequence[CapistranoCommand] = ()
    unmet: Sequence[UnmetLine] = ()
    skipped: Sequence[Place] = ()
    failure: str = ""
    unread: Sequence[tuple[Place, str]] = ()

    def value(self, name: str, default: Any = None) -> Any:
        """Return the value of a setting; the default where it is not set, or cannot be evaluated."""
        setting = self.settings.get(name)
        return default if setting is None or setting.value is None else setting.value


class SourceFiles:
    """The files of a project, read once.

    Args:
        folder: directory of the project.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: dict[str, list[str]] = {}

    def lines(self, file: str) -> list[str]:
        """Return the lines of a file, without line ends; none if it cannot be read."""
        if file not in self._lines:
            try:
                text = (self.folder / file).read_text(encoding="utf-8", errors="replace")
            except OSError:
                text = ""
            self._lines[file] = text.removesuffix("\n").split("\n")  # as Ruby counts them
        return self._lines[file]

    def line(self, place: Place) -> str:
        """Return one line; empty if it does not exist."""
        return "".join(self.lines(place.file)[place.line - 1 : place.line])

    def block(self, block: Block) -> list[str]:
        """Return the lines of a block."""
        return self.lines(block.file)[block.first - 1 : block.last]

    def find(self, file: str, text: str) -> Place | None:
        """Return the first line of a file that has a text."""
        found = (number for number, line in enumerate(self.lines(file), 1) if text in line)
        number = next(found, None)
        return Place(file, number) if number else None


def find_capfile(folder: Path) -> Path:
    """Return the Capfile of a project.

    Raises:
        ConfigError: there is none.
    """
    names = {path.name for path in folder.iterdir()}
    for name in CAPFILES:
        if name in names:
            return folder / name
    raise ConfigError(f"{folder.absolute()} has no Capfile: --from-capistrano reads it; nothing was written")
