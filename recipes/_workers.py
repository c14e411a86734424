"""Workers of queues as systemd units: quiet while a flow is at work, and restarted once a release is live.

A flow that fails starts the workers again that it has made quiet, whatever it was and wherever it failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from capdoit import Failure, Flow, HostError, Recipe
from capdoit.recipes._systemd import Units

if TYPE_CHECKING:
    from capdoit import Host


class WorkerOptions(Protocol):
    """The options of a recipe of workers."""

    @property
    def units(self) -> tuple[str, ...]:
        """The names of the units."""

    @property
    def user_units(self) -> bool:
        """True if the units are those of the login user."""

    @property
    def patience(self) -> int:
        """The seconds to wait until a unit is active."""

    @property
    def settle(self) -> float:
        """The seconds that a unit must stay active."""


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

    @recipe.after("started", roles=choose_roles)
    def quiet(host: Host, flow: Flow, options: WorkerOptions) -> None:
        """Let the workers finish their jobs and take no more."""
        if f"{recipe.recipe}.restart" in flow.skipped:
            return
        key, units = (flow.started, host.name), _units(options)
        quiet_units[key] = units  # if it fails, it is not known which ones are quiet
        quiet_units[key] = units.quiet(host, signal)

    @recipe.task(roles=choose_roles)
    @recipe.after("published", roles=choose_roles)
    def restart(host: Host, flow: Flow, options: WorkerOptions) -> None:
        """Restart the workers and wait until they run."""
        quiet_units.pop((flow.started, host.name), None)
        _units(options).run(host, "restart")

    @recipe.on_failed
    def start_again(failure: Failure, flow: Flow, stopped: bool) -> None:  # noqa: ARG001 - is called after a stop, too
        """Restart the workers that the failed or stopped flow has made quiet."""
        for host in failure.fleet:
            units = quiet_units.pop((flow.started, host.name), None)
            if units and units.names:
                _try_to_restart(recipe, host, flow, units)


def _units(options: WorkerOptions) -> Units:
    return Units(options.units, options.user_units, options.patience, options.settle)


def _try_to_restart(recipe: Recipe, host: Host, flow: Flow, units: Units) -> None:
    try:
        units.run(host, "restart")
    except HostError as error:
        flow.warn(f"the workers may take no jobs: {error}; to restart them: doit {recipe.recipe}.restart:{flow.stage}")
