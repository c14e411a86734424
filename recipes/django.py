"""django: check the project, collect static files, and migrate; nothing that the live release needs changes before it.

After `updated` in a deploy, with the Python of the recipe python (or another, the option python): `manage.py check
--deploy`, which fails the deploy from fail_level on; collectstatic; and on the primary of migration_roles `manage.py
migrate`, if its plan has something to apply. Migrations come last, when all else that can fail on any host is done.
They are applied while the old release is live, so it has to stand them.

Where STATIC_ROOT is inside the release, the files and their manifest (staticfiles.json of ManifestStaticFilesStorage)
are collected there; each release has its own, and a rollback has nothing to bring back. Where releases share
STATIC_ROOT (a linked directory, or one outside deploy_to), files are collected apart, into .capdoit-static of the
release. Before the flip, only files that are not there yet are added: the manifest of the live release and every file
that it serves stay as they are, also when the deploy fails. The manifest in STATIC_ROOT is a link to that of
`current`, so it changes with the flip, in both directions; files that have the same name and another content are
replaced after `published`, before units are restarted if this recipe stands before theirs. Files of old releases are
not removed. Storages elsewhere (S3) are collected into as they are, with no way back: their manifest should be in the
release.

After `reverted` in a rollback, the files that the manifest of the release to go back to names are brought to where
they are served from, if somebody removed them; they are collected again if the release did not keep them. There is no
`check`: what was live may be live again.

A rollback is refused when the database has migrations that the release to go back to does not know: neither its code
has them (when its code cannot say, what was recorded of it counts), nor were they there when it became live.
`migrations=keep` leaves them. `migrations=back` takes them away before the flip, with the code that is still live,
newest first. Before the first one is touched, it is sure that all can be: one that has no way back, that another
needs which stays, or that replaces others (squashed), refuses the rollback with nothing changed.

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

from capdoit import Flow, HostError, Recipe, RoleNames

if TYPE_CHECKING:
    from capdoit import Host, Release

IN_DJANGO = Path(__file__).with_name("_in_django.py")
STATIC_FILES = Path(__file__).with_name("_static_files.py")
ANSWER = "capdoit:"


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    #: the settings' module, as DJANGO_SETTINGS_MODULE; what manage.py says when nothing is said
    settings: str | None = None
    #: its path in the release
    manage: str = "manage.py"
    #: runs manage.py; its path in the release, or a program on the host
    python: str = ".venv/bin/python"
    #: whether static files are collected
    static: bool = True
    #: what `check --deploy` has to find to fail a deploy; never: it is not run
    fail_level: Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "never"] = "ERROR"
    #: the hosts whose code is checked and that serve static files
    roles: RoleNames = ("web",)
    #: the hosts whose primary migrates
    migration_roles: RoleNames = ("db",)


django = Recipe("django", options=Options)


@django.after("starting", roles=lambda options: options.migration_roles, primary=True, flows="deploy")
def can_migrate(host: Host, flow: Flow) -> None:
    """See that the host that migrates gets code."""
    if host.name not in flow.hosts:
        why = "gets no code (no_release), so it cannot migrate; say migration_roles with a role of a host that does"
        raise HostError(host.name, why)


@django.after("updated", roles=lambda options: options.roles)
def check(host: Host, release: Release, options: Options) -> None:
    """Run Django's checks for a deployment."""
    if options.fail_level != "never":
        command = [options.python, options.manage, "check", "--deploy", "--fail-level", options.fail_level]
        host.run(command, cwd=release.path, env=_env(options))


@django.after("updated", roles=lambda options: options.roles)
def collect_static(host: Host, release: Release, options: Options) -> None:
    """Collect static files; the live release's manifest is not touched."""
    _static(host, release, options, "collect", "static files could not be collected")


@django.after("reverted", roles=lambda options: options.roles)
def restore_static(host: Host, release: Release, options: Options) -> None:
    """Have the static files of the release to go back to."""
    _static(host, release, options, "restore", "the static files to go back to could not be brought back")


@django.after("updated", roles=lambda options: options.migration_roles, primary=True)
def migrate(host: Host, release: Release, options: Options) -> None:
    """Apply migrations, if there are any."""
    _do(host, release.path, options, {"what": "migrate"}, "the database could not be migrated")


@django.after("published", roles=lambda options: options.roles)
def publish_static(host: Host, release: Release, options: Options) -> None:
    """Serve this release's static files also where their names are the same."""
    _static(host, release, options, "publish", "static files could not be published")


@django.probe(roles=lambda options: options.migration_roles)
def applied(host: Host, release: Release, options: Options) -> list[str]:
    """The migrations that the database has."""
    return _ask(host, release.path, options, {"what": "applied"}, "the database does not say its migrations")


@django.guard(roles=lambda options: options.migration_roles)
def unknown_migrations(
    host: Host, release: Release, options: Options, now: tuple[str, ...], recorded: tuple[str, ...] | None
) -> list[str]:
    """Migrations that its code does not have."""
    try:
        known = _ask(host, release.path, options, {"what": "known"}, "the code does not say its migrations")
    except HostError as error:
        if error.status is None or recorded is None:  # else nobody knows
            raise
        known = []
    return [name for name in now if name not in (*known, *(recorded or ()))]


@django.back(roles=lambda options: options.migration_roles)
def unapply(host: Host, release: Release, options: Options, unknown: tuple[str, ...]) -> None:
    """Take away the migrations that the release to go back to does not know."""
    live = release.beside(release.left or release.name)
    job = {"what": "unapply", "unknown": unknown}
    _do(host, live, options, job, "the migrations could not be taken away")


def _static(host: Host, release: Release, options: Options, what: str, wrong: str) -> None:
    if not options.static:
        return
    job = {
        "release": release.path,
        "current": f"{release.deploy_to}/current",
        "manage": options.manage,
        "collect": _program(),
    }
    command = [options.python, "-I", "-c", STATIC_FILES.read_text(encoding="utf-8"), what, json.dumps(job)]
    host.run(command, cwd=release.path, env=_env(options), called=wrong)


def _do(host: Host, path: str, options: Options, job: Mapping[str, Any], wrong: str) -> None:
    host.run(_shell(options), cwd=path, env=_env(options, job), called=wrong)


def _ask(host: Host, path: str, options: Options, job: Mapping[str, Any], wrong: str) -> list[str]:
    """What the code of a release, or the database behind it, answers; asking writes nothing into the release."""
    env = {**_env(options, job), "PYTHONDONTWRITEBYTECODE": "1"}
    lines = host.capture(_shell(options), cwd=path, env=env, called=wrong).splitlines()
    return [line[len(ANSWER) :] for line in lines if line.startswith(ANSWER)]


def _shell(options: Options) -> list[str]:
    return [options.python, options.manage, "shell", "-c", _program()]


def _program() -> str:
    """A line for `manage.py shell -c`, which runs it in different scopes in different versions of Django."""
    return f"exec({IN_DJANGO.read_text(encoding='utf-8')!r}, {{'__name__': 'capdoit'}})"


def _env(options: Options, job: Mapping[str, Any] | None = None) -> dict[str, str]:
    settings = {"DJANGO_SETTINGS_MODULE": options.settings} if options.settings else {}
    return {**settings, **({"CAPDOIT_JOB": json.dumps(job)} if job else {})}
