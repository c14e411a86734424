"""What is true of every fleet that is well, whatever has happened to it before."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from capdoit.layout import SCRATCH, is_release
from capdoit.testing.processes import inside, within
from capdoit.testing.project import HostUnderTest, Project

PATIENCE = 5.0  # seconds that a session may take to end after its flow


def damage(project: Project, may_be_empty: bool) -> list[str]:
    """What is wrong, a line for each thing, beginning with its host's name; see `StageUnderTest.assert_healthy`."""
    found: list[str] = []
    for name, said in project.hosts.items():
        host = project.host(name)
        wrong = [*_left_behind(host)]
        if not said.get("no_release"):
            wrong += [*_releases(host), *_live(host, project, may_be_empty)]
        found += [f"{name}: {what}" for what in wrong]
    return found + _disagreement(project)


def _live(host: HostUnderTest, project: Project, may_be_empty: bool) -> Iterator[str]:
    """What is wrong with the live release."""
    link = host.deploy_to / "current"
    if not os.path.lexists(link):
        if not may_be_empty:
            yield "nothing is live: there is no current"
        return
    if not link.is_symlink():
        yield "current is not a link"
        return
    release = os.readlink(link)
    if not is_release(Path(release).name) or release != str(host.release(Path(release).name)):
        yield f"current leads to {release}, which is not {host.release('<14 digits>')}"
    elif not Path(release).is_dir():
        yield f"current leads to {release}, which is not there"
    else:
        yield from _content(host, Path(release), project)


def _content(host: HostUnderTest, release: Path, project: Project) -> Iterator[str]:
    if not (release / "REVISION").is_file():
        yield f"the live release {release.name} has no REVISION"
    for setting, there in (("linked_files", Path.is_file), ("linked_dirs", Path.is_dir)):
        for name in project.settings.get(setting) or ():
            linked, shared = release / name, host.shared / name
            if not linked.is_symlink() or os.readlink(linked) != str(shared):
                yield f"{name} of the live release {release.name} is not a link to {shared}"
            elif not there(shared):
                yield f"{name} of the live release {release.name} leads to {shared}, which is not there"


def _releases(host: HostUnderTest) -> Iterator[str]:
    for name in host.releases:
        if not is_release(name):
            yield f"releases has {name}, which is no release's name"


def _left_behind(host: HostUnderTest) -> Iterator[str]:
    """What a flow should have ended, given back or removed; a session that is still ending may have the lock."""
    if not within(PATIENCE, lambda: not inside(host.deploy_to)):
        yield from (f"still running: {process}" for process in inside(host.deploy_to))
    lock = host.deploy_to / ".capdoit/lock"
    if lock.exists():
        if _is_held(lock):
            yield "the lock is held"
        elif text := lock.read_text().strip():
            yield f"the lock still names a flow: {text}"
    for name in SCRATCH:
        if os.path.lexists(host.deploy_to / ".capdoit" / name):
            yield f".capdoit/{name} is left behind"


def _is_held(lock: Path) -> bool:
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _disagreement(project: Project) -> list[str]:
    names = (name for name, said in project.hosts.items() if not said.get("no_release"))
    links = {name: project.host(name).deploy_to / "current" for name in names}
    live = {name: os.readlink(link).rpartition("/")[2] for name, link in links.items() if link.is_symlink()}
    if len({live.get(name) for name in links}) < 2:
        return []
    return ["the hosts disagree: " + ", ".join(f"{name} has {live.get(name, 'nothing')}" for name in links)]
