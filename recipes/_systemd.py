"""Units of systemd, for the recipe systemd and for other recipes whose programs are units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Tool

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("_systemd.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Units:
    """Units of one host.

    Attributes:
        names: their names.
        are_of_user: they are units of the login user instead of the system.
        patience: seconds to wait until a unit is active.
        settle: seconds that a unit must stay active.
    """

    names: tuple[str, ...]
    are_of_user: bool = False
    patience: int = 30
    settle: float = 1.0

    def run(self, host: Host, action: str) -> None:
        """Run an action of systemctl, such as ``restart``, and wait until all units are active and stay active.

        Raises:
            HostError: a unit is not active afterwards.
        """
        host.run(self._command(action), called=f"systemctl {action} {' '.join(self.names)}")

    def quiet(self, host: Host, signal: str) -> Units:
        """Let the units finish their work and take no more, and return those that ran; the others are left as they are.

        Args:
            host: the host.
            signal: the signal for the main process; empty to stop the units, without waiting.

        Raises:
            HostError: systemctl refused.
        """
        action = f"kill-{signal}" if signal else "stop"
        names = host.capture(self._command(action), called=f"systemctl {action.replace('-', ' ')}").split()
        return replace(self, names=tuple(names))

    def _command(self, action: str) -> list[str]:
        manager = "user" if self.are_of_user else "system"
        return ["sh", "-c", SCRIPT, "systemd", action, str(self.patience), f"{self.settle:g}", manager, *self.names]


def list_tools(units: Sequence[str], are_of_user: bool = False, action: str = "restart") -> list[str | Tool]:
    """Return what a host needs so that an action of systemctl is possible on these units."""
    kind = "user-unit" if are_of_user else "unit"
    command = f"systemctl {action} -- {' '.join(units)}"
    rights = [] if are_of_user else [Tool(f"sudo {command}", (f"sudo:{command}",))]
    return ["systemctl", *(Tool(f"unit {name}", (f"{kind}:{name}",)) for name in units), *rights]


def check_units(units: Sequence[str]) -> None:
    """Check that there is a unit.

    Raises:
        ValueError: there is none.
    """
    if not units:
        raise ValueError("units must not be empty")
