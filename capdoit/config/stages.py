"""The stages of deploy.yml and their hosts, as objects that do not change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capdoit.config.path_readers import SharedTo
from capdoit.config.readers import Env
from capdoit.config.recipe_uses import RecipeUse
from capdoit.config.settings import PendingSetting
from capdoit.layout import Layout
from capdoit.script import Secret

if TYPE_CHECKING:
    from capdoit.config.deploy_file import DeployFile

DEFAULT_BRANCH = "master"


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
        linked_places: the places in deploy.yml that name these files, by linked file.
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
    linked_places: Mapping[str, str] = field(default_factory=dict, repr=False)
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
