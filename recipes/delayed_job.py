"""delayed_job: stop the workers of Delayed Job for a deploy or rollback, and start them once a release is live.

When the hosts are locked and the release is chosen (`started`), systemd begins to stop the units, and nothing waits
for that: a worker that gets SIGTERM finishes its job and ends. After the publish, the units are restarted, which waits
for the jobs that still run. Each unit must become active, and must still be active a moment later. If not, the flow
fails and the unit's last journal lines are shown.

A deploy or rollback that fails, wherever and for whatever reason, starts the workers again that it has stopped, so that
the live release goes on with its jobs. Only if the machine that runs doit dies in the meantime, they stay stopped until
the next deploy or rollback, or until you type `doit delayed_job.restart:production`.

`skip=delayed_job.restart` leaves the workers alone, once: they are neither stopped nor restarted, and go on with the
code that they have loaded. Use it if a deploy or rollback must not wait for them.

    recipes:
      delayed_job: {units: [jobs@1.service, jobs@2.service], roles: [worker]}

The main process of a unit must be the worker, not a daemon that it starts:

    [Service]
    WorkingDirectory=/srv/shop/current
    Environment=RAILS_ENV=production
    ExecStart=/usr/bin/bundle exec rake jobs:work
    Restart=always
    TimeoutStopSec=600

TimeoutStopSec must be longer than the longest job: systemd kills a worker that takes longer, and its job stays locked.
System units need root: a user other than root calls systemctl through `sudo -n`, so sudoers must allow it without a
password. A unit that does not run is not stopped, but it is started after the publish.

Without systemd, workers that `bin/delayed_job` starts as daemons are restarted by it, after the publish. They are not
stopped before, so jobs go on with the old code until then. Add the options of bin/delayed_job that you start it with:

    linked_dirs: [log, tmp/pids]
    default_env: {RAILS_ENV: production}
    recipes:
      delayed_job: {restart_command: [bundle, exec, bin/delayed_job, -n, "2", restart], roles: [worker]}

tmp/pids must be a linked directory: the new release finds the workers of the old one by their pid files there.
"""

from __future__ import annotations

from dataclasses import dataclass

from capdoit import Recipe
from capdoit.recipes._workers import DaemonOptions, add_worker_hooks


@dataclass(frozen=True)
class Options(DaemonOptions):
    """Options of the recipe delayed_job."""


delayed_job = Recipe("delayed_job", options=Options)
add_worker_hooks(delayed_job)
