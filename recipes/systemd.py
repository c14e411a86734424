"""systemd: restart units once a release is live, and wait until they are active.

In a rollback as in a deploy. System units need root: a user who is not root calls systemctl by `sudo -n`, so sudoers
has to allow it without a password. All units are told at once; then each has to become active and still be so a
moment later, because a program that cannot work often dies right after its start. When one is not, the flow has
failed, and what that unit last wrote to the journal is shown; the release stays live, and `on_failure` says what
follows.

    recipes:
      systemd: {units: [shop.service, shop-worker.service]}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from capdoit import Recipe, RoleNames

if TYPE_CHECKING:
    from capdoit import Host

RESTART = Path(__file__).with_name("systemd.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    units: tuple[str, ...]  #: with their endings, such as shop.service
    user_units: bool = False  #: whether they are those of the user who logs in
    action: Literal["restart", "reload", "reload-or-restart", "try-restart"] = "restart"  #: what systemctl is told
    patience: int = 30  #: seconds in which a unit has to become active
    settle: float = 1.0  #: seconds that it has to stay active
    roles: RoleNames = ()  #: on hosts with one of these; on all that get code when there are none

    def __post_init__(self) -> None:
        """Refuse to restart nothing."""
        if not self.units:
            raise ValueError("units cannot be empty")


systemd = Recipe("systemd", options=Options)


@systemd.after("published", roles=lambda options: options.roles)
def restart(host: Host, options: Options) -> None:
    """Restart the units and wait until they are active."""
    manager = "user" if options.user_units else "system"
    limits = [str(options.patience), f"{options.settle:g}"]
    host.run(["sh", "-c", RESTART, "systemd", options.action, *limits, manager, *options.units])
