"""The work with migrations that several recipes have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from capdoit import Flow, HostError, Recipe

if TYPE_CHECKING:
    from capdoit import Host, Release

ANSWER = "capdoit:"


ListMigrations = Callable[["Host", str, Any], list[str]]


def add_migration_checks(recipe: Recipe, list_applied: ListMigrations, list_known: ListMigrations) -> None:
    """Add the hook, the probe and the guard of migrations to a recipe with the option migration_roles.

    Args:
        recipe: the recipe. With the option migrate, it has migrations only if that is true.
        list_applied: returns the migrations that the database has, given the host, a release and the options.
        list_known: returns the migrations in the code of a release.
    """

    def choose_roles(options: Any) -> Any:
        return options.migration_roles

    @recipe.after("starting", roles=choose_roles, primary=True, flows="deploy")
    def can_migrate(host: Host, flow: Flow, options: Any) -> None:
        """Check that the host that runs migrations receives code."""
        if _has_migrations(options):
            check_receives_code(host, flow)

    @recipe.probe(roles=choose_roles)
    def applied(host: Host, release: Release, options: Any) -> list[str]:
        """List the migrations that the database has."""
        return list_applied(host, release.path, options) if _has_migrations(options) else []

    @recipe.guard(roles=choose_roles)
    def unknown_migrations(
        host: Host, release: Release, options: Any, now: tuple[str, ...], recorded: tuple[str, ...] | None
    ) -> list[str]:
        """List applied migrations that the code of the target release lacks."""
        return find_unknown(now, recorded, lambda: list_known(host, release.path, options))


def _has_migrations(options: Any) -> bool:
    return bool(getattr(options, "migrate", True))


def check_receives_code(host: Host, flow: Flow) -> None:
    """Check that the host that runs migrations receives code.

    Raises:
        HostError: it does not.
    """
    if host.name not in flow.hosts:
        reason = "receives no code (no_release), so it cannot migrate; set migration_roles to a role of another host"
        raise HostError(host.name, reason)


def read_answers(output: str) -> list[str]:
    """Return the lines of a program that are for the recipe; the application may print other lines, too."""
    return [line[len(ANSWER) :] for line in output.splitlines() if line.startswith(ANSWER)]


def find_unknown(
    now: Iterable[str], recorded: Sequence[str] | None, list_known: Callable[[], Iterable[str]]
) -> list[str]:
    """Return the applied migrations that are neither in the code of a release nor were applied when it became live.

    Args:
        now: the migrations that the database has.
        recorded: the migrations that it had when the release became live; None if they were not recorded.
        list_known: returns the migrations in the code of the release; it is called only if that matters.

    Raises:
        HostError: the code cannot list its migrations, and nothing was recorded that could replace the list.
    """
    candidates = [name for name in now if name not in (recorded or ())]
    if not candidates:
        return []
    try:
        known = {*list_known()}
    except HostError as error:
        if error.status is None or recorded is None:
            raise
        return candidates
    return [name for name in candidates if name not in known]


def check_can_revert(host: Host, missing: Iterable[str]) -> None:
    """Check that the live release has all migrations that a rollback will revert.

    Raises:
        HostError: it lacks some.
    """
    if names := ", ".join(missing):
        reason = "the live release has no such migration; no migration was reverted (migrations=keep keeps all of them)"
        raise HostError(host.name, f"{names}: {reason}")


def revert_in_order(
    names: Iterable[str], flow: Flow, revert: Callable[[str], None], apply_again: Callable[[str], None]
) -> None:
    """Revert migrations one after another; if one fails, apply the reverted ones again for the live release.

    Raises:
        HostError: a migration could not be reverted.
    """
    reverted: list[str] = []
    for name in names:
        try:
            revert(name)
        except HostError as error:
            if error.status is not None:
                _apply_again(reverted, flow, apply_again)
            raise
        reverted.append(name)


def _apply_again(reverted: Iterable[str], flow: Flow, apply_again: Callable[[str], None]) -> None:
    """Apply reverted migrations again; errors become warnings and do not hide the first error."""
    applied: list[str] = []
    for name in reversed([*reverted]):
        try:
            apply_again(name)
            applied.append(name)
        except HostError as error:
            flow.warn(str(error))
    if applied:
        flow.warn(f"reverted and applied again, but the data of their columns and tables is lost: {', '.join(applied)}")
