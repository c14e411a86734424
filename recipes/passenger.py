"""passenger: restart the application in Phusion Passenger once a release is live, one host after the other.

In a rollback as in a deploy. With `passenger-config` on the host, it restarts what runs in deploy_to; a host where
the application does not run yet is fine. With `touch: true`, or where there is no passenger-config, tmp/restart.txt
of the release is touched, which Passenger looks for.

    recipes:
      passenger: {wait: 5}
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit import Recipe, Release, RoleNames

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """What deploy.yml can say."""

    touch: bool = False  #: touch tmp/restart.txt instead of asking passenger-config
    wait: float = 5.0  #: seconds between two hosts
    roles: RoleNames = ()  #: on hosts with one of these; on all that get code when there are none


passenger = Recipe("passenger", options=Options)


@passenger.after("published", once=True, roles=lambda options: options.roles)
def restart(hosts: Sequence[Host], release: Release, options: Options) -> None:
    """Restart the application on one host after the other."""
    for number, host in enumerate(hosts):
        if number:
            time.sleep(options.wait)
        path = f"{host.deploy_to}/releases/{release.name}"
        host.run(["sh", "-c", RESTART, "passenger", host.deploy_to, path, "touch" if options.touch else ""])
