"""The steps of the two flows, and the order of their tasks: steps, and the hooks before and after each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capdoit.hooks.hook import Hook

# A step whose name is a participle, such as `updated`, does nothing: it is a point for hooks.
DEPLOY = (
    ("starting", "take the locks, survey the hosts, check that they are ready for a deploy"),
    ("started", "empty point after starting, for hooks"),
    ("updating", "create the release on every host"),
    ("updated", "empty point after updating, for hooks"),
    ("publishing", "make the release live on all hosts, or on none"),
    ("published", "empty point after publishing, for hooks"),
    ("finishing", "remove old releases"),
    ("finished", "write the log and the journal, release the locks"),
)
ROLLBACK = (
    ("starting", "take the locks, survey the hosts, choose the release"),
    ("started", "empty point after starting, for hooks"),
    ("reverting", "check the release on every host, unpack it where it is archived"),
    ("reverted", "empty point after reverting, for hooks"),
    ("publishing", "make the release live on all hosts, or on none"),
    ("published", "empty point after publishing, for hooks"),
    ("finishing_rollback", "archive and remove the release that was live before"),
    ("finished", "write the log and the journal, release the locks"),
)
FLOWS = {"deploy": DEPLOY, "rollback": ROLLBACK}
EMPTY_POINTS = ("started", "updated", "reverted", "published")


@dataclass(frozen=True)
class FlowTask:
    """One task of a flow: a step, or a hook before or after a step.

    Attributes:
        name: last part of the doit task's name.
        step: name of the step; of a hook, the step that it runs before or after.
        doc: description in one line.
        hook: the hook; None for a step.
    """

    name: str
    step: str
    doc: str
    hook: Hook | None = None

    @property
    def is_empty_point(self) -> bool:
        """True for a step that does nothing itself."""
        return not self.hook and self.name in EMPTY_POINTS


def step_names(flow: str) -> list[str]:
    """Return the names of a flow's steps, in order."""
    return [name for name, _ in FLOWS[flow]]


def flow_tasks(flow: str, hooks: Iterable[Hook]) -> list[FlowTask]:
    """Return the steps of a flow and the hooks on them, in the order in which they run."""
    hooks = [hook for hook in hooks if flow in hook.flows]
    tasks: list[FlowTask] = []
    for step, doc in FLOWS[flow]:
        tasks += _hook_tasks("before", step, hooks)
        tasks.append(FlowTask(step, step, doc))
        tasks += _hook_tasks("after", step, hooks)
        tasks += _hook_tasks("health", step, hooks)
    return list(_with_unique_names(tasks))


def _hook_tasks(when: str, step: str, hooks: list[Hook]) -> list[FlowTask]:
    found = [hook for hook in hooks if (hook.when, hook.step) == (when, step)]
    # A hook with `unknown` removes something that the live release needs, so it runs last: only the flip can fail then.
    found.sort(key=lambda hook: hook.reverts)
    return [FlowTask(hook.name, step, hook.doc or f"{when} {step}", hook) for hook in found]


def _with_unique_names(tasks: list[FlowTask]) -> Iterator[FlowTask]:
    """Append a number to the name of a hook if another task has that name."""
    taken = {task.name for task in tasks if not task.hook}
    for task in tasks:
        name, number = task.name, 1
        while task.hook and name in taken:
            number += 1
            name = f"{task.name}-{number}"
        taken.add(name)
        yield replace(task, name=name)
