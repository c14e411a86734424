"""sidekiq: let Sidekiq finish its jobs during a deploy or rollback, and restart it once a release is live.

When the hosts are locked and the release is chosen (`started`), each Sidekiq gets SIGTSTP: it finishes its jobs and
takes no more. After the publish, its units are restarted. systemd then sends SIGTERM, after which Sidekiq has 25 s for
the jobs that still run (its option -t), and puts those that are left back into the queue. Each unit must become active,
and must still be active a moment later. If not, the flow fails and the unit's last journal lines are shown.

A deploy or rollback that fails, wherever and for whatever reason, restarts the Sidekiqs that it has made quiet, so that
the live release goes on with its jobs. Only if the machine that runs doit dies in the meantime, they stay quiet until
the next deploy or rollback, or until you type `doit sidekiq.restart:production`.

`skip=sidekiq.restart` leaves the workers alone, once: they are neither made quiet nor restarted, and go on with the
code that they have loaded. Use it if a deploy or rollback must not wait for them.

    recipes:
      sidekiq: {units: [sidekiq.service], roles: [worker]}

The main process of a unit must be Sidekiq, not a shell around it:

    [Service]
    Type=notify
    WatchdogSec=10
    WorkingDirectory=/srv/shop/current
    ExecStart=/usr/bin/bundle exec sidekiq -e production
    Restart=always
    TimeoutStopSec=35

TimeoutStopSec must be longer than Sidekiq's own timeout, or jobs are lost. System units need root: a user other than
root calls systemctl through `sudo -n`, so sudoers must allow it without a password. A unit that does not run is not
made quiet, but it is started after the publish.
"""

from __future__ import annotations

from dataclasses import dataclass

from capdoit import Recipe
from capdoit.recipes._workers import WorkerOptions, add_worker_hooks


@dataclass(frozen=True)
class Options(WorkerOptions):
    """Options of the recipe sidekiq."""


sidekiq = Recipe("sidekiq", options=Options)
add_worker_hooks(sidekiq, "TSTP")
