"""delayed_job: stop the workers of Delayed Job for a deploy or rollback, and start them once a release is live.

When the hosts are locked and the release is chosen (`started`), systemd is told to stop the units, and nothing waits
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
"""

from __future__ import annotations

from dataclasses import dataclass

from capdoit import Recipe, RoleNames
from capdoit.recipes._systemd import check_units
from capdoit.recipes._workers import add_worker_hooks


@dataclass(frozen=True)
class Options:
    """Options of the recipe delayed_job."""

    units: tuple[str, ...]  #: names of the units with suffix, such as jobs.service
    user_units: bool = False  #: use the units of the login user instead of system units
    patience: int = 30  #: seconds to wait until a unit is active
    settle: float = 1.0  #: seconds that a unit must stay active
    roles: RoleNames = ()  #: roles of the hosts with workers; empty: all hosts that receive code

    def __post_init__(self) -> None:
        """Check that there is a unit."""
        check_units(self.units)


delayed_job = Recipe("delayed_job", options=Options)
add_worker_hooks(delayed_job)
