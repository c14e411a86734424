"""django: check the project, collect static files and apply migrations, with the old release still live.

In a deploy, after `updated`, the recipe runs manage.py with the Python of the recipe python (or of the option python):

- `check --deploy`, which fails the deploy if it reports a problem of fail_level or above;
- `collectstatic`;
- `migrate`, on the primary of migration_roles, if there is a migration to apply.

Migrations run last, when everything else that can fail on any host is done. They are applied while the old release is
live, so the old release must work with the migrated database.

Static files inside the release: if STATIC_ROOT is in the release, the files and their manifest (staticfiles.json of
ManifestStaticFilesStorage) are collected there. A rollback then has no static files to restore.

Static files that releases share: if STATIC_ROOT is a linked directory, or is outside deploy_to, the files are collected
into .capdoit-static of the release. Before the publish, only files that STATIC_ROOT does not have yet are added to it;
the live release's manifest and files are not changed, even if the deploy fails. The manifest in STATIC_ROOT is a
symlink into `current`, so it changes at the same instant as `current`, in a deploy and in a rollback. Files that have
an equal name but different content are replaced after `published`: list this recipe before the recipes that restart
services. Files of old releases are not removed.

Static files in another storage, such as S3: collectstatic writes to it directly, and a rollback restores nothing. Keep
the manifest of such a storage in the release.

In a rollback, after `reverted`, files that the target release's manifest names are added to STATIC_ROOT again if
somebody removed them. If the release did not keep them, they are collected again. `check` does not run, because the
target release was live before.

A rollback is refused if the database has migrations that the target release does not know: they are not in its code,
and they were not applied when it became live. If its code cannot list its migrations, the recorded ones count.
`migrations=keep` keeps them in the database. `migrations=back` reverts them before the publish, newest first, with the
code of the release that is still live. All of them are checked before the first one is reverted: if one is
irreversible, is needed by a migration that stays, or replaces others (squashed), the rollback is refused and no
migration is reverted.

`doit django.manage:STAGE -- clearsessions` and `doit django.shell:STAGE` work on the live release, on the primary of
the hosts that receive code, or on the one that `hosts=` names.

    recipes:
      python: {}
      django: {settings: shop.settings, migration_roles: [web]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from capdoit import ConfigError, Flow, Recipe, RoleNames, Tool
from capdoit.recipes._migrations import add_migration_checks, read_answers

if TYPE_CHECKING:
    from capdoit import Host, Release

IN_DJANGO = Path(__file__).with_name("_in_django.py")
STATIC_FILES = Path(__file__).with_name("_static_files.py")


@dataclass(frozen=True)
class Options:
    """Options of the recipe django."""

    #: settings module (DJANGO_SETTINGS_MODULE); default: the module that manage.py sets
    settings: str | None = None
    #: path of manage.py in the release
    manage: str = "manage.py"
    #: interpreter for manage.py: a path in the release, or a program on the host
    python: str = ".venv/bin/python"
    #: collect static files
    static: bool = True
    #: lowest level of `check --deploy` that fails a deploy; never: do not run the check
    fail_level: Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "never"] = "ERROR"
    #: roles of the hosts that check the project and serve static files
    roles: RoleNames = ("web",)
    #: roles of the hosts whose primary applies migrations
    migration_roles: RoleNames = ("db",)


django = Recipe("django", options=Options)


@django.after("updated", roles=lambda options: options.roles)
def check(host: Host, release: Release, options: Options) -> None:
    """Run Django's checks for a deployment."""
    if options.fail_level != "never":
        command = [options.python, options.manage, "check", "--deploy", "--fail-level", options.fail_level]
        host.run(command, cwd=release.path, env=_environment(options))


@django.after("updated", roles=lambda options: options.roles)
def collect_static(host: Host, release: Release, options: Options) -> None:
    """Collect static files, without changing the live release's files and manifest."""
    _run_static_files(host, release, options, "collect", "static files could not be collected")


@django.after("reverted", roles=lambda options: options.roles)
def restore_static(host: Host, release: Release, options: Options) -> None:
    """Restore missing static files of the target release."""
    failure = "the static files of the target release could not be restored"
    _run_static_files(host, release, options, "restore", failure)


@django.after(
    "updated",
    roles=lambda options: options.migration_roles,
    primary=True,
    tools=lambda options: Tool(options.python, option="python"),
)
def migrate(host: Host, release: Release, options: Options) -> None:
    """Apply migrations, if there are any."""
    _run_in_django(host, release.path, options, {"action": "migrate"}, "the database could not be migrated")


@django.after("published", roles=lambda options: options.roles)
def publish_static(host: Host, release: Release, options: Options) -> None:
    """Replace served static files whose content differs in this release."""
    _run_static_files(host, release, options, "publish", "static files could not be published")


@django.back(roles=lambda options: options.migration_roles)
def unapply(host: Host, release: Release, options: Options, unknown: tuple[str, ...]) -> None:
    """Revert the migrations that the target release does not know."""
    live = release.beside(release.left or release.name)
    job = {"action": "unapply", "unknown": unknown}
    _run_in_django(host, live, options, job, "the migrations could not be reverted")


@django.task(primary=True)
def manage(host: Host, release: Release, flow: Flow, options: Options, arguments: tuple[str, ...]) -> None:
    """Run a command of manage.py, such as clearsessions."""
    if not arguments:
        raise ConfigError(f"django.manage needs a command, such as: doit django.manage:{flow.stage} -- clearsessions")
    _run_manage(host, release, options, arguments)


@django.task(interactive=True)
def shell(host: Host, release: Release, options: Options, arguments: tuple[str, ...]) -> None:
    """Open the shell of Django, or another command of manage.py that needs a terminal."""
    _run_manage(host, release, options, arguments or ("shell",))


def _run_manage(host: Host, release: Release, options: Options, arguments: tuple[str, ...]) -> None:
    command = [options.python, options.manage, *arguments]
    host.run(command, cwd=release.path, env=_environment(options), called=" ".join(["manage.py", *arguments]))


def _run_static_files(host: Host, release: Release, options: Options, action: str, failure: str) -> None:
    if not options.static:
        return
    job = {
        "release": release.path,
        "current": f"{release.deploy_to}/current",
        "manage": options.manage,
        "collect_code": _shell_code(),
    }
    command = [options.python, "-I", "-c", STATIC_FILES.read_text(encoding="utf-8"), action, json.dumps(job)]
    host.run(command, cwd=release.path, env=_environment(options), called=failure)


def _run_in_django(host: Host, path: str, options: Options, job: Mapping[str, Any], failure: str) -> None:
    host.run(_shell_command(options), cwd=path, env=_environment(options, job), called=failure)


def _query_django(host: Host, path: str, options: Options, action: str, failure: str) -> list[str]:
    """Return the answer lines of an action that only reads; it writes no bytecode into the release."""
    env = {**_environment(options, {"action": action}), "PYTHONDONTWRITEBYTECODE": "1"}
    answers: list[str] = read_answers(host.capture(_shell_command(options), cwd=path, env=env, called=failure))
    return answers


def _shell_command(options: Options) -> list[str]:
    return [options.python, options.manage, "shell", "-c", _shell_code()]


def _shell_code() -> str:
    """Return one line for `manage.py shell -c`, whose scope differs between versions of Django."""
    return f"exec({IN_DJANGO.read_text(encoding='utf-8')!r}, {{'__name__': 'capdoit'}})"


def _environment(options: Options, job: Mapping[str, Any] | None = None) -> dict[str, str]:
    settings = {"DJANGO_SETTINGS_MODULE": options.settings} if options.settings else {}
    return {**settings, **({"CAPDOIT_JOB": json.dumps(job)} if job else {})}


def _list_applied(host: Host, path: str, options: Options) -> list[str]:
    return _query_django(host, path, options, "applied", "the migrations of the database could not be listed")


def _list_in_code(host: Host, path: str, options: Options) -> list[str]:
    return _query_django(host, path, options, "known", "the migrations of the code could not be listed")


add_migration_checks(django, _list_applied, _list_in_code)
