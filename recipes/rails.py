"""rails: compile assets and apply migrations, with the old release still live.

In a deploy, after `updated`, the recipe runs `assets:precompile` on the hosts of the option roles. If
normalize_asset_timestamps lists directories, their files get an equal mtime on all hosts. `db:migrate` runs last, on
the primary of migration_roles, when everything else that can fail on any host is done. It runs while the old release is
live, so the old release must work with the migrated database.

public/assets is a linked directory, as in capistrano-rails: releases share it, so that pages of older releases find
their files. A new release is compiled in a separate directory. Before the publish, only files that public/assets does
not have yet are added to it. The live release's manifest (.sprockets-manifest-*.json, .manifest.json, …) and the files
that it names are not changed, even if the deploy fails, so that an application that restarts meanwhile finds them. Each
release keeps its manifest in assets_manifest_backup. The manifest in public/assets is a symlink into `current`, so it
changes at the same instant as `current`, in a deploy and in a rollback.

In a rollback, after `reverted`, the recipe checks that all files of the target release's manifest exist. If somebody
removed files, they are restored from .capdoit-assets of the release. Only if the release has no manifest, or a file
exists nowhere, the assets are compiled again, also in a separate directory.

With keep_assets, `assets:clean` selects the files that are too old while the new release is compiled. They are removed
after `finishing`, when the new release is live, except those that a remaining release needs.

A rollback is refused if the database has migrations that the target release does not know: they are not in its
db/migrate (or another directory below db), and they were not applied when it became live. `migrations=keep` keeps them
in the database. `migrations=back` reverts them before the publish with `db:migrate:down`, newest first, with the code
of the release that is still live. If one cannot be reverted, those already reverted are applied again, and the rollback
fails. After the publish, the recipe lists the migrations that only the replaced release has, and whether the database
still has them. If an application has several databases, only the first one is checked.

`doit rails.console:STAGE` and `doit rails.rake:STAGE -- db:seed` work on the live release, on the primary of the hosts
that receive code, or on the one that `hosts=` names.

RAILS_ENV is the option rails_env, else the value in default_env, else the name of the stage. `bin/rails` of the release
runs the tasks; if it does not load Bundler, set `command: [bundle, exec, rails]`. List the recipe bundler before this
one. Rails must be version 5 or later.

    recipes:
      bundler: {}
      rails: {migration_roles: [web], keep_assets: 3, conditionally_migrate: true}

Before Capistrano deploys to these directories again with Propshaft, which writes through symlinks, replace the manifest
by a copy: `cd public/assets && cp .manifest.json m && mv m .manifest.json`. With Sprockets this is not necessary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import ConfigError, Flow, HostError, Recipe, Release, RoleNames, TimedOut, Tool
from capdoit.recipes._migrations import check_can_revert, check_receives_code, read_answers, revert_in_order
from capdoit.recipes._missing_programs import name_unusable_program

if TYPE_CHECKING:
    from capdoit import Host

ASSET_SCRIPT = Path(__file__).with_name("rails.sh").read_text(encoding="utf-8")
# The least ambiguous pattern is first, because an asset can be named manifest. The first pattern that matches counts.
MANIFESTS = (".sprockets-manifest-*.json", ".manifest.json", "manifest-*.json", "manifest.json", "manifest.yml")
WITH_RAILS_ENV = 'RAILS_ENV=${RAILS_ENV:-$0}; export RAILS_ENV; exec "$@"'
REPORT_TIMEOUT_SECONDS = 60  # the release is live then; a stalled database must not keep its locks
LIST_APPLIED = """
connection, table = ActiveRecord::Base.connection, ActiveRecord::Base.schema_migrations_table_name
rows = connection.table_exists?(table) ? "SELECT version FROM #{connection.quote_table_name(table)}" : nil
folders = Rails.application.config.paths["db/migrate"].existent
names = Dir[*folders.map { |folder| "#{folder}/**/[0-9]*_*.rb" }].map { |file| File.basename(file, ".rb") }
names = names.to_h { |name| [name.to_i, name] }
versions = rows ? connection.select_values(rows).map(&:to_s) : []
$stdout.puts("", *versions.sort_by(&:to_i).map { |version| "capdoit:#{names.fetch(version.to_i, version)}" })
"""
NORMALIZE = """
stamp=$1
shift
for folder; do
    [ ! -d "$folder" ] || find "$folder" ! -type l -exec touch -t "$stamp" {} +
done
"""
VERSION = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Options:
    """Options of the recipe rails."""

    #: command that runs Rails' tasks: a program on the host, or a path in the release; and first arguments
    command: tuple[str, ...] = ("bin/rails",)
    #: RAILS_ENV; default: the value in default_env, else the name of the stage
    rails_env: str | None = None
    #: roles of the hosts that serve assets
    roles: RoleNames = ("web",)
    #: compile assets, and make public/assets a linked directory
    assets: bool = True
    #: directory below public, as in config.assets.prefix
    assets_prefix: str = "assets"
    #: RAILS_GROUPS while assets are compiled
    assets_groups: str | None = None
    #: patterns of manifest names; [] if releases have no manifest
    assets_manifests: tuple[str, ...] = MANIFESTS
    #: number of old versions of each file that assets:clean keeps; default: assets:clean is not run
    keep_assets: int | None = None
    #: directories whose files get the release's time as mtime, such as [public/images]
    normalize_asset_timestamps: tuple[str, ...] = ()
    #: migrate the database, and check its migrations before a rollback
    migrate: bool = True
    #: roles of the hosts whose primary applies migrations
    migration_roles: RoleNames = ("db",)
    #: task that applies migrations
    migration_command: str = "db:migrate"
    #: migrate only if db differs from the live release's db
    conditionally_migrate: bool = False

    def __post_init__(self) -> None:
        """Check the values that do not depend on a host."""
        if not self.command:
            raise ValueError("command must not be empty")
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", self.assets_prefix) or ".." in self.assets_prefix.split("/"):
            raise ValueError(f"assets_prefix must be a directory below public, not {self.assets_prefix!r}")
        for pattern in self.assets_manifests:
            if not re.fullmatch(r"[\w.*?\[\]-]+", pattern):
                raise ValueError(f"a pattern of assets_manifests must be one word without a slash, not {pattern!r}")


rails = Recipe(
    "rails",
    options=Options,
    linked_dirs=lambda options: [f"public/{options.assets_prefix}"] if options.assets else [],
)


@rails.after("starting", roles=lambda options: options.migration_roles, primary=True, flows="deploy")
def can_migrate(host: Host, flow: Flow, options: Options) -> None:
    """Check that the host that runs migrations receives code."""
    if options.migrate:
        check_receives_code(host, flow)


@rails.after(
    "updated",
    roles=lambda options: options.roles,
    tools=lambda options: Tool(options.command[0], option="command") if options.assets else [],
)
def precompile_assets(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Compile assets in a separate directory, without changing the live release's files and manifest."""
    _run_asset_script(host, release, flow, options, "compile", "the assets could not be compiled")


@rails.after("updated", roles=lambda options: options.roles)
def normalize_asset_timestamps(host: Host, release: Release, options: Options) -> None:
    """Give files an equal mtime on all hosts."""
    if options.normalize_asset_timestamps:
        stamp = f"{release.name[:-2]}.{release.name[-2:]}"
        command = ["sh", "-c", NORMALIZE, "normalize", stamp, *options.normalize_asset_timestamps]
        host.run(command, cwd=release.path, env={"TZ": "UTC0"})


@rails.after("updated", roles=lambda options: options.migration_roles, primary=True)
def note_migrations(host: Host, release: Release, options: Options) -> None:
    """Record that migrations may be pending, until they are applied (for conditionally_migrate)."""
    if options.migrate and _is_conditional(release, options):
        compare = 'diff -qr "$1/db" "$2/db" >/dev/null || touch "$0"'
        host.run(["sh", "-c", compare, _pending_mark(release), release.previous_path, release.path])


@rails.after("updated", roles=lambda options: options.migration_roles, primary=True)
def migrate(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Migrate the database."""
    if not options.migrate:
        return
    if _is_conditional(release, options) and not host.test(["test", "-e", _pending_mark(release)]):
        host.run(["echo", f"db is unchanged since release {release.previous}; no migration to apply"])
        return
    _run_task(host, release.path, flow, options, [options.migration_command], "the database could not be migrated")
    host.run(["rm", "-f", _pending_mark(release)])


@rails.after("reverted", roles=lambda options: options.roles)
def restore_assets(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Restore missing assets of the target release, without changing the live release's manifest."""
    failure = "the assets of the target release could not be restored"
    _run_asset_script(host, release, flow, options, "restore", failure)


@rails.after("publishing", roles=lambda options: options.roles)
def publish_assets(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Point the manifest to the live release, and replace files whose content differs."""
    _run_asset_script(host, release, flow, options, "publish", "the assets could not be published")


@rails.after("published", roles=lambda options: options.migration_roles, primary=True, flows="rollback")
def report_migrations(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """List the migrations that only one of the two releases has, and whether the database has them."""
    if not options.migrate or not release.left:
        return
    try:
        lines = _report_migrations(host, release, release.left, flow, options)
        host.run(["printf", "%s\\n", *(lines or [f"release {release.left} had no migration that this release lacks"])])
    except HostError as error:
        if error.status is None and not isinstance(error, TimedOut):
            raise
        flow.warn(f"the migrations of release {release.left} could not be checked: {error.reason}")


@rails.after("finishing", roles=lambda options: options.roles)
def clean_assets(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Remove asset files that are too old and that no release needs."""
    if options.keep_assets is None:
        return
    try:
        _run_asset_script(host, release, flow, options, "clean", "old assets could not be removed")
    except HostError as error:
        if error.status is None:
            raise
        flow.warn(str(error))


@rails.probe(roles=lambda options: options.migration_roles)
def applied(host: Host, release: Release, flow: Flow, options: Options) -> list[str]:
    """List the migrations that the database has."""
    return _list_applied(host, release.path, flow, options) if options.migrate else []


@rails.guard(roles=lambda options: options.migration_roles)
def unknown_migrations(
    host: Host, release: Release, options: Options, now: tuple[str, ...], recorded: tuple[str, ...] | None
) -> list[str]:
    """List applied migrations that the code of the target release lacks."""
    if not options.migrate:
        return []
    known = _list_in_code(host, release.path)
    if known is None and recorded is None and now:
        reason = "the release has no db/, and its migrations were not recorded when it was live"
        raise HostError(host.name, reason, "migrations", 1)
    return _exclude(now, [*(known or ()), *(recorded or ())])


@rails.back(roles=lambda options: options.migration_roles)
def migrate_down(host: Host, release: Release, flow: Flow, options: Options, unknown: tuple[str, ...]) -> None:
    """Revert the migrations that the target release does not know."""
    live = release.beside(release.left or release.name)
    newest_first = sorted(unknown, key=_version, reverse=True)
    check_can_revert(host, _exclude(newest_first, _list_in_code(host, live) or []))
    host.run(["touch", _pending_mark(release)])
    run = partial(_run_migration, host, live, flow, options)
    revert_in_order(newest_first, flow, partial(run, "down"), partial(run, "up"))


@rails.task(interactive=True)
def console(host: Host, release: Release, flow: Flow, options: Options, arguments: tuple[str, ...]) -> None:
    """Open the console of Rails."""
    _run_task(host, release.path, flow, options, ["console", *arguments], "the console")


@rails.task(primary=True)
def rake(host: Host, release: Release, flow: Flow, options: Options, arguments: tuple[str, ...]) -> None:
    """Run a task of Rails, such as db:version."""
    if not arguments:
        raise ConfigError(f"rails.rake needs a task, such as: doit rails.rake:{flow.stage} -- db:version")
    _run_task(host, release.path, flow, options, [*arguments], " ".join(arguments))


def _run_migration(host: Host, path: str, flow: Flow, options: Options, direction: str, name: str) -> None:
    result = "reverted" if direction == "down" else "applied again; the live release lacks it"
    env = {"VERSION": str(_version(name)), "SCHEMA": "/dev/null"}  # the release's schema file must not change
    _run_task(host, path, flow, options, [f"db:migrate:{direction}"], f"{name} could not be {result}", env)


# -- lists of migrations


def _is_conditional(release: Release, options: Options) -> bool:
    return options.conditionally_migrate and release.previous_path not in ("", release.path)


def _pending_mark(release: Release) -> str:
    """Return the path of the file that exists while the database may lack migrations."""
    return f"{release.shared}/.capdoit-lacks-migrations"


def _list_applied(host: Host, path: str, flow: Flow, options: Options, timeout: float | None = None) -> list[str]:
    """List the migrations that the database has by version, with the names that they have in a release's code.

    Raises:
        HostError: the database does not answer, or not within the timeout.
    """
    failure = "the migrations of the database could not be listed"
    command = [*_rails_command(flow, options), "runner", LIST_APPLIED]
    with name_unusable_program(" ".join(options.command), failure, "command"):
        answer = host.capture(command, cwd=path, env=_environment(options), called=failure, timeout=timeout)
    applied: list[str] = read_answers(answer)
    return applied


def _list_in_code(host: Host, path: str) -> list[str] | None:
    """List the migrations in a release's db, without running its code; return None if it has no db."""
    if not host.test(["test", "-d", f"{path}/db"]):
        return None
    files = host.capture(["find", "db/", "-name", "[0-9]*_*.rb"], cwd=path).splitlines()
    return sorted((Path(file).stem for file in files), key=_version)


def _exclude(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the names whose versions are not known; a migration can be renamed, but its version stays."""
    versions = {_version(name) for name in known}
    return [name for name in names if _version(name) not in versions]


def _version(name: str) -> int:
    found = VERSION.match(name)
    return int(found[0]) if found else 0


def _report_migrations(host: Host, release: Release, left: str, flow: Flow, options: Options) -> list[str]:
    """Return lines about the migrations that only one of two releases has; none if they have equal migrations."""
    here, there = (_list_in_code(host, path) or [] for path in (release.path, release.beside(left)))
    only_left, only_here = _exclude(there, here), _exclude(here, there)
    if not only_left and not only_here:
        return []
    applied = _list_applied(host, release.path, flow, options, REPORT_TIMEOUT_SECONDS)
    versions = {_version(name) for name in applied}
    lines = [f"release {left} had migrations that this release lacks:"] if only_left else []
    lines += [f"  {name}: {'still' if _version(name) in versions else 'not'} in the database" for name in only_left]
    pending = _exclude(only_here, applied)
    lines += ["this release has migrations that the database lacks:"] if pending else []
    return [*lines, *(f"  {name}" for name in pending)]


# -- running commands


def _run_asset_script(host: Host, release: Release, flow: Flow, options: Options, action: str, failure: str) -> None:
    if not options.assets:
        return
    keep = "" if options.keep_assets is None else str(options.keep_assets)
    paths = [release.path, release.deploy_to, options.assets_prefix, release.previous_path]
    arguments = [action, *paths, keep, " ".join(options.assets_manifests), *_rails_command(flow, options)]
    groups = {"RAILS_GROUPS": options.assets_groups} if options.assets_groups else {}
    env = {**_environment(options), **groups}
    _run_command(host, release.path, ["sh", "-c", ASSET_SCRIPT, "rails", *arguments], env, failure, options)


def _run_task(
    host: Host,
    path: str,
    flow: Flow,
    options: Options,
    words: list[str],
    failure: str,
    env: Mapping[str, str] | None = None,
) -> None:
    command = [*_rails_command(flow, options), *words]
    _run_command(host, path, command, {**_environment(options), **(env or {})}, failure, options)


def _run_command(
    host: Host, path: str, command: list[str], env: Mapping[str, str], failure: str, options: Options
) -> None:
    with name_unusable_program(" ".join(options.command), failure, "command"):
        host.run(command, cwd=path, env=env, called=failure)


def _rails_command(flow: Flow, options: Options) -> list[str]:
    """Return the command that runs Rails' tasks; RAILS_ENV is the stage's name unless the host sets it."""
    return ["sh", "-c", WITH_RAILS_ENV, flow.stage, *options.command]


def _environment(options: Options) -> dict[str, str]:
    return {"RAILS_ENV": options.rails_env} if options.rails_env else {}
