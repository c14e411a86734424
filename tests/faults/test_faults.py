"""Every fault at every moment of both flows, on one host and on all; a sample of it in the ordinary suite.

`pytest -m full tests/faults -n 5`, or `doit fault_matrix`, runs all of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from capdoit.testing import SshdFleet
from tests.faults.faults import Case, Want, cases, wants
from tests.faults.ground import Ground
from tests.faults.invariants import holds_afterwards, holds_at_once

pytestmark = pytest.mark.ssh
CASES = {case.id: case for case in cases()}
WANTS = {want.id: want for want in wants()}
SAMPLE = (
    "deploy-in-updating-tar-disk_full-web3",
    "deploy-behind-publishing-mv-power_cut-web1",
    "deploy-in-publishing-ln-sigterm-all",
    "deploy-after-published-sigkill-web1",
    "rollback-in-publishing-mv-connection_dropped-all",
    "rollback-in-reverting-tar-killed-all",
)


@pytest.fixture(scope="session")
def ground(sshds: SshdFleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    made = Ground(tmp_path_factory.mktemp("ground"), sshds)
    yield made
    made.clear()


def strikes(ground: Ground, case: Case) -> None:
    if case.fault.needs_root and os.geteuid() != 0:
        pytest.skip("mounting is root's")
    before = ground.first if case.point.archived else ground.second
    with ground.struck(case) as done:
        assert done.code != 0 or not case.must_fail, done.out
        struck = () if case.fault.hits == "controller" else case.hosts
        holds_at_once(ground, done, case.point.flow, before, struck, case.dies)
        published = ground.project.current("web1") != before
        assert published or not case.point.published, done.out
    holds_afterwards(ground, done)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_fault_leaves_every_host_on_a_complete_release(ground: Ground, name: str) -> None:
    strikes(ground, CASES[name])


@pytest.mark.full
@pytest.mark.parametrize("name", CASES)
def test_every_fault_at_every_moment_leaves_every_host_on_a_complete_release(ground: Ground, name: str) -> None:
    strikes(ground, CASES[name])


def lacks(ground: Ground, want: Want) -> None:
    with ground.wanting(want) as done:
        holds_at_once(ground, done, want.flow, ground.second, want.hosts, dies=False)
    holds_afterwards(ground, done)


def test_a_host_without_a_needed_program_is_refused(ground: Ground) -> None:
    lacks(ground, WANTS["deploy-no-tar-web2"])


@pytest.mark.full
@pytest.mark.parametrize("name", WANTS)
def test_a_missing_or_wrong_program_harms_no_host(ground: Ground, name: str) -> None:
    lacks(ground, WANTS[name])
