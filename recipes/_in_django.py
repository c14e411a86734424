"""What the recipe django runs inside an application, by `manage.py shell`, which has its settings.

It is sent as text. Answers are lines that begin with ``capdoit:``: an application may print what it likes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

ANSWER = "capdoit:"


def collect(job: dict[str, Any]) -> None:
    """Collect the static files of a release, where nothing is served from yet, and note what there is."""
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.management import call_command
    from django.test.utils import override_settings

    root = root_of(job, settings.STATIC_ROOT)
    is_own = is_inside(root, job["release"])
    with override_settings(STATIC_ROOT=root if is_own else job["apart"]):
        call_command("collectstatic", interactive=False, verbosity=0)
        manifest = getattr(staticfiles_storage, "manifest_name", None)
    with open(job["note"], "w", encoding="utf-8") as note:
        json.dump({"root": root, "is_own": is_own, "manifest": manifest}, note)


def root_of(job: dict[str, Any], said: object) -> str:
    """STATIC_ROOT; one that is in the live release by its settings is this release's once it is live."""
    if not said:
        sys.exit("the setting STATIC_ROOT says nothing: set it, or say static: false")
    root = os.path.abspath(str(said))
    return job["release"] + root[len(job["current"]) :] if root.startswith(job["current"] + "/") else root


def is_inside(path: str, directory: str) -> bool:
    """Whether a path is in a directory, wherever links lead."""
    return os.path.realpath(path).startswith(os.path.realpath(directory) + "/")


def applied(_: dict[str, Any]) -> None:
    """Say which migrations the database has."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    answer(MigrationRecorder(connection).applied_migrations())


def known(_: dict[str, Any]) -> None:
    """Say which migrations the code has; one that replaces others stands for them, too."""
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    replaced = {tuple(key) for migration in loader.disk_migrations.values() for key in migration.replaces}
    answer({*loader.disk_migrations, *replaced})


def answer(keys: Iterable[Any]) -> None:
    """Print migrations as names."""
    for app, name in sorted(keys):
        print(f"{ANSWER}{app}.{name}", flush=True)


def migrate(_: dict[str, Any]) -> None:
    """Apply what is to be applied; or to be noted, as a migration is that replaces others which were applied."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    loader = executor.loader
    to_note = {key for key in loader.replacements if key in loader.applied_migrations}
    if executor.migration_plan(loader.graph.leaf_nodes()) or to_note - {*executor.recorder.applied_migrations()}:
        call_command("migrate", interactive=False, skip_checks=False)
    else:
        print("no migration to apply", flush=True)


def unapply(job: dict[str, Any]) -> None:
    """Take migrations away, newest first; before the first is touched, it is looked whether all can be.

    What fails all the same, such as code that a migration runs, must not leave what is live without its tables.
    """
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    unknown = {tuple(name.split(".", 1)) for name in job["unknown"]}
    if strange := unknown - set(executor.loader.disk_migrations):
        refuse(strange, "the release that is live has no such migration")
    targets = [target for app in sorted({app for app, _ in unknown}) for target in targets_of(executor, app, unknown)]
    check_plan(executor.migration_plan(targets), unknown)
    leaves = [leaf for leaf in executor.loader.graph.leaf_nodes() if leaf in executor.loader.applied_migrations]
    for migration, _ in executor.migration_plan(targets):
        print(f"taking away {migration.app_label}.{migration.name}", flush=True)
    try:
        executor.migrate(targets)
    except Exception as error:  # noqa: BLE001 - whatever a migration runs
        apply_again(leaves, error)


def apply_again(leaves: list[Any], error: Exception) -> None:
    """What is still live needs its migrations; what was in their columns and tables is gone."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    why = f"{type(error).__name__}: {error}"
    executor = MigrationExecutor(connection)
    lost = [f"{migration.app_label}.{migration.name}" for migration, _ in executor.migration_plan(leaves)]
    try:
        executor.migrate(leaves)
    except Exception as second:  # noqa: BLE001
        sys.exit(f"{why}; {', '.join(lost)}: taken away, and cannot be applied again: {second}; what is live lacks it")
    sys.exit(f"{why}; taken away and applied again, without what was in their columns and tables: {', '.join(lost)}")


def targets_of(executor: Any, app: str, unknown: set[Any]) -> list[Any]:
    """What an application is to be migrated to: the newest of those that stay."""
    stay = {key for key in executor.loader.applied_migrations if key[0] == app} - unknown
    nodes = executor.loader.graph.node_map
    newest = [key for key in stay if key in nodes and not any(child.key in stay for child in nodes[key].children)]
    return sorted(newest) or [(app, None)]


def check_plan(plan: list[Any], unknown: set[Any]) -> None:
    """Refuse what would take away less or more, or cannot be done to its end."""
    planned = {(migration.app_label, migration.name) for migration, _ in plan}
    if not all(backwards for _, backwards in plan):
        refuse(planned, "would be applied on the way back")
    if more := planned - unknown:
        refuse(more, "would be taken away, too, and the release to go back to knows it")
    if less := unknown - planned:
        refuse(less, "would stay: nothing leads back from there")
    for migration, _ in plan:
        check_reversible(migration)


def check_reversible(migration: Any) -> None:
    """Refuse a migration that has no way back."""
    key = [(migration.app_label, migration.name)]
    if migration.replaces:
        refuse(key, "replaces others, which the release to go back to may have: taking it away would take those, too")
    for operation in migration.operations:
        if not operation.reversible:
            refuse(key, f"has no way back: {operation.describe()}")


def refuse(keys: Iterable[Any], why: str) -> None:
    """End, with nothing done."""
    names = ", ".join(f"{app}.{name}" for app, name in sorted(keys))
    sys.exit(f"{names}: {why}; no migration was taken away (migrations=keep leaves all of them)")


def main(job: dict[str, Any]) -> None:
    """Do what is asked for."""
    what: dict[str, Callable[[dict[str, Any]], None]] = {
        "collect": collect,
        "migrate": migrate,
        "applied": applied,
        "known": known,
        "unapply": unapply,
    }
    what[job["what"]](job)


if __name__ == "capdoit":
    main(json.loads(os.environ["CAPDOIT_JOB"]))
