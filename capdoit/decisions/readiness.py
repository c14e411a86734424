"""The problems that would make a flow on these hosts fail."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from capdoit.config.stages import Stage
from capdoit.errors import Problem
from capdoit.layout import Layout
from capdoit.records.facts import Facts

# Both flows write here, relative to deploy_to.
WRITTEN = (".", ".capdoit", ".capdoit/lock", ".capdoit/journal")
WRITTEN_BY_DEPLOYS = (*WRITTEN, "releases", "shared", "repo")


def find_deploy_problems(facts: Sequence[Facts], stage: Stage) -> list[Problem]:
    """Return every problem that would make a deploy to these hosts fail."""
    layouts = _layouts(stage)
    return [
        Problem(text, one.host)
        for one in facts
        for text in _deploy_problems(one, layouts[one.host], stage.linked_files)
    ]


def find_rollback_problems(facts: Sequence[Facts], stage: Stage) -> list[Problem]:
    """Return every problem that would make a rollback on these hosts fail; a rollback needs no linked file."""
    layouts = _layouts(stage)
    return [Problem(text, one.host) for one in facts for text in _rollback_problems(one, layouts[one.host])]


def find_undo_problems(facts: Sequence[Facts], release: str) -> list[Problem]:
    """Return the hosts where a release is no longer live, so that an automatic rollback must not undo it."""
    changed = [one for one in facts if one.current != release]
    return [
        Problem(f"{one.live or 'nothing'} is live, no longer {release}: another flow was at work", one.host)
        for one in changed
    ]


def _layouts(stage: Stage) -> dict[str, Layout]:
    return {host.name: host.layout for host in stage.hosts}


def _deploy_problems(facts: Facts, paths: Layout, linked_files: Sequence[str]) -> list[str]:
    if paths.deploy_to in facts.uncreated_dirs and not facts.exists:
        return [f"{paths.deploy_to} could not be created by {facts.user}"]
    numbers = facts.missing_files if facts.exists else range(len(linked_files))
    missing = [path for number, path in enumerate(linked_files) if number in numbers]
    is_full = facts.disk is not None and not facts.disk.free
    return [
        *([f"no space is left in {paths.deploy_to}"] if is_full else []),
        *_common_problems(facts, paths, WRITTEN_BY_DEPLOYS),
        *(f"{path} could not be created" for path in facts.uncreated_dirs),
        *(f"linked file {path} does not exist in {paths.shared}" for path in missing),
    ]


def _rollback_problems(facts: Facts, paths: Layout) -> list[str]:
    absent = f"{paths.deploy_to} does not exist, or {facts.user} cannot enter it"
    return [*([] if facts.exists else [absent]), *_common_problems(facts, paths, WRITTEN)]


def _common_problems(facts: Facts, paths: Layout, written: Iterable[str]) -> list[str]:
    found = [f"{tool} is not installed" for tool in facts.missing_tools]
    found += [f"{paths.deploy_to}/{name} is a symlink; it must be a directory" for name in facts.symlinked_dirs]
    if facts.out_of_bounds and not facts.symlinked_dirs:
        found.append(facts.out_of_bounds)
    closed = (posixpath.normpath(f"{paths.deploy_to}/{name}") for name in facts.unwritable if name in written)
    found += [f"{path} cannot be written to by {facts.user}" for path in closed]
    if facts.current_is_not_symlink:
        found.append(f"{paths.current} is not a symlink; move it away")
    return found
