"""The table of plugins of Capistrano, with what does their work here."""

from __future__ import annotations

import re

from capdoit.capistrano.notifier_table import NOTIFIERS
from capdoit.capistrano.plugin_rule import (
    RUNTIME_SETTINGS,
    RUNTIMES,
    PluginRule,
    choose_delayed_job_command,
    choose_django_roles,
    choose_migrations,
    choose_php_fpm_service,
    choose_puma_unit,
    choose_rails_parts,
    choose_runtimes,
    choose_sidekiq_unit,
    choose_whenever_command,
    install_modules_only,
)
from capdoit.capistrano.project import CapistranoStage

PUMA, PUMA_SETTINGS = "capistrano/puma(?:/.*)?", r"puma_\w+|systemctl_\w+"
DJANGO = "capistrano/(?:django|python)"
LINKED_FILES = "`doit setup` uploads the linked files that this directory has"

PLUGINS: tuple[PluginRule, ...] = (
    PluginRule(
        gem="capistrano-rbenv, -rvm, -chruby, -nvm and similar",
        features=rf"capistrano/(?:{RUNTIMES})(?:/.*)?|rvm1/capistrano3",
        recipe="runtime",
        settings=rf"(?:{RUNTIMES}|rvm1)_\w+",
        understood=RUNTIME_SETTINGS,
        make=choose_runtimes,
        instead="set PATH in default_env, so that hooks find the version: PATH: /home/deploy/.rbenv/shims:$PATH",
    ),
    PluginRule(
        gem="capistrano-bundler",
        features="capistrano/bundler",
        recipe="bundler",
        options={
            "path": "bundle_path",
            "without": "bundle_without",
            "jobs": "bundle_jobs",
            "flags": "bundle_flags",
            "gemfile": "bundle_gemfile",
            "roles": "bundle_roles",
        },
        settings=r"bundler?_\w+",
    ),
    PluginRule(
        gem="capistrano-composer",
        features="capistrano/composer",
        recipe="composer",
        options={"flags": "composer_install_flags", "roles": "composer_roles", "directory": "composer_working_dir"},
        settings=r"composer_\w+",
    ),
    PluginRule(
        gem="capistrano-yarn",
        features="capistrano/yarn",
        recipe="node",
        options={"directory": "yarn_target_path", "roles": "yarn_roles"},
        settings=r"yarn_\w+",
        understood=("yarn_flags",),
        make=install_modules_only,
    ),
    PluginRule(
        gem="capistrano-npm",
        features="capistrano/npm",
        recipe="node",
        options={"directory": "npm_target_path", "roles": "npm_roles"},
        settings=r"npm_\w+",
        understood=("npm_flags",),
        make=install_modules_only,
    ),
    PluginRule(
        gem="capistrano-django (packages)",
        features=DJANGO,
        recipe="python",
        options={"requirements": "pip_requirements"},
        settings=r"(?:pip|virtualenv)_\w+|create_new_virtualenv",
    ),
    PluginRule(
        gem="capistrano-django",
        features=DJANGO,
        recipe="django",
        options={"settings": "django_settings"},
        settings=r"django_\w+",
        make=choose_django_roles,
    ),
    PluginRule(
        gem="capistrano-rails",
        features="capistrano/rails(?:/assets|/migrations)?",
        recipe="rails",
        options={
            "rails_env": "rails_env",
            "roles": "assets_roles",
            "assets_prefix": "assets_prefix",
            "assets_manifests": "assets_manifests",
            "assets_groups": "rails_assets_groups",
            "keep_assets": "keep_assets",
            "normalize_asset_timestamps": "normalize_asset_timestamps",
            "migration_roles": "migration_role",
            "migration_command": "migration_command",
            "conditionally_migrate": "conditionally_migrate",
        },
        settings=r"rails_\w+|assets_\w+|migration_\w+|keep_assets|normalize_asset_timestamps|conditionally_migrate",
        make=choose_rails_parts,
    ),
    PluginRule(
        gem="capistrano-symfony",
        features="capistrano/symfony",
        recipe="symfony",
        options={"console": "symfony_console_path", "env": "symfony_env", "roles": "symfony_roles"},
        make=choose_migrations,
        settings=r"symfony_\w+|app_path|web_path|bin_path|config_path|cache_path|log_path|app_config_path|var_path"
        r"|sessions_path|assets_install_\w+|controllers_to_clear|sensio_\w+",
    ),
    PluginRule(
        gem="capistrano-laravel",
        features="capistrano/laravel",
        recipe="laravel",
        options={"roles": "laravel_roles", "linked_dirs": "laravel_linked_dirs"},
        settings=r"laravel_\w+",
        make=choose_migrations,
    ),
    PluginRule(
        gem="capistrano-wp, -wpcli",
        features=r"capistrano/(?:wp|wordpress)\w*(?:/.*)?",
        recipe="wordpress",
        settings=r"wp(?:cli)?_\w+",
    ),
    PluginRule(
        gem="capistrano-file-permissions",
        features="capistrano/file-permissions",
        recipe="permissions",
        options={
            "paths": "file_permissions_paths",
            "users": "file_permissions_users",
            "groups": "file_permissions_groups",
        },
        settings=r"file_permissions_\w+|permission_method",
    ),
    PluginRule(
        gem="capistrano-php-fpm",
        features="capistrano/php-?_?fpm",
        recipe="php_fpm",
        settings=r"php_?fpm_\w+",
        understood=("php_fpm_service_name", "php_fpm_service"),
        make=choose_php_fpm_service,
    ),
    PluginRule(
        gem="capistrano-passenger",
        features="capistrano/passenger(?:/.*)?",
        recipe="passenger",
        options={
            "touch": "passenger_restart_with_touch",
            "wait": "passenger_restart_wait",
            "roles": "passenger_roles",
        },
        settings=r"passenger_\w+",
    ),
    PluginRule(
        gem="capistrano3-puma",
        features=PUMA,
        tasks="puma:(?:systemd:config|smart_restart|enable)",
        recipe="systemd",
        options={"roles": "puma_role"},
        settings=PUMA_SETTINGS,
        make=choose_puma_unit,
    ),
    PluginRule(
        gem="capistrano3-puma",
        features=PUMA,
        tasks="puma:(?:start|phased-restart)",
        recipe="puma",
        options={"roles": "puma_role"},
        settings=PUMA_SETTINGS,
    ),
    PluginRule(
        gem="capistrano-sidekiq",
        features="capistrano/sidekiq(?:/.*)?",
        recipe="sidekiq",
        options={"roles": "sidekiq_roles"},
        settings=r"sidekiq_\w+",
        understood=("sidekiq_service_unit_name", "sidekiq_service_unit_user", "sidekiq_systemctl_user"),
        make=choose_sidekiq_unit,
        instead="restart its unit with the recipe systemd",
    ),
    PluginRule(
        gem="capistrano3-delayed-job",
        features="capistrano/delayed[-_]job",
        recipe="delayed_job",
        options={"roles": "delayed_job_roles"},
        settings=r"delayed_job_\w+|delayed_job",
        understood=("delayed_job_workers", "delayed_job_bin_path", "delayed_job_queues"),
        make=choose_delayed_job_command,
        instead="restart its unit with the recipe systemd",
    ),
    PluginRule(
        gem="whenever",
        features="whenever/capistrano(?:/.*)?",
        recipe="cron",
        options={"roles": "whenever_roles"},
        settings=r"whenever_\w+",
        understood=("whenever_environment", "whenever_identifier", "whenever_command"),
        make=choose_whenever_command,
        once="remove the block of whenever from the crontab of each host: it begins with # Begin Whenever",
        instead="run `bundle exec whenever --update-crontab` in a hook after published",
    ),
    *NOTIFIERS,
    PluginRule(
        gem="capistrano-maintenance",
        features="capistrano/maintenance",
        recipe="maintenance",
        settings=r"maintenance_\w+",
    ),
    PluginRule(
        gem="capistrano-linked-files, -upload-config",
        features="capistrano/(?:linked_files|upload-config)(?:/.*)?",
        settings=r"linked_files_\w+|config_(?:files|example_\w+)",
        instead=LINKED_FILES,
    ),
    PluginRule(
        gem="capistrano-faster-assets",
        features="capistrano/faster_assets",
        settings="assets_dependencies",
        instead="the recipe rails compiles the assets of each release",
    ),
    PluginRule(
        gem="capistrano-scm-copy, -rsync, -s3 and similar",
        features=r"capistrano/(?:scm/)?(?:copy|rsync|s3|tar|gitcopy|jj|artifact)\w*(?:/.*)?",
        settings=r"(?:rsync|copy|tar|s3|include|exclude)_\w+",
        instead="let a doit task build one file, and set archive: (README.md, Transfers)",
    ),
    PluginRule(
        gem="capistrano-git-with-submodules",
        features="capistrano/scm/git-with-submodules",
        settings=r"git_submodule\w*",
        instead="the git transfer has no submodules; build an archive that has them",
    ),
    PluginRule(
        gem="Subversion and Mercurial",
        features="capistrano/scm/(?:svn|hg)",
        settings=r"(?:svn|hg)_\w+",
        instead="only git is there; let a doit task make an archive",
    ),
    PluginRule(gem="capistrano-pending", features="capistrano/pending", instead="doit cap pending does it"),
    PluginRule(
        gem="capistrano-ssh-doctor", features="capistrano/ssh_doctor(?:/.*)?", instead="doit cap doctor does it"
    ),
    PluginRule(gem="console", features="capistrano/console", instead="doit cap ssh and doit cap exec do it"),
    PluginRule(
        gem="capistrano-safe-deploy-to",
        features="capistrano/safe_deploy_to",
        settings=r"safe_deploy_to_\w+",
        instead="doit check makes the directories",
    ),
    PluginRule(gem="capistrano-locally", features="capistrano/locally", instead="set transport: local at the host"),
    PluginRule(
        gem="deploy locks",
        features=r"capistrano/(?:deploy-?_?lock\w*|lock\w*)(?:/.*)?",
        settings=r"(?:deploy_)?lock\w*",
        instead="each flow locks the hosts",
    ),
)

# Not plugins: Capistrano itself, its log formatter, and what its files are called.
CORE = re.compile(
    r"airbrussh/.*|sshkit/.*|capistrano|capistrano/(?:all|application|configuration.*|deploy|defaults|doctor.*|dotfile"
    r"|dsl.*|framework|i18n|immutable_task|install|plugin|proc_helpers|scm|scm/(?:plugin|git)|setup|upload_task"
    r"|version|version_validator|tasks/.*)"
)


def find_unknown_features(stage: CapistranoStage) -> list[str]:
    """Return the libraries that are neither Capistrano's own nor in the table, without their parts."""
    unknown = [
        feature
        for feature in stage.features
        if not CORE.fullmatch(feature)
        and not any(rule.is_used_by(stage) and re.fullmatch(rule.features, feature) for rule in PLUGINS)
    ]
    return [feature for feature in unknown if not any(feature.startswith(f"{other}/") for other in stage.features)]
