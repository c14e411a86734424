"""laravel: cache the configuration, apply migrations with the old release still live, and restart the queue workers.

After `updating` in a deploy, the recipe makes the directories that Laravel needs: bootstrap/cache of the release, and
those below storage. They exist before Composer runs the scripts of the project, if the recipe composer is listed too.
After `updated`, artisan runs these commands in the new release:

- `storage:link`, so that public/storage shows storage/app/public;
- the commands of the option caches: `config:cache`, `route:cache`, `view:cache` and `event:cache`;
- `migrate --force`, on the primary of migration_roles. It runs last, when everything else that can fail on any host is
  done. It runs while the old release is live, so the old release must work with the migrated database.

After `published`, in deploys and in rollbacks, the commands of the option restart run: `queue:restart` makes the
workers end after their current job, and their supervisor starts them with the live release. For Horizon, set
`restart: [horizon:terminate]`.

Releases share the directories of the option linked_dirs. bootstrap/cache must not be one of them, because the live
release reads it too; such a deploy is refused. storage/framework/views is not one of them, because `view:cache` first
deletes what is there. If all of storage is a linked directory, as Capistrano's users have it, `view:cache` is omitted.
A maintenance mode by `artisan down` is then kept by a deploy; with the default, it ends with the release. List .env in
linked_files.

In a rollback, after `reverted`, the configuration of the target release is cached again if .env has changed since it
was cached. Otherwise the target release would have old passwords.

A rollback is refused if the database has migrations that the target release does not know: they are neither in its code
nor were they applied when it became live. If its code cannot list its migrations, the recorded ones count.
`migrations=keep` keeps them in the database. `migrations=back` reverts them before the publish, newest first, with the
code of the release that is still live. All of them are checked before the first one is reverted: if one has no method
down, or if a migration of the target release was applied after it, the rollback is refused and no migration is
reverted. Only the migrations of the default database connection are checked.

`doit laravel.artisan:STAGE -- cache:clear` and `doit laravel.tinker:STAGE` work on the live release, on the primary of
the hosts of the option roles, or on the one that `hosts=` names.

APP_ENV is what .env says, or default_env. List the recipe composer before this one, and the recipe permissions for a
web server that runs as another user.

    linked_files: [.env]
    recipes:
      composer: {}
      laravel: {migration_roles: [db], restart: [horizon:terminate]}
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Recipe, Release, RoleNames, Tool
from capdoit.recipes._migrations import add_migration_checks, read_answers
from capdoit.recipes._php import capture_php, run_php

if TYPE_CHECKING:
    from capdoit import Host

IN_LARAVEL = Path(__file__).with_name("_in_laravel.php")
LINKED_DIRS = ("storage/app", "storage/logs", "storage/framework/cache", "storage/framework/sessions")
MAKE_DIRECTORIES = r"""
if [ -h bootstrap ] || [ -h bootstrap/cache ]; then
    echo "bootstrap/cache is a linked directory, and the live release uses it too; remove it from linked_dirs" >&2
    exit 1
fi
mkdir -p bootstrap/cache storage/app/public storage/logs \
    storage/framework/cache/data storage/framework/sessions storage/framework/views
"""
ARE_VIEWS_SHARED = 'case $(cd storage/framework/views && pwd -P)/ in "$(pwd -P)"/*) exit 1 ;; esac'
# -L: .env is a symlink, whose target changes.
IS_CONFIGURATION_OLD = """
[ -f bootstrap/cache/config.php ] && [ -n "$(find -L .env -newer bootstrap/cache/config.php 2>/dev/null)" ]
"""


@dataclass(frozen=True)
class Options:
    """Options of the recipe laravel."""

    #: interpreter: a program on the host
    php: str = "php"
    #: path of artisan in the release
    artisan: str = "artisan"
    #: directories that releases share
    linked_dirs: tuple[str, ...] = LINKED_DIRS
    #: make public/storage a symlink to storage/app/public (storage:link)
    storage_link: bool = True
    #: artisan commands that write caches into the release; [] for none
    caches: tuple[str, ...] = ("config:cache", "route:cache", "view:cache", "event:cache")
    #: artisan commands that restart workers once a release is live; [] for none
    restart: tuple[str, ...] = ("queue:restart",)
    #: roles of the hosts with caches and workers; empty: all hosts that receive code
    roles: RoleNames = ()
    #: migrate the database, and check its migrations before a rollback
    migrate: bool = True
    #: roles of the hosts whose primary applies migrations; empty: all hosts that receive code
    migration_roles: RoleNames = ()


laravel = Recipe("laravel", options=Options, linked_dirs=lambda options: options.linked_dirs)


@laravel.after("updating")
def make_directories(host: Host, release: Release) -> None:
    """Make the directories that Laravel needs."""
    command = ["sh", "-c", MAKE_DIRECTORIES, "directories"]
    host.run(command, cwd=release.path, called="the directories could not be made")


@laravel.after(
    "updated",
    roles=lambda options: options.roles,
    tools=lambda options: Tool(options.php, option="php") if options.storage_link else [],
)
def link_storage(host: Host, release: Release, options: Options) -> None:
    """Make public/storage a symlink."""
    if options.storage_link:
        _run_artisan(host, release.path, options, "storage:link", "public/storage could not be linked")


@laravel.after(
    "updated",
    roles=lambda options: options.roles,
    tools=lambda options: Tool(options.php, option="php") if options.caches else [],
)
def cache(host: Host, release: Release, options: Options) -> None:
    """Write the caches of the release."""
    for command in options.caches:
        if command == "view:cache" and host.test(["sh", "-c", ARE_VIEWS_SHARED], cwd=release.path):
            host.run(["echo", "view:cache is omitted, because storage/framework/views belongs to the live release too"])
        else:
            _run_artisan(host, release.path, options, command, f"{command} failed")


@laravel.after(
    "updated",
    roles=lambda options: options.migration_roles,
    primary=True,
    tools=lambda options: Tool(options.php, option="php") if options.migrate else [],
)
def migrate(host: Host, release: Release, options: Options) -> None:
    """Apply migrations."""
    if options.migrate:
        _run_artisan(host, release.path, options, "migrate --force", "the database could not be migrated")


@laravel.after("reverted", roles=lambda options: options.roles)
def refresh_configuration(host: Host, release: Release, options: Options) -> None:
    """Cache the configuration of the target release again, if .env has changed since."""
    if host.test(["sh", "-c", IS_CONFIGURATION_OLD], cwd=release.path):
        failure = "the configuration of the target release could not be cached again"
        _run_artisan(host, release.path, options, "config:cache", failure)


@laravel.after("published", roles=lambda options: options.roles)
def restart_workers(host: Host, release: Release, options: Options) -> None:
    """Restart the queue workers."""
    for command in options.restart:
        _run_artisan(host, release.path, options, command, f"{command} failed")


@laravel.back(roles=lambda options: options.migration_roles)
def revert(host: Host, release: Release, options: Options, unknown: tuple[str, ...]) -> None:
    """Revert the migrations that the target release does not know."""
    live = release.beside(release.left or release.name)
    run_php(host, live, _program(options, "revert", *unknown), "the migrations could not be reverted")


@laravel.task(roles=lambda options: options.roles, primary=True)
def artisan(host: Host, release: Release, options: Options, arguments: tuple[str, ...]) -> None:
    """Run a command of artisan, such as cache:clear."""
    run_php(host, release.path, [options.php, options.artisan, *arguments], " ".join(["artisan", *arguments]))


@laravel.task(roles=lambda options: options.roles, interactive=True)
def tinker(host: Host, release: Release, options: Options, arguments: tuple[str, ...]) -> None:
    """Open the console of Laravel, which the package laravel/tinker adds."""
    run_php(host, release.path, [options.php, options.artisan, "tinker", *arguments], "artisan tinker")


def _run_artisan(host: Host, path: str, options: Options, line: str, failure: str) -> None:
    run_php(host, path, [options.php, options.artisan, *shlex.split(line), "--no-interaction"], failure)


def _ask_laravel(host: Host, path: str, options: Options, action: str, failure: str) -> list[str]:
    """Return the answer of an action that only reads."""
    answers: list[str] = read_answers(capture_php(host, path, _program(options, action), failure))
    return answers


def _program(options: Options, *arguments: str) -> list[str]:
    code = IN_LARAVEL.read_text(encoding="utf-8").removeprefix("<?php\n")
    return [options.php, "-r", code, "--", *arguments]


def _list_applied(host: Host, path: str, options: Options) -> list[str]:
    return _ask_laravel(host, path, options, "applied", "the migrations of the database could not be listed")


def _list_in_code(host: Host, path: str, options: Options) -> list[str]:
    return _ask_laravel(host, path, options, "known", "the migrations of the code could not be listed")


add_migration_checks(laravel, _list_applied, _list_in_code)
