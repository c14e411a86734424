"""puma: restart a puma that runs without systemd, once a release is live.

In a rollback as in a deploy. `restart` (SIGUSR2) starts puma anew on the same sockets, so nobody is refused
meanwhile; `phased-restart` (SIGUSR1) replaces one worker after the other. Both find the release that is live when
puma's configuration says `directory "/srv/shop/current"`; a phased restart needs `prune_bundler` or no preloading
beside that. For a puma that is a unit of systemd, use the recipe systemd.

    recipes:
      puma: {pid_file: tmp/pids/puma.pid}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from capdoit import Recipe, Release, RoleNames

if TYPE_CHECKING:
    from capdoit import Host

RESTART = Path(__file__).with_name("puma.sh").read_text(encoding="utf-8")
SIGNALS = {"restart": "USR2", "phased-restart": "USR1"}


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    pid_file: str = "tmp/pids/puma.pid"  #: below shared
    action: Literal["restart", "phased-restart"] = "restart"  #: how it is restarted
    patience: int = 30  #: seconds in which it has to come back
    roles: RoleNames = ()  #: on hosts with one of these; on all that get code when there are none


puma = Recipe("puma", options=Options)


@puma.after("published", roles=lambda options: options.roles)
def restart(host: Host, release: Release, options: Options) -> None:
    """Restart puma and wait until it is back."""
    pid_file = f"{release.shared}/{options.pid_file}"
    host.run(["sh", "-c", RESTART, "puma", pid_file, SIGNALS[options.action], str(options.patience)])
