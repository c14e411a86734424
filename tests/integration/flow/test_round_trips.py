"""The cost of a flow: one connection per host, and few round trips."""

from __future__ import annotations

import json

import pytest

from capdoit.testing import DODO, Project, SshdFleet

# Counts the frames of all sessions of a run, and writes them down when it ends.
COUNT = (
    DODO
    + """
import atexit, json, pathlib
import capdoit.hosts.session

sessions = []
opened = capdoit.hosts.session.Session.__init__

def opens(self, *args):
    opened(self, *args)
    sessions.append(self)

capdoit.hosts.session.Session.__init__ = opens

@atexit.register
def write():
    pathlib.Path("frames").write_text(json.dumps([[session.host, session.frames] for session in sessions]))
"""
)


def frames(project: Project) -> dict[str, int]:
    """Return the number of frames that each host got in the last run, without the one that ends the session."""
    counted = json.loads((project.path / "frames").read_text())
    assert sorted(host for host, _ in counted) == sorted(project.hosts)
    return dict(counted)


@pytest.mark.ssh
def test_a_deploy_and_a_rollback_need_one_connection_and_six_round_trips(
    ssh_project: Project, sshds: SshdFleet
) -> None:
    ssh_project.dodo(COUNT)
    ssh_project.config(keep_releases=1)
    for _ in range(3):  # with a clone, without one, and with something to clean up
        before = {host: sshds.connections(host) for host in ssh_project.hosts}
        ssh_project.doit("deploy:production", check=True)
        assert {host: sshds.connections(host) - n for host, n in before.items()} == dict.fromkeys(ssh_project.hosts, 1)
        assert all(0 < count <= 9 for count in frames(ssh_project).values()), frames(ssh_project)
    before = {host: sshds.connections(host) for host in ssh_project.hosts}
    ssh_project.doit("rollback:production", check=True)
    assert {host: sshds.connections(host) - n for host, n in before.items()} == dict.fromkeys(ssh_project.hosts, 1)
    assert all(0 < count <= 8 for count in frames(ssh_project).values()), frames(ssh_project)


@pytest.mark.extended("detail")
def test_more_releases_files_and_directories_need_no_more_round_trips(project: Project) -> None:
    project.dodo(COUNT)
    project.doit("deploy:production", check=True)
    few = frames(project)
    project.config(linked_files=[f"f{n}" for n in range(20)], linked_dirs=[f"d{n}/x" for n in range(20)])
    for host in project.hosts:
        for n in range(20):
            (project.shared(host) / f"f{n}").touch()
            (project.deploy_to(host) / f"releases/2020010100{n:04}").mkdir()
    project.doit("deploy:production", check=True)
    assert all(count <= few[host] + 1 for host, count in frames(project).items())  # the additional one is the cleanup
