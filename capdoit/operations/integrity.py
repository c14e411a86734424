"""Integrity of releases: a release is compared with its manifest, which says how it was shipped."""

from __future__ import annotations

from capdoit.config.stages import Stage
from capdoit.errors import Damaged, HostError, TimedOut
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.records.manifest import MOST_LINES, Comparison, format_changes, parse_comparison
from capdoit.script import Value
from capdoit.state.context import FlowContext

COMPARE = "operations/integrity_compare"
MOST_SHOWN = 3  # damaged paths of one host


def compare_release(
    connection: Connection, stage: Stage, release: str, depth: str, timeout_seconds: float | None = None
) -> Comparison:
    """Compare a release on a host with its manifest; changes nothing.

    Args:
        connection: the host.
        stage: the stage, for its linked files.
        release: name of the release.
        depth: ``full``, or ``quick`` to read no file contents.
        timeout_seconds: time after which the comparison is given up; None for no limit.

    Raises:
        HostError: the release is not there, or could not be compared.
    """
    values: dict[str, Value] = {"release_dir": f"releases/{release}", **_limits(depth)}
    common: dict[str, Value] = {"release": release, "linked_files": stage.linked_files}
    script = connection.script("verify", COMPARE, values, common)
    request = Request(script, capture=True, timeout=timeout_seconds)
    return parse_comparison(connection.name, connection.checked(request).text)


def list_release(connection: Connection, release: str, depth: str, only_checksum: bool) -> str:
    """Return the listing that a release was shipped with, or the listing of its files if it has no manifest.

    Args:
        connection: the host.
        release: name of the release.
        depth: ``full``, or ``quick`` to read no file contents.
        only_checksum: return only the checksum of the listing.

    Raises:
        HostError: the release could not be listed.
    """
    values: dict[str, Value] = {"release": release, "verify": depth, "only_checksum": only_checksum}
    script = connection.script("verify", "operations/integrity_list", values)
    return connection.checked(Request(script, capture=True)).text


def compare_and_refuse_damage(
    connection: Connection, stage: Stage, release: str, depth: str, timeout_seconds: float | None = None
) -> Comparison:
    """Compare a release on a host with its manifest, and refuse a damaged one. Arguments as in `compare_release`.

    Raises:
        Damaged: the release is not as it was shipped, or could not be compared.
        TimedOut: the comparison took too long.
        HostError: the host was lost.
    """
    try:
        found = compare_release(connection, stage, release, depth, timeout_seconds)
    except TimedOut:
        raise
    except HostError as error:
        if not connection.is_connected:
            raise
        raise Damaged(connection.name, release, cause=error) from error
    if damage := _describe_damage(connection.name, release, found):
        raise damage
    return found


def describe_unreadable(release: str, found: Comparison) -> str:
    """Return the paths of a release that were not compared, because another user made them private; empty if none."""
    lines = format_changes(found.unreadable, MOST_SHOWN)
    return f"{release} was not compared completely: {'; '.join(lines)}" if lines else ""


def check_integrity(context: FlowContext, connection: Connection) -> Comparison | None:
    """Refuse a damaged rollback target, and one that could not be compared; ``force=yes`` makes that a warning.

    An archive is unpacked next to the releases first. A dry run does not unpack it.

    Returns:
        The comparison of an archive that was unpacked; None for a directory, and in a dry run.

    Raises:
        Damaged: the release is not as it was shipped, or that is not known.
        HostError: the host was lost, or the archive could not be unpacked.
    """
    request, release = context.request, context.decision.release_on(connection.name)
    if connection.name in context.decision.archived_on:
        return _check_archive(context, connection)
    depth = request.variables.verify or "quick"
    try:
        found = compare_and_refuse_damage(connection, request.stage, release, depth)
    except Damaged as damage:
        _refuse_damage(context, damage)
    else:
        _warn_of_unreadable(context, connection.name, release, found)
    return None


def _check_archive(context: FlowContext, connection: Connection) -> Comparison | None:
    found = _unpack_and_compare(context, connection)
    release = context.decision.release_on(connection.name)
    if found and (damage := _describe_damage(connection.name, release, found, is_archive=True)):
        _refuse_damage(context, damage)
    return found


def _unpack_and_compare(context: FlowContext, connection: Connection) -> Comparison | None:
    files = ["operations/integrity_unpack", COMPARE]
    text = context.run(connection, "verify", files, _limits(context.request.variables.verify))
    return None if text is None else parse_comparison(connection.name, text)


def _describe_damage(host: str, release: str, found: Comparison, *, is_archive: bool = False) -> Damaged | None:
    if not found.damage:
        return None
    lines = [*format_changes(found.damage, MOST_SHOWN), *format_changes(found.unreadable, MOST_SHOWN)]
    return Damaged(host, release, found.count_changes(), lines, is_archive=is_archive)


def _refuse_damage(context: FlowContext, damage: Damaged) -> None:
    if not context.request.variables.force:
        raise damage
    context.warn(str(damage), damage.host)


def _warn_of_unreadable(context: FlowContext, host: str, release: str, found: Comparison) -> None:
    if text := describe_unreadable(release, found):
        context.warn(f"{host}: {text}", host)


def _limits(depth: str | None) -> dict[str, Value]:
    return {"verify": depth or "quick", "max_lines": MOST_LINES}
