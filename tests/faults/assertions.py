"""What holds after every fault, whichever it was and wherever it struck."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from capdoit.testing import Completed
from capdoit.testing.invariants import find_violations
from capdoit.testing.processes import wait_until
from tests.faults.faults import HOSTS
from tests.faults.ground import Ground

ALIVE = re.compile(r"Release \S+ is live nevertheless|The rollback to \S+ is live nevertheless")
UNCHANGED = "What is live was not changed."


def holds_at_once(ground: Ground, done: Completed, flow: str, before: str, struck: Collection[str], dies: bool) -> None:
    """While the host is still as the fault left it.

    Args:
        ground: the hosts.
        done: how the flow ended.
        flow: ``deploy`` or ``rollback``.
        before: the release that was live.
        struck: the hosts that may not be able to say where they stand.
        dies: whether the controller may have ended without a word.
    """
    assert "Traceback" not in done.out, done.out
    assert wait_until(3, lambda: not ground.processes()), f"still running: {ground.processes()}\n{done.out}"
    live = {name: ground.project.current(name) for name in HOSTS}
    for name, release in live.items():
        is_complete(ground, name, release)
    if "live releases now" in done.out:
        is_as_told(done, live, struck)
    elif done.code and not dies:
        raise AssertionError(f"it does not say live releases now:\n{done.out}")
    if done.code == 0 or ALIVE.search(done.out):
        assert len({*live.values()}) == 1, (live, done.out)
        assert before not in live.values(), (live, done.out)
    elif UNCHANGED in done.out and not in_doubt(done):
        assert {*live.values()} == {before}, (live, done.out)
    if flow == "rollback":
        assert {*live.values()} <= {ground.first, ground.second}, (live, done.out)


def is_as_told(done: Completed, live: Mapping[str, str | None], struck: Collection[str]) -> None:
    """The table of live releases now says the truth; of a host that could not be asked, what may be."""
    for name, release in live.items():
        row = re.search(rf"^ *{name} +(not known|\S+(?: or \S+)*)", _table(done), re.MULTILINE)
        assert row, f"{name} is not in the table:\n{done.out}"
        allowed = ["not known"] if name in struck else []
        assert {*row[1].split(" or ")} & {str(release), *allowed}, f"{name} has {release}:\n{done.out}"


def in_doubt(done: Completed) -> bool:
    """Whether it says that a host could not be asked."""
    return "not known" in _table(done) or "not asked" in _table(done)


def _table(done: Completed) -> str:
    return done.out.rpartition("live releases now")[2]


def is_complete(ground: Ground, host: str, release: str | None) -> None:
    """The release has its REVISION, all files of that commit, and its links."""
    assert release, f"nothing is live on {host}"
    tree = ground.project.deploy_to(host) / "releases" / release
    files = ground.files[(tree / "REVISION").read_text().strip()]
    for name, content in files.items():
        if not name.startswith("log/"):
            assert (tree / name).read_text() == content, f"{host}: {name} of {release}"
    for name in ("log", "tmp/pids", "config/database.yml"):
        assert (tree / name).readlink() == ground.project.shared(host) / name


def holds_afterwards(ground: Ground, done: Completed) -> None:
    """Once the fault is lifted: status tells the truth, and a deploy is as good as ever."""
    code, status = ground.status()
    live = {name: ground.project.current(name) for name in HOSTS}
    assert {host["host"]: host["live"] for host in status["hosts"]} == live, (status, done.out)
    agree = len({*live.values()}) == 1
    assert code == (0 if agree and not status["differences"] else 3), (status, done.out)
    if agree:
        rollback = ground.first if live["web1"] == ground.second else None
        rollback = rollback if live["web1"] in (ground.first, ground.second) else ground.second
        assert status["rollback"] == rollback, f"{status}\n{done.out}"
    deploys(ground, done)


def deploys(ground: Ground, done: Completed) -> None:
    """A deploy succeeds, is live on all hosts, and leaves them healthy."""
    again = ground.project.doit("deploy:production")
    assert again.code == 0, f"{done.out}\n--- then:\n{again.out}"
    live = {ground.project.current(name) for name in HOSTS}
    assert len(live) == 1, (live, again.out)
    assert live.isdisjoint({ground.first, ground.second}), (live, again.out)
    wrong = find_violations(ground.project, may_be_empty=False)
    assert not wrong, f"{wrong}\n{again.out}"
    for name in HOSTS:
        is_complete(ground, name, ground.project.current(name))
        for release in ground.project.releases(name):
            is_complete(ground, name, release)
