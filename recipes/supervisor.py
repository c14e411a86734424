"""supervisor: restart programs once a release is live, and wait until they run.

The recipe does this in deploys and in rollbacks. If a program does not reach the state RUNNING, the flow fails and the
end of the program's stderr is shown. The release stays live, and `on_failure` decides what follows.

    recipes:
      supervisor: {programs: ["shop:*", worker]}

In supervisor's configuration, set `startsecs` to the seconds after which a program counts as running, and `directory`
to `current`, so that a restart loads the live release.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capdoit import Recipe, RoleNames, Tool
from capdoit.recipes._restarts import BY_OPTIONS

if TYPE_CHECKING:
    from capdoit import Host

SCRIPT = Path(__file__).with_name("supervisor.sh").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Options:
    """Options of the recipe supervisor."""

    programs: tuple[str, ...]  #: names of programs, or group:* for a group
    command: tuple[str, ...] = ("supervisorctl",)  #: words of the command, such as [sudo, -n, supervisorctl]
    patience: int = 30  #: seconds to wait until all programs run
    at_once: int | None = None  #: number of hosts to restart at the same time; default: all
    wait: float = 0.0  #: seconds between two groups of hosts
    roles: RoleNames = ()  #: roles of the hosts to restart; empty: all hosts that receive code

    def __post_init__(self) -> None:
        """Check that there is a program to restart."""
        if not self.programs or not self.command:
            raise ValueError("programs and command must not be empty")

    @property
    def tools(self) -> list[Tool]:
        """The program, and the rights that a restart through sudo needs."""
        sudo, command = self.command[:2], " ".join(self.command[2:])
        commands = [f"{command} {action} {' '.join(self.programs)}" for action in ("status", "restart")]
        rights = [Tool(f"sudo {one}", (f"sudo:{one}",)) for one in commands] if sudo == ("sudo", "-n") else []
        return [Tool(self.command[0], option="command"), *rights]


supervisor = Recipe("supervisor", options=Options)


@supervisor.after("published", **BY_OPTIONS, tools=lambda options: options.tools)
def restart(host: Host, options: Options) -> None:
    """Restart the programs and wait until they run."""
    words = "\n".join(options.command)
    host.run(["sh", "-c", SCRIPT, "supervisor", words, str(options.patience), *options.programs])
