"""The code that the recipe django runs inside an application, through `manage.py shell`, with the project's settings.

It is sent to the host as text. Answers are lines that start with ``capdoit:``, because the application may print
other lines.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

ANSWER = "capdoit:"


def collect(job: dict[str, Any]) -> None:
    """Collect the static files of a release into a directory that is not served yet, and record where they belong."""
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.management import call_command
    from django.test.utils import override_settings

    root = resolve_static_root(job, settings.STATIC_ROOT)
    is_own = is_inside(root, job["release"])
    with override_settings(STATIC_ROOT=root if is_own else job["staging_dir"]):
        call_command("collectstatic", interactive=False, verbosity=0)
        manifest = getattr(staticfiles_storage, "manifest_name", None)
    with open(job["note"], "w", encoding="utf-8") as note:
        json.dump({"root": root, "is_own": is_own, "manifest": manifest}, note)


def resolve_static_root(job: dict[str, Any], setting: object) -> str:
    """Return the absolute STATIC_ROOT; a path through `current` becomes a path in the release being deployed."""
    if not setting:
        sys.exit("the setting STATIC_ROOT is empty: set it, or set the option static to false")
    root = os.path.abspath(str(setting))
    return job["release"] + root[len(job["current"]) :] if root.startswith(job["current"] + "/") else root


def is_inside(path: str, directory: str) -> bool:
    """Check that a path is in a directory once all symlinks are resolved."""
    return os.path.realpath(path).startswith(os.path.realpath(directory) + "/")


def print_applied_migrations(_: dict[str, Any]) -> None:
    """Print the migrations that the database has."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    print_migrations(MigrationRecorder(connection).applied_migrations())


def print_known_migrations(_: dict[str, Any]) -> None:
    """Print the migrations that the code has, including those that a squashed migration replaces."""
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    replaced = {tuple(key) for migration in loader.disk_migrations.values() for key in migration.replaces}
    print_migrations({*loader.disk_migrations, *replaced})


def print_migrations(keys: Iterable[Any]) -> None:
    """Print migrations as answer lines, sorted."""
    for app, name in sorted(keys):
        print(f"{ANSWER}{app}.{name}", flush=True)


def migrate(_: dict[str, Any]) -> None:
    """Run `migrate` if there are migrations to apply, or squashed ones to record as applied."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    loader = executor.loader
    to_record = {key for key in loader.replacements if key in loader.applied_migrations}
    if executor.migration_plan(loader.graph.leaf_nodes()) or to_record - {*executor.recorder.applied_migrations()}:
        call_command("migrate", interactive=False, skip_checks=False)
    else:
        print("no migration to apply", flush=True)


def unapply(job: dict[str, Any]) -> None:
    """Revert migrations, newest first, after checking that all of them can be reverted.

    Code that a migration runs can still fail. The live release must not be left without its tables then, so the
    migrations that were reverted are applied again.
    """
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    targets = find_checked_targets(executor, {tuple(name.split(".", 1)) for name in job["unknown"]})
    leaves = [leaf for leaf in executor.loader.graph.leaf_nodes() if leaf in executor.loader.applied_migrations]
    for migration, _ in executor.migration_plan(targets):
        print(f"reverting {migration.app_label}.{migration.name}", flush=True)
    try:
        executor.migrate(targets)
    except Exception as error:  # noqa: BLE001 - a migration can run any code
        reapply(leaves, error)


def find_checked_targets(executor: Any, unknown: set[Any]) -> list[Any]:
    """Return the migrations to go back to, or exit if this would not revert exactly the unknown migrations."""
    if missing := unknown - set(executor.loader.disk_migrations):
        refuse(missing, "the live release has no such migration")
    apps = sorted({app for app, _ in unknown})
    targets = [target for app in apps for target in find_newest_kept(executor, app, unknown)]
    check_plan(executor.migration_plan(targets), unknown)
    return targets


def find_newest_kept(executor: Any, app: str, unknown: set[Any]) -> list[Any]:
    """Return the newest migrations of an app that stay applied, as targets for Django's executor."""
    kept = {key for key in executor.loader.applied_migrations if key[0] == app} - unknown
    nodes = executor.loader.graph.node_map
    newest = [key for key in kept if key in nodes and not any(child.key in kept for child in nodes[key].children)]
    return sorted(newest) or [(app, None)]


def reapply(leaves: list[Any], error: Exception) -> None:
    """Apply the reverted migrations again for the live release, and exit with the error that stopped the revert."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(leaves)
    reverted = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan)
    reason = f"{type(error).__name__}: {error}"
    try:
        executor.migrate(leaves)
    except Exception as second:  # noqa: BLE001
        sys.exit(f"{reason}; the live release lacks {reverted}: reverted, and could not be applied again: {second}")
    sys.exit(f"{reason}; reverted and applied again, but the data of their columns and tables is lost: {reverted}")


def check_plan(plan: list[Any], unknown: set[Any]) -> None:
    """Exit unless the plan reverts exactly the unknown migrations and each of them is reversible."""
    planned = {(migration.app_label, migration.name) for migration, _ in plan}
    if not all(backwards for _, backwards in plan):
        refuse(planned, "would be applied by the rollback")
    if more := planned - unknown:
        refuse(more, "would be reverted too, although the target release has it")
    if less := unknown - planned:
        refuse(less, "would not be reverted: Django has no plan for that")
    for migration, _ in plan:
        check_reversible(migration)


def check_reversible(migration: Any) -> None:
    """Exit if a migration cannot be reverted."""
    key = [(migration.app_label, migration.name)]
    if migration.replaces:
        refuse(key, "replaces other migrations, which the target release may have; reverting it would revert those too")
    for operation in migration.operations:
        if not operation.reversible:
            refuse(key, f"is irreversible: {operation.describe()}")


def refuse(keys: Iterable[Any], reason: str) -> None:
    """Exit before any migration was reverted."""
    names = ", ".join(f"{app}.{name}" for app, name in sorted(keys))
    sys.exit(f"{names}: {reason}; no migration was reverted (migrations=keep keeps all of them)")


def main(job: dict[str, Any]) -> None:
    """Run the action that the job names."""
    actions: dict[str, Callable[[dict[str, Any]], None]] = {
        "collect": collect,
        "migrate": migrate,
        "applied": print_applied_migrations,
        "known": print_known_migrations,
        "unapply": unapply,
    }
    actions[job["action"]](job)


if __name__ == "capdoit":
    main(json.loads(os.environ["CAPDOIT_JOB"]))
