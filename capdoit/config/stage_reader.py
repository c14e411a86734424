"""The reader of one stage of deploy.yml, with checks that need several of its settings."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capdoit.config.recipe_uses import RecipeUse
from capdoit.config.rules import HOST, TOP
from capdoit.config.settings import PendingSetting, Schema
from capdoit.config.stages import HostConfig, Stage
from capdoit.config.yaml_nodes import YamlValue
from capdoit.layout import Layout

if TYPE_CHECKING:
    from capdoit.config.deploy_file import DeployFile

DEFAULT_LOGS = ("shared/log/*.log",)  # of a host that gets releases


class StageReader:
    """The reader of one stage.

    Args:
        schema: the settings that exist.
        deploy_file: the file.
        name: name of the stage.
        document: the content of the file in the scope of the stage.
        value: the entry of the stage.

    Attributes:
        top: the settings at the top of the file.
    """

    def __init__(
        self, schema: Schema, deploy_file: DeployFile, name: str, document: YamlValue, value: YamlValue
    ) -> None:
        self._schema, self._deploy_file, self.name = schema, deploy_file, name
        self._directory = deploy_file.file.parent.absolute()
        self._document, self._value = document, value
        self.top = schema.read_settings(document, TOP)
        self._written = _merge(self.top, schema.read_stage(name, value))
        self._settings = _insert_placeholders(self._written)

    def read(self) -> Stage:
        """Return the stage."""
        transfer = self._settings.get("transfer") or self._choose_implied_transfer()
        self._check_directory()
        transfer_settings = self._find_transfer_settings(transfer)
        self._check_links()
        hosts = tuple(self._read_host(name, *host) for name, host in self._settings.get("hosts", {}).items())
        self._check_hosts_differ(hosts)
        made = {
            "name": self.name,
            "hosts": hosts,
            "transfer": transfer,
            "deploy_file": self._deploy_file,
            "transfer_settings": transfer_settings,
            "linked_files": self._linked_files,
            "linked_sources": self._find_linked_sources(),
            "linked_places": {file.path: file.place for file in self._settings.get("linked_files", ())},
            "recipes": tuple(use for use in self._settings["recipes"].values() if use),
            "pending": _list_pending(self._written, self._schema.names_only_at_stages()),
        }
        return Stage(**_choose_fields(Stage, {**self._settings, **made}))

    def _choose_implied_transfer(self) -> str:
        """Return the transfer that the settings imply, else the default."""
        transfers = self._schema.transfers
        implied = {one.implied_by: name for name, one in transfers.items() if one.implied_by in self._settings}
        if len(implied) > 1:
            choices = " or ".join(f"transfer: {name}" for name in implied.values())
            self._value.add_mistake(f"{' and '.join(implied)} are both set; add {choices}")
        return next(iter([*implied.values(), *transfers]))

    def _find_transfer_settings(self, name: str) -> dict[str, Any]:
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
        return tuple(file.path for file in self._settings.get("linked_files", ()))

    def _find_linked_sources(self) -> dict[str, Path]:
        """Return the files on the controller, which may be relative to the directory of deploy.yml, by linked file."""
        named = (file for file in self._settings.get("linked_files", ()) if file.source)
        return {file.path: self._directory / Path(file.source).expanduser() for file in named}

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

    def _read_host(self, name: str, value: YamlValue, own: Mapping[str, Any]) -> HostConfig:
        names = self._schema.names_at(HOST)
        written = _merge(self._find_outer_settings(value), own)
        settings = _insert_placeholders(written)
        ssh_config, is_local = self._settings.get("ssh_config"), settings.get("transport") == "local"
        made = {
            "name": name,
            "hostname": settings.get("hostname", name),
            "layout": self._make_layout(settings.get("deploy_to") or self._default_directory, is_local),
            "env": settings["default_env"],
            "logs": settings.get("logs", () if settings.get("no_release") else DEFAULT_LOGS),
            "ssh_config": str(self._directory / ssh_config) if ssh_config else None,
            "pending": _list_pending(written, names),
        }
        return HostConfig(**_choose_fields(HostConfig, {**settings, **made}))

    def _find_outer_settings(self, host: YamlValue) -> dict[str, Any]:
        """Return the settings at the top and in the stage that a host may have, too, with the names of the host."""
        if host.scope in (None, self._value.scope):  # a command that prints hosts knows no references
            return {name: self._written[name] for name in self._schema.names_at(HOST) if name in self._written}
        levels = (self._document.in_scope(host.scope), self._value.in_scope(host.scope))
        return _merge(*map(self._schema.read_outer_settings, levels))

    @property
    def _default_directory(self) -> str:
        return f"/var/www/{self._settings.get('application')}"

    def _make_layout(self, deploy_to: str, is_local: bool) -> Layout:
        """Return the paths; a relative one starts at the directory of deploy.yml, or at the login's home directory."""
        if is_local:
            return Layout(str(self._directory / Path(deploy_to).expanduser()))
        is_relative = deploy_to and not deploy_to.startswith(("/", "~/"))
        return Layout(f"~/{posixpath.normpath(deploy_to)}" if is_relative else deploy_to)


def _merge(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
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
        "recipes": _merge_recipes(outer.get("recipes", {}), inner.get("recipes", {})),
    }


def _merge_recipes(
    outer: Mapping[str, RecipeUse | None], inner: Mapping[str, RecipeUse | None]
) -> dict[str, RecipeUse | None]:
    both = {name: before.and_options(use) for name, use in inner.items() if use and (before := outer.get(name))}
    return {**outer, **inner, **both}


def _insert_placeholders(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with placeholders for texts that are not known yet; defaults apply to other values."""
    return {
        name: value.placeholder if isinstance(value, PendingSetting) else value
        for name, value in settings.items()
        if not isinstance(value, PendingSetting) or value.rule.is_text
    }


def _list_pending(settings: Mapping[str, Any], names: Iterable[str]) -> tuple[PendingSetting, ...]:
    return tuple(value for name in names if isinstance(value := settings.get(name), PendingSetting))


def _choose_fields(kind: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are fields of a class."""
    known = {one.name for one in fields(kind)}
    return {name: value for name, value in settings.items() if name in known}
