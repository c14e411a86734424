"""The invariants of a healthy fleet: they hold after every flow, whatever happened to it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from capdoit.layout import REMOVED, SCRATCH, is_release
from capdoit.testing.processes import find_processes_in, wait_until
from capdoit.testing.project import HostUnderTest, Project

SESSION_END_SECONDS = 5.0  # that a session may take to end after its flow


def find_violations(project: Project, may_be_empty: bool) -> list[str]:
    """Return one line, which begins with the host's name, for each violation.

    Args:
        project: the project.
        may_be_empty: accept a fleet without a live release; see `StageUnderTest.assert_healthy`.
    """
    found: list[str] = []
    for name, settings in project.hosts.items():
        host = project.host(name)
        violations = [*_find_leftovers(host)]
        if not settings.get("no_release"):
            violations += [*_find_wrong_releases(host), *_find_wrong_current(host, project, may_be_empty)]
        found += [f"{name}: {violation}" for violation in violations]
    return found + _find_disagreement(project)


def _find_wrong_current(host: HostUnderTest, project: Project, may_be_empty: bool) -> Iterator[str]:
    link = host.deploy_to / "current"
    if not os.path.lexists(link):
        if not may_be_empty:
            yield "no release is live: current does not exist"
        return
    if not link.is_symlink():
        yield "current is not a symlink"
        return
    release = os.readlink(link)
    if not is_release(Path(release).name) or release != str(host.release(Path(release).name)):
        yield f"current points to {release}, which is not {host.release('<14 digits>')}"
    elif not Path(release).is_dir():
        yield f"current points to {release}, which does not exist"
    else:
        yield from _find_wrong_content(host, Path(release), project)


def _find_wrong_content(host: HostUnderTest, release: Path, project: Project) -> Iterator[str]:
    if not (release / "REVISION").is_file():
        yield f"the live release {release.name} has no REVISION"
    for setting, exists in (("linked_files", Path.is_file), ("linked_dirs", Path.is_dir)):
        for name in project.settings.get(setting) or ():
            linked, shared = release / name, host.shared / name
            if not linked.is_symlink() or os.readlink(linked) != str(shared):
                yield f"{name} in the live release {release.name} is not a symlink to {shared}"
            elif not exists(shared):
                yield f"{name} in the live release {release.name} points to {shared}, which does not exist"


def _find_wrong_releases(host: HostUnderTest) -> Iterator[str]:
    for name in host.releases:
        if not is_release(name):
            yield f"releases contains {name}, which is not the name of a release"


def _find_leftovers(host: HostUnderTest) -> Iterator[str]:
    """Yield everything that a flow should have ended, released or removed."""
    if not wait_until(SESSION_END_SECONDS, lambda: not find_processes_in(host.deploy_to)):
        yield from (f"still running: {process}" for process in find_processes_in(host.deploy_to))
    lock = host.deploy_to / ".capdoit/lock"
    if lock.exists():
        if _is_held(lock):
            yield "the lock is held"
        elif text := lock.read_text().strip():
            yield f"the lock still names a flow: {text}"
    for name in (*SCRATCH, REMOVED):
        if os.path.lexists(host.deploy_to / ".capdoit" / name):
            yield f".capdoit/{name} was not removed"


def _is_held(lock: Path) -> bool:
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _find_disagreement(project: Project) -> list[str]:
    names = (name for name, settings in project.hosts.items() if not settings.get("no_release"))
    links = {name: project.host(name).deploy_to / "current" for name in names}
    live = {name: os.readlink(link).rpartition("/")[2] for name, link in links.items() if link.is_symlink()}
    if len({live.get(name) for name in links}) < 2:
        return []
    return ["the hosts disagree: " + ", ".join(f"{name} has {live.get(name, 'nothing')}" for name in links)]
