"""rails: compile assets and migrate; nothing that the live release needs changes before the flip.

After `updated` in a deploy: `assets:precompile` on every host with one of roles; the times of files are made the same
on all hosts, if normalize_asset_timestamps says which; and on the primary of migration_roles `db:migrate`, last, when
all else that can fail on any host is done. It is applied while the old release is live, which has to stand it.

public/assets is a linked directory, as capistrano-rails has it: releases share it, so that old pages find their
files. A new release is compiled apart from it. Before the flip, only files that are not there yet are added; the
manifest of the live release (.sprockets-manifest-*.json, .manifest.json, …) and every file that it names stay as they
are, also when the deploy fails, and an application that starts again meanwhile finds them. Each release keeps its
manifest in assets_manifest_backup, and the manifest in public/assets is a link to that of `current`: it changes with
the flip, in both directions.

After `reverted` in a rollback, it is sure that every file exists that the manifest of the release to go back to names:
files that somebody removed come from those that the release keeps in .capdoit-assets. Only if it has no manifest, or
files are gone everywhere, its assets are compiled again, also apart.

With keep_assets, `assets:clean` chooses the files that are too old while the new release is compiled; they are removed
after `finishing`, when it is live, without those that a release still needs which can be rolled back to.

A rollback is refused when the database has migrations that the release to go back to does not know: neither are they
in its db/migrate (nor in another directory below db), nor were they there when it became live. `migrations=keep` leaves
them. `migrations=back` takes them away before the flip, with the code that is still live, newest first, by
`db:migrate:down`; when one cannot be, those that were taken away are applied again, and the rollback has failed. After
the flip you are told which migrations the release that was left had, and what became of them. Only the first
database of an application that has several is watched.

RAILS_ENV is the option rails_env, else what default_env says, else the name of the stage. Tasks are run by `bin/rails`
of the release; where that does not load Bundler by itself, say `command: [bundle, exec, rails]`. Put the recipe bundler
before this one. Rails has to be 5 or later.

    recipes:
      bundler: {}
      rails: {migration_roles: [web], keep_assets: 3, conditionally_migrate: true}

Before Capistrano deploys such a tree again with Propshaft, which writes through links, have the manifest as a file:
`cd public/assets && cp .manifest.json m && mv m .manifest.json`. Sprockets takes it over as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Flow, HostError, Recipe, Release, RoleNames

if TYPE_CHECKING:
    from capdoit import Host

ASSETS = Path(__file__).with_name("rails.sh").read_text(encoding="utf-8")
# From the most certain: an asset may be called manifest, too. The first that fits any file counts.
MANIFESTS = (".sprockets-manifest-*.json", ".manifest.json", "manifest-*.json", "manifest.json", "manifest.yml")
IN_ENV = 'RAILS_ENV=${RAILS_ENV:-$0}; export RAILS_ENV; exec "$@"'
ANSWER = "capdoit:"
# An application may print what it likes: answers are the lines that begin with ANSWER.
APPLIED = """
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
    """What deploy.yml can say."""

    #: what runs Rails' tasks: a program on the host, or its path in the release, and its first arguments
    command: tuple[str, ...] = ("bin/rails",)
    #: RAILS_ENV; what default_env says or else the stage's name when nothing is said
    rails_env: str | None = None
    #: the hosts that serve assets
    roles: RoleNames = ("web",)
    #: whether assets are compiled, and public/assets is linked
    assets: bool = True
    #: the directory below public, as config.assets.prefix
    assets_prefix: str = "assets"
    #: RAILS_GROUPS while assets are compiled
    assets_groups: str | None = None
    #: what manifests are called, patterns of names; with none, a release needs no manifest
    assets_manifests: tuple[str, ...] = MANIFESTS
    #: the number for assets:clean, which is not run when there is none
    keep_assets: int | None = None
    #: directories whose files get the release's time, such as [public/images]
    normalize_asset_timestamps: tuple[str, ...] = ()
    #: whether there is a database to migrate and to watch
    migrate: bool = True
    #: the hosts whose primary migrates
    migration_roles: RoleNames = ("db",)
    #: the task that migrates
    migration_command: str = "db:migrate"
    #: whether to migrate only if db differs from that of the live release
    conditionally_migrate: bool = False

    def __post_init__(self) -> None:
        """Refuse what no host could do."""
        if not self.command:
            raise ValueError("command says no program")
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", self.assets_prefix) or ".." in self.assets_prefix.split("/"):
            raise ValueError(f"assets_prefix is a directory below public, not {self.assets_prefix!r}")
        for pattern in self.assets_manifests:
            if not re.fullmatch(r"[\w.*?\[\]-]+", pattern):
                raise ValueError(f"a pattern of assets_manifests is one word and has no slash, not {pattern!r}")


rails = Recipe(
    "rails",
    options=Options,
    linked_dirs=lambda options: [f"public/{options.assets_prefix}"] if options.assets else [],
)


@rails.after("starting", roles=lambda options: options.migration_roles, primary=True, flows="deploy")
def can_migrate(host: Host, flow: Flow, options: Options) -> None:
    """See that the host that migrates gets code."""
    if options.migrate and host.name not in flow.hosts:
        why = "gets no code (no_release), so it cannot migrate; say migration_roles with a role of a host that does"
        raise HostError(host.name, why)


@rails.after("updated", roles=lambda options: options.roles)
def precompile_assets(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Compile assets apart, and serve those that are new, too; the live release's manifest is not touched."""
    _assets(host, release, flow, options, "compile", "the assets could not be compiled")


@rails.after("updated", roles=lambda options: options.roles)
def normalize_asset_timestamps(host: Host, release: Release, options: Options) -> None:
    """Give files the same time on all hosts."""
    if options.normalize_asset_timestamps:
        stamp = f"{release.name[:-2]}.{release.name[-2:]}"
        host.run(["sh", "-c", NORMALIZE, "normalize", stamp, *options.normalize_asset_timestamps],
                 cwd=release.path, env={"TZ": "UTC0"})  # fmt: skip


@rails.after("updated", roles=lambda options: options.migration_roles, primary=True)
def note_migrations(host: Host, release: Release, options: Options) -> None:
    """Note that there may be migrations to apply, until they are, for conditionally_migrate."""
    if options.migrate and options.conditionally_migrate and release.previous_path not in ("", release.path):
        compare = 'diff -qr "$1/db" "$2/db" >/dev/null || touch "$0"'
        host.run(["sh", "-c", compare, _lacking(release), release.previous_path, release.path])


@rails.after("updated", roles=lambda options: options.migration_roles, primary=True)
def migrate(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Migrate the database."""
    if not options.migrate:
        return
    conditionally = options.conditionally_migrate and release.previous_path not in ("", release.path)
    if conditionally and not host.test(["test", "-e", _lacking(release)]):
        host.run(["echo", f"nothing changed in db since release {release.previous}, no migration"])
        return
    _task(host, release.path, flow, options, [options.migration_command], "the database could not be migrated")
    host.run(["rm", "-f", _lacking(release)])


@rails.after("reverted", roles=lambda options: options.roles)
def restore_assets(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Have the assets of the release to go back to; the live release's manifest is not touched."""
    _assets(host, release, flow, options, "restore", "the assets to go back to could not be brought back")


@rails.after("publishing", roles=lambda options: options.roles)
def publish_assets(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """See that the manifest is that of what is live."""
    _assets(host, release, flow, options, "publish", "the assets could not be published")


@rails.after("published", roles=lambda options: options.migration_roles, primary=True, flows="rollback")
def report_migrations(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Say which migrations the release that was left had, and what became of them."""
    if not options.migrate or not release.left:
        return
    try:
        here, left = (_in_code(host, path) or [] for path in (release.path, release.beside(release.left)))
        lines = []
        if _without(left, here) or _without(here, left):
            now = _applied(host, release.path, flow, options)
            lines = _report(release.left, here, left, now)
        host.run(["printf", "%s\\n", *(lines or [f"release {release.left} had no migration that this one has not"])])
    except HostError as error:
        if error.status is None:
            raise
        flow.warn(f"what became of the migrations of release {release.left} is not known: {error.reason}")


@rails.after("finishing", roles=lambda options: options.roles)
def clean_assets(host: Host, release: Release, flow: Flow, options: Options) -> None:
    """Remove the files of assets that are too old and that no release needs."""
    if options.keep_assets is None:
        return
    try:
        _assets(host, release, flow, options, "clean", "old assets could not be removed")
    except HostError as error:
        if error.status is None:
            raise
        flow.warn(str(error))


@rails.probe(roles=lambda options: options.migration_roles)
def applied(host: Host, release: Release, flow: Flow, options: Options) -> list[str]:
    """The migrations that the database has."""
    return _applied(host, release.path, flow, options) if options.migrate else []


@rails.guard(roles=lambda options: options.migration_roles)
def unknown_migrations(
    host: Host, release: Release, options: Options, now: tuple[str, ...], recorded: tuple[str, ...] | None
) -> list[str]:
    """Migrations that its code does not have."""
    if not options.migrate:
        return []
    known = _in_code(host, release.path)
    if known is None and recorded is None and now:
        why = "release has no db/, and what the database had when it was live was not recorded"
        raise HostError(host.name, why, "migrations", 1)
    return _without(now, [*(known or ()), *(recorded or ())])


@rails.back(roles=lambda options: options.migration_roles)
def migrate_down(host: Host, release: Release, flow: Flow, options: Options, unknown: tuple[str, ...]) -> None:
    """Take away the migrations that the release to go back to does not know."""
    live = release.beside(release.left or release.name)
    newest_first = sorted(unknown, key=_version, reverse=True)
    if strange := _without(newest_first, _in_code(host, live) or []):
        why = "the release that is live has no such migration; none was taken away (migrations=keep leaves all of them)"
        raise HostError(host.name, f"{', '.join(strange)}: {why}")
    taken: list[str] = []
    host.run(["touch", _lacking(release)])
    for name in newest_first:
        try:
            _move(host, live, flow, options, "down", name)
        except HostError as error:
            if error.status is not None:
                _apply_again(host, live, flow, options, taken)
            raise
        taken.append(name)


def _apply_again(host: Host, live: str, flow: Flow, options: Options, taken: list[str]) -> None:
    """What is still live needs its migrations; an error that this meets must not hide the first one."""
    applied: list[str] = []
    for name in reversed(taken):
        try:
            _move(host, live, flow, options, "up", name)
            applied.append(name)
        except HostError as error:
            flow.warn(str(error))
    if applied:
        flow.warn(f"taken away and applied again, without what was in their columns and tables: {', '.join(applied)}")


def _move(host: Host, path: str, flow: Flow, options: Options, way: str, name: str) -> None:
    wrong = f"{name} could not be {'taken away' if way == 'down' else 'applied again; the live release lacks it'}"
    env = {"VERSION": str(_version(name)), "SCHEMA": "/dev/null"}  # the file of the release stays as it was shipped
    _task(host, path, flow, options, [f"db:migrate:{way}"], wrong, env)


# -- migrations by their names


def _applied(host: Host, path: str, flow: Flow, options: Options) -> list[str]:
    """What the database has, in the order of versions, by the names that the code of a release has for them."""
    wrong = "the database does not say its migrations"
    command = [*_in_env(flow, options), "runner", APPLIED]
    try:
        lines = host.capture(command, cwd=path, env=_env(options), called=wrong).splitlines()
    except HostError as error:
        raise _said(error, wrong, options) from None
    return [line[len(ANSWER) :] for line in lines if line.startswith(ANSWER)]


def _in_code(host: Host, path: str) -> list[str] | None:
    """The migrations that a release has, without running it; None when it has no db."""
    if not host.test(["test", "-d", f"{path}/db"]):
        return None
    files = host.capture(["find", "db/", "-name", "[0-9]*_*.rb"], cwd=path).splitlines()
    return sorted((Path(file).stem for file in files), key=_version)


def _without(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """The names whose versions are not among the known: what a migration is called may change."""
    versions = {_version(name) for name in known}
    return [name for name in names if _version(name) not in versions]


def _version(name: str) -> int:
    found = VERSION.match(name)
    return int(found[0]) if found else 0


def _report(release: str, here: list[str], left: list[str], now: list[str]) -> list[str]:
    """What became of the migrations that only one of two releases has."""
    ran = _without(left, here)
    stay = {_version(name) for name in now}
    lines = [f"release {release} had migrations that this one has not:"] if ran else []
    lines += [
        f"  {name}: {'still in the database' if _version(name) in stay else 'not in the database'}" for name in ran
    ]
    pending = _without(_without(here, left), now)
    lines += ["this release has migrations that the database has not:"] if pending else []
    return [*lines, *(f"  {name}" for name in pending)]


# -- running


def _assets(host: Host, release: Release, flow: Flow, options: Options, what: str, wrong: str) -> None:
    if not options.assets:
        return
    live = release.previous_path
    keep = "" if options.keep_assets is None else str(options.keep_assets)
    facts = [release.path, release.deploy_to, options.assets_prefix, live, keep, " ".join(options.assets_manifests)]
    groups = {"RAILS_GROUPS": options.assets_groups} if options.assets_groups else {}
    command = ["sh", "-c", ASSETS, "rails", what, *facts, *_in_env(flow, options)]
    _run(host, release.path, command, {**_env(options), **groups}, wrong, options)


def _lacking(release: Release) -> str:
    """The file that says that the database may lack migrations of the code."""
    return f"{release.shared}/.capdoit-lacks-migrations"


def _task(
    host: Host,
    path: str,
    flow: Flow,
    options: Options,
    words: list[str],
    wrong: str,
    env: Mapping[str, str] | None = None,
) -> None:
    _run(host, path, [*_in_env(flow, options), *words], {**_env(options), **(env or {})}, wrong, options)


def _run(host: Host, path: str, command: list[str], env: Mapping[str, str], wrong: str, options: Options) -> None:
    try:
        host.run(command, cwd=path, env=env, called=wrong)
    except HostError as error:
        raise _said(error, wrong, options) from None


def _in_env(flow: Flow, options: Options) -> list[str]:
    """The program, in the environment of the stage unless the host has another."""
    return ["sh", "-c", IN_ENV, flow.stage, *options.command]


def _env(options: Options) -> dict[str, str]:
    return {"RAILS_ENV": options.rails_env} if options.rails_env else {}


def _said(error: HostError, wrong: str, options: Options) -> HostError:
    """The error; of a program that cannot be run it says which option names another."""
    if error.status not in (126, 127):
        return error
    why = f"{wrong}: {' '.join(options.command)} cannot be run (for another, say the option command)"
    return error.because(why)
