"""supervisor: restart programs once a release is live, and wait until they run.

In a rollback as in a deploy. When a program does not come to RUNNING, the flow has failed and the end of what the
program wrote to stderr is shown; the release stays live, and `on_failure` says what follows.

    recipes:
      supervisor: {programs: ["shop:*", worker]}

Give `startsecs` in supervisor's own configuration the seconds after which a program counts as running. In
supervisor's configuration, `directory` is `current`, so that a restart finds the release that is live.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Recipe, RoleNames

if TYPE_CHECKING:
    from capdoit import Host

RESTART = Path(__file__).with_name("supervisor.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """What deploy.yml can say."""

    programs: tuple[str, ...]  #: names, or group:* for a group
    command: tuple[str, ...] = ("supervisorctl",)  #: its words: [sudo, -n, supervisorctl], or with -c FILE
    patience: int = 30  #: seconds in which a program has to run
    roles: RoleNames = ()  #: on hosts with one of these; on all that get code when there are none

    def __post_init__(self) -> None:
        """Refuse to restart nothing."""
        if not self.programs or not self.command:
            raise ValueError("programs and command cannot be empty")


supervisor = Recipe("supervisor", options=Options)


@supervisor.after("published", roles=lambda options: options.roles)
def restart(host: Host, options: Options) -> None:
    """Restart the programs and wait until they run."""
    words = "\n".join(options.command)
    host.run(["sh", "-c", RESTART, "supervisor", words, str(options.patience), *options.programs])
