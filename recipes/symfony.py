"""symfony: install assets, warm up the cache and apply Doctrine migrations, with the old release still live.

In a deploy, after `updated`, bin/console runs these commands in the new release:

- `assets:install --symlink --relative`, if the option assets is true;
- the commands of the option build, such as `importmap:install` and `asset-map:compile`;
- `cache:warmup`;
- `doctrine:migrations:migrate --allow-no-migration`, on the primary of migration_roles. It runs last, when everything
  else that can fail on any host is done. It runs while the old release is live, so the old release must work with the
  migrated database.

After `published`, in deploys and in rollbacks, the commands of the option restart run. With `messenger:stop-workers`,
workers end after their current message, and their supervisor starts them with the live release.

All commands of hooks have APP_ENV, SYMFONY_ENV and APP_DEBUG=0, also those of other recipes, such as the scripts that
Composer runs. The environment is the option env, else APP_ENV or SYMFONY_ENV in default_env, else prod. The web server
does not get it from capdoit: put APP_ENV into .env.local, or into the configuration of PHP-FPM.

Releases share the directories of the option linked_dirs: var/log. List further ones, such as var/sessions or
public/uploads, in linked_dirs of deploy.yml, and .env.local in linked_files. var/cache must not be linked, because the
live release reads it too; such a deploy is refused. If the web server runs as another user, the recipe permissions
gives it access to var.

In a rollback, after `reverted`, the cache of the target release is warmed up again if somebody removed it.

A rollback is refused if the database has migrations that the target release does not know: they are neither in its code
nor were they applied when it became live. If its code cannot list its migrations, the recorded ones count.
`migrations=keep` keeps them in the database. `migrations=back` reverts them before the publish with
`doctrine:migrations:execute --down`, newest first, with the code of the release that is still live. If one cannot be
reverted, those already reverted are applied again, and the rollback fails. This needs DoctrineMigrationsBundle 3 or
later; without it, set `migrate: false`. Only the default connection is migrated and checked.

`doit symfony.console:STAGE -- cache:pool:clear --all` works on the live release, on the primary of the hosts of the
option roles, or on the one that `hosts=` names.

Symfony must be version 3.4 or later. List the recipe composer before this one.

    linked_files: [.env.local]
    linked_dirs: [public/uploads]
    recipes:
      composer: {}
      symfony: {build: [importmap:install, asset-map:compile], restart: [messenger:stop-workers]}
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from capdoit import Flow, Recipe, Release, RoleNames, Tool
from capdoit.recipes._migrations import add_migration_checks, check_can_revert, revert_in_order
from capdoit.recipes._php import capture_php, run_php

if TYPE_CHECKING:
    from capdoit import Host

CHECK_CACHE = """
if [ -h var ] || [ -h var/cache ]; then
    echo "var/cache is a linked directory, and the live release uses it too; remove it from linked_dirs" >&2
    exit 1
fi
"""
GET_ENVIRONMENT = 'printf %s "${APP_ENV:-${SYMFONY_ENV:-prod}}"'
IS_CACHE_MISSING = '[ -f "$0" ] && [ -z "$(ls -A "var/cache/$APP_ENV" 2>/dev/null)" ]'
MIGRATION = re.compile(r"\| *(\S+) *\| *(migrated|not migrated|migrated, not available) *\|")


@dataclass(frozen=True)
class Options:
    """Options of the recipe symfony."""

    #: interpreter: a program on the host
    php: str = "php"
    #: path of the console in the release
    console: str = "bin/console"
    #: Symfony's environment; default: APP_ENV or SYMFONY_ENV in default_env, else prod
    env: str | None = None
    #: directories that releases share
    linked_dirs: tuple[str, ...] = ("var/log",)
    #: install the assets of bundles (assets:install)
    assets: bool = True
    #: arguments of assets:install; the last one can be the public directory
    assets_flags: tuple[str, ...] = ("--symlink", "--relative")
    #: console commands that write further files into the release, such as [asset-map:compile]
    build: tuple[str, ...] = ()
    #: console commands that restart workers once a release is live, such as [messenger:stop-workers]
    restart: tuple[str, ...] = ()
    #: roles of the hosts with assets, caches and workers; empty: all hosts that receive code
    roles: RoleNames = ()
    #: migrate the database, and check its migrations before a rollback
    migrate: bool = True
    #: roles of the hosts whose primary applies migrations; empty: all hosts that receive code
    migration_roles: RoleNames = ()


symfony = Recipe("symfony", options=Options, linked_dirs=lambda options: options.linked_dirs)


@symfony.environment(not_provided="*")
def choose_environment(host: Host, options: Options) -> Mapping[str, str]:
    """Set Symfony's environment, without debugging."""
    env = options.env or host.capture(GET_ENVIRONMENT)
    return {"APP_ENV": env, "SYMFONY_ENV": env, "APP_DEBUG": "0"}


@symfony.after("updating")
def check_cache(host: Host, release: Release) -> None:
    """Check that the release has a separate cache."""
    host.run(["sh", "-c", CHECK_CACHE], cwd=release.path, called="the release has no separate cache")


@symfony.after("updated", roles=lambda options: options.roles)
def install_assets(host: Host, release: Release, options: Options) -> None:
    """Install the assets of bundles."""
    if options.assets:
        words = ["assets:install", *options.assets_flags]
        _run_console(host, release.path, options, words, "the assets could not be installed")


@symfony.after("updated", roles=lambda options: options.roles)
def build(host: Host, release: Release, options: Options) -> None:
    """Run the commands that write further files."""
    for line in options.build:
        _run_console(host, release.path, options, shlex.split(line), f"{line} failed")


@symfony.after("updated", roles=lambda options: options.roles, tools=lambda options: Tool(options.php, option="php"))
def warm_cache(host: Host, release: Release, options: Options) -> None:
    """Warm up the cache."""
    _run_console(host, release.path, options, ["cache:warmup"], "the cache could not be warmed up")


@symfony.after("updated", roles=lambda options: options.migration_roles, primary=True)
def migrate(host: Host, release: Release, options: Options) -> None:
    """Apply migrations."""
    if options.migrate:
        words = ["doctrine:migrations:migrate", "--allow-no-migration"]
        _run_console(host, release.path, options, words, "the database could not be migrated")


@symfony.after("reverted", roles=lambda options: options.roles)
def restore_cache(host: Host, release: Release, options: Options) -> None:
    """Warm up the cache of the target release, if it was removed."""
    if host.test(["sh", "-c", IS_CACHE_MISSING, options.console], cwd=release.path):
        failure = "the cache of the target release could not be warmed up"
        _run_console(host, release.path, options, ["cache:warmup"], failure)


@symfony.after("published", roles=lambda options: options.roles)
def restart_workers(host: Host, release: Release, options: Options) -> None:
    """Restart the workers."""
    for line in options.restart:
        _run_console(host, release.path, options, shlex.split(line), f"{line} failed")


@symfony.back(roles=lambda options: options.migration_roles)
def revert(host: Host, release: Release, flow: Flow, options: Options, unknown: tuple[str, ...]) -> None:
    """Revert the migrations that the target release does not know."""
    live = release.beside(release.left or release.name)
    in_code = _list_in_code(host, live, options)
    check_can_revert(host, [name for name in unknown if name not in in_code])
    newest_first = sorted(unknown, key=in_code.index, reverse=True)
    run = partial(_run_migration, host, live, options)
    revert_in_order(newest_first, flow, partial(run, "--down"), partial(run, "--up"))


@symfony.task(roles=lambda options: options.roles, primary=True)
def console(host: Host, release: Release, options: Options, arguments: tuple[str, ...]) -> None:
    """Run a command of Symfony's console, such as cache:pool:clear."""
    run_php(host, release.path, [options.php, options.console, *arguments], " ".join([options.console, *arguments]))


def _run_migration(host: Host, path: str, options: Options, direction: str, name: str) -> None:
    result = "reverted" if direction == "--down" else "applied again; the live release lacks it"
    words = ["doctrine:migrations:execute", direction, name]
    _run_console(host, path, options, words, f"{name} could not be {result}")


def _list_in_code(host: Host, path: str, options: Options) -> list[str]:
    states = _list_migrations(host, path, options, "the migrations of the code could not be listed")
    return [name for name, state in states.items() if state != "migrated, not available"]


def _list_migrations(host: Host, path: str, options: Options, failure: str) -> dict[str, str]:
    """Return the states of the migrations that the code or the database has, oldest first, by name."""
    table = capture_php(host, path, _console_command(options, ["doctrine:migrations:list"]), failure)
    rows = (MIGRATION.match(line.strip()) for line in table.splitlines())
    return {row[1]: row[2] for row in rows if row}


def _run_console(host: Host, path: str, options: Options, words: list[str], failure: str) -> None:
    run_php(host, path, _console_command(options, words), failure)


def _console_command(options: Options, words: list[str]) -> list[str]:
    return [options.php, options.console, *words, "--no-interaction"]


def _list_applied(host: Host, path: str, options: Options) -> list[str]:
    states = _list_migrations(host, path, options, "the migrations of the database could not be listed")
    return [name for name, state in states.items() if state != "not migrated"]


add_migration_checks(symfony, _list_applied, _list_in_code)
