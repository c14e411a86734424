"""celery: stop the workers of Celery for a deploy or rollback, and start them once a release is live.

When the hosts are locked and the release is chosen (`started`), systemd begins to stop the units, and nothing waits
for that: a worker that gets SIGTERM takes no more tasks, finishes those that it has begun, and ends. After the publish,
the units are restarted, which waits for the tasks that still run. Each unit must become active, and must still be
active a moment later. If not, the flow fails and the unit's last journal lines are shown.

A deploy or rollback that fails, wherever and for whatever reason, starts the workers again that it has stopped, so that
the live release goes on with their tasks. Only if the machine that runs doit dies in the meantime, they stay stopped
until the next deploy or rollback, or until you type `doit celery.restart:production`.

`skip=celery.restart` leaves the workers alone, once: they are neither stopped nor restarted, and go on with the
code that they have loaded. Use it if a deploy or rollback must not wait for them.

    recipes:
      celery: {units: [celery.service], roles: [worker]}
      systemd: {units: [celery-beat.service], roles: [worker]}

The main process of a unit must be the worker, and KillMode must be mixed: otherwise systemd sends the signal to the
processes of the pool, too, which then lose their tasks:

    [Service]
    WorkingDirectory=/srv/shop/current
    ExecStart=/srv/shop/current/.venv/bin/celery -A shop worker
    Restart=always
    KillMode=mixed
    TimeoutStopSec=600

TimeoutStopSec must be longer than the longest task: systemd kills a worker that takes longer. With brokers that Celery
asks every second or two, such as a database or a directory, a worker may take one more task. `celery beat` does no
tasks: restart it with the recipe systemd. System units need root: a user other than root calls systemctl through
`sudo -n`, so sudoers must allow it without a password. A unit that does not run is not stopped, but it is started after
the publish.

Without systemd, a command restarts the workers after the publish. They are not stopped before, so tasks go on with the
old code until then. The pid files must be outside of the release:

    recipes:
      celery:
        restart_command: [.venv/bin/celery, multi, restart, "2", -A, shop, --pidfile=/srv/shop/shared/pids/%n.pid]
"""

from __future__ import annotations

from dataclasses import dataclass

from capdoit import Recipe
from capdoit.recipes._workers import DaemonOptions, add_worker_hooks


@dataclass(frozen=True)
class Options(DaemonOptions):
    """Options of the recipe celery."""


celery = Recipe("celery", options=Options)
add_worker_hooks(celery)
