"""passenger: restart the application in Phusion Passenger once a release is live, one host after the other.

The recipe does this in deploys and in rollbacks. If the host has `passenger-config`, it restarts the application in
deploy_to; it is not an error if the application does not run yet. With `touch: true`, or on a host without
passenger-config, the recipe touches tmp/restart.txt of the release, which Passenger watches.

    recipes:
      passenger: {wait: 5}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit import Recipe, Release, RoleNames
from capdoit.recipes._restarts import BY_OPTIONS

if TYPE_CHECKING:
    from capdoit import Host

RESTART = """\
if [ -z "$3" ] && command -v passenger-config >/dev/null; then
    passenger-config restart-app "$1/" --ignore-app-not-running --ignore-passenger-not-running
elif [ -d "$2" ]; then
    mkdir -p "$2/tmp" && touch "$2/tmp/restart.txt"
fi
"""


@dataclass(frozen=True)
class Options:
    """Options of the recipe passenger."""

    touch: bool = False  #: touch tmp/restart.txt instead of calling passenger-config
    at_once: int = 1  #: number of hosts to restart at the same time
    wait: float = 5.0  #: seconds between two groups of hosts
    roles: RoleNames = ()  #: roles of the hosts to restart; empty: all hosts that receive code


passenger = Recipe("passenger", options=Options)


@passenger.after("published", **BY_OPTIONS)
def restart(host: Host, release: Release, options: Options) -> None:
    """Restart the application."""
    host.run(["sh", "-c", RESTART, "passenger", host.deploy_to, release.path, "touch" if options.touch else ""])
