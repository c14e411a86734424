"""Every fault at every moment of both flows, on one host and on all hosts. The ordinary set has some of the cases.

`pytest -m full tests/faults -n 5`, or `doit fault_matrix`, runs all of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from capdoit.testing import SshdFleet
from tests.faults.assertions import assert_recovers, assert_safe, reports_doubt
from tests.faults.cases import HOSTS, Case, ProgramFault, cases, container_cases, program_faults
from tests.faults.fault_fleet import FaultFleet
from tests.support import further

pytestmark = pytest.mark.ssh
CASES = {case.id: case for case in cases()}
CONTAINER_CASES = {case.id: case for case in container_cases()}
IN_CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc")
PROGRAM_FAULTS = {fault.id: fault for fault in program_faults()}
ORDINARY = (
    "deploy-in-updating-tar-disk_full-web3",
    "deploy-after-published-sigkill-web1",
    "rollback-in-publishing-mv-connection_dropped-all",
    "rollback-in-reverting-mv-killed-all",
)
EXTENDED = ("deploy-behind-publishing-mv-power_cut-web1", "deploy-in-publishing-ln-sigterm-all")


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultFleet]:
    sshds = SshdFleet(tmp_path_factory.mktemp("fleet"), len(HOSTS), max_startups="10:100:10")
    sshds.start_all()
    made = FaultFleet(tmp_path_factory.mktemp("ground"), sshds)
    yield made
    made.unmount_all()
    made.network.close()
    sshds.stop_all()


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultFleet]:
    """Yield hosts whose sshd's are in PID namespaces of their own, as in containers and WSL 2."""
    if os.geteuid() != 0:
        pytest.skip("a PID namespace needs root")
    sshds = SshdFleet(tmp_path_factory.mktemp("containers"), 3, launcher=IN_CONTAINER)
    try:
        sshds.start_all()
        made = FaultFleet(tmp_path_factory.mktemp("container-ground"), sshds)
        yield made
        made.unmount_all()
        made.network.close()
    finally:
        sshds.stop_all()


def check_case(fleet: FaultFleet, case: Case) -> None:
    """Run a flow with a fault, and check the hosts before and after the repair."""
    if case.fault.needs_root and os.geteuid() != 0:
        pytest.skip("this fault mounts a file system, which needs root")
    before = fleet.first if case.moment.is_target_archived else fleet.second
    with fleet.run_case(case) as done:
        assert done.code != 0 or not case.must_fail, done.out
        assert done.code == 0 or not case.must_succeed, done.out
        struck = () if case.fault.affects == "controller" or case.is_reachable_again else case.hosts
        assert_safe(fleet, done, case.moment.flow, before, struck, case.may_die)
        assert not (case.is_reachable_again and reports_doubt(done)), done.out
        if case.fault.affects == "controller":
            assert len({fleet.project.current(host) for host in HOSTS}) == 1, done.out
        published = fleet.project.current("web1") != before
        assert published or not case.moment.is_published, done.out
    assert_recovers(fleet, done)


@pytest.mark.parametrize("name", [*ORDINARY, *further(*EXTENDED)])
def test_a_fault_leaves_every_host_on_a_complete_release(fleet: FaultFleet, name: str) -> None:
    check_case(fleet, CASES[name])


@pytest.mark.full
@pytest.mark.parametrize("name", CASES)
def test_every_fault_at_every_moment_leaves_every_host_on_a_complete_release(fleet: FaultFleet, name: str) -> None:
    check_case(fleet, CASES[name])


@pytest.mark.full
@pytest.mark.parametrize("name", CONTAINER_CASES)
def test_a_fault_in_a_container_leaves_every_host_on_a_complete_release(containers: FaultFleet, name: str) -> None:
    check_case(containers, CONTAINER_CASES[name])


def check_program_fault(fleet: FaultFleet, fault: ProgramFault) -> None:
    """Run a flow without a program, and check the hosts before and after the repair."""
    with fleet.run_without_program(fault) as done:
        assert_safe(fleet, done, fault.flow, fleet.second, fault.hosts, may_die=False)
    assert_recovers(fleet, done)


def test_a_host_without_a_needed_program_is_refused(fleet: FaultFleet) -> None:
    check_program_fault(fleet, PROGRAM_FAULTS["deploy-no-tar-web2"])


@pytest.mark.full
@pytest.mark.parametrize("name", PROGRAM_FAULTS)
def test_a_missing_or_wrong_program_harms_no_host(fleet: FaultFleet, name: str) -> None:
    check_program_fault(fleet, PROGRAM_FAULTS[name])
