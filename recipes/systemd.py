"""systemd: restart units once a release is live, and wait until they are active.

In a rollback as in a deploy. System units need root: a user who is not root calls systemctl by `sudo -n`, so sudoers
has to allow it without a password. When a unit does not become active, the hook fails and shows what the unit last
wrote to the journal; the release stays live.

    recipes:
      systemd: {units: [shop.service, shop-worker.service]}

The option action is what systemctl is told: restart, reload, reload-or-restart, try-restart. With user_units, the
units are those of the user who logs in.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from capdoit import HostError, Recipe

if TYPE_CHECKING:
    from capdoit.host import Host

PATIENCE = 30.0  # seconds that a unit may be on its way
ON_ITS_WAY = ("activating", "deactivating", "reloading")
LINES = "20"


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    units: tuple[str, ...]
    user_units: bool = False
    action: str = "restart"


systemd = Recipe("systemd", options=Options)


@systemd.after("published")
def restart(host: Host, options: Options) -> None:
    """Restart the units and wait until they are active."""
    scope = _scope(host, options)
    try:
        host.run([*scope, "systemctl", *_user(options), options.action, "--", *options.units])
    except HostError:
        for unit in options.units:
            _show_journal(host, scope, options, unit)
        raise
    for unit in options.units:
        _wait_until_active(host, scope, options, unit)


def _scope(host: Host, options: Options) -> list[str]:
    is_root = options.user_units or host.test('[ "$(id -u)" = 0 ]')
    return [] if is_root else ["sudo", "-n"]


def _user(options: Options) -> list[str]:
    return ["--user"] if options.user_units else []


def _wait_until_active(host: Host, scope: list[str], options: Options, unit: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while (state := _state(host, options, unit)) in ON_ITS_WAY and time.monotonic() < deadline:
        time.sleep(0.5)
    if state != "active":
        _show_journal(host, scope, options, unit)
        raise HostError(host.name, f"{unit} is {state} after systemctl {options.action}")


def _state(host: Host, options: Options, unit: str) -> str:
    command = ["systemctl", *_user(options), "show", "--property=ActiveState", "--value", "--", unit]
    return host.capture(command).strip()


def _show_journal(host: Host, scope: list[str], options: Options, unit: str) -> None:
    which = "--user-unit" if options.user_units else "--unit"
    with contextlib.suppress(HostError):  # why the unit failed matters more than why its journal cannot be read
        host.run([*scope, "journalctl", "--no-pager", "-n", LINES, which, unit])
