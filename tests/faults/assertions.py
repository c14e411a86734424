"""Assertions that hold after every fault."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from capdoit.testing import Completed
from capdoit.testing.invariants import find_violations
from capdoit.testing.processes import wait_until
from tests.faults.cases import HOSTS
from tests.faults.fault_fleet import FaultFleet

ALIVE = re.compile(r"Release \S+ is live nevertheless|The rollback to \S+ is live nevertheless")
SESSION_END_SECONDS = 12  # a host that has lost its network notices it by the silence of the controller
UNCHANGED = "What is live was not changed."


def assert_safe(
    fleet: FaultFleet, done: Completed, flow: str, before: str, struck: Collection[str], may_die: bool
) -> None:
    """Check the hosts and the report right after the flow, before the fault is repaired.

    Args:
        fleet: the hosts.
        done: the result of the flow.
        flow: ``deploy`` or ``rollback``.
        before: the release that was live.
        struck: hosts with the fault, which may not be able to answer.
        may_die: True if the controller may have ended without a report.
    """
    assert "Traceback" not in done.out, done.out
    assert wait_until(SESSION_END_SECONDS, lambda: not fleet.processes()), (
        f"still running: {fleet.processes()}\n{done.out}"
    )
    live = {name: fleet.project.current(name) for name in HOSTS}
    for name, release in live.items():
        assert_complete(fleet, name, release)
    if "live releases now" in done.out:
        assert_report_is_true(done, live, struck)
    elif done.code and not may_die:
        raise AssertionError(f"the report has no table of live releases:\n{done.out}")
    if done.code == 0 or ALIVE.search(done.out):
        assert len({*live.values()}) == 1, (live, done.out)
        assert before not in live.values(), (live, done.out)
    elif UNCHANGED in done.out and not reports_doubt(done):
        assert {*live.values()} == {before}, (live, done.out)
    if flow == "rollback":
        assert {*live.values()} <= {fleet.first, fleet.second}, (live, done.out)


def assert_report_is_true(done: Completed, live: Mapping[str, str | None], struck: Collection[str]) -> None:
    """Check that the table of live releases is true; a host that did not answer may have several possible releases."""
    for name, release in live.items():
        row = re.search(rf"^ *(?:\w+, )*{name}(?:, \w+)* +(not known|\S+(?: or \S+)*)", _table(done), re.MULTILINE)
        assert row, f"{name} is not in the table:\n{done.out}"
        allowed = ["not known"] if name in struck else []
        assert {*row[1].split(" or ")} & {str(release), *allowed}, f"{name} has {release}:\n{done.out}"


def reports_doubt(done: Completed) -> bool:
    """Return True if the report says that a host did not answer."""
    return "not reached" in _table(done) or "not asked" in _table(done)


def _table(done: Completed) -> str:
    return done.out.rpartition("live releases now")[2]


def assert_complete(fleet: FaultFleet, host: str, release: str | None) -> None:
    """Check that a release has its REVISION, all files of that commit, and its symlinks."""
    assert release, f"nothing is live on {host}"
    tree = fleet.project.deploy_to(host) / "releases" / release
    files = fleet.files[(tree / "REVISION").read_text().strip()]
    for name, content in files.items():
        if not name.startswith("log/"):
            assert (tree / name).read_text() == content, f"{host}: {name} of {release}"
    for name in ("log", "tmp/pids", "config/database.yml"):
        assert (tree / name).readlink() == fleet.project.shared(host) / name


def assert_recovers(fleet: FaultFleet, done: Completed) -> None:
    """Check, after the fault was repaired, that status tells the truth and that a deploy succeeds."""
    code, status = fleet.status()
    live = {name: fleet.project.current(name) for name in HOSTS}
    assert {host["host"]: host["live"] for host in status["hosts"]} == live, (status, done.out)
    agree = len({*live.values()}) == 1
    assert code == (0 if agree and not status["differences"] else 3), (status, done.out)
    if agree:
        rollback = fleet.first if live["web1"] == fleet.second else None
        rollback = rollback if live["web1"] in (fleet.first, fleet.second) else fleet.second
        assert status["rollback"] == rollback, f"{status}\n{done.out}"
    assert_deploys(fleet, done)


def assert_deploys(fleet: FaultFleet, done: Completed) -> None:
    """Check that a deploy succeeds, is live on all hosts, and leaves them healthy."""
    again = fleet.project.doit("deploy:production")
    assert again.code == 0, f"{done.out}\n--- then:\n{again.out}"
    live = {fleet.project.current(name) for name in HOSTS}
    assert len(live) == 1, (live, again.out)
    assert live.isdisjoint({fleet.first, fleet.second}), (live, again.out)
    wrong = find_violations(fleet.project, may_be_empty=False)
    assert not wrong, f"{wrong}\n{again.out}"
    for name in HOSTS:
        assert_complete(fleet, name, fleet.project.current(name))
        for release in fleet.project.releases(name):
            assert_complete(fleet, name, release)
