"""systemd: restart units once a release is live, and wait until they are active.

The recipe does this in deploys and in rollbacks. System units need root: a user other than root calls systemctl through
`sudo -n`, so sudoers must allow it without a password. All units are restarted by one command. Then each unit must
become active, and must still be active a moment later, because a broken program often exits right after its start. If
a unit is not active, the flow fails and the unit's last journal lines are shown. The release stays live, and
`on_failure` decides what follows.

    recipes:
      systemd: {units: [shop.service, shop-worker.service]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from capdoit import Recipe, RoleNames, Tool
from capdoit.recipes._restarts import BY_OPTIONS
from capdoit.recipes._systemd import Units, check_units, list_tools

if TYPE_CHECKING:
    from capdoit import Host


@dataclass(frozen=True)
class Options:
    """Options of the recipe systemd."""

    units: tuple[str, ...]  #: names of the units with suffix, such as shop.service
    user_units: bool = False  #: use the units of the login user instead of system units
    action: Literal["restart", "reload", "reload-or-restart", "try-restart"] = "restart"  #: action of systemctl
    patience: int = 30  #: seconds to wait until a unit is active
    settle: float = 1.0  #: seconds that a unit must stay active
    at_once: int | None = None  #: number of hosts to restart at the same time; default: all
    wait: float = 0.0  #: seconds between two groups of hosts
    roles: RoleNames = ()  #: roles of the hosts to restart; empty: all hosts that receive code

    def __post_init__(self) -> None:
        """Check that there is a unit to restart."""
        check_units(self.units)

    @property
    def tools(self) -> list[str | Tool]:
        """The programs, units and rights that a restart needs."""
        tools: list[str | Tool] = list_tools(self.units, self.user_units, self.action)
        return tools


systemd = Recipe("systemd", options=Options)


@systemd.after("published", **BY_OPTIONS, tools=lambda options: options.tools)
def restart(host: Host, options: Options) -> None:
    """Restart the units and wait until they are active."""
    Units(options.units, options.user_units, options.patience, options.settle).run(host, options.action)
