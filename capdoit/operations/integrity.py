"""Whether a release is as it was shipped."""

from __future__ import annotations

from collections.abc import Sequence

from capdoit.errors import Damaged, HostError
from capdoit.hosts.connection import Connection
from capdoit.hosts.request import Request
from capdoit.records.manifest import MOST_LINES, Comparison, format_changes, parse_comparison
from capdoit.script import Value
from capdoit.state.run import Run

MOST_SHOWN = 3  # of a host's damage


def compare(run: Run, host: Connection, before: Sequence[str] = ()) -> Comparison:
    """Compare the run's release on a host with its manifest.

    Args:
        run: says how, in its variables.
        host: where.
        before: scripts that bring the release there first, and may say where it is (``release_dir``).

    Raises:
        HostError: the release is not there, or could not be compared.
    """
    values: dict[str, Value] = {"verify": run.variables.verify or "quick", "max_lines": MOST_LINES}
    if not before:
        values["release_dir"] = f"releases/{run.release}"
    script = run.script(host, "verify", [*before, "operations/integrity_compare"], **values)
    if before and run.plan is not None:  # what has to be unpacked first cannot be looked at
        run.plan.add(host.name, script)
        return Comparison("")
    return parse_comparison(host.name, host.checked(Request(script, capture=True)).text)


def whole(run: Run, host: Connection, before: Sequence[str] = ()) -> Comparison:
    """The same, where damage is refused, and so is what could not be compared; ``force=yes`` makes it a warning.

    Raises:
        Damaged: names what is changed or missing.
        HostError: the host was lost, or a script that comes first failed.
    """
    try:
        found = compare(run, host, before)
    except HostError as error:
        if before or not host.is_connected:
            raise
        _refuse(run, Damaged(host.name, run.release, cause=error))
        return Comparison("")
    if found.damage:
        lines = format_changes(found.damage, MOST_SHOWN)
        _refuse(run, Damaged(host.name, run.release, found.count_changes(), lines, is_archive=bool(before)))
    return found


def _refuse(run: Run, damage: Damaged) -> None:
    if not run.variables.force:
        raise damage
    run.warn(str(damage), damage.host)
