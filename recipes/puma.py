"""puma: restart a puma that runs without systemd, once a release is live.

The recipe does this in deploys and in rollbacks. `restart` (SIGUSR2) starts a new puma on the open sockets, so that no
request is refused meanwhile. `phased-restart` (SIGUSR1) replaces one worker after another. Both load the live release
if puma's configuration has `directory "/srv/shop/current"`. A phased restart also needs `prune_bundler`, or no
preloading. For a puma that is a systemd unit, use the recipe systemd.

    recipes:
      puma: {pid_file: tmp/pids/puma.pid}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from capdoit import Recipe, Release, RoleNames
from capdoit.recipes._restarts import BY_OPTIONS

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("puma.sh").read_text(encoding="utf-8")
SIGNALS = {"restart": "USR2", "phased-restart": "USR1"}


@dataclass(frozen=True)
class Options:
    """Options of the recipe puma."""

    pid_file: str = "tmp/pids/puma.pid"  #: path of the pid file below shared
    action: Literal["restart", "phased-restart"] = "restart"  #: kind of restart
    patience: int = 30  #: seconds to wait until puma runs again
    at_once: int | None = None  #: number of hosts to restart at the same time; default: all
    wait: float = 0.0  #: seconds between two groups of hosts
    roles: RoleNames = ()  #: roles of the hosts to restart; empty: all hosts that receive code


puma = Recipe("puma", options=Options)


@puma.after("published", **BY_OPTIONS)
def restart(host: Host, release: Release, options: Options) -> None:
    """Restart puma and wait until it runs again."""
    pid_file = f"{release.shared}/{options.pid_file}"
    host.run(["sh", "-c", SCRIPT, "puma", pid_file, SIGNALS[options.action], str(options.patience)])
