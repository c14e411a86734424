"""Places in Capistrano's flows as hook points of capdoit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from capdoit.capistrano.project import CapistranoHook, CapistranoTask
from capdoit.sequence import FLOWS, step_names


class HookPoint(NamedTuple):
    """A point in flows.

    Attributes:
        when: ``before``, ``after`` or ``on_failed``.
        step: the step; empty for ``on_failed``.
        flow: the only flow that has the point; empty for every flow with the step.
    """

    when: str
    step: str = ""
    flow: str = ""

    def __str__(self) -> str:
        if self.when == "on_failed":
            return "on_failed"
        only = f', flows="{self.flow}"' if self.flow else ""
        return f'{self.when}("{self.step}"{only})'


ON_FAILED = HookPoint("on_failed")
STEPS = {step for flow in FLOWS for step in step_names(flow)}
# Tasks of Capistrano inside of a step: hooks before and after them, as near as capdoit has points.
INSIDE_STEPS: Mapping[str, tuple[HookPoint, HookPoint]] = {
    "deploy": (HookPoint("before", "starting", "deploy"), HookPoint("after", "finished", "deploy")),
    "deploy:rollback": (HookPoint("before", "starting", "rollback"), HookPoint("after", "finished", "rollback")),
    "deploy:restart": (HookPoint("after", "published"), HookPoint("after", "published")),
    "deploy:symlink:release": (HookPoint("before", "publishing"), HookPoint("after", "publishing")),
    "deploy:revert_release": (HookPoint("before", "reverting"), HookPoint("after", "reverting")),
    "deploy:cleanup": (HookPoint("before", "finishing"), HookPoint("after", "finishing")),
    "deploy:cleanup_rollback": (HookPoint("before", "finishing_rollback"), HookPoint("after", "finishing_rollback")),
    "deploy:log_revision": (HookPoint("before", "finished"), HookPoint("after", "finished")),
    "deploy:failed": (ON_FAILED, ON_FAILED),
    "deploy:new_release_path": (HookPoint("before", "updating"), HookPoint("before", "updating")),
    "deploy:rollback_release_path": (HookPoint("before", "reverting"), HookPoint("after", "reverting")),
}
CHECKS = (HookPoint("before", "starting"), HookPoint("after", "starting"))
AFTER_UPDATING = (HookPoint("after", "updating"), HookPoint("after", "updating"))
UPDATING = (HookPoint("before", "updating"), HookPoint("after", "updating"))
UPDATED = (HookPoint("before", "updated"), HookPoint("after", "updated"))
PUBLISHED = (HookPoint("after", "published"), HookPoint("after", "published"))
# Beginnings of the names of tasks, for the rest of Capistrano's and plugins' tasks.
PREFIXES: Sequence[tuple[str, tuple[HookPoint, HookPoint]]] = (
    ("deploy:check", CHECKS),
    ("git:check", CHECKS),
    ("git:wrapper", CHECKS),
    ("deploy:set_previous_revision", CHECKS),
    ("deploy:symlink", AFTER_UPDATING),
    ("deploy:set_current_revision", AFTER_UPDATING),
    ("git:set_current_revision", AFTER_UPDATING),
    ("git:", UPDATING),
    ("deploy:revert", (HookPoint("before", "reverted"), HookPoint("after", "reverted"))),
    ("deploy:rollback_assets", (HookPoint("before", "reverted"), HookPoint("after", "reverted"))),
    ("deploy:assets", UPDATED),
    ("deploy:compile_assets", UPDATED),
    ("deploy:cleanup_assets", UPDATED),
    ("deploy:normalize_assets", UPDATED),
    ("deploy:migrat", UPDATED),
    ("bundler:", UPDATED),
    ("composer:", UPDATED),
    ("npm:", UPDATED),
    ("yarn:", UPDATED),
    ("symfony:", UPDATED),
    ("laravel:", UPDATED),
    ("passenger:", PUBLISHED),
    ("puma:", PUBLISHED),
    ("unicorn:", PUBLISHED),
    ("sidekiq:", PUBLISHED),
    ("delayed_job:", PUBLISHED),
    ("systemd:", PUBLISHED),
)


def find_point(kind: str, target: str) -> HookPoint | None:
    """Return the point before or after a task of Capistrano or a plugin; None if capdoit has none."""
    step = target.removeprefix("deploy:")
    if target.startswith("deploy:") and step in STEPS:
        return HookPoint(kind, step)
    prefixes = (points for prefix, points in PREFIXES if target.startswith(prefix))
    points = INSIDE_STEPS.get(target) or next(prefixes, None)
    return points[kind == "after"] if points else None


class PlacedTask(NamedTuple):
    """A task of the project at a point, with the hook that puts it there."""

    point: HookPoint
    task: str
    hook: CapistranoHook


def place_tasks(
    hooks: Iterable[CapistranoHook], tasks: Mapping[str, CapistranoTask]
) -> tuple[list[PlacedTask], list[CapistranoHook]]:
    """Return the tasks that run at points of a flow, in the order in which they run there, and the hooks without one.

    Args:
        hooks: the hooks of the project, in order.
        tasks: the project's own tasks by name.
    """
    placed: list[PlacedTask] = []
    waiting, unplaced = [*hooks], []
    while waiting:
        rest = []
        for hook in waiting:
            if not _place(hook, placed, tasks):
                rest.append(hook)
        if len(rest) == len(waiting):
            unplaced = rest
            break
        waiting = rest
    return placed, unplaced


def _place(hook: CapistranoHook, placed: list[PlacedTask], tasks: Mapping[str, CapistranoTask]) -> bool:
    """Add the task of a hook, next to its target if that is a task of the project; return whether it has a point."""
    targets = [one for one in placed if one.task == hook.target]
    for one in targets:
        placed.insert(placed.index(one) + (hook.kind == "after"), PlacedTask(one.point, hook.task, hook))
    point = None if targets or (hook.target in tasks and hook.target not in INSIDE_STEPS) else _point_of(hook)
    if point:
        placed.append(PlacedTask(point, hook.task, hook))
    return bool(targets or point)


def _point_of(hook: CapistranoHook) -> HookPoint | None:
    return find_point(hook.kind, hook.target)
