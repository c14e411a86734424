"""Whether a release is as it was shipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from capdoit.errors import Damaged
from capdoit.host import Host
from capdoit.manifest import FEW, MANIFEST, MOST_LINES, Comparison, parse, shown
from capdoit.run import Run
from capdoit.session import Request

VERIFY = Path(__file__).with_name("verify.sh")


def compare(run: Run, host: Host, before: Sequence[Path] = ()) -> Comparison:
    """Compare the run's release on a host with its manifest.

    Args:
        run: says how, in `verify`.
        host: where.
        before: scripts that bring the release there first, and may say where it is (``dir``).

    Raises:
        HostError: the release is not there, or could not be compared.
    """
    bodies = [*before, MANIFEST, VERIFY]
    script = run.script(host, "verify", bodies, verify=run.verify, most=MOST_LINES, dir="")
    return parse(host.name, host.checked(Request(script, capture=True)).text)


def refuse_damage(run: Run, host: Host, found: Comparison) -> None:
    """Warn of damage when ``force=yes`` was said, else refuse it.

    Raises:
        Damaged: names what is changed or missing.
    """
    if not found.damage:
        return
    damage = Damaged(
        host.name,
        f"release {run.release} is not as it was shipped: {found.summary()}",
        lines=shown(found.damage, FEW),
    )
    if not run.force:
        raise damage
    run.warn(f"{damage}", host.name)
