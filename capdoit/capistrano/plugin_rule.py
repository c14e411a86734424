"""The rule for one plugin of Capistrano, and options of recipes that are more than a setting with another name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from capdoit.capistrano.project import CapistranoStage

RUNTIMES = "rbenv|rvm|chruby|nvm|asdf|fnm|pyenv|mise|nodenv"
# Settings with a version, each with the tool; what follows them is in no option, or the recipe finds it out itself.
VERSIONS = {
    "rbenv_ruby": "ruby",
    "rvm_ruby_version": "ruby",
    "chruby_ruby": "ruby",
    "nvm_node": "node",
    "fnm_node": "node",
}
RUNTIME_SETTINGS = tuple(
    f"{manager}_{name}"
    for manager in RUNTIMES.split("|")
    for name in (
        "ruby",
        "node",
        "ruby_version",
        "type",
        "path",
        "custom_path",
        "prefix",
        "map_bins",
        "roles",
        "ruby_dir",
    )
)


@dataclass(frozen=True, kw_only=True)
class PluginRule:
    """The conversion of a plugin.

    Attributes:
        gem: its name, for people.
        features: a pattern of the libraries that it loads, such as ``capistrano/bundler``.
        recipe: the recipe that does its work; empty if there is none.
        options: the options of the recipe, each with the setting that it is made from.
        settings: a pattern of the names of the plugin's settings.
        understood: names of settings that need no option, because `make` reads them or the recipe decides itself.
        once: what to do once, before the first deploy; empty for nothing.
        make: returns further options of the recipe, given the stage.
        instead: what to use instead of the plugin, if it is not a recipe, or what else to know.
        needs: the option of the recipe with a secret that the operator has to set first, and the environment variable
            for it if the project does not read one; None if the recipe needs none.
        tasks: a pattern of tasks, of which the plugin must have one; empty for no condition.
    """

    gem: str
    features: str
    recipe: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    settings: str = "$^"
    understood: tuple[str, ...] = ()
    once: str = ""
    make: Callable[[CapistranoStage], Mapping[str, Any]] = lambda _: {}
    instead: str = ""
    needs: tuple[str, str] | None = None
    tasks: str = ""

    def is_used_by(self, stage: CapistranoStage) -> bool:
        """Return whether a stage loads the plugin."""
        has_task = not self.tasks or any(re.fullmatch(self.tasks, name) for name in stage.tasks)
        return has_task and loads_feature(stage, self.features)


def loads_feature(stage: CapistranoStage, features: str) -> bool:
    """Return whether a stage loads a library that a pattern matches."""
    return any(re.fullmatch(features, feature) for feature in stage.features)


def choose_rails_parts(stage: CapistranoStage) -> dict[str, Any]:
    """Return which of the two parts of capistrano-rails are loaded; migrations need a host with their role."""
    role = stage.value("migration_role", "db")
    roles = {name for server in stage.servers for name in server.roles}
    has_database = role in roles or not roles
    return {
        "assets": loads_feature(stage, "capistrano/rails/assets"),
        "migrate": loads_feature(stage, "capistrano/rails/migrations") and has_database,
        **({} if has_database else {"migration_roles": sorted(roles)[:1]}),
        **({} if "web" in roles or not roles else {"roles": sorted(roles)[:1]}),
    }


def choose_django_roles(stage: CapistranoStage) -> dict[str, Any]:
    """Return roles that the hosts have: the plugin works on all hosts that get releases."""
    roles = {role for server in stage.servers for role in server.roles}
    return {"roles": ["web"] if "web" in roles or not roles else sorted(roles)[:1], **_choose_migration_role(stage)}


def choose_puma_unit(stage: CapistranoStage) -> dict[str, Any]:
    """Return the unit of puma, as the plugin names it, and how it restarts."""
    name = stage.value("puma_service_unit_name") or f"{stage.value('application')}_puma_{stage.name}"
    is_phased = stage.value("puma_phased_restart") is True
    return {
        "units": [_name_unit(name)],
        "user_units": stage.value("puma_systemctl_user") == "user",
        "action": "reload-or-restart" if is_phased else "restart",
    }


def install_modules_only(stage: CapistranoStage) -> dict[str, Any]:
    """Return options with which the recipe node does not build: the plugins only install modules."""
    flags = f"{stage.value('npm_flags', '')} {stage.value('yarn_flags', '')}"
    return {"build": [], **({"dev_dependencies": "omit"} if re.search(r"--production|--omit[= ]dev", flags) else {})}


def choose_runtimes(stage: CapistranoStage) -> dict[str, Any]:
    """Return the version managers, and the versions that the project writes down itself: the recipe reads its files."""
    pattern = re.compile(rf"(?:capistrano/)?({RUNTIMES}|rvm1)(?:/.*)?")
    found = dict.fromkeys(match[1].rstrip("1") for one in stage.features if (match := pattern.fullmatch(one)))
    literal = {name: one.value for name in VERSIONS if (one := stage.settings.get(name)) and not one.is_computed}
    versions = {VERSIONS[name]: _clean_version(value) for name, value in literal.items() if isinstance(value, str)}
    paths = {manager: stage.value(f"{manager}_custom_path") for manager in found}
    return {
        "managers": [*found],
        "versions": {tool: version for tool, version in versions.items() if version[:1].isdigit()},
        "directories": {manager: path for manager, path in paths.items() if path},
    }


def _clean_version(text: str) -> str:
    """Return a version without the name of the tool, and without a gemset of rvm."""
    return re.sub(r"^(?:ruby-|v)|@.*$", "", text)


def choose_migrations(stage: CapistranoStage) -> dict[str, Any]:
    """Return whether migrations are applied: the PHP plugins do so only where the project hooks their task."""
    is_hooked = any(re.match(r"(?:laravel|artisan|symfony|doctrine):.*migrat", hook.task) for hook in stage.hooks)
    return {"migrate": is_hooked, **_choose_migration_role(stage)}


def choose_sidekiq_unit(stage: CapistranoStage) -> dict[str, Any]:
    """Return the unit of Sidekiq, as the plugin names it."""
    name = str(stage.value("sidekiq_service_unit_name") or "sidekiq")
    user = stage.value("sidekiq_systemctl_user") or stage.value("sidekiq_service_unit_user")
    return {"units": [_name_unit(name)], "user_units": user == "user"}


def choose_php_fpm_service(stage: CapistranoStage) -> dict[str, Any]:
    """Return the unit of PHP-FPM."""
    name = stage.value("php_fpm_service_name") or stage.value("php_fpm_service")
    return {"services": [_name_unit(name)]} if name else {}


def choose_delayed_job_command(stage: CapistranoStage) -> dict[str, Any]:
    """Return the command with which the plugin restarts workers."""
    workers, queues = stage.value("delayed_job_workers"), stage.value("delayed_job_queues")
    program = f"{stage.value('delayed_job_bin_path') or 'bin'}/delayed_job"
    options = [*(["-n", str(workers)] if workers else []), *([f"--queues={','.join(queues)}"] if queues else [])]
    return {"restart_command": ["bundle", "exec", program, *options, "restart"]}


def choose_whenever_command(stage: CapistranoStage) -> dict[str, Any]:
    """Return the command with which whenever prints the jobs of a stage."""
    environment = stage.value("whenever_environment") or stage.value("rails_env") or stage.name
    return {"command": ["bundle", "exec", "whenever", "--set", f"environment={environment}"]}


def _choose_migration_role(stage: CapistranoStage) -> dict[str, Any]:
    roles = {name for server in stage.servers for name in server.roles}
    return {} if "db" in roles or not roles else {"migration_roles": ["web"] if "web" in roles else sorted(roles)[:1]}


def _name_unit(name: str) -> str:
    """Return the name of a unit with its suffix, which systemctl needs if the name has a dot."""
    return name if name.endswith((".service", ".target")) else f"{name}.service"
