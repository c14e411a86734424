"""The two flows, and how hooks are woven into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capdoit.hooks.hook import Hook

# A gerund is work, a participle the moment after it: nothing happens then but hooks.
DEPLOY = (
    ("starting", "take the lock, survey the hosts, check what the deploy needs"),
    ("started", "the moment after starting"),
    ("updating", "bring the code to every host and make the release"),
    ("updated", "the moment after updating"),
    ("publishing", "make the release live on all hosts, or on none"),
    ("published", "the moment after publishing"),
    ("finishing", "remove old releases"),
    ("finished", "log the deploy and give back the lock"),
)
ROLLBACK = (
    ("starting", "take the lock, survey the hosts, choose the release"),
    ("started", "the moment after starting"),
    ("reverting", "have the release whole on every host"),
    ("reverted", "the moment after reverting"),
    ("publishing", "make the release live on all hosts, or on none"),
    ("published", "the moment after publishing"),
    ("finishing_rollback", "archive the release rolled back from, and remove it"),
    ("finished", "log the rollback and give back the lock"),
)
FLOWS = {"deploy": DEPLOY, "rollback": ROLLBACK}
MOMENTS = ("started", "updated", "reverted", "published")


@dataclass(frozen=True)
class Act:
    """One task of a woven flow: a step, or a hook before or after one.

    Attributes:
        name: the last part of the task's name.
        step: the step it is, or belongs to.
        doc: one line.
        hook: None for the step itself.
    """

    name: str
    step: str
    doc: str
    hook: Hook | None = None

    @property
    def is_moment(self) -> bool:
        """Whether nothing happens in it: it is there for hooks to stand before and after."""
        return not self.hook and self.name in MOMENTS


def steps(flow: str) -> list[str]:
    """The names of a flow's steps, in order."""
    return [name for name, _ in FLOWS[flow]]


def weave(flow: str, hooks: Iterable[Hook]) -> list[Act]:
    """A flow's steps and the hooks on them, in the order in which they run."""
    hooks = [hook for hook in hooks if flow in hook.flows]
    acts: list[Act] = []
    for step, doc in FLOWS[flow]:
        acts += _hooked("before", step, hooks)
        acts.append(Act(step, step, doc))
        acts += _hooked("after", step, hooks)
        acts += _hooked("health", step, hooks)
    return list(_named_apart(acts))


def _hooked(when: str, step: str, hooks: list[Hook]) -> list[Act]:
    found = [hook for hook in hooks if (hook.when, hook.step) == (when, step)]
    # What takes away something that the live release needs comes last, when nothing but the flip can fail any more.
    found.sort(key=lambda hook: "unknown" in hook.wants)
    return [Act(hook.name, step, hook.doc or f"{when} {step}", hook) for hook in found]


def _named_apart(acts: list[Act]) -> Iterator[Act]:
    """A second task of the same name gets a number."""
    taken = {act.name for act in acts if not act.hook}
    for act in acts:
        name, number = act.name, 1
        while act.hook and name in taken:
            number += 1
            name = f"{act.name}-{number}"
        taken.add(name)
        yield Act(name, act.step, act.doc, act.hook)
