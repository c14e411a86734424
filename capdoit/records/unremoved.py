"""The trees that a host could not remove, and the commands that remove them."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from capdoit.layout import REMOVED, is_release
from capdoit.records.fact_lines import find_facts
from capdoit.text import join_names, make_printable

FACT = "unremoved"
IMMUTABLE = "Operation not permitted"  # also for root: an attribute of the file system protects the file


@dataclass(frozen=True)
class UnremovedTree:
    """A release, or what is left of one, that a host could not remove.

    Attributes:
        path: its directory on the host.
        mount_point: a file system that is mounted in it, whose files would be deleted, too; empty without one.
        reason: the message of mv or rm; empty if it was not tried.
    """

    path: str
    mount_point: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        """The release; the path of a tree that is not a release."""
        name = posixpath.basename(self.path).rstrip("+")
        return name if is_release(name) else self.path


def parse_unremoved(text: str) -> list[UnremovedTree]:
    """Return the trees in the output of a script; lines with other facts are ignored."""
    found = [fact.split("\t") for fact in find_facts(text, FACT)]
    return [UnremovedTree(*map(make_printable, fields)) for fields in found if len(fields) == 3]


def describe_unremoved(trees: Sequence[UnremovedTree]) -> str:
    """Return one sentence that names the trees, the first reason, and what to type on the host.

    Args:
        trees: at least one.
    """
    names = list(dict.fromkeys(tree.name for tree in trees))
    why = next((_describe_mount(tree) if tree.mount_point else tree.reason for tree in trees), "")
    what = f"release{'s' if len(names) > 1 else ''} {join_names(names)} could not be removed"
    return f"{what} ({why}); type there: {'; '.join(_list_commands(trees))}"


def _describe_mount(tree: UnremovedTree) -> str:
    return f"{tree.mount_point} is mounted in it"


def _list_commands(trees: Sequence[UnremovedTree]) -> list[str]:
    mounted = [f"sudo umount {shlex.quote(tree.mount_point)}" for tree in trees if tree.mount_point]
    others = [tree for tree in trees if not tree.mount_point]
    paths = " ".join(map(shlex.quote, _join_paths([tree.path for tree in others])))
    unlock = [f"sudo chattr -R -i {paths}"] if any(IMMUTABLE in tree.reason for tree in others) else []
    return [*mounted, *unlock, *([f"sudo rm -rf {paths}"] if others else [])]


def _join_paths(paths: Sequence[str]) -> list[str]:
    """Return paths to remove; several trees that wait for their deletion become the directory that holds them."""
    waiting = [path for path in paths if posixpath.basename(posixpath.dirname(path)) == REMOVED]
    if len(waiting) < 2:
        return list(paths)
    return [*(path for path in paths if path not in waiting), posixpath.dirname(waiting[0])]
