"""Workers of queues as systemd units: quiet while a flow is at work, and restarted once a release is live.

A flow that fails starts the workers again that it has made quiet, whatever it was and wherever it failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from capdoit import Failure, Flow, HostError, Recipe, RoleNames, Tool
from capdoit.recipes._systemd import Units, check_units, list_tools

if TYPE_CHECKING:
    from capdoit import Host, Release


@dataclass(frozen=True)
class WorkerOptions:
    """Options of a recipe of workers that are units of systemd."""

    units: tuple[str, ...]  #: names of the units with suffix, such as workers.service
    user_units: bool = False  #: use the units of the login user instead of system units
    patience: int = 30  #: seconds to wait until a unit is active
    settle: float = 1.0  #: seconds that a unit must stay active
    roles: RoleNames = ()  #: roles of the hosts with workers; empty: all hosts that receive code

    def __post_init__(self) -> None:
        """Check that there is a unit."""
        check_units(self.units)

    def restart(self, host: Host, release: Release) -> None:  # noqa: ARG002 - a command would run in the release
        """Restart the workers and wait until they run."""
        self.all_units.run(host, "restart")

    @property
    def all_units(self) -> Units:
        """The units, which may be none."""
        return Units(self.units, self.user_units, self.patience, self.settle)

    @property
    def tools(self) -> list[str | Tool]:
        """The programs and units that a restart needs."""
        tools: list[str | Tool] = list_tools(self.units, self.user_units)
        return tools


@dataclass(frozen=True)
class DaemonOptions(WorkerOptions):
    """Options of a recipe of workers that may also be daemons, which a command of the release restarts."""

    units: tuple[str, ...] = ()  #: names of the units with suffix, such as workers.service; or set restart_command
    #: instead of units: command that restarts workers without systemd; it runs in the release that is live
    restart_command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the workers are either units, or restarted by a command."""
        if bool(self.units) == bool(self.restart_command):
            raise ValueError("set units or restart_command: one of them, and not both")

    def restart(self, host: Host, release: Release) -> None:
        """Restart the workers; units are waited for."""
        if self.restart_command:
            host.run(self.restart_command, cwd=release.path)
        else:
            super().restart(host, release)

    @property
    def tools(self) -> list[str | Tool]:
        """The programs and units that a restart needs."""
        return [Tool(one, option="restart_command") for one in self.restart_command[:1]] or super().tools


def add_worker_hooks(recipe: Recipe, signal: str = "") -> None:
    """Add the hooks of workers to a recipe whose options are those of units and roles.

    Args:
        recipe: the recipe.
        signal: the signal that makes a worker finish its jobs and take no more; empty if such a worker ends, so that
            its units have to be stopped for that.
    """
    quiet_units: dict[tuple[float, str], Units] = {}  # by start of the flow and host

    def choose_roles(options: Any) -> tuple[str, ...]:
        roles: tuple[str, ...] = options.roles
        return roles

    def choose_tools(options: WorkerOptions) -> list[str | Tool]:
        return options.tools

    @recipe.after("started", roles=choose_roles, tools=choose_tools)
    def quiet(host: Host, flow: Flow, options: WorkerOptions) -> None:
        """Let the workers finish their jobs and take no more."""
        if f"{recipe.recipe}.restart" in flow.skipped or not options.units:
            return
        key = (flow.started, host.name)
        quiet_units[key] = options.all_units  # if it fails, it is not known which ones are quiet
        quiet_units[key] = options.all_units.quiet(host, signal)

    @recipe.task(roles=choose_roles)
    @recipe.after("published", roles=choose_roles, tools=choose_tools)
    def restart(host: Host, release: Release, flow: Flow, options: WorkerOptions) -> None:
        """Restart the workers and wait until they run."""
        quiet_units.pop((flow.started, host.name), None)
        options.restart(host, release)

    @recipe.on_failed
    def start_again(failure: Failure, flow: Flow, stopped: bool) -> None:  # noqa: ARG001 - is called after a stop, too
        """Restart the workers that the failed or stopped flow has made quiet."""
        for host in failure.fleet:
            units = quiet_units.pop((flow.started, host.name), None)
            if units and units.names:
                _try_to_restart(recipe, host, flow, units)


def _try_to_restart(recipe: Recipe, host: Host, flow: Flow, units: Units) -> None:
    try:
        units.run(host, "restart")
    except HostError as error:
        flow.warn(f"the workers may take no jobs: {error}; to restart them: doit {recipe.recipe}.restart:{flow.stage}")
